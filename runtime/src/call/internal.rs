//! Calls of dbop's own: [`operation`] and [`in_transaction`] run a closure as the code of an annotated
//! function runs its body.

use super::scoped::Call;
use crate::backend::Backend;
use crate::db::Db;
use crate::error::Result;
use crate::op::Op;
use crate::session::Conn;
#[cfg(feature = "jobs")]
use crate::session::Tx;

/// A closure whose future is `Send`, as an async closure is that changes nothing of what it captures.
#[diagnostic::on_unimplemented(
    message = "this closure cannot be the body of a step",
    label = "it changes what it captures, or its future is not `Send`",
    note = "a step may run several times, until its transaction has committed: let the closure return what it \
            finds, and do not let it change variables outside of it"
)]
#[cfg_attr(not(feature = "jobs"), allow(unreachable_pub))] // the steps of jobs ask for it
pub trait AsyncBody<A>: FnMut(A) -> Self::Future {
    /// The future of the body.
    type Future: Future<Output = Self::Result> + Send;
    /// The result of the body.
    type Result;
}

impl<A, F, Fut> AsyncBody<A> for F
where
    F: FnMut(A) -> Fut,
    Fut: Future + Send,
{
    type Future = Fut;
    type Result = Fut::Output;
}

/// Runs a body on a session of its own.
pub(crate) async fn operation<DB, T, F>(db: &Db<DB>, op: &'static Op, mut body: F) -> Result<T>
where
    DB: Backend,
    T: Send,
    F: AsyncFnMut(&mut Conn<'_, DB>) -> Result<T> + Send,
    for<'c, 's> F: AsyncBody<&'c mut Conn<'s, DB>, Result = Result<T>>,
{
    let mut call = Call::<_, DB, Result<T>>::operation(op, db);
    while let Some(mut attempt) = call.begin().await {
        let runs = attempt.body();
        let mut conn = attempt.conn();
        let ran = runs.run(body(&mut conn)).await;
        attempt.end(ran).await;
    }
    call.finish()
}

/// Runs a body in a transaction of its own.
#[cfg(feature = "jobs")]
pub(crate) async fn in_transaction<DB, T, F>(db: &Db<DB>, op: &'static Op, mut body: F) -> Result<T>
where
    DB: Backend,
    T: Send,
    F: AsyncFnMut(&mut Tx<'_, DB>) -> Result<T> + Send,
    for<'t, 'c> F: AsyncBody<&'t mut Tx<'c, DB>, Result = Result<T>>,
{
    let mut call = Call::<_, DB, Result<T>>::transaction(op, db);
    while let Some(mut attempt) = call.begin().await {
        let runs = attempt.body();
        let mut tx = attempt.tx();
        let ran = runs.run(body(&mut tx)).await;
        attempt.end(ran).await;
    }
    call.finish()
}
