//! Another session that keeps everybody else from writing to `accounts`.

use dbop::Db;
use dbop_tests::Fresh;
use sqlx::Executor;
use tokio::sync::Mutex;

use super::super::{LOCK_OUT, impatient_url};
use super::{Database, bank, outside};

pub(crate) struct Blocker(Mutex<<Database as sqlx::Database>::Connection>);

impl Blocker {
    /// Opens the session, which is not in anybody's way yet.
    pub(crate) async fn new(fresh: &Fresh<Database>) -> Self {
        Self(Mutex::new(outside(fresh).await))
    }

    pub(crate) async fn locked(fresh: &Fresh<Database>) -> Self {
        let blocker = Self::new(fresh).await;
        blocker.lock().await;
        blocker
    }

    pub(crate) async fn lock(&self) {
        self.execute(LOCK_OUT).await;
    }

    pub(crate) async fn unlock(&self) {
        self.execute("ROLLBACK").await;
    }

    pub(crate) async fn execute(&self, sql: &'static str) {
        let mut conn = self.0.lock().await;
        conn.execute(sql).await.expect("a statement of the blocker");
    }
}

/// Opens the bank, and a handle whose sessions soon give up waiting for a lock.
pub(crate) async fn open_impatient() -> (Fresh<Database>, Db<Database>) {
    let fresh = bank::open().await;
    let db = Db::connect(&impatient_url(&fresh.url))
        .await
        .expect("the same database");
    (fresh, db)
}
