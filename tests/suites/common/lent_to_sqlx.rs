//! Sessions that are lent to code which wants sqlx's own transaction: `Tx::with_sqlx`, and
//! functions that take an `impl Acquire`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use dbop::{Conn, ErrorKind, Outcome, Tx, db_op, transactional};
use futures_util::FutureExt;
use sqlx::{Acquire, Executor, Transaction};

use super::super::ABORTS;
use super::Database;
use super::notes::{self, Runs, Trouble, insert, note, note_op, soon, stored};

/// Stands for a function of a library, which wants sqlx's own transaction.
async fn library(own: &mut Transaction<'_, Database>, id: i64) -> sqlx::Result<()> {
    insert(&mut **own, id).await
}

// --- Tx::with_sqlx --------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug, PartialEq)]
enum Inside {
    Well,
    /// The application refuses.
    Refused,
    /// The database refuses. On Postgres, this aborts sqlx's savepoint.
    Duplicate,
    /// A transaction inside the savepoint is rolled back, and another one dropped.
    UndoesPart,
    /// A transaction inside the savepoint is forgotten.
    ForgetsPart,
}

async fn in_closure(tx: &mut Tx<'_, Database>, id: i64, inside: Inside) -> Result<i64, Trouble> {
    tx.with_sqlx(
        async |own: &mut Transaction<'_, Database>| -> Result<i64, Trouble> {
            library(&mut *own, id).await?;
            match inside {
                Inside::Well => {}
                Inside::Refused => return Err(Trouble::Refused),
                Inside::Duplicate => library(&mut *own, id).await?,
                Inside::UndoesPart => {
                    for ends in [true, false] {
                        let mut inner = own.begin().await?;
                        library(&mut inner, id + 100).await?;
                        match ends {
                            true => inner.rollback().await?,
                            false => drop(inner),
                        }
                    }
                }
                Inside::ForgetsPart => std::mem::forget(own.begin().await?),
            }
            Ok(id)
        },
    )
    .await
}

#[transactional]
async fn around_a_closure(tx: &mut Tx<'_, Database>, inside: Inside) -> Result<bool, Trouble> {
    insert(&mut *tx, 1).await?;
    let lent = in_closure(&mut *tx, 2, inside).await;
    insert(&mut *tx, 3).await?;
    Ok(lent.is_ok())
}

#[tokio::test]
async fn a_closure_with_sqlx_keeps_its_work_only_if_it_ends_well() {
    for (inside, says_ok, left) in [
        (Inside::Well, true, vec![1, 2, 3]),
        (Inside::Refused, false, vec![1, 3]),
        (Inside::Duplicate, false, vec![1, 3]),
        (Inside::UndoesPart, true, vec![1, 2, 3]),
    ] {
        let db = notes::open_narrow().await;
        let said = soon("the call", around_a_closure(&*db, inside)).await;
        assert_eq!(said.unwrap(), says_ok, "{inside:?}");
        assert_eq!(stored(&db).await, left, "{inside:?}");
        note(&*db, 4).await.unwrap();
    }
}

#[tokio::test]
async fn a_transaction_forgotten_in_a_closure_with_sqlx_is_refused_by_name() {
    let db = notes::open_narrow().await;
    let call = soon("the call", around_a_closure(&*db, Inside::ForgetsPart));
    let error = call.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionState);
    assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
    assert!(error.to_string().contains("`mem::forget`"), "{error}");
    assert!(stored(&db).await.is_empty());
    note(&*db, 1).await.unwrap();
    assert_eq!(stored(&db).await, [1]);
}

#[transactional]
async fn closures_in_savepoints(
    tx: &mut Tx<'_, Database>,
    outer: Inside,
    inner: Inside,
) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    let _ended = in_closure(&mut *tx, 2, Inside::Well).await;
    let _ended = tx
        .savepoint(async |sp: &mut Tx<'_, Database>| -> Result<(), Trouble> {
            insert(&mut *sp, 3).await?;
            let _ended = in_closure(&mut *sp, 4, inner).await;
            insert(&mut *sp, 5).await?;
            match outer {
                Inside::Refused => Err(Trouble::Refused),
                _ => Ok(()),
            }
        })
        .await;
    let _ended = in_closure(&mut *tx, 6, inner).await;
    Ok(insert(&mut *tx, 7).await?)
}

