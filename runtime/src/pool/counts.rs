//! [`Counts`]: how many connections the pools have.

use super::acquire::Pools;
use super::known::KnownPool;
use crate::backend::Backend;

/// How many connections the pools for one sort of session have. The numbers are read one after the
/// other while calls go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// The most that there may be.
    pub(crate) max: u32,
    /// How many are kept once they are open; `max` if all of them are alike.
    pub(crate) kept: u32,
    /// How many there are, with those that are being opened.
    pub(crate) open: u32,
    /// How many of those nobody uses.
    pub(crate) idle: u32,
    /// How many calls wait for one.
    pub(crate) waiting: u32,
}

impl<DB: Backend> Pools<DB> {
    pub(crate) fn counts(&self) -> Counts {
        match self {
            Self::Ours(pools) => {
                let mut counts = Counts::default();
                pools.known().for_each(|known| counts.add(known));
                if pools.keep > 0 {
                    counts.kept = pools.keep;
                }
                counts
            }
            Self::Adopted(pool) => {
                let mut counts = Counts::default();
                counts.add(&pool.known);
                counts
            }
        }
    }
}

impl Counts {
    fn add<DB: Backend>(&mut self, known: &KnownPool<DB>) {
        let open = known.pool.size();
        let idle = u32::try_from(known.pool.num_idle()).unwrap_or(u32::MAX);
        self.max += known.size();
        self.kept += known.size();
        self.open += open;
        self.idle += idle.min(open);
        self.waiting += known.held.waiting();
    }
}
