//! The rules by which a call is tried again, refused or given up: what an application can set, and
//! the state that calls on one database, or of one service, share.

mod breaker;
mod budget;
mod defaults;
mod process;
mod running;
mod services;
mod shutdown;

pub use breaker::CircuitBreaker;
pub(crate) use breaker::{Circuit, Fault, Pass};
pub(crate) use defaults::{CallSettings, Defaults, SessionLimits};
pub(crate) use process::defaults_without_db;
pub use process::{ProcessDefaults, defaults};
#[cfg(feature = "blocking")]
pub(crate) use running::RunningThread;
pub(crate) use running::{GRACE, Identity, Running, RunningCall, RunningHooks, cut_off};
pub(crate) use services::defaults_of_service;
pub use services::{Breaker, BreakerInfo, breaker, breakers};
pub use shutdown::Shutdown;
