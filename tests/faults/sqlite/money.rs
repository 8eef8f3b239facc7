//! Transfers between accounts, each with an entry in a ledger. Neither a rival process nor the end
//! of a process may leave a transfer half done.

use std::collections::HashSet;

use dbop::{Conn, Db, Tx, db_op, transactional};
pub(crate) use dbop_tests::Trouble;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Connection, Executor, Sqlite, SqliteConnection};

pub(crate) const ACCOUNTS: i64 = 5;
pub(crate) const EACH: i64 = 1_000;

/// A ledger without a key, so that an entry made twice would show.
const SCHEMA: &str = "CREATE TABLE accounts (id INTEGER PRIMARY KEY, cents INTEGER NOT NULL);
    CREATE TABLE ledger (id INTEGER NOT NULL, payer INTEGER NOT NULL, payee INTEGER NOT NULL,
        cents INTEGER NOT NULL)";

/// A transfer of money.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) cents: i64,
}

impl Order {
    pub(crate) fn random(id: i64, random: &mut fastrand::Rng) -> Self {
        let from = random.i64(1..=ACCOUNTS);
        Self {
            id,
            from,
            to: from % ACCOUNTS + 1,
            cents: random.i64(1..=50),
        }
    }

    /// Returns the transfer's three statements. If only some of them took effect, that would show.
    pub(crate) fn statements(self) -> [Query<'static, Sqlite, SqliteArguments>; 3] {
        let Self {
            id,
            from,
            to,
            cents,
        } = self;
        let add = || sqlx::query("UPDATE accounts SET cents = cents + $1 WHERE id = $2");
        let entry = sqlx::query("INSERT INTO ledger VALUES ($1, $2, $3, $4)");
        [
            entry.bind(id).bind(from).bind(to).bind(cents),
            add().bind(-cents).bind(from),
            add().bind(cents).bind(to),
        ]
    }
}

#[transactional]
pub(crate) async fn transfer(tx: &mut Tx<'_, Sqlite>, order: Order) -> Result<(), Trouble> {
    #[dbop::allow(query_in_loop, reason = "three different statements")]
    for statement in order.statements() {
        statement.execute(&mut *tx).await?;
    }
    Ok(())
}

#[db_op(read_only)]
pub(crate) async fn total(conn: &mut Conn<'_, Sqlite>) -> Result<i64, Trouble> {
    let total = sqlx::query_scalar("SELECT SUM(cents) FROM accounts");
    Ok(total.fetch_one(&mut *conn).await?)
}

pub(crate) async fn set_up(db: &Db<Sqlite>) {
    db.pool().execute(SCHEMA).await.expect("the schema");
    for id in 1..=ACCOUNTS {
        let account = sqlx::query("INSERT INTO accounts VALUES ($1, $2)");
        let account = account.bind(id).bind(EACH).execute(db.pool());
        account.await.expect("an account");
    }
}

/// Checks from outside that the file is whole, every balance is what the ledger makes it, and no
/// entry is there twice. Returns the ids of the entries.
pub(crate) async fn audit(url: &str) -> HashSet<i64> {
    let mut conn = SqliteConnection::connect(url).await.expect("the file");
    let integrity: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_all(&mut conn)
        .await
        .expect("an answer");
    assert_eq!(integrity, ["ok"]);
    let wrong = "SELECT id, cents, $1
            + (SELECT COALESCE(SUM(cents), 0) FROM ledger WHERE payee = accounts.id)
            - (SELECT COALESCE(SUM(cents), 0) FROM ledger WHERE payer = accounts.id) AS due
        FROM accounts WHERE cents <> due";
    let wrong: Vec<(i64, i64, i64)> = sqlx::query_as(wrong)
        .bind(EACH)
        .fetch_all(&mut conn)
        .await
        .expect("the accounts");
    assert!(wrong.is_empty(), "(account, cents, cents due): {wrong:?}");
    let sum: i64 = sqlx::query_scalar("SELECT SUM(cents) FROM accounts")
        .fetch_one(&mut conn)
        .await
        .expect("the sum");
    assert_eq!(sum, ACCOUNTS * EACH);
    let entries: Vec<i64> = sqlx::query_scalar("SELECT id FROM ledger")
        .fetch_all(&mut conn)
        .await
        .expect("the ledger");
    let ids: HashSet<i64> = entries.iter().copied().collect();
    assert_eq!(ids.len(), entries.len(), "an entry is there twice");
    conn.close().await.expect("a clean end");
    ids
}
