//! `once = key`: a transaction that takes effect once for each key.
//!
//! The first statement of the transaction sets a marker in the table `dbop_once`, whose primary key
//! lets one transaction at a time through. A call that inserts the marker runs the body, stores the
//! body's result beside the marker, and commits both. A call that finds a marker returns the result
//! that is stored there. Concurrent callers wait in that first statement.
//!
//! If a marker could be set, no earlier attempt of this call or of any other was committed,
//! whatever became of the answer to its COMMIT.

#[cfg(not(feature = "once"))]
mod absent;
#[cfg(feature = "once")]
mod floats;
#[cfg(feature = "once")]
mod key;
mod mark;
mod marker;
#[cfg(feature = "once")]
mod nulls;
#[cfg(feature = "once")]
mod position;
#[cfg(feature = "once")]
mod result;
mod running;
mod sql;

#[cfg(not(feature = "once"))]
pub use absent::OnceKey;
#[cfg(not(feature = "once"))]
pub(crate) use absent::OnceResult;
#[cfg(feature = "once")]
pub use key::OnceKey;
#[cfg(feature = "once")]
pub(crate) use key::hexadecimal;
#[cfg(feature = "once")]
pub(crate) use key::{ComparedItem, Fingerprint};
pub(crate) use mark::Mark;
pub(crate) use marker::{Answer, Claim, Marker, advise, lacks_table};
#[cfg(feature = "once")]
pub(crate) use position::{Asked, PositionMarker};
#[cfg(feature = "once")]
pub(crate) use result::OnceResult;
pub(crate) use sql::{BATCH, marker_sql};
#[cfg(feature = "once")]
pub(crate) use sql::{MOVE_POSITION, READ_POSITION};
