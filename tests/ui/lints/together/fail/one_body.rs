//! Everything that is wrong is told at once.
#![allow(unused)]

use std::time::Duration;

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Postgres, Sqlite};

async fn announce(id: i64) {
    println!("{id}");
}

#[transactional]
async fn four_lints_in_one_body(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    let _ = sqlx::query("INSERT INTO audit (job) VALUES (?)")
        .bind(id)
        .execute(&mut *tx)
        .await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    tokio::spawn(announce(id));
    sqlx::query("DELETE FROM jobs").execute(&mut *tx).await?;
    Ok(())
}

// A mistake in the options hides nothing, nor does one in the signature.
#[transactional(tiemout = "2s")]
async fn with_mistakes_elsewhere(
    tx: &mut Tx<'_, Postgres>,
    seen: &mut Vec<i64>,
) -> dbop::Result<()> {
    std::thread::sleep(Duration::from_millis(50));
    sqlx::query("COMMIT").execute(&mut *tx).await?;
    Ok(())
}

// Two at one statement.
#[db_op(read_only)]
async fn at_one_place(conn: &mut Conn<'_, Postgres>) -> dbop::Result<()> {
    let _ = sqlx::query("UPDATE users SET seen = now()")
        .execute(&mut *conn)
        .await;
    Ok(())
}

// Warnings are told beside the errors.
#[transactional]
async fn with_a_warning(tx: &mut Tx<'_, Postgres>, ids: &[i64]) -> dbop::Result<()> {
    for id in ids {
        sqlx::query("DELETE FROM jobs WHERE id = $1")
            .bind(id)
            .execute(&mut *tx)
            .await?;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

fn main() {}
