//! [`in_transaction`]: a transaction of dbop's own, run as the code of an annotated function runs it.

use super::database::JobDatabase;
use crate::call::Call;
use crate::db::Db;
use crate::error::Result;
use crate::op::Op;
use crate::session::Tx;

/// A closure whose future is `Send`, as an async closure is that changes nothing of what it captures.
#[diagnostic::on_unimplemented(
    message = "this closure cannot be the body of a step",
    label = "it changes what it captures, or its future is not `Send`",
    note = "a step may run several times, until its transaction has committed: let the closure return what it \
            finds, and do not let it change variables outside of it"
)]
pub trait StepBody<A>: FnMut(A) -> Self::Future {
    /// The future of the body.
    type Future: Future<Output = Self::Result> + Send;
    /// The result of the body.
    type Result;
}

impl<A, F, Fut> StepBody<A> for F
where
    F: FnMut(A) -> Fut,
    Fut: Future + Send,
{
    type Future = Fut;
    type Result = Fut::Output;
}

/// Runs a body in a transaction of its own.
pub(super) async fn in_transaction<DB, T, F>(db: &Db<DB>, op: &'static Op, mut body: F) -> Result<T>
where
    DB: JobDatabase,
    T: Send,
    F: AsyncFnMut(&mut Tx<'_, DB>) -> Result<T> + Send,
    for<'t, 'c> F: StepBody<&'t mut Tx<'c, DB>, Result = Result<T>>,
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
