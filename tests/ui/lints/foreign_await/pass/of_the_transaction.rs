//! What the transaction itself is waited for with, however it is written.
#![deny(warnings)]
#![allow(dead_code)]

use std::pin::pin;
use std::time::Duration;

use dbop::{Conn, Tx, db_op, transactional};
use futures_util::TryStreamExt;
use sqlx::{Executor, PgPool, Postgres, Sqlite};
use tokio::time::{sleep, timeout};

struct Repository<'t, 'c> {
    tx: &'t mut Tx<'c, Sqlite>,
}

impl Repository<'_, '_> {
    async fn names(&mut self) -> dbop::Result<Vec<String>> {
        let names = sqlx::query_scalar("SELECT name FROM users");
        Ok(names.fetch_all(&mut *self.tx).await?)
    }
}

async fn rename(tx: &mut Tx<'_, Sqlite>, id: i64, name: &str) -> dbop::Result<()> {
    sqlx::query("UPDATE users SET name = ? WHERE id = ?")
        .bind(name)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

async fn notify(id: i64) {
    println!("{id}");
}

#[transactional]
async fn helpers_and_reborrows(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<Vec<String>> {
    rename(tx, id, "a").await?;
    let same = &mut *tx;
    rename(same, id, "b").await?;
    let later = rename(tx, id, "c");
    later.await?;
    Repository { tx }.names().await
}

#[transactional]
async fn streams(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<usize> {
    let mut rows = pin!(sqlx::query("SELECT 1").fetch(&mut *tx));
    let mut read = 0;
    while rows.try_next().await?.is_some() {
        read += 1;
    }
    Ok(read)
}

#[transactional]
async fn time_limits(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<bool> {
    let in_time = timeout(Duration::from_secs(1), rename(&mut *tx, id, "a")).await;
    if in_time.is_ok() {
        tokio::select! {
            renamed = rename(&mut *tx, id, "b") => renamed?,
            () = sleep(Duration::from_secs(1)) => return Ok(false),
        }
    }
    Ok(true)
}

#[transactional]
async fn joined_with_what_waits_for_nothing(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<usize> {
    let (done, number) = tokio::join!(rename(&mut *tx, 1, "a"), async { 2 });
    done?;
    Ok(number + std::future::ready(1).await)
}

// It runs when the connection is given back.
#[transactional]
async fn after_the_commit(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    rename(tx, id, "a").await?;
    tx.after_commit(async move { notify(id).await });
    Ok(())
}

#[transactional]
async fn savepoints(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<bool> {
    let attempt = async |sp: &mut Tx<'_, Sqlite>| rename(sp, id, "a").await;
    Ok(tx.savepoint(attempt).await.is_ok())
}

// The names of combinators are free for operations.
mod team {
    use dbop::{Tx, transactional};
    use sqlx::Sqlite;

    #[transactional]
    pub(crate) async fn join(tx: &mut Tx<'_, Sqlite>, team: i64, user: i64) -> dbop::Result<()> {
        sqlx::query("INSERT INTO members (team, user) VALUES (?, ?)")
            .bind(team)
            .bind(user)
            .execute(&mut *tx)
            .await?;
        Ok(())
    }
}

struct Teams;

impl Teams {
    #[transactional]
    async fn join(&self, tx: &mut Tx<'_, Sqlite>, team: i64, user: i64) -> dbop::Result<()> {
        team::join(&mut *tx, team, user).await?;
        crate::team::join(&mut *tx, team, user).await
    }

    #[transactional]
    async fn join_both(&self, tx: &mut Tx<'_, Sqlite>, user: i64) -> dbop::Result<()> {
        use team::join;
        self.join(&mut *tx, 1, user).await?;
        Self::join(self, &mut *tx, 2, user).await?;
        join(&mut *tx, 3, user).await?;
        let both = futures_util::future::join(join(&mut *tx, 4, user), async { user }).await;
        both.0
    }
}

async fn try_join(repository: Repository<'_, '_>, user: i64) -> dbop::Result<usize> {
    let names = { repository }.names().await?;
    Ok(names.len() + usize::from(user > 0))
}

#[transactional]
async fn a_helper_of_that_name(tx: &mut Tx<'_, Sqlite>, user: i64) -> dbop::Result<usize> {
    crate::try_join(Repository { tx }, user).await
}

// What another function's body does is its own affair.
#[transactional]
async fn functions_inside(tx: &mut Tx<'_, Postgres>) -> dbop::Result<()> {
    async fn unrelated() {
        sleep(Duration::from_secs(1)).await;
    }
    let _ = unrelated;
    tx.execute("SELECT 1").await?;
    Ok(())
}

// No lock is held while it waits.
#[db_op]
async fn operations(conn: &mut Conn<'_, Postgres>, pool: &PgPool) -> dbop::Result<()> {
    sleep(Duration::from_millis(1)).await;
    sqlx::query("SELECT 1").execute(pool).await?;
    sqlx::query("SELECT 1").execute(&mut *conn).await?;
    Ok(())
}

fn main() {}
