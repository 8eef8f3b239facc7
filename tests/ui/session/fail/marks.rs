//! `#[session]` more than once, on a receiver, and on types that are no session.
#![allow(unused)]

use dbop::{Db, Tx, transactional};
use sqlx::Sqlite;

#[transactional]
async fn two(#[session] tx: &mut Tx<'_, Sqlite>, #[session] other: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

struct Repository {
    db: Db<Sqlite>,
}

impl Repository {
    #[transactional]
    async fn receiver(#[session] &self) -> dbop::Result<()> {
        Ok(())
    }
}

fn main() {}
