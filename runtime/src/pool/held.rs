//! [`Held`]: the connections of a handle that are in use, for tests that have to give them back.

use super::acquire::Pools;
use super::known::KnownPool;
use crate::backend::Backend;
use crate::monitor::SessionInfo;

/// The connections of a handle that are in use.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// How many there are, with those that are on their way back.
    pub(crate) connections: u32,
    /// Those that operations hold. The others were taken from the pool directly.
    pub(crate) sessions: Vec<SessionInfo>,
}

impl Held {
    /// Adds the connections of one sort of session.
    pub(crate) fn add<DB: Backend>(&mut self, pools: &Pools<DB>) {
        match pools {
            Pools::Ours(pools) => pools.known().for_each(|known| self.add_known(known)),
            Pools::Adopted(pool) => self.add_known(&pool.known),
        }
    }

    fn add_known<DB: Backend>(&mut self, known: &KnownPool<DB>) {
        let idle = u32::try_from(known.pool.num_idle()).unwrap_or(u32::MAX);
        self.connections += known.pool.size().saturating_sub(idle);
        known.held.add_to(&mut self.sessions);
    }
}
