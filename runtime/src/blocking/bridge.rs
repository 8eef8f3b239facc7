//! Async operations from sync code: [`block_on`].

use std::cell::Cell;
use std::future::Future;

use tokio::runtime::Handle;

use crate::error::{Error, Kind};
use crate::op::OpResult;
use crate::rt::background;

/// Runs an async operation to its end, from code that is not async: a script, a test, a migration.
///
/// All such calls of a process share one runtime, which a thread of its own drives, so that pools
/// stay usable from one call to the next.
///
/// ```
/// use dbop::blocking::{Db, block_on};
/// use dbop::{Conn, db_op};
/// use sqlx::Sqlite;
///
/// #[db_op(read_only)]
/// async fn answer(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
///     Ok(sqlx::query_scalar("SELECT 42").fetch_one(&mut *conn).await?)
/// }
///
/// fn main() -> dbop::Result<()> {
///     let db = Db::<Sqlite>::connect("sqlite::memory:")?;
///     assert_eq!(block_on(answer(&db))?, 42);
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// Those of the operation. Inside an async runtime, where waiting would block one of its threads
/// and may never end, it runs nothing and returns an error of [`Kind::Configuration`]. The body of a
/// plain `fn` under `#[db_op]` or `#[transactional]` runs on a thread that may wait, so there it is
/// allowed.
pub fn block_on<F: Future<Output: OpResult>>(operation: F) -> F::Output {
    match Handle::try_current() {
        Err(_) => background().block_on(operation),
        // Inside the operation, nobody may wait any more.
        Ok(current) if MAY_WAIT.get() => with_may_wait(false, || current.block_on(operation)),
        Ok(_) => F::Output::refused(Error::programming(
            Kind::Configuration,
            "`dbop::blocking::block_on` was called inside an async runtime, one of whose threads it \
             would block; `.await` the operation, or wait for it on a thread of your own",
        )),
    }
}

thread_local! {
    /// A body of dbop's runs here, on a thread that is there for blocking.
    static MAY_WAIT: Cell<bool> = const { Cell::new(false) };
}

/// Runs a body, in which [`block_on`] is allowed.
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

/// Does what may close connections of a pool. Each is closed on the blocking pool of the runtime
/// that is entered, and the caller's may be missing, or be shutting down: then it would be closed
/// here, where that may not block.
#[cfg(feature = "blocking")]
pub(super) fn closing<R>(work: impl FnOnce() -> R) -> R {
    let _inside = background().enter();
    work()
}