#[tokio::test]
async fn closures_with_sqlx_and_savepoints_are_undone_level_by_level() {
    for (outer, inner, left) in [
        (Inside::Well, Inside::Well, vec![1, 2, 3, 4, 5, 6, 7]),
        (Inside::Well, Inside::Refused, vec![1, 2, 3, 5, 7]),
        (Inside::Refused, Inside::Well, vec![1, 2, 6, 7]),
        (Inside::Refused, Inside::Duplicate, vec![1, 2, 7]),
    ] {
        let db = notes::open_narrow().await;
        let call = closures_in_savepoints(&*db, outer, inner);
        soon("the call", call).await.unwrap();
        assert_eq!(stored(&db).await, left, "{outer:?} around {inner:?}");
    }
}

#[transactional]
async fn with_hooks(
    tx: &mut Tx<'_, Database>,
    inside: Inside,
    fails: bool,
    ran: &Arc<AtomicU32>,
) -> Result<(), Trouble> {
    for step in [1, 10] {
        let (of_commit, of_rollback) = (Arc::clone(ran), Arc::clone(ran));
        tx.after_commit(async move {
            of_commit.fetch_add(step, SeqCst);
        });
        tx.after_rollback(async move {
            of_rollback.fetch_add(step * 100, SeqCst);
        });
        let _ended = in_closure(&mut *tx, i64::from(step), inside).await;
    }
    if fails {
        return Err(Trouble::Refused);
    }
    Ok(())
}

#[tokio::test]
async fn hooks_around_a_closure_with_sqlx_are_those_of_the_transaction() {
    for inside in [Inside::Well, Inside::Refused, Inside::Duplicate] {
        for (fails, sum) in [(false, 11), (true, 1100)] {
            let db = notes::open_narrow().await;
            let ran = Arc::default();
            let ended = with_hooks(&*db, inside, fails, &ran).await;
            assert_eq!(ended.is_err(), fails, "{inside:?}");
            assert_eq!(ran.load(SeqCst), sum, "{inside:?}, fails: {fails}");
        }
    }
}

#[tokio::test]
async fn a_transaction_with_a_closure_with_sqlx_can_be_spawned() {
    let db = notes::open_narrow().await;
    let handle = db.db.clone();
    let task = tokio::spawn(async move { around_a_closure(&handle, Inside::Well).await });
    assert!(soon("the task", task).await.unwrap().unwrap());
    assert_eq!(stored(&db).await, [1, 2, 3]);
}

#[transactional(timeout = "300ms")]
#[dbop::allow(foreign_await, reason = "nothing but its deadline ends it")]
async fn endless(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    tx.with_sqlx(
        async |own: &mut Transaction<'_, Database>| -> Result<(), Trouble> {
            library(&mut *own, 2).await?;
            std::future::pending().await
        },
    )
    .await
}

#[tokio::test]
async fn a_closure_with_sqlx_ends_at_the_deadline_and_leaves_nothing() {
    let db = notes::open_narrow().await;
    let error = soon("the call", endless(&*db)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_ne!(error.database().outcome(), Some(Outcome::Committed));
    soon("the next call", note(&*db, 3)).await.unwrap();
    assert_eq!(stored(&db).await, [3]);
}

#[transactional]
#[dbop::allow(foreign_await, reason = "nothing but its deadline ends it")]
async fn late_after_a_closure(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    in_closure(&mut *tx, 1, Inside::Well).await?;
    std::future::pending().await
}

#[transactional(timeout = "300ms")]
async fn with_little_time(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    late_after_a_closure(&mut *tx).await
}

/// What went on in the closure is known once it has ended.
#[tokio::test]
async fn a_deadline_after_a_closure_with_sqlx_is_known_to_have_rolled_back() {
    let db = notes::open_narrow().await;
    let error = soon("the call", with_little_time(&*db)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.database().outcome(), Some(Outcome::RolledBack));
    assert!(stored(&db).await.is_empty());
}

// --- Acquire --------------------------------------------------------------------------------------

/// How a helper treats the transaction that it has begun.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Commit,
    RollBack,
    Drop,
    Forget,
    /// The helper's `commit` is dropped before its end.
    DropCommit,
    /// The helper's `rollback` is dropped before its end.
    DropRollback,
    /// A statement fails, and the transaction is dropped.
    Fail,
    /// A statement fails, and the helper commits nevertheless.
    FailAndCommit,
}

