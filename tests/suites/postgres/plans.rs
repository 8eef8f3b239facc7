//! Statements that were prepared before the schema changed.

use dbop::{Conn, Db, Tx, db_op, transactional};
use sqlx::Executor;
use tokio::sync::Barrier;

use super::common::notes::{self, Runs, Trouble, note, soon};
use super::{Database, outside};

/// A query whose result has a column more once the table has one.
const ALL: &str = "SELECT * FROM notes WHERE id >= $1";

#[db_op]
async fn columns(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<usize, Trouble> {
    use sqlx::Row;
    runs.next();
    let row = sqlx::query(ALL).bind(1_i64).fetch_one(&mut *conn).await?;
    Ok(row.len())
}

#[transactional]
async fn columns_in_tx(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<usize, Trouble> {
    use sqlx::Row;
    runs.next();
    let row = sqlx::query(ALL).bind(1_i64).fetch_one(&mut *tx).await?;
    Ok(row.len())
}

macro_rules! survives_a_new_column {
    ($test:ident, $op:ident) => {
        #[tokio::test]
        async fn $test() {
            let fresh = notes::open_narrow().await;
            note(&*fresh, 1).await.unwrap();
            assert_eq!($op(&*fresh, &Runs::default()).await.unwrap(), 1);
            let add = "ALTER TABLE notes ADD COLUMN more INT";
            outside(&fresh).await.execute(add).await.unwrap();

            let runs = Runs::default();
            assert_eq!($op(&*fresh, &runs).await.unwrap(), 2);
            assert_eq!(runs.count(), 2, "the first was prepared for the old table");
            for _ in 0..3 {
                let runs = Runs::default();
                assert_eq!($op(&*fresh, &runs).await.unwrap(), 2);
                assert_eq!(runs.count(), 1);
            }
        }
    };
}

survives_a_new_column!(an_operation_outlives_a_new_column, columns);
survives_a_new_column!(a_transaction_outlives_a_new_column, columns_in_tx);

#[db_op]
async fn columns_together(
    conn: &mut Conn<'_, Database>,
    together: &Barrier,
) -> Result<usize, Trouble> {
    use sqlx::Row;
    let row = sqlx::query(ALL).bind(1_i64).fetch_one(&mut *conn).await?;
    together.wait().await;
    Ok(row.len())
}

/// The call has fewer attempts than the pool has connections.
#[tokio::test]
async fn a_call_outlives_a_new_column_although_all_connections_were_prepared_for_the_old_table() {
    const CONNECTIONS: u32 = 8;
    let fresh = notes::open_narrow().await;
    note(&*fresh, 1).await.unwrap();
    let builder = Db::<Database>::builder().url(&fresh.url);
    let db = builder
        .max_connections(CONNECTIONS)
        .connect()
        .await
        .unwrap();
    let together = Barrier::new(CONNECTIONS as usize);
    let calls = (0..CONNECTIONS).map(|_| columns_together(&db, &together));
    let all = soon("all of them", futures_util::future::join_all(calls)).await;
    assert!(all.into_iter().all(|columns| columns.unwrap() == 1));
    let add = "ALTER TABLE notes ADD COLUMN more INT";
    outside(&fresh).await.execute(add).await.unwrap();

    for _ in 0..CONNECTIONS {
        let columns = columns(&db, &Runs::default()).await.unwrap();
        assert_eq!(columns, 2);
    }
    db.close().await;
}
