//! Measures contestants in turn.

use std::time::Duration;

use fastrand::Rng;
use futures_util::future::BoxFuture;

use crate::load::Measure;
use crate::options::Options;
use crate::ratio::{Ratio, median};

/// What a contestant promises to its caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promises {
    /// Whether the whole call ends at a deadline, retries included.
    pub deadline: bool,
    /// Whether failures that may pass are retried.
    pub retry: bool,
    /// Whether a caller that goes away, or an answer that is lost, leaves either all of the work or
    /// nothing, a clean connection, and no `Err` for work that was done and is then replayed.
    pub outcome: bool,
}

impl Promises {
    pub const NONE: Self = Self {
        deadline: false,
        retry: false,
        outcome: false,
    };
    pub const ALL: Self = Self {
        deadline: true,
        retry: true,
        outcome: true,
    };

    /// Returns the text of a table cell.
    #[must_use]
    pub fn describe(self) -> String {
        let each = [
            (self.deadline, "deadline"),
            (self.retry, "retry"),
            (self.outcome, "outcome"),
        ];
        let kept: Vec<_> = each.iter().filter(|(kept, _)| *kept).collect();
        match &*kept {
            [] => "none".to_owned(),
            kept => kept
                .iter()
                .map(|(_, name)| *name)
                .collect::<Vec<_>>()
                .join(", "),
        }
    }
}

/// The extent of a turn.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub tasks: usize,
    /// How long the turn lasts, if it has a length and not an amount of work.
    pub length: Duration,
    pub seed: u64,
}

type Turn = Box<dyn Fn(Window) -> BoxFuture<'static, Measure> + Send + Sync>;

/// A contestant of the comparison.
pub struct Contestant {
    pub name: &'static str,
    pub promises: Promises,
    turn: Turn,
}

impl std::fmt::Debug for Contestant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Contestant").field(&self.name).finish()
    }
}

impl Contestant {
    pub fn new(
        name: &'static str,
        promises: Promises,
        turn: impl Fn(Window) -> BoxFuture<'static, Measure> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            promises,
            turn: Box::new(turn),
        }
    }
}

/// The measures of each contestant, round by round.
#[derive(Debug)]
pub struct Results {
    pub each: Vec<(&'static str, Promises, Vec<Measure>)>,
}

/// Measures all contestants in each round, in an order that changes. Before that, each has a turn
/// that does not count, to open connections and prepare statements.
pub async fn interleave(
    options: &Options,
    contestants: &[Contestant],
    tasks: usize,
    length: Duration,
) -> Results {
    let mut each: Vec<_> = contestants
        .iter()
        .map(|contestant| (contestant.name, contestant.promises, Vec::new()))
        .collect();
    let mut order: Vec<usize> = (0..contestants.len()).collect();
    let mut rng = Rng::with_seed(options.seed);
    for contestant in contestants {
        let warming = Window {
            tasks,
            length: length / 4,
            seed: 0,
        };
        (contestant.turn)(warming).await;
    }
    for _ in 0..options.rounds {
        rng.shuffle(&mut order);
        // All contestants of a round get the same rows.
        let seed = rng.u64(..);
        for at in &order {
            let window = Window {
                tasks,
                length,
                seed,
            };
            each[*at].2.push((contestants[*at].turn)(window).await);
        }
    }
    Results { each }
}

impl Results {
    fn rounds(&self, name: &str) -> &[Measure] {
        let found = self.each.iter().find(|(known, ..)| *known == name);
        found.map_or(&[], |(.., rounds)| rounds)
    }

    /// Returns a number of each round.
    #[must_use]
    pub fn of(&self, name: &str, value: impl Fn(&Measure) -> f64) -> Vec<f64> {
        self.rounds(name).iter().map(value).collect()
    }

    /// Returns the calls per second, as the median over the rounds.
    #[must_use]
    pub fn per_second(&self, name: &str) -> f64 {
        median(&self.of(name, Measure::per_second))
    }

    /// Returns the throughput of `mine` divided by that of `theirs`.
    #[must_use]
    pub fn ratio(&self, mine: &str, theirs: &str) -> Ratio {
        let rates = |name| self.of(name, Measure::per_second);
        Ratio::of(&rates(mine), &rates(theirs))
    }

    /// Returns the fastest contestant other than `mine` that promises at least this much; `None` if
    /// there is none.
    #[must_use]
    pub fn fastest(&self, mine: &str, promises: Promises) -> Option<&'static str> {
        let at_least = |kept: Promises| {
            kept.deadline >= promises.deadline
                && kept.retry >= promises.retry
                && kept.outcome >= promises.outcome
        };
        let others = self
            .each
            .iter()
            .filter(|(name, kept, _)| *name != mine && at_least(*kept));
        let rates = others.map(|(name, ..)| (*name, self.per_second(name)));
        rates
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
            .map(|(name, _)| name)
    }

    /// Returns the latency that this share of all calls in all rounds did not exceed; `None` if
    /// there are too few calls to say.
    #[must_use]
    pub fn quantile(&self, name: &str, share: f64) -> Option<Duration> {
        let mut all: Vec<_> = self
            .rounds(name)
            .iter()
            .flat_map(|round| round.latencies.iter().copied())
            .collect();
        let beyond = all.len() as f64 * (1.0 - share);
        if all.is_empty() || beyond < 1.0 {
            return None;
        }
        let at = ((all.len() - 1) as f64 * share).round() as usize;
        Some(*all.select_nth_unstable(at).1)
    }

    /// Returns the number of failed calls in all rounds, and the error of the first one.
    #[must_use]
    pub fn failures(&self, name: &str) -> (u64, Option<&str>) {
        let rounds = self.rounds(name);
        let failed = rounds.iter().map(|round| round.failed).sum();
        let first = rounds
            .iter()
            .find_map(|round| round.first_failure.as_deref());
        (failed, first)
    }
}