/// Stands for existing code that takes whatever can begin a transaction.
async fn helper(
    lender: impl Acquire<'_, Database = Database>,
    id: i64,
    end: End,
) -> sqlx::Result<()> {
    let mut own = lender.begin().await?;
    insert(&mut *own, id).await?;
    match end {
        End::Commit => own.commit().await?,
        End::RollBack => own.rollback().await?,
        End::Drop => drop(own),
        End::Forget => std::mem::forget(own),
        End::DropCommit => drop(own.commit().now_or_never()),
        End::DropRollback => drop(own.rollback().now_or_never()),
        End::Fail => insert(&mut *own, id).await?,
        End::FailAndCommit => {
            drop(insert(&mut *own, id).await);
            own.commit().await?;
        }
    }
    Ok(())
}

/// Stands for existing code that acquires a connection.
async fn on_a_connection(
    lender: impl Acquire<'_, Database = Database>,
    id: i64,
) -> sqlx::Result<()> {
    let mut conn = lender.acquire().await?;
    insert(&mut *conn, id).await?;
    let mut own = conn.begin().await?;
    insert(&mut *own, id + 1).await?;
    own.commit().await
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum After {
    /// The body ends.
    Nothing,
    Statement,
    Helper,
    Savepoint,
    Closure,
}

async fn goes_on(tx: &mut Tx<'_, Database>, after: After) -> Result<(), Trouble> {
    match after {
        After::Nothing => Ok(()),
        After::Statement => Ok(insert(&mut *tx, 3).await?),
        After::Helper => Ok(helper(&mut *tx, 3, End::Commit).await?),
        After::Savepoint => {
            tx.savepoint(async |sp: &mut Tx<'_, Database>| -> Result<(), Trouble> {
                Ok(insert(&mut *sp, 3).await?)
            })
            .await
        }
        After::Closure => in_closure(tx, 3, Inside::Well).await.map(drop),
    }
}

/// Says `Ok` whatever becomes of the helper, and counts with `runs` that the last part was refused.
#[transactional]
async fn with_a_helper(
    tx: &mut Tx<'_, Database>,
    end: End,
    after: After,
    refused: &Runs,
) -> Result<(), Trouble> {
    // sqlx leaves this savepoint in the transaction.
    helper(&mut *tx, 9, End::RollBack).await?;
    insert(&mut *tx, 1).await?;
    let _ended = helper(&mut *tx, 2, end).await;
    if goes_on(&mut *tx, after).await.is_err() {
        refused.next();
    }
    Ok(())
}

const AFTERS: [After; 5] = [
    After::Nothing,
    After::Statement,
    After::Helper,
    After::Savepoint,
    After::Closure,
];

/// Makes calls in which a helper's transaction ends like that, and checks that they have left `kept`
/// of the helper's rows.
async fn leaves(end: End, kept: &[i64]) {
    let db = notes::open_narrow().await;
    for after in AFTERS {
        let refused = Runs::default();
        let call = with_a_helper(&*db, end, after, &refused);
        let said = soon("the call", call).await;
        said.unwrap_or_else(|error| panic!("{end:?}, {after:?}: {error}"));
        let last: &[i64] = if after == After::Nothing { &[] } else { &[3] };
        let wanted = [&[1], kept, last].concat();
        assert_eq!(stored(&db).await, wanted, "{end:?}, {after:?}");
        assert_eq!(refused.count(), 0, "{end:?}, {after:?}");
        clear(&*db).await.unwrap();
    }
}

