//! [`Shared`]: what the jobs of a process share.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use super::database::JobDatabase;
use crate::db::Db;
use crate::rt::lock;

/// What the jobs of a process share.
#[derive(Debug)]
pub(super) struct Shared<DB: JobDatabase> {
    pub(super) db: Db<DB>,
    /// The name of the process among those that work.
    pub(super) id: String,
    pub(super) kinds: Vec<&'static str>,
    pub(super) states: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    /// Is cancelled and replaced when the process finds that it was taken for dead.
    pub(super) lost: Mutex<CancellationToken>,
    /// The jobs that run here, each with what a second attempt waits for.
    pub(super) running: Mutex<HashMap<i64, Arc<tokio::sync::Mutex<()>>>>,
}

impl<DB: JobDatabase> Shared<DB> {
    pub(super) fn state<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let state = self.states.get(&TypeId::of::<T>())?;
        Arc::clone(state).downcast().ok()
    }

    /// Returns what is cancelled when the jobs that run now are lost.
    pub(super) fn lost(&self) -> CancellationToken {
        lock(&self.lost).clone()
    }

    /// Lets the jobs that run now be dropped.
    pub(super) fn lose_all(&self) {
        std::mem::take(&mut *lock(&self.lost)).cancel();
    }

    /// Waits until no other attempt of this job runs here.
    pub(super) async fn only_attempt(&self, id: i64) -> OnlyAttempt<'_, DB> {
        let place = Arc::clone(lock(&self.running).entry(id).or_default());
        OnlyAttempt {
            shared: self,
            id,
            guard: Some(place.lock_owned().await),
        }
    }
}

/// The right of one attempt of a job to run here.
pub(super) struct OnlyAttempt<'a, DB: JobDatabase> {
    shared: &'a Shared<DB>,
    id: i64,
    guard: Option<OwnedMutexGuard<()>>,
}

impl<DB: JobDatabase> Drop for OnlyAttempt<'_, DB> {
    fn drop(&mut self) {
        let mut running = lock(&self.shared.running);
        self.guard = None;
        // Nobody else has it: the map and this look are under the lock.
        if running
            .get(&self.id)
            .is_some_and(|place| Arc::strong_count(place) == 1)
        {
            running.remove(&self.id);
        }
    }
}
