//! rusqlite in `spawn_blocking` with the promises of dbop, as far as a careful author can keep
//! them: a deadline that interrupts the running statement, retries of what is BUSY, and no commit
//! for a caller that has gone away.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use harness::bank::{Bank, Fallible, Items};
use rusqlite::{Connection, ErrorCode, InterruptHandle, Transaction, TransactionBehavior};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};

use crate::bodies;
use crate::spawned::{READER, Stack, WRITER};

const DEADLINE: Duration = Duration::from_secs(30);
const ATTEMPTS: u32 = 5;
const BASE: Duration = Duration::from_millis(10);
const CAP: Duration = Duration::from_secs(1);

pub(crate) struct Promising {
    write: Stack,
    read: Stack,
}

/// Tells the thread that nobody waits for it any more, unless it was told that all is well.
struct Leaving {
    gone: Arc<AtomicBool>,
    interrupt: oneshot::Receiver<InterruptHandle>,
    done: bool,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if !self.done {
            self.gone.store(true, Ordering::SeqCst);
            if let Ok(handle) = self.interrupt.try_recv() {
                handle.interrupt();
            }
        }
    }
}

fn passes(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// Runs the work on a thread, and runs it again after failures that may pass, until the deadline.
async fn retried<T, W>(stack: &Stack, work: W) -> Fallible<T>
where
    T: Send + 'static,
    W: Fn(&mut Connection, &AtomicBool) -> rusqlite::Result<T> + Clone + Send + 'static,
{
    let deadline = Instant::now() + DEADLINE;
    let mut bound = BASE;
    for attempts in 1.. {
        let gone = Arc::new(AtomicBool::new(false));
        let (sender, interrupt) = oneshot::channel();
        let mut leaving = Leaving {
            gone: Arc::clone(&gone),
            interrupt,
            done: false,
        };
        let work = work.clone();
        let attempt = stack.with(move |conn| {
            // If nobody receives the handle, nobody waits.
            drop(sender.send(conn.get_interrupt_handle()));
            work(conn, &gone)
        });
        let answer = timeout_at(deadline, attempt).await?;
        leaving.done = true;
        let error = match answer {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let wait = bound.mul_f64(fastrand::f64());
        bound = (bound * 2).min(CAP);
        let may_pass = error.downcast_ref().is_some_and(passes);
        if !may_pass || attempts == ATTEMPTS || Instant::now() + wait >= deadline {
            return Err(error);
        }
        sleep(wait).await;
    }
    unreachable!("there is a last attempt")
}

/// Commits unless the caller has gone away.
fn transaction(
    conn: &mut Connection,
    gone: &AtomicBool,
    body: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    body(&tx)?;
    if gone.load(Ordering::SeqCst) {
        return tx.rollback();
    }
    tx.commit()
}

impl Promising {
    pub(crate) fn open(file: &Path, readers: u32) -> Fallible<Self> {
        Ok(Self {
            write: Stack::open(file, WRITER, 1)?,
            read: Stack::open(file, READER, readers)?,
        })
    }
}

impl Bank for Promising {
    async fn balance(&self, id: i64) -> Fallible<i64> {
        retried(&self.read, move |conn, _| bodies::balance(conn, id)).await
    }

    async fn transfer(&self, from: i64, to: i64, cents: i64) -> Fallible<()> {
        retried(&self.write, move |conn, gone| {
            transaction(conn, gone, |tx| bodies::transfer(tx, from, to, cents))
        })
        .await
    }

    async fn insert_each(&self, items: &Items) -> Fallible<()> {
        let items = Items::clone(items);
        retried(&self.write, move |conn, gone| {
            transaction(conn, gone, |tx| bodies::insert_each(tx, &items))
        })
        .await
    }

    async fn insert_many(&self, items: &Items) -> Fallible<()> {
        let items = Items::clone(items);
        retried(&self.write, move |conn, gone| {
            transaction(conn, gone, |tx| bodies::insert_many(tx, &items))
        })
        .await
    }
}
