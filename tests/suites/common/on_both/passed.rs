//! What callers pass.

use std::sync::Arc;

use dbop::{AnyScope, AnySessionScope, Backend, Conn, Db, Tx, db_op, transactional};
use sqlx::Connection;

use super::super::notes::{self as table, Trouble, soon, stored};
use super::super::{Database, outside};
use super::{any, note, note_op, notes};

#[tokio::test]
async fn a_handle_to_any_database_can_be_passed() {
    let db = table::open().await;
    let any = any(&db);
    note(&any, 1).await.unwrap();
    note_op(&any, 2).await.unwrap();
    let shared = Arc::new(any.clone());
    note(&shared, 3).await.unwrap();
    note_op(&shared, 4).await.unwrap();
    assert_eq!(notes(&any).await.unwrap(), [1, 2, 3, 4]);
    assert_eq!(stored(&db).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_handle_to_one_database_and_a_pool_can_be_passed() {
    let db = table::open().await;
    let shared: Arc<Db<Database>> = Arc::new(db.db.clone());
    note(&*db, 1).await.unwrap();
    note_op(&*db, 2).await.unwrap();
    note(&shared, 3).await.unwrap();
    note_op(&shared, 4).await.unwrap();
    note(db.pool(), 5).await.unwrap();
    note_op(db.pool(), 6).await.unwrap();
    assert_eq!(notes(db.pool()).await.unwrap(), [1, 2, 3, 4, 5, 6]);
}

async fn notes_of<D: Backend>(db: &Db<D>, id: i64) -> Result<Vec<i64>, Trouble> {
    note(db, id).await?;
    notes(db).await
}

#[db_op]
async fn notes_on<D: Backend>(conn: &mut Conn<'_, D>, id: i64) -> Result<Vec<i64>, Trouble> {
    note_op(&mut *conn, id).await?;
    notes(&mut *conn).await
}

#[transactional]
async fn notes_in<D: Backend>(tx: &mut Tx<'_, D>, id: i64) -> Result<Vec<i64>, Trouble> {
    note(&mut *tx, id).await?;
    notes(&mut *tx).await
}

#[tokio::test]
async fn a_handle_and_a_session_of_a_generic_function_can_be_passed() {
    let db = table::open().await;
    assert_eq!(notes_of(&db.db, 1).await.unwrap(), [1]);
    assert_eq!(notes_on(&db.db, 2).await.unwrap(), [1, 2]);
    assert_eq!(notes_in(&db.db, 3).await.unwrap(), [1, 2, 3]);
}

async fn through_a_session(scope: impl AnySessionScope) -> Result<Vec<i64>, Trouble> {
    notes(scope).await
}

async fn through_a_scope(scope: impl AnyScope, id: i64) -> Result<(), Trouble> {
    note(scope, id).await
}

#[tokio::test]
async fn functions_pass_a_scope_on() {
    let db = table::open().await;
    through_a_scope(&any(&db), 1).await.unwrap();
    through_a_scope(&*db, 2).await.unwrap();
    assert_eq!(through_a_session(&any(&db)).await.unwrap(), [1, 2]);
    assert_eq!(through_a_session(&*db).await.unwrap(), [1, 2]);
}

#[tokio::test]
async fn a_connection_and_a_transaction_of_the_callers_can_be_passed() {
    let db = table::open().await;
    let mut conn = outside(&db).await;
    note(&mut conn, 1).await.unwrap();
    note_op(&mut conn, 2).await.unwrap();
    let mut tx = conn.begin().await.unwrap();
    note(&mut *tx, 3).await.unwrap();
    note_op(&mut tx, 4).await.unwrap();
    note(&mut tx, 1).await.unwrap_err();
    assert_eq!(notes(&mut tx).await.unwrap(), [1, 2, 3, 4]);
    tx.rollback().await.unwrap();
    let mut pooled = db.pool().acquire().await.unwrap();
    note(&mut pooled, 5).await.unwrap();
    assert_eq!(notes(&mut *pooled).await.unwrap(), [1, 2, 5]);
}

#[transactional]
async fn passes_tx_by_any_reference(tx: &mut Tx<'_, Database>) -> Result<Vec<i64>, Trouble> {
    note(&mut *tx, 1).await?;
    let mut tx = tx;
    note(&mut tx, 2).await?;
    note_op(&mut tx, 3).await?;
    note_op(&mut *tx, 4).await?;
    notes(tx).await
}

#[db_op]
async fn passes_conn_by_any_reference(conn: &mut Conn<'_, Database>) -> Result<Vec<i64>, Trouble> {
    note_op(&mut *conn, 5).await?;
    let mut conn = conn;
    note_op(&mut conn, 6).await?;
    notes(conn).await
}

#[tokio::test]
async fn a_session_for_one_database_is_joined_through_any_reference_to_it() {
    let db = table::open_narrow().await;
    let seen = soon("the joins", passes_tx_by_any_reference(&*db)).await;
    assert_eq!(seen.unwrap(), [1, 2, 3, 4]);
    let seen = soon("the joins", passes_conn_by_any_reference(&*db)).await;
    assert_eq!(seen.unwrap(), [1, 2, 3, 4, 5, 6]);
}
