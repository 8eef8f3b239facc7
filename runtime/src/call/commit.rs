//! `COMMIT`, which nobody may interrupt.
//!
//! Once it is sent, only the server's answer tells what became of it. So the connection moves into
//! a future of its own: awaited in place while the caller is there, and handed to a task when the
//! caller goes away, together with the hooks that follow.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::future::BoxFuture;
use sqlx_core::transaction::TransactionManager;
use tokio::time::{Instant, timeout_at};

use super::own::Own;
use crate::backend::Backend;
use crate::classify::{Category, Class, Kind, Retry};
use crate::error::{Error, Outcome};
use crate::hooks::Hooks;
use crate::op::Op;

/// How long past the deadline the answer is waited for.
const GRACE: Duration = Duration::from_secs(5);

/// What became of it.
pub(super) enum Committed {
    /// Committed; the hooks have run.
    Yes,
    /// Rolled back; whether the hooks run depends on whether another attempt follows.
    No(Error, Hooks),
    /// The answer was lost; the hooks for that have run.
    Unknown(Error),
}

pub(super) async fn commit<DB: Backend>(
    own: Box<Own<DB>>,
    deadline: Instant,
    op: &'static Op,
) -> Committed {
    let running = Box::pin(async move {
        let (mut lease, hooks) = own.take();
        let answer = timeout_at(
            deadline + GRACE,
            DB::TransactionManager::commit(lease.conn()),
        )
        .await;
        match answer {
            Ok(Ok(())) => {
                lease.unfinished = false;
                lease.release().await;
                hooks.run(Outcome::Committed, op).await;
                Committed::Yes
            }
            Ok(Err(error)) if DB::outcome_of_failed_commit(&error) == Outcome::RolledBack => {
                lease.release().await;
                Committed::No(error.into(), hooks)
            }
            answer => {
                drop(lease);
                hooks.run(Outcome::Unknown, op).await;
                Committed::Unknown(match answer {
                    Ok(Err(error)) => lost(error.into()),
                    _ => lost(Error::deadline("the answer to COMMIT")),
                })
            }
        }
    });
    Uninterrupted {
        running: Some(running),
        op,
    }
    .await
}

/// Whatever cut the answer off, what it means for the call is that its effect is not known.
fn lost(error: Error) -> Error {
    let class = Class {
        category: Category::Ambiguous,
        kind: Kind::CompletionUnknown,
        retry: Retry::IfIdempotent,
    };
    error.reclassify(class).advise(
        "the answer to COMMIT was lost, so whether it was applied is not known; look before doing \
         it again, or declare the operation `idempotent`",
    )
}

/// Runs to its end even if whoever awaits it goes away.
struct Uninterrupted {
    running: Option<BoxFuture<'static, Committed>>,
    op: &'static Op,
}

impl Future for Uninterrupted {
    type Output = Committed;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Committed> {
        let running = self.running.as_mut().expect("not polled after its end");
        let committed = running.as_mut().poll(cx);
        if committed.is_ready() {
            self.running = None;
        }
        committed
    }
}

impl Drop for Uninterrupted {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        let op = self.op;
        // Outside a runtime nothing can go on: the connection is closed with its future.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(async move {
                if let Committed::No(_, hooks) = running.await {
                    hooks.run(Outcome::RolledBack, op).await;
                }
            }));
        }
    }
}
