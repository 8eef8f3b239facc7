//! The words of a transaction where none is begun or ended, and transactions that are one's own.
#![deny(warnings)]
#![allow(dead_code)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Executor, PgPool, Postgres, Sqlite};

// It has no session of dbop.
#[db_op(allow(no_session))]
async fn a_pool_of_its_own(pool: &PgPool) -> dbop::Result<()> {
    let mut transaction = pool.begin().await?;
    transaction
        .execute("INSERT INTO audit (event) VALUES ('a')")
        .await?;
    transaction.commit().await?;
    Ok(())
}

#[transactional]
async fn a_transaction_after_this_one(tx: &mut Tx<'_, Postgres>, pool: PgPool) -> dbop::Result<()> {
    tx.execute("INSERT INTO audit (event) VALUES ('a')").await?;
    tx.after_commit(async move {
        let transaction = pool.begin().await?;
        transaction.commit().await
    });
    Ok(())
}

#[db_op]
async fn words_in_other_statements(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    conn.execute("SELECT 'COMMIT'").await?;
    conn.execute("INSERT INTO commits (message) VALUES ('ROLLBACK; -- not here')")
        .await?;
    conn.execute("CREATE TRIGGER a AFTER INSERT ON t BEGIN DELETE FROM u WHERE id = 1; END")
        .await?;
    Ok(())
}

struct Editor;

impl Editor {
    fn begin(&mut self) {}

    fn commit(&mut self) {}

    async fn rollback(&mut self, steps: usize) -> usize {
        steps
    }
}

// Other things begin and end, too.
#[db_op]
async fn methods_of_that_name(conn: &mut Conn<'_, Sqlite>, steps: usize) -> dbop::Result<usize> {
    let mut editor = Editor;
    editor.begin();
    conn.execute("SELECT 1").await?;
    editor.commit();
    Ok(editor.rollback(steps).await)
}

#[transactional]
async fn savepoints_of_dbop(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<bool> {
    let insert = async |sp: &mut Tx<'_, Sqlite>| -> dbop::Result<()> {
        sp.execute("INSERT INTO audit (event) VALUES ('a')").await?;
        Ok(())
    };
    Ok(tx.savepoint(insert).await.is_ok())
}

#[transactional]
async fn nothing_is_to_be_kept(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<u64> {
    tx.set_rollback_only();
    Ok(tx
        .execute("DELETE FROM jobs WHERE done")
        .await?
        .rows_affected())
}

fn main() {}