#[db_op]
#[dbop::allow(unfiltered_write, reason = "the table is to be empty")]
async fn clear(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    sqlx::query("DELETE FROM notes").execute(&mut *conn).await?;
    Ok(())
}

#[tokio::test]
async fn a_helpers_transaction_is_part_of_ours_if_it_commits() {
    leaves(End::Commit, &[2]).await;
}

#[tokio::test]
async fn a_helpers_transaction_that_does_not_commit_is_undone_alone() {
    for end in [End::RollBack, End::Drop, End::DropRollback, End::Fail] {
        leaves(end, &[]).await;
    }
}

/// On Postgres, the failure has aborted the helper's savepoint, so its commit fails.
#[tokio::test]
async fn a_helper_that_swallows_an_error_and_commits_ends_nothing_but_its_own_transaction() {
    let kept: &[i64] = if ABORTS { &[] } else { &[2] };
    leaves(End::FailAndCommit, kept).await;
}

#[tokio::test]
async fn a_helpers_transaction_that_is_forgotten_is_refused_by_name() {
    let db = notes::open_narrow().await;
    for after in AFTERS {
        let refused = Runs::default();
        let call = with_a_helper(&*db, End::Forget, after, &refused);
        let error = soon("the call", call).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionState, "{after:?}");
        assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
        assert!(error.to_string().contains("`mem::forget`"), "{error}");
        let expected = u32::from(after != After::Nothing);
        assert_eq!(refused.count(), expected, "{after:?}");
        assert!(stored(&db).await.is_empty(), "{after:?}");
    }
    soon("the next call", note(&*db, 1)).await.unwrap();
    assert_eq!(stored(&db).await, [1]);
}

/// Where sqlx has sent `RELEASE` already, it goes on to roll back a savepoint that is gone.
#[tokio::test]
async fn a_helper_that_drops_its_commit_undoes_nothing_but_its_own_work_or_ends_the_call() {
    let db = notes::open_narrow().await;
    for after in AFTERS {
        let refused = Runs::default();
        let call = with_a_helper(&*db, End::DropCommit, after, &refused);
        let said = soon("the call", call).await;
        let all = stored(&db).await;
        match said {
            Ok(()) => {
                assert_eq!(refused.count(), 0, "{after:?}");
                assert!(all.contains(&1), "{after:?}: {all:?}");
                assert_eq!(all.contains(&3), after != After::Nothing, "{after:?}");
            }
            Err(error) => {
                assert!(all.is_empty(), "{after:?}: {all:?}");
                let outcome = error.database().outcome().unwrap();
                assert_eq!(outcome, Outcome::RolledBack, "{after:?}: {error}");
                let text = error.to_string();
                assert!(text.contains("did not end well"), "{after:?}: {error}");
            }
        }
        clear(&*db).await.unwrap();
    }
}

/// Stands for existing code that ends the transaction around its own.
async fn end_ours(
    lender: impl Acquire<'_, Database = Database>,
    sql: &'static str,
    commits: bool,
) -> sqlx::Result<()> {
    let mut own = lender.begin().await?;
    insert(&mut *own, 2).await?;
    own.execute(sql).await?;
    if commits { own.commit().await } else { Ok(()) }
}

