//! The standard library blocks the thread, and every other task that runs on it waits, too.
#![allow(unused)]

use std::fs::{self, File};
use std::io::Read;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use dbop::{Conn, Db, Tx, db_op, transactional};
use sqlx::{PgPool, Postgres, Sqlite};

#[db_op]
async fn sleeps(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    std::thread::sleep(Duration::from_millis(50));
    thread::sleep(Duration::from_millis(50));
    Ok(())
}

#[transactional]
async fn reads_a_file(tx: &mut Tx<'_, Postgres>, path: &str) -> anyhow::Result<()> {
    let schema = std::fs::read_to_string(path)?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(schema))
        .execute(&mut *tx)
        .await?;
    Ok(())
}

// Whose result is there at once, that is the standard library's.
#[db_op]
async fn reads_a_file_by_a_short_name(
    conn: &mut Conn<'_, Sqlite>,
    path: &str,
) -> anyhow::Result<String> {
    let mut text = fs::read_to_string(path)?;
    File::open(path).unwrap().read_to_string(&mut text)?;
    Ok(text)
}

#[db_op]
async fn connects(conn: &mut Conn<'_, Sqlite>) -> anyhow::Result<()> {
    let stream = TcpStream::connect("localhost:80")?;
    let other = std::net::TcpStream::connect("localhost:80").expect("up");
    Ok(())
}

#[transactional]
async fn blocks_after_the_commit(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    tx.after_commit(async move { std::thread::sleep(Duration::from_millis(50)) });
    Ok(())
}

// Without a session parameter, too.
#[db_op(idempotent)]
async fn blocks_without_a_session(pool: &PgPool) -> dbop::Result<()> {
    std::thread::sleep(Duration::from_millis(50));
    sqlx::query("SELECT 1").execute(pool).await?;
    Ok(())
}

#[db_op]
async fn blocks_in_a_closure(
    conn: &mut Conn<'_, Sqlite>,
    paths: Vec<String>,
) -> dbop::Result<usize> {
    let sizes = paths.iter().filter_map(|path| std::fs::metadata(path).ok());
    Ok(sizes.count())
}

fn main() {}
