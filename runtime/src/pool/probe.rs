//! [`Probe`]: a connection outside the pools, on which a handle asks whether its database is there.
//!
//! The pools' own connections do not tell. When calls have all of them, a question that waits for
//! one is answered too late, and a program that only has much to do looks as if its database were
//! gone. So the question has a connection that no call gets. It is opened when it is first needed,
//! and kept.
//!
//! | dropped or late during | the connection |
//! |---|---|
//! | opening | closed |
//! | the question | closed, because its answer is still to come |

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::{ConnectOptions, Connection, Pool, SqlSafeStr};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::acquire::Pools;
use super::refusal::explain;
use crate::backend::Backend;
use crate::error::{Error, Result};

/// The age at which the connection is replaced, so that what only new connections meet is noticed: a
/// password that was changed, a server that has moved.
const REPLACED_AFTER: Duration = Duration::from_secs(60);

/// How long an answer holds for everybody who asks.
const ANSWER_HOLDS: Duration = Duration::from_secs(1);

/// What the database has answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) at: Instant,
    pub(crate) said: Said,
}

#[derive(Debug)]
pub(crate) enum Said {
    /// The database has answered.
    Present {
        took: Duration,
        /// Why it has not given another connection, if it was asked for one.
        refused: Option<Error>,
    },
    /// The database could not be asked, or has not answered.
    Absent(Error),
    /// The database is in memory, and a call has its only connection.
    Busy,
}

/// The connection of a handle on which its database is asked whether it is there, and the last
/// answer.
#[derive(Debug)]
pub(crate) struct Probe<DB: Backend> {
    /// `None` while the connection is in use, and when there is none.
    kept: Mutex<Option<Kept<DB>>>,
    is_asking: AtomicBool,
    last: watch::Sender<Option<Arc<Answer>>>,
}

#[derive(Debug)]
struct Kept<DB: Backend> {
    conn: DB::Connection,
    opened: Instant,
}

/// The right to ask, which one task at a time has. If it is dropped without an answer, another may
/// ask.
#[derive(Debug)]
pub(crate) struct Turn<DB: Backend>(Arc<Probe<DB>>);

impl<DB: Backend> Probe<DB> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            kept: Mutex::new(None),
            is_asking: AtomicBool::new(false),
            last: watch::Sender::new(None),
        })
    }

    /// Returns where the next answer will be.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Arc<Answer>>> {
        self.last.subscribe()
    }

    /// Returns the last answer if it still holds.
    pub(crate) fn fresh(&self) -> Option<Arc<Answer>> {
        let last = self.last.borrow();
        let fresh = last.as_ref()?;
        (fresh.at.elapsed() < ANSWER_HOLDS).then(|| Arc::clone(fresh))
    }

    /// Returns the right to ask. `None` if somebody else is asking.
    pub(crate) fn take_turn(self: &Arc<Self>) -> Option<Turn<DB>> {
        let taken = self.is_asking.swap(true, Ordering::AcqRel);
        (!taken).then(|| Turn(Arc::clone(self)))
    }

    /// Closes the connection.
    pub(crate) async fn close(&self) {
        if let Some(kept) = self.take() {
            let _ = timeout(ANSWER_HOLDS, kept.conn.close()).await;
        }
    }

    fn take(&self) -> Option<Kept<DB>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take()
    }

    fn keep(&self, it: Kept<DB>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(it);
    }
}

impl<DB: Backend> Turn<DB> {
    /// Asks the database of these pools, and tells everybody what it has answered.
    pub(crate) async fn ask(self, pools: &Pools<DB>, within: Duration) {
        let asked = Instant::now();
        let said = match timeout(within, self.question(pools, within / 2)).await {
            Ok(Ok(said)) => said,
            Ok(Err(error)) => Said::Absent(error),
            Err(_) => Said::Absent(Error::unanswered(within)),
        };
        let said = match said {
            Said::Present { refused, .. } => Said::Present {
                took: asked.elapsed(),
                refused,
            },
            other => other,
        };
        let probe = Arc::clone(&self.0);
        // Before the answer is there: who sees the answer and finds it too old has to be able to ask.
        drop(self);
        match pools.pool().is_closed() {
            true => drop(probe.take()),
            false => log_change(probe.last.borrow().as_deref(), &said),
        }
        let at = Instant::now();
        probe.last.send_replace(Some(Arc::new(Answer { at, said })));
    }

    /// `patience`: how long the connection that is there may take, before a new one is opened.
    async fn question(&self, pools: &Pools<DB>, patience: Duration) -> Result<Said> {
        let place = pools.place();
        let asked = Instant::now();
        place.file.check()?;
        let Some(options) = DB::probe_options((*place.pool.connect_options()).clone()) else {
            return in_memory(place.pool, patience).await;
        };
        let present = |refused| Said::Present {
            took: asked.elapsed(),
            refused,
        };
        let explained = |error: sqlx::Error| explain::<DB>(place.pool, error.into());
        let open = async || -> sqlx::Result<Kept<DB>> {
            let mut conn = options.connect().await?;
            if let Some((hook, read_only)) = place.hook {
                hook.run(&mut conn, read_only).await?;
            }
            ask::<DB>(&mut conn).await?;
            let opened = Instant::now();
            Ok(Kept { conn, opened })
        };
        // A connection that is dead or silent says nothing about the database, so a new one is asked.
        let alive = match self.0.take() {
            Some(mut kept) => match timeout(patience, ask::<DB>(&mut kept.conn)).await {
                Ok(Ok(())) => Some(kept),
                _ => None,
            },
            None => None,
        };
        match alive {
            Some(kept) if kept.opened.elapsed() < REPLACED_AFTER => {
                self.0.keep(kept);
                Ok(present(None))
            }
            Some(kept) => match open().await {
                Ok(new) => {
                    self.0.keep(new);
                    let _ = kept.conn.close().await;
                    Ok(present(None))
                }
                Err(error) => {
                    self.0.keep(kept);
                    Ok(present(Some(explained(error))))
                }
            },
            None => {
                self.0.keep(open().await.map_err(explained)?);
                Ok(present(None))
            }
        }
    }
}

impl<DB: Backend> Drop for Turn<DB> {
    fn drop(&mut self) {
        self.0.is_asking.store(false, Ordering::Release);
    }
}

async fn ask<DB: Backend>(conn: &mut DB::Connection) -> sqlx::Result<()> {
    DB::run(conn, DB::PROBE.into_sql_str()).await.map(drop)
}

/// Asks a database in memory, which has one connection, if that connection is free soon.
async fn in_memory<DB: Backend>(pool: &Pool<DB>, patience: Duration) -> Result<Said> {
    let Ok(acquired) = timeout(patience, pool.acquire()).await else {
        return Ok(Said::Busy);
    };
    let (mut conn, asked) = (acquired?, Instant::now());
    ask::<DB>(&mut conn).await?;
    Ok(Said::Present {
        took: asked.elapsed(),
        refused: None,
    })
}

/// Logs that the database has gone, or is back.
fn log_change(last: Option<&Answer>, said: &Said) {
    let was_absent = matches!(last, Some(last) if matches!(last.said, Said::Absent(_)));
    match said {
        Said::Absent(error) if !was_absent => {
            tracing::warn!(target: "dbop", "the database does not answer: {error}");
        }
        Said::Present { .. } if was_absent => {
            tracing::info!(target: "dbop", "the database answers again");
        }
        _ => {}
    }
}
