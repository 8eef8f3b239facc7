//! What a body works with: its session, the statements it sends, and what dbop observes of them.

mod conn;
mod executor;
mod hooks;
mod idle;
mod loan;
mod param;
mod repeats;
mod savepoint;
mod sql_text;
mod state;
mod tx;
mod tx_state;
mod usage;
mod view;

pub use conn::Conn;
pub(crate) use executor::{ask, ask_whether_open, drain, run, settle_transaction};
pub use hooks::HookResult;
#[cfg(feature = "testing")]
pub(crate) use hooks::failure_of;
pub(crate) use hooks::{Due, Hooks};
pub(crate) use idle::Idle;
pub use param::{SessionParam, fake_return, lend};
pub(crate) use repeats::Repeats;
pub(crate) use savepoint::Savepoint;
pub(crate) use state::{Guard, State};
pub use tx::Tx;
pub(crate) use tx_state::{FailedJoin, OpenMarker, TxState, Undo, ended_unseen, left_open};
pub(crate) use view::View;
