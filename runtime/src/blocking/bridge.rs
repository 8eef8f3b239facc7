//! Async operations from sync code: [`block_on`].

use std::cell::Cell;
use std::future::Future;

use tokio::runtime::Handle;

use crate::error::{Error, ErrorKind};
use crate::op::OpResult;
use crate::rt::background;

/// Runs an async operation to its end, from code that is not async: a script, a test, a migration.
///
/// All calls of `block_on` in a process share one runtime, which runs on a thread of its own. Pools
/// therefore stay usable from one call to the next.
///
/// ```
/// use dbop::blocking::{BlockOnDb, block_on};
/// use dbop::{Conn, db_op};
/// use sqlx::Sqlite;
///
/// #[db_op(read_only)]
/// async fn answer(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
///     Ok(sqlx::query_scalar("SELECT 42").fetch_one(&mut *conn).await?)
/// }
///
/// fn main() -> dbop::Result<()> {
///     let db = BlockOnDb::<Sqlite>::connect("sqlite::memory:")?;
///     assert_eq!(block_on(answer(&db))?, 42);
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// Returns the errors of the operation. Inside an async runtime, waiting would block one of the
/// runtime's threads and may never end, so the operation does not run and the error is of
/// [`ErrorKind::Configuration`]. Inside the body of a plain `fn` under `#[db_op]` or `#[transactional]`,
/// `block_on` is allowed: that body runs on a thread that may wait.
pub fn block_on<F: Future<Output: OpResult>>(operation: F) -> F::Output {
    match Handle::try_current() {
        Err(_) => background().block_on(operation),
        // The operation itself is async code, in which `block_on` is not allowed.
        Ok(current) if MAY_WAIT.get() => with_may_wait(false, || current.block_on(operation)),
        Ok(_) => F::Output::refused(Error::programming(
            ErrorKind::Configuration,
            "`dbop::blocking::block_on` was called inside an async runtime, one of whose threads it \
             would block; `.await` the operation, or wait for it on a thread of your own",
        )),
    }
}

thread_local! {
    /// Whether the code that runs on this thread may block. The body of a plain function may; an
    /// operation that such a body runs under [`block_on`] may not.
    static MAY_WAIT: Cell<bool> = const { Cell::new(false) };
}

/// Runs the body of a plain function. Within it, [`block_on`] is allowed.
pub(super) fn waiting_allowed<R>(body: impl FnOnce() -> R) -> R {
    with_may_wait(true, body)
}

fn with_may_wait<R>(may_wait: bool, work: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            MAY_WAIT.set(self.0);
        }
    }
    let _restore = Restore(MAY_WAIT.replace(may_wait));
    work()
}

/// Runs work that may close connections of a pool, inside the background runtime.
///
/// deadpool closes a connection on the blocking pool of the current runtime. The caller's runtime
/// may be missing or shutting down, and the caller's own thread may not block to close it.
#[cfg(feature = "blocking")]
pub(super) fn closing<R>(work: impl FnOnce() -> R) -> R {
    let _inside = background().enter();
    work()
}
