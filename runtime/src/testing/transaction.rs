//! The transaction of a test that takes a `Tx`.

use super::database::TestBackend;
use crate::call::Call;
use crate::db::Db;
use crate::error::Error;
use crate::op::Op;
use crate::session::Tx;

/// The operation whose transaction a test gets, as errors and spans name it.
static TEST: Op = Op::transaction("the test's transaction", file!(), line!())
    .retry_never()
    .timeout_none();

/// Runs `body` in a transaction, which is rolled back at the end.
///
/// # Panics
///
/// If the transaction cannot be begun.
pub(super) async fn rolled_back<DB, R, F>(db: Db<DB>, body: F) -> R
where
    DB: TestBackend,
    F: for<'t, 'd> AsyncFnOnce(&'t mut Tx<'d, DB>) -> R,
{
    let mut result = None;
    let mut call = Call::<_, DB, Result<(), Error>>::transaction(&TEST, &db);
    if let Some(mut attempt) = call.begin().await {
        let running = attempt.body();
        let mut tx = attempt.tx();
        let ran = running.run(async {
            tx.set_rollback_only();
            result = Some(body(&mut tx).await);
            Ok(())
        });
        let ran = ran.await;
        attempt.end(ran).await;
    }
    match (result, call.finish()) {
        // The test has seen the errors of its statements. That they have aborted the transaction does
        // not matter, because the transaction was not to commit.
        (Some(result), _) => result,
        (None, ended) => panic!("the test's transaction did not begin: {ended:?}"),
    }
}
