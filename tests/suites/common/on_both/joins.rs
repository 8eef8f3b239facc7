//! Calls that join the session of their caller.

use dbop::{Conn, ErrorKind, Tx, db_op, transactional};

use super::super::Database;
use super::super::notes::{self as table, Runs, Trouble, insert, soon, stored};
use super::{any, note, note_op, notes};

#[transactional(on = [Sqlite, Postgres])]
async fn two(tx: &mut Tx<'_, DB>, first: i64, second: i64) -> Result<(), Trouble> {
    note(&mut *tx, first).await?;
    note_op(&mut *tx, second).await
}

#[db_op(on = [Sqlite, Postgres])]
async fn counts(conn: &mut Conn<'_, DB>) -> Result<(usize, usize), Trouble> {
    let before = notes(&mut *conn).await?.len();
    note_op(&mut *conn, 50).await?;
    Ok((before, notes(conn).await?.len()))
}

#[tokio::test]
async fn functions_for_both_join_each_other() {
    let db = table::open_narrow().await;
    soon("the joins", two(&any(&db), 1, 2)).await.unwrap();
    soon("the joins", two(&*db, 3, 4)).await.unwrap();
    two(&any(&db), 9, 1).await.unwrap_err();
    assert_eq!(stored(&db).await, [1, 2, 3, 4]);
    let counted = soon("the joins", counts(&any(&db))).await;
    assert_eq!(counted.unwrap(), (4, 5));
}

#[transactional]
async fn of_one(tx: &mut Tx<'_, Database>, fails: bool) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    two(&mut *tx, 2, 3).await?;
    insert(&mut *tx, 4).await?;
    match fails {
        true => Err(Trouble::Refused),
        false => Ok(()),
    }
}

#[tokio::test]
async fn a_function_for_both_joins_the_transaction_of_one_for_one_database() {
    let db = table::open_narrow().await;
    let error = soon("the joins", of_one(&*db, true)).await.unwrap_err();
    assert!(matches!(error, Trouble::Refused));
    assert!(stored(&db).await.is_empty());
    soon("the joins", of_one(&*db, false)).await.unwrap();
    assert_eq!(stored(&db).await, [1, 2, 3, 4]);
}

#[transactional(on = [Sqlite, Postgres])]
async fn of_each(tx: &mut Tx<'_, DB>, id: i64) -> Result<&'static str, Trouble> {
    note(&mut *tx, id).await?;
    Ok(std::any::type_name::<DB>())
}

#[tokio::test]
async fn the_body_for_the_database_of_the_scope_runs() {
    let db = table::open_narrow().await;
    let expected = std::any::type_name::<Database>();
    assert_eq!(of_each(&any(&db), 1).await.unwrap(), expected);
    assert_eq!(of_each(&*db, 2).await.unwrap(), expected);
    assert_eq!(of_each(db.pool(), 3).await.unwrap(), expected);
}

#[transactional(on = [Sqlite, Postgres])]
async fn writes(tx: &mut Tx<'_, DB>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    note(&mut *tx, 1).await
}

#[transactional(read_only, on = [Sqlite, Postgres])]
async fn reads_and_calls_a_writer(tx: &mut Tx<'_, DB>, runs: &Runs) -> Result<(), Trouble> {
    writes(&mut *tx, runs).await
}

#[tokio::test]
async fn a_writer_is_refused_by_a_read_only_transaction_before_it_runs() {
    let db = table::open_narrow().await;
    let runs = Runs::default();
    let any = any(&db);
    let call = reads_and_calls_a_writer(&any, &runs);
    let error = call.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    assert_eq!(runs.count(), 0);
}

#[db_op(read_only, on = [Sqlite, Postgres])]
async fn runs(conn: &mut Conn<'_, DB>, statement: &'static str) -> Result<(), Trouble> {
    sqlx::query(statement).execute(&mut *conn).await?;
    Ok(())
}

#[tokio::test]
async fn the_database_refuses_what_a_read_only_operation_writes() {
    let db = table::open_narrow().await;
    let any = any(&db);
    let call = runs(&any, "INSERT INTO notes VALUES (1)");
    assert_eq!(call.await.unwrap_err().kind(), ErrorKind::ReadOnly);
    assert!(stored(&db).await.is_empty());
}
