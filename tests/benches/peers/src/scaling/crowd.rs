//! Calls that hold all connections, so that others wait for them.

use std::future::Future;
use std::sync::Arc;

use dbop::{Conn, Db, db_op};
use harness::bank::Fallible;
use sqlx::{PgPool, Postgres, Sqlite};
use tokio::sync::Semaphore;

use crate::peers::by_hand::ByHand;
use crate::peers::dbop::Dbop;
use crate::peers::pools::Pools;
use crate::peers::promising::Promising;

/// Reports when all calls have come, and then lets all of them go.
#[derive(Debug)]
pub(super) struct Gate {
    come: Semaphore,
    go: Semaphore,
}

impl Gate {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            come: Semaphore::new(0),
            go: Semaphore::new(0),
        })
    }

    /// Counts one more call, which goes on when the gate is opened.
    async fn pass(&self) {
        self.come.add_permits(1);
        // The gate is opened by closing the semaphore.
        drop(self.go.acquire().await);
    }

    pub(super) async fn all_have_come(&self, many: u32) {
        let all = self.come.acquire_many(many).await;
        all.expect("it is not closed").forget();
    }

    pub(super) fn open(&self) {
        self.go.close();
    }
}

/// Acquires a connection that reads, and keeps it until the gate opens.
pub(super) trait Holds: Send + Sync + 'static {
    fn hold(&self, gate: &Gate) -> impl Future<Output = Fallible<()>> + Send;
}

macro_rules! holds {
    ($hold:ident, $Database:ident, $Pool:ty, $reader:expr) => {
        #[db_op(read_only, timeout = "5m")]
        async fn $hold(_conn: &mut Conn<'_, $Database>, gate: &Gate) -> dbop::Result<()> {
            gate.pass().await;
            Ok(())
        }

        impl Holds for Dbop<$Database> {
            async fn hold(&self, gate: &Gate) -> Fallible<()> {
                let db: &Db<$Database> = &self.0;
                Ok($hold(db, gate).await?)
            }
        }

        impl Holds for ByHand<$Pool> {
            async fn hold(&self, gate: &Gate) -> Fallible<()> {
                let reader: fn(&$Pool) -> &sqlx::Pool<$Database> = $reader;
                let held = reader(&self.0).acquire().await?;
                gate.pass().await;
                drop(held);
                Ok(())
            }
        }

        impl Holds for Promising<$Pool> {
            async fn hold(&self, gate: &Gate) -> Fallible<()> {
                let reader: fn(&$Pool) -> &sqlx::Pool<$Database> = $reader;
                let held = reader(&self.0).acquire().await?;
                gate.pass().await;
                drop(held);
                Ok(())
            }
        }
    };
}

holds!(hold_sqlite, Sqlite, Pools, |pools| &pools.read);
holds!(hold_postgres, Postgres, PgPool, |pool| pool);
