//! Many rows in few statements.

use dbop::{BulkInsert, ErrorKind, Tx, transactional};
use dbop_tests::Fresh;
use sqlx::Executor;

use super::notes::{Trouble, open, stored};
use super::{Database, fresh_with};

#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
struct Row {
    id: i64,
    name: String,
    score: Option<f64>,
    seen: bool,
    bytes: Vec<u8>,
}

async fn open_rows() -> Fresh<Database> {
    let fresh = fresh_with(|builder| builder).await;
    let blob = match <Database as sqlx::Database>::NAME {
        "SQLite" => {
            "CREATE TABLE rows (id BIGINT PRIMARY KEY, name TEXT NOT NULL, score DOUBLE PRECISION,
                seen BOOLEAN NOT NULL, bytes BLOB NOT NULL)"
        }
        _ => {
            "CREATE TABLE rows (id BIGINT PRIMARY KEY, name VARCHAR(99) NOT NULL, score DOUBLE PRECISION,
                seen BOOLEAN NOT NULL, bytes BYTEA NOT NULL)"
        }
    };
    fresh.pool().execute(blob).await.expect("the schema");
    fresh
}

fn rows(count: i64) -> Vec<Row> {
    let row = |id| Row {
        id,
        name: format!("it's row {id}\t\\N \"世界\""),
        score: (id % 3 != 0).then_some(id as f64 / 3.0),
        seen: id % 2 == 0,
        bytes: id.to_be_bytes().to_vec(),
    };
    (1..=count).map(row).collect()
}

#[transactional]
async fn insert_rows(
    tx: &mut Tx<'_, Database>,
    rows: &[Row],
    on_conflict: Option<&'static str>,
) -> dbop::Result<u64> {
    let mut insert = BulkInsert::into("rows")
        .column("id", rows.iter().map(|row| row.id))
        .column("name", rows.iter().map(|row| &*row.name))
        .column("score", rows.iter().map(|row| row.score))
        .column("seen", rows.iter().map(|row| row.seen))
        .column("bytes", rows.iter().map(|row| &*row.bytes));
    if let Some(what) = on_conflict {
        insert = insert.on_conflict(what);
    }
    insert.execute(&mut *tx).await
}

async fn read(fresh: &Fresh<Database>) -> Vec<Row> {
    let read = sqlx::query_as("SELECT * FROM rows ORDER BY id");
    read.fetch_all(fresh.pool()).await.expect("the rows")
}

#[tokio::test]
async fn a_bulk_insert_stores_each_value_in_its_row_and_column() {
    let fresh = open_rows().await;
    for count in [0, 1, 7] {
        let given: Vec<Row> = rows(count);
        fresh.pool().execute("DELETE FROM rows").await.unwrap();
        let inserted = insert_rows(&*fresh, &given, None).await.unwrap();
        assert_eq!(inserted, count as u64);
        assert_eq!(read(&fresh).await, given);
    }
}

#[tokio::test]
async fn more_rows_than_one_statement_takes_are_all_stored() {
    let fresh = open_rows().await;
    // Five columns of these are more bound values than a statement of either database can have.
    let given = rows(14_001);
    let inserted = insert_rows(&*fresh, &given, None).await.unwrap();
    assert_eq!(inserted, 14_001);
    assert_eq!(read(&fresh).await, given);
}

#[tokio::test]
async fn rows_that_are_there_are_left_or_changed_as_on_conflict_says() {
    let fresh = open_rows().await;
    let given = rows(10);
    insert_rows(&*fresh, &given[..5], None).await.unwrap();
    let error = insert_rows(&*fresh, &given, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unique);
    assert_eq!(read(&fresh).await, given[..5]);

    let left = insert_rows(&*fresh, &given, Some("DO NOTHING")).await;
    assert_eq!(left.unwrap(), 5);
    assert_eq!(read(&fresh).await, given);

    let mut changed = given.clone();
    changed[3].name = "changed".to_owned();
    let update = Some("(id) DO UPDATE SET name = excluded.name");
    let all = insert_rows(&*fresh, &changed, update).await;
    assert_eq!(all.unwrap(), 10);
    assert_eq!(read(&fresh).await, changed);
}

#[transactional]
async fn insert_wrong(tx: &mut Tx<'_, Database>, columns: usize) -> Result<u64, Trouble> {
    let mut insert = BulkInsert::into("notes");
    if columns > 0 {
        insert = insert.column("id", [1_i64, 2]);
    }
    if columns > 1 {
        insert = insert.column("other", [1_i64]);
    }
    Ok(insert.execute(&mut *tx).await?)
}

#[tokio::test]
async fn columns_that_do_not_fit_together_are_named_and_nothing_is_sent() {
    let fresh = open().await;
    for (columns, words) in [
        (0, ["`notes`", "no column"]),
        (2, ["`other`", "1 values, and the column `id` has 2"]),
    ] {
        let error = insert_wrong(&*fresh, columns).await.unwrap_err();
        assert_eq!(error.database().kind(), ErrorKind::InvalidArgument);
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
    assert_eq!(stored(&fresh).await, []);
    assert_eq!(insert_wrong(&*fresh, 1).await.unwrap(), 2);
    assert_eq!(stored(&fresh).await, [1, 2]);
}
