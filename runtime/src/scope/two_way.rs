//! What the caller of an operation that names its plain twin may pass.

#[cfg(feature = "blocking")]
use std::any::Any;
use std::fmt::Debug;

use super::sealed::HasSource;
#[cfg(feature = "blocking")]
use super::{Scope, SessionScope, Source};
use crate::backend::Backend;

/// What the caller of a `#[db_op(plain = twin)]` may pass: whatever is a
/// [`SessionScope`](crate::SessionScope), and a `&TwoWayDb` as well.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not where an operation on `{DB}` can get its session from",
    label = "expected `&TwoWayDb<{DB}, _>`, `&Db<{DB}>`, `&sqlx::Pool<{DB}>`, `&mut Conn<'_, {DB}>` or a `&mut` connection",
    note = "pass `&db` or `&pool` for a session of its own, or `&mut *conn` to run on the caller's session"
)]
pub trait TwoWaySessionScope<DB: Backend>: Debug + Send + HasSource<DB> {}

/// What the caller of a `#[transactional(plain = twin)]` may pass: whatever is a
/// [`Scope`](crate::Scope), and a `&TwoWayDb` as well.
///
/// On a `TwoWayDb`, the call runs the function or its plain twin, as the handle says. With everything
/// else the call runs the function, so inside a transaction nothing changes the driver.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not where a transaction on `{DB}` can begin, and no transaction to join",
    label = "expected `&TwoWayDb<{DB}, _>`, `&Db<{DB}>`, `&sqlx::Pool<{DB}>`, `&mut Tx<'_, {DB}>` or a `&mut` connection",
    note = "pass `&db` or `&pool` for a transaction of its own, or `&mut *tx` to join the caller's transaction",
    note = "if the caller is a `#[db_op]`, make the caller `#[transactional]` first"
)]
pub trait TwoWayScope<DB: Backend>: TwoWaySessionScope<DB> {}

/// What a handle with two halves says about the plain half.
#[cfg(feature = "blocking")]
#[derive(Debug)]
pub struct Halves<'a> {
    /// Whether calls take the async half.
    pub(crate) is_async: bool,
    /// The handle of the plain half.
    pub(crate) plain: &'a dyn Any,
    /// The type of the plain half's connections, for messages.
    pub(crate) connection: &'static str,
}

/// A scope of which the async half is used.
#[cfg(feature = "blocking")]
#[derive(Debug)]
pub struct AsyncWay<S>(pub(crate) S);

#[cfg(feature = "blocking")]
impl<DB: Backend, S: TwoWaySessionScope<DB>> HasSource<DB> for AsyncWay<S> {
    fn source(&mut self) -> Source<'_, DB> {
        self.0.source()
    }
}

#[cfg(feature = "blocking")]
#[diagnostic::do_not_recommend]
impl<DB: Backend, S: TwoWaySessionScope<DB>> TwoWaySessionScope<DB> for AsyncWay<S> {}
#[cfg(feature = "blocking")]
#[diagnostic::do_not_recommend]
impl<DB: Backend, S: TwoWayScope<DB>> TwoWayScope<DB> for AsyncWay<S> {}
#[cfg(feature = "blocking")]
#[diagnostic::do_not_recommend]
impl<DB: Backend, S: TwoWaySessionScope<DB>> SessionScope<DB> for AsyncWay<S> {}
#[cfg(feature = "blocking")]
#[diagnostic::do_not_recommend]
impl<DB: Backend, S: TwoWayScope<DB>> Scope<DB> for AsyncWay<S> {}
