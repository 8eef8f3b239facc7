//! What a body can do with the name `DB`.

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{FromRow, QueryBuilder, Row as _};

use super::super::super::SYSTEM;
use super::super::notes::{self as table, Trouble, stored};
use super::any;

#[derive(Debug, PartialEq, FromRow)]
struct Note {
    id: i64,
}

#[db_op(read_only, on = [Sqlite, Postgres])]
async fn system(conn: &mut Conn<'_, DB>) -> Result<(&'static str, &'static str), Trouble> {
    let text = dbop::sql!(
        sqlite = "SELECT sqlite_version()",
        postgres = "SHOW server_version"
    );
    let version: String = sqlx::query_scalar(text).fetch_one(&mut *conn).await?;
    assert!(!version.is_empty());
    let chosen = dbop::sql!(postgres = "postgresql", sqlite = "sqlite");
    Ok((DB::SYSTEM, chosen))
}

#[tokio::test]
async fn a_body_knows_its_database_and_runs_the_text_for_it() {
    let db = table::open().await;
    assert_eq!(system(&any(&db)).await.unwrap(), (SYSTEM, SYSTEM));
    assert_eq!(system(&*db).await.unwrap(), (SYSTEM, SYSTEM));
}

#[db_op(read_only, on = [Sqlite, Postgres])]
async fn each_has_its_placeholders(conn: &mut Conn<'_, DB>, id: i64) -> Result<i64, Trouble> {
    let count = sqlx::query_scalar(dbop::sql!(
        sqlite = "SELECT count(*) FROM notes WHERE id = ?",
        postgres = "SELECT count(*) FROM notes WHERE id = $1 AND NOT '{\"a\": 1}'::jsonb ? 'b'",
    ));
    Ok(count.bind(id).fetch_one(&mut *conn).await?)
}

#[db_op(read_only, on = [Sqlite, Postgres])]
async fn question_marks_in_words(conn: &mut Conn<'_, DB>) -> Result<String, Trouble> {
    let text = "SELECT 'what?' -- really? \n WHERE /* so? */ $1 = $1";
    let answer = sqlx::query_scalar(text);
    Ok(answer.bind(1_i64).fetch_one(&mut *conn).await?)
}

#[transactional(on = [Sqlite, Postgres])]
async fn built(tx: &mut Tx<'_, DB>, ids: &[i64]) -> Result<Vec<Note>, Trouble> {
    let mut insert = QueryBuilder::<DB>::new("INSERT INTO notes ");
    insert.push_values(ids, |mut row, id| {
        row.push_bind(*id);
    });
    insert.build().execute(&mut *tx).await?;
    let mut select = QueryBuilder::<DB>::new("SELECT id FROM notes WHERE id IN (");
    let mut list = select.separated(", ");
    for id in ids {
        list.push_bind(*id);
    }
    select.push(") ORDER BY id");
    Ok(select.build_query_as().fetch_all(&mut *tx).await?)
}

#[db_op(read_only, on = [Sqlite, Postgres])]
async fn as_rows(conn: &mut Conn<'_, DB>) -> Result<(Vec<Note>, Vec<i64>), Trouble> {
    let notes = sqlx::query_as::<DB, Note>("SELECT id FROM notes ORDER BY id");
    let notes = notes.fetch_all(&mut *conn).await?;
    let rows = sqlx::query("SELECT id FROM notes ORDER BY id");
    let rows: Vec<<DB as sqlx::Database>::Row> = rows.fetch_all(&mut *conn).await?;
    let ids = rows.iter().map(|row| row.try_get("id"));
    let ids: Result<Vec<i64>, sqlx::Error> = ids.collect();
    Ok((notes, ids?))
}

#[tokio::test]
async fn statements_are_built_for_the_database_and_read_as_its_rows() {
    let db = table::open().await;
    let any = any(&db);
    let notes = || vec![Note { id: 1 }, Note { id: 2 }];
    assert_eq!(built(&any, &[2, 1]).await.unwrap(), notes());
    assert_eq!(as_rows(&any).await.unwrap(), (notes(), vec![1, 2]));
    assert_eq!(each_has_its_placeholders(&any, 2).await.unwrap(), 1);
    assert_eq!(stored(&db).await, [1, 2]);
}

#[tokio::test]
async fn a_question_mark_in_a_string_or_a_comment_is_no_placeholder() {
    let db = table::open().await;
    let answer = question_marks_in_words(&any(&db)).await;
    assert_eq!(answer.unwrap(), "what?");
}
