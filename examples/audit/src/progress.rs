//! [`Progress`]: how far an audit is, as a bar or not shown.

use indicatif::{ProgressBar, ProgressStyle};

/// A listener that is told which questions of an audit have answers.
pub trait Progress {
    /// Begins: of `total` questions, `answered` have answers from an earlier run.
    fn begins(&self, answered: u64, total: u64);
    /// Counts one more question that now has answers.
    fn answered(&self);
    /// Ends: no more questions will be asked.
    fn ends(&self);
}

/// A listener that shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begins(&self, _: u64, _: u64) {}
    fn answered(&self) {}
    fn ends(&self) {}
}

/// A bar on the terminal. It shows nothing if standard error is not a terminal.
#[derive(Clone, Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// Returns a bar with a word in front of it.
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
