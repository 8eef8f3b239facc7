//! Another session that changes a row in the middle of a transaction, once: a real serialization
//! failure at REPEATABLE READ.

use dbop::Tx;
use dbop_tests::Fresh;
use sqlx::{Executor, PgConnection, Postgres};
use tokio::sync::Mutex;

use super::outside;

#[derive(Debug)]
pub(crate) struct Rival(Mutex<Option<PgConnection>>);

impl Rival {
    pub(crate) async fn of(db: &Fresh<Postgres>) -> Self {
        Self(Mutex::new(Some(outside(db).await)))
    }

    async fn strike(&self) -> sqlx::Result<()> {
        if let Some(mut conn) = self.0.lock().await.take() {
            conn.execute("UPDATE notes SET id = id + 50").await?;
        }
        Ok(())
    }
}

/// Reads the notes, lets the rival change them, and then changes them itself.
pub(crate) async fn race(tx: &mut Tx<'_, Postgres>, rival: &Rival) -> sqlx::Result<()> {
    tx.execute("SELECT * FROM notes").await?;
    rival.strike().await?;
    tx.execute("UPDATE notes SET id = id + 50").await.map(drop)
}

/// Like [`race`], past dbop.
pub(crate) async fn race_on(conn: &mut PgConnection, rival: &Rival) -> sqlx::Result<()> {
    conn.execute("SELECT * FROM notes").await?;
    rival.strike().await?;
    conn.execute("UPDATE notes SET id = id + 50")
        .await
        .map(drop)
}
