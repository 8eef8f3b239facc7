//! [`Gate`]: a place where a transaction waits, so that others have to wait for the transaction.

use std::time::Duration;

use dbop::{AnyDb, SessionState};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::PATIENCE;

#[derive(Default)]
pub(super) struct Gate {
    reached: Notify,
    opens: Notify,
}

impl Gate {
    /// Waits in a transaction until the gate opens.
    pub(super) async fn is_open(&self) {
        self.reached.notify_one();
        self.opens.notified().await;
    }

    /// Waits until a transaction waits at the gate.
    pub(super) async fn is_reached(&self) {
        let reached = timeout(PATIENCE, self.reached.notified()).await;
        reached.expect("a transaction that waits");
    }

    pub(super) fn open(&self) {
        self.opens.notify_one();
    }

    /// Opens the gate when so many others wait for the transaction.
    pub(super) async fn open_when_others_wait(&self, db: &AnyDb, others: u32) {
        let all_wait = async {
            while waiting(db) < others {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, all_wait).await.expect("all of them wait");
        self.open();
    }
}

/// Returns how many calls wait for another. On SQLite they wait for the one connection that writes, and
/// on PostgreSQL in a statement for a lock: no other statement of these tests takes so long.
fn waiting(db: &AnyDb) -> u32 {
    let mut waiting = db.pool_status().write.waiting;
    for session in db.sessions() {
        let is_long = session.state_for > Duration::from_millis(100);
        waiting += u32::from(session.state == SessionState::InStatement && is_long);
    }
    waiting
}
