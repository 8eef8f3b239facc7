//! The command line.

use std::time::Duration;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Only to see that it works: the numbers say nothing.
    pub quick: bool,
    /// How often every contestant is measured.
    pub rounds: usize,
    /// Where everything random begins: rows, and who is first.
    pub seed: u64,
}

impl Options {
    /// Reads `<section> [--quick] [--rounds N] [--seed N]`.
    ///
    /// # Errors
    ///
    /// What is wrong with the arguments, and what is valid.
    pub fn read(sections: &[&str]) -> Result<(String, Self), String> {
        let valid = format!("{} [--quick] [--rounds N] [--seed N]", sections.join(" | "));
        let mut arguments = std::env::args().skip(1);
        let section = arguments.next().unwrap_or_default();
        if !sections.contains(&&*section) {
            return Err(format!("`{section}` is no section; valid: {valid}"));
        }
        let (mut quick, mut rounds, mut seed) = (false, None, None);
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next().and_then(|value| value.parse::<u64>().ok());
            match &*argument {
                "--quick" => quick = true,
                "--rounds" => rounds = Some(number().filter(|n| *n > 0).ok_or(&*valid)?),
                "--seed" => seed = Some(number().ok_or(&*valid)?),
                other => return Err(format!("`{other}` is not known; valid: {valid}")),
            }
        }
        let rounds = rounds.unwrap_or(if quick { 3 } else { 9 });
        let options = Self {
            quick,
            rounds: usize::try_from(rounds).map_err(|_| valid)?,
            seed: seed.unwrap_or_else(|| fastrand::u64(..1_000_000)),
        };
        Ok((section, options))
    }

    /// `quick` or `full`, whichever is asked for.
    #[must_use]
    pub fn choose<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }

    /// A duration in milliseconds, as [`choose`](Self::choose).
    #[must_use]
    pub fn window(&self, quick: u64, full: u64) -> Duration {
        Duration::from_millis(self.choose(quick, full))
    }

    /// One line below a section's title: what has to be given to have the same again.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self {
            quick,
            rounds,
            seed,
        } = self;
        let warning = match quick {
            true => " **Quick: the numbers say nothing.**",
            false => "",
        };
        format!(
            "Seed {seed}, {rounds} rounds; medians of the rounds, and in brackets their quartiles. A ratio is one of the same round.{warning}"
        )
    }
}
