//! Crates that block: synchronous drivers and clients, and waiting for a future in sync code.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

/// Stands for the crate.
mod reqwest {
    pub mod blocking {
        pub fn get(url: &str) -> anyhow::Result<String> {
            Ok(url.to_owned())
        }
    }
}

/// Stands for the crate.
mod rusqlite {
    pub struct Connection;

    impl Connection {
        pub fn open(path: &str) -> anyhow::Result<Connection> {
            Ok(Connection)
        }

        pub fn execute(&self, sql: &str) -> anyhow::Result<usize> {
            Ok(0)
        }
    }
}

/// Stands for the crate.
mod diesel {
    pub struct Delete;

    pub fn delete(table: &str) -> Delete {
        Delete
    }

    impl Delete {
        pub fn execute(self, connection: &mut PgConnection) -> anyhow::Result<usize> {
            Ok(0)
        }
    }

    pub struct PgConnection;

    impl PgConnection {
        pub fn establish(url: &str) -> anyhow::Result<PgConnection> {
            Ok(PgConnection)
        }
    }
}

#[db_op]
async fn calls_a_service(conn: &mut Conn<'_, Sqlite>) -> anyhow::Result<String> {
    reqwest::blocking::get("https://example.com")
}

#[db_op]
async fn opens_a_synchronous_connection(conn: &mut Conn<'_, Sqlite>) -> anyhow::Result<()> {
    let other = rusqlite::Connection::open("app.db")?;
    other.execute("INSERT INTO audit VALUES (1)")?;
    Ok(())
}

#[db_op]
async fn runs_a_synchronous_statement(conn: &mut Conn<'_, Sqlite>) -> anyhow::Result<()> {
    let mut other = diesel::PgConnection::establish("postgres://")?;
    diesel::delete("users").execute(&mut other)?;
    Ok(())
}

async fn name(id: i64) -> String {
    id.to_string()
}

// It panics, too: a runtime cannot be started from within a runtime.
#[transactional]
async fn blocks_on_a_future(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<String> {
    Ok(tokio::runtime::Handle::current().block_on(name(id)))
}

#[transactional]
async fn locks_like_a_thread(
    tx: &mut Tx<'_, Sqlite>,
    turn: &tokio::sync::Mutex<i64>,
) -> dbop::Result<i64> {
    Ok(*turn.blocking_lock())
}

fn main() {}