#[transactional]
async fn lends_to_who_ends_it(
    tx: &mut Tx<'_, Database>,
    sql: &'static str,
    commits: bool,
    after: After,
) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    let _ended = end_ours(&mut *tx, sql, commits).await;
    let _ended = goes_on(&mut *tx, after).await;
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_is_ended_while_it_is_lent_gets_no_wrong_outcome() {
    let db = notes::open_narrow().await;
    let pool = sqlx::Pool::<Database>::connect(&db.url).await.unwrap();
    let ends = ["COMMIT", "ROLLBACK", "COMMIT; BEGIN", "ROLLBACK; BEGIN"];
    for sql in ends {
        for after in AFTERS {
            for (commits, own_pool) in [(true, false), (false, false), (true, true), (false, true)]
            {
                let case = format!("{sql}, commits {commits}, own pool {own_pool}, {after:?}");
                let said = match own_pool {
                    false => lends_to_who_ends_it(&*db, sql, commits, after).await,
                    true => lends_to_who_ends_it(&pool, sql, commits, after).await,
                };
                let error = said.expect_err(&case);
                let all = stored(&db).await;
                if error.database().outcome().unwrap() == Outcome::RolledBack {
                    assert!(all.is_empty(), "{case}: {error}: {all:?}");
                }
                let wanted: &[i64] = if sql.starts_with("COMMIT") {
                    &[1, 2]
                } else {
                    &[]
                };
                assert_eq!(all, wanted, "{case}: {error}");
                soon("the next call", clear(&*db)).await.unwrap();
            }
        }
    }
}

#[transactional]
async fn acquires(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    on_a_connection(&mut *tx, 2).await?;
    Ok(insert(&mut *tx, 4).await?)
}

#[tokio::test]
async fn a_helper_that_acquires_a_connection_works_inside_the_transaction() {
    let db = notes::open_narrow().await;
    acquires(&*db).await.unwrap();
    assert_eq!(stored(&db).await, [1, 2, 3, 4]);
}

#[transactional]
async fn lends_after_an_end(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    helper(&mut *tx, 1, End::Forget).await?;
    #[dbop::allow(swallowed_error, reason = "the test is about what is refused")]
    insert(&mut *tx, 2).await.unwrap_err();
    on_a_connection(&mut *tx, 3).await.unwrap_err();
    helper(&mut *tx, 5, End::Commit).await.unwrap_err();
    Ok(())
}

#[tokio::test]
async fn a_session_that_refuses_statements_is_not_lent() {
    let db = notes::open_narrow().await;
    lends_after_an_end(&*db).await.unwrap_err();
    assert!(stored(&db).await.is_empty());
}

// --- operations without a transaction -------------------------------------------------------------

