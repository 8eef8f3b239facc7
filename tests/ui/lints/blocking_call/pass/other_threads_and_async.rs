//! The same names where they do not block the runtime.
#![deny(warnings)]
#![allow(dead_code)]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use dbop::{Conn, db_op};
use sqlx::{Postgres, Sqlite};
use tokio::fs::{self, File};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

#[db_op]
async fn tokios_own(conn: &mut Conn<'_, Sqlite>, path: &str) -> anyhow::Result<()> {
    sleep(Duration::from_millis(1)).await;
    let text = fs::read_to_string(path).await?;
    let _file = File::open(path).await?;
    let _stream = TcpStream::connect("localhost:80").await?;
    let _again = timeout(Duration::from_secs(1), fs::read(path)).await??;
    sqlx::query("INSERT INTO files (text) VALUES (?)")
        .bind(text)
        .execute(&mut *conn)
        .await?;
    Ok(())
}

#[db_op]
async fn threads_that_may_block(
    conn: &mut Conn<'_, Sqlite>,
    path: String,
) -> anyhow::Result<String> {
    sqlx::query("SELECT 1").execute(&mut *conn).await?;
    let text = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(1));
        std::fs::read_to_string(path)
    });
    Ok(text.await??)
}

// They only name something.
#[db_op]
async fn types_of_the_standard_library(conn: &mut Conn<'_, Postgres>) -> anyhow::Result<()> {
    let ip = std::net::IpAddr::from(Ipv4Addr::LOCALHOST);
    let address: SocketAddr = "127.0.0.1:80".parse()?;
    let kind = std::io::ErrorKind::NotFound;
    sqlx::query("INSERT INTO peers (text) VALUES ($1)")
        .bind(format!("{ip} {address} {kind}"))
        .execute(&mut *conn)
        .await?;
    Ok(())
}

#[db_op]
async fn functions_inside(conn: &mut Conn<'_, Sqlite>) -> anyhow::Result<()> {
    fn for_a_thread() {
        std::thread::sleep(Duration::from_millis(1));
    }
    tokio::task::spawn_blocking(for_a_thread).await?;
    sqlx::query("SELECT 1").execute(&mut *conn).await?;
    Ok(())
}

// It never waits.
#[db_op(read_only)]
async fn locks_that_are_tried(
    conn: &mut Conn<'_, Sqlite>,
    counter: &std::sync::Mutex<i64>,
) -> anyhow::Result<i64> {
    let number: i64 = sqlx::query_scalar("SELECT 1").fetch_one(&mut *conn).await?;
    Ok(counter.try_lock().map_or(number, |guard| *guard))
}

fn main() {}
