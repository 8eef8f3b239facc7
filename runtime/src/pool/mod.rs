//! Connections: how a call acquires a connection, who holds it, and how it is given back.

mod acquire;
mod adopted;
mod clean_up;
mod close_surplus;
mod connect_hook;
mod counts;
mod deadlock;
mod free;
#[cfg(feature = "testing")]
mod held;
mod hooks;
mod known;
mod lease;
mod place;
mod probe;
mod recency;
mod refusal;
mod returns;
mod set;
mod sub_pool;
mod surplus;

#[cfg(feature = "blocking")]
pub(crate) use acquire::is_late;
pub(crate) use acquire::{ConnectionSource, Pools};
pub(crate) use adopted::AdoptedPool;
pub(crate) use connect_hook::AfterConnect;
pub(crate) use counts::Counts;
#[cfg(feature = "testing")]
pub(crate) use held::Held;
pub(crate) use hooks::Origin;
pub(crate) use lease::Lease;
pub(crate) use probe::{Answer, Probe, Said};
#[cfg(feature = "blocking")]
pub(crate) use recency::TRUSTED_IDLE;
#[cfg(feature = "blocking")]
pub(crate) use refusal::exhausted;
pub(crate) use refusal::{explain, unopened};
pub(crate) use set::PoolSet;
pub(crate) use sub_pool::{MOST_CONNECTIONS, PoolSettings, Sessions};