#[db_op]
async fn op_with_a_helper(
    conn: &mut Conn<'_, Database>,
    end: End,
    after: bool,
) -> Result<(), Trouble> {
    insert(&mut *conn, 1).await?;
    helper(&mut *conn, 2, end).await?;
    if after {
        insert(&mut *conn, 3).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_operations_helper_commits_for_good_or_is_rolled_back() {
    for (end, kept) in [
        (End::Commit, true),
        (End::RollBack, false),
        (End::Drop, false),
    ] {
        for after in [false, true] {
            let db = notes::open_narrow().await;
            let call = soon("the call", op_with_a_helper(&*db, end, after));
            call.await.unwrap();
            let mut wanted = vec![1];
            wanted.extend(kept.then_some(2));
            wanted.extend(after.then_some(3));
            assert_eq!(stored(&db).await, wanted, "{end:?}, {after}");
            soon("the next call", note_op(&*db, 4)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_operation_that_forgets_a_transaction_writes_nothing_into_it() {
    let db = notes::open_narrow().await;
    let call = soon("the call", op_with_a_helper(&*db, End::Forget, true));
    let error = call.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionState);
    assert!(error.to_string().contains("`mem::forget`"), "{error}");
    assert_eq!(stored(&db).await, [1]);
    soon("the next call", note_op(&*db, 4)).await.unwrap();
    assert_eq!(stored(&db).await, [1, 4]);
}

#[transactional]
async fn around_an_operation(
    tx: &mut Tx<'_, Database>,
    end: End,
    fails: bool,
) -> Result<(), Trouble> {
    op_with_a_helper(&mut *tx, end, true).await?;
    insert(&mut *tx, 4).await?;
    if fails {
        return Err(Trouble::Refused);
    }
    Ok(())
}

#[tokio::test]
async fn a_joined_operations_helper_works_inside_the_transaction() {
    for (end, left) in [(End::Commit, vec![1, 2, 3, 4]), (End::Drop, vec![1, 3, 4])] {
        let db = notes::open_narrow().await;
        around_an_operation(&*db, end, true).await.unwrap_err();
        assert!(stored(&db).await.is_empty(), "{end:?}");
        around_an_operation(&*db, end, false).await.unwrap();
        assert_eq!(stored(&db).await, left, "{end:?}");
    }
}

/// Each run writes the number of the run.
async fn writes_and_fails_once(
    conn: &mut Conn<'_, Database>,
    runs: &Runs,
    end: End,
) -> Result<(), Trouble> {
    let run = runs.next();
    helper(&mut *conn, i64::from(run), end).await?;
    if run == 1 {
        Err(Trouble::NotNow)
    } else {
        Ok(())
    }
}

#[db_op]
async fn plain(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    writes_and_fails_once(&mut *conn, runs, End::Commit).await
}

#[db_op(idempotent)]
async fn idempotent(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    writes_and_fails_once(&mut *conn, runs, End::Commit).await
}

#[transactional]
async fn in_a_transaction(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    let run = runs.next();
    helper(&mut *tx, i64::from(run), End::Commit).await?;
    in_closure(&mut *tx, i64::from(run) + 10, Inside::Well).await?;
    if run == 1 {
        Err(Trouble::NotNow)
    } else {
        Ok(())
    }
}

#[tokio::test]
async fn what_a_helper_has_committed_is_not_done_twice() {
    let db = notes::open_narrow().await;
    let runs = Runs::default();
    let error = plain(&*db, &runs).await.unwrap_err();
    assert!(matches!(error, Trouble::NotNow));
    assert_eq!(runs.count(), 1);
    assert_eq!(stored(&db).await, [1]);
}

#[tokio::test]
async fn an_idempotent_operation_is_replayed_although_a_helper_committed() {
    let db = notes::open_narrow().await;
    let runs = Runs::default();
    idempotent(&*db, &runs).await.unwrap();
    assert_eq!(stored(&db).await, [1, 2]);
}

#[tokio::test]
async fn a_transaction_is_replayed_although_it_was_lent() {
    let db = notes::open_narrow().await;
    let runs = Runs::default();
    in_a_transaction(&*db, &runs).await.unwrap();
    assert_eq!(runs.count(), 2);
    assert_eq!(stored(&db).await, [2, 12]);
}

async fn count(lender: impl Acquire<'_, Database = Database>) -> sqlx::Result<i64> {
    let mut own = lender.begin().await?;
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM notes");
    let count = count.fetch_one(&mut *own).await?;
    own.commit().await?;
    Ok(count)
}

#[db_op(read_only)]
async fn reads(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<i64, Trouble> {
    let run = runs.next();
    let count = count(&mut *conn).await?;
    if run == 1 {
        Err(Trouble::NotNow)
    } else {
        Ok(count)
    }
}

#[db_op(read_only)]
async fn reads_and_writes(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    Ok(helper(&mut *conn, 7, End::Commit).await?)
}

/// On the application's own pool, too, where the session is not made read-only in advance.
#[tokio::test]
async fn a_read_only_operation_that_is_lent_is_replayed_and_cannot_write() {
    let db = notes::open().await;
    note(&*db, 1).await.unwrap();
    let pool = sqlx::Pool::<Database>::connect(&db.url).await.unwrap();
    for own_pool in [false, true] {
        let runs = Runs::default();
        let (count, wrote) = match own_pool {
            false => (reads(&*db, &runs).await, reads_and_writes(&*db).await),
            true => (reads(&pool, &runs).await, reads_and_writes(&pool).await),
        };
        assert_eq!(count.unwrap(), 1, "own pool: {own_pool}");
        assert_eq!(runs.count(), 2, "own pool: {own_pool}");
        wrote.unwrap_err();
        assert_eq!(stored(&db).await, [1], "own pool: {own_pool}");
        // The session of the application's pool can write as before.
        insert(&pool, if own_pool { 3 } else { 2 }).await.unwrap();
        clear(&*db).await.unwrap();
        note(&*db, 1).await.unwrap();
    }
}
