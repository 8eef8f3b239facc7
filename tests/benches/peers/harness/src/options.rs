//! The command line.

use std::time::Duration;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether this run only shows that everything works. Its numbers mean nothing.
    pub quick: bool,
    /// How many rounds there are. Each contestant is measured once in a round.
    pub rounds: usize,
    /// The seed of everything random: the rows, and who begins.
    pub seed: u64,
}

impl Options {
    /// Reads `<section> [--quick] [--rounds N] [--seed N]`.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the arguments, and what is valid.
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

    /// Returns `quick` or `full`, depending on the options.
    #[must_use]
    pub fn choose<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Like [`choose`](Self::choose), for a duration in milliseconds.
    #[must_use]
    pub fn window(&self, quick: u64, full: u64) -> Duration {
        Duration::from_millis(self.choose(quick, full))
    }

    /// Returns the line below a section's title, which says what has to be given to repeat the run.
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
