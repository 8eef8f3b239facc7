//! What stops the statement on the one connection of a pool of ours.
//!
//! A call may be given such a pool itself, as `db.pool()`. A handler of its own would take the place
//! of the one that the connection has, for good.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::Pool;

use crate::backend::Backend;

static ALL: Mutex<Vec<(usize, Arc<AtomicBool>)>> = Mutex::new(Vec::new());

fn all() -> MutexGuard<'static, Vec<(usize, Arc<AtomicBool>)>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same for all clones of a pool, for as long as one of them lives.
fn identity<DB: Backend>(pool: &Pool<DB>) -> usize {
    Arc::as_ptr(&pool.connect_options()).addr()
}

pub(crate) fn remember<DB: Backend>(pool: &Pool<DB>, stop: &Arc<AtomicBool>) {
    all().push((identity(pool), Arc::clone(stop)));
}

pub(crate) fn forget<DB: Backend>(pool: &Pool<DB>) {
    let pool = identity(pool);
    all().retain(|(each, _)| *each != pool);
}

/// `None`: it is not one of ours.
pub(crate) fn of<DB: Backend>(pool: &Pool<DB>) -> Option<Arc<AtomicBool>> {
    let pool = identity(pool);
    let all = all();
    let found = all.iter().find(|(each, _)| *each == pool)?;
    Some(Arc::clone(&found.1))
}
