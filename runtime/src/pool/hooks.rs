//! What the hooks of one of dbop's pools tell the call that acquires a connection.
//!
//! sqlx runs the hooks of a pool in the task that acquires a connection, but hands that task
//! nothing except the connection. So the hooks leave what they know in a variable of the task.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use sqlx::{Database, Pool};

use crate::backend::Signals;

/// Whether a connection is new when a call gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The connection was used before, and may have been lost while it was idle.
    Idle,
    /// The connection was opened for this call.
    New,
}

/// One pool, together with all its clones. A pool that an application makes from a copy of the
/// options is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PoolId(usize);

impl PoolId {
    /// The options are a part of the pool: nothing replaces them, and they live as long as it does.
    pub(super) fn of<DB: Database>(pool: &Pool<DB>) -> Self {
        Self(std::ptr::from_ref(pool.options()).addr())
    }
}

/// What the hooks have reported while one connection was acquired.
#[derive(Debug)]
pub(super) struct Acquired {
    /// The pool that is asked. Its hooks may use other pools, whose hooks are not heard.
    pool: PoolId,
    origin: Cell<Origin>,
    signals: RefCell<Option<Arc<Signals>>>,
}

tokio::task_local! {
    static ACQUIRED: Acquired;
}

/// Runs `acquiring`, and returns what the hooks of the pool have reported along with the connection.
/// The signals are `None` if the connection has none, or if the pool is not one of dbop's.
///
/// `acquiring` is borrowed and not moved, because the future of a connection is large.
pub(super) async fn watch_acquire<C, E>(
    pool: PoolId,
    acquiring: Pin<&mut impl Future<Output = Result<C, E>>>,
) -> Result<(C, Origin, Option<Arc<Signals>>), E> {
    let nothing = Acquired {
        pool,
        origin: Cell::new(Origin::Idle),
        signals: RefCell::new(None),
    };
    let watched = async {
        let conn = acquiring.await?;
        Ok(ACQUIRED.with(|said| (conn, said.origin.get(), said.signals.take())))
    };
    ACQUIRED.scope(nothing, watched).await
}

/// Tells the call that the pool has opened a connection with these signals, or hands out an idle
/// one. No call is waiting when the pool opens a connection on its own, for example to keep
/// `min_connections`.
pub(super) fn tell(pool: &OnceLock<PoolId>, origin: Origin, signals: Option<&Arc<Signals>>) {
    let _ = ACQUIRED.try_with(|said| {
        if pool.get() != Some(&said.pool) {
            return;
        }
        said.origin.set(origin);
        *said.signals.borrow_mut() = signals.cloned();
    });
}
