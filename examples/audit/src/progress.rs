//! How far an audit is: [`Progress`], as a bar and as nothing.

use indicatif::{ProgressBar, ProgressStyle};

/// Hears of the questions of an audit.
pub trait Progress {
    /// Of `total` questions, `answered` have answers from an earlier run.
    fn begins(&self, answered: u64, total: u64);
    /// One more has answers now.
    fn answered(&self);
    /// No more will be asked.
    fn ends(&self);
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begins(&self, _: u64, _: u64) {}
    fn answered(&self) {}
    fn ends(&self) {}
}

/// A bar on the terminal; where standard error is none, it says nothing.
#[derive(Clone, Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar with a word in front of it.
    #[must_use]
    pub fn new(name: String) -> Self {
        let style = ProgressStyle::with_template("{prefix:>8} [{bar:45}] {pos} of {len} questions");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(
            ProgressBar::no_length()
                .with_style(style.progress_chars("=> "))
                .with_prefix(name),
        )
    }
}

impl Progress for Bar {
    fn begins(&self, answered: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(answered);
    }

    fn answered(&self) {
        self.0.inc(1);
    }

    fn ends(&self) {
        self.0.finish_and_clear();
    }
}
