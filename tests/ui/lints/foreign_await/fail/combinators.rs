//! Functions that await all their arguments: the slowest one decides how long the transaction is open.
#![allow(unused)]

use dbop::{Tx, transactional};
use futures_util::future::{self, join, try_join};
use sqlx::Sqlite;

async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    sqlx::query("UPDATE users SET name = 'a' WHERE id = ?")
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

async fn ask_model(id: i64) -> dbop::Result<i64> {
    Ok(id)
}

#[transactional]
async fn by_its_name(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    let (renamed, answer) = join(rename(&mut *tx, id), ask_model(id)).await;
    renamed
}

#[transactional]
async fn by_its_path(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    let later = rename(&mut *tx, id);
    let (renamed, ..) = future::join3(later, ask_model(id), ask_model(-id)).await;
    renamed
}

#[transactional]
async fn by_its_whole_path(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    futures_util::future::try_join(ask_model(id), rename(&mut *tx, id)).await?;
    Ok(())
}

mod team {
    pub(crate) async fn join(team: i64, user: i64) -> dbop::Result<i64> {
        Ok(team + user)
    }
}

// One's own function is one future.
#[transactional]
async fn by_another_function(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    rename(&mut *tx, team::join(id, 7).await?).await
}

fn main() {}
