//! The work on a connection of rusqlite, for all contestants that differ only in how they get to a
//! thread.

use harness::bank::{BALANCE, GIVE, INSERT, Item, ROWS_A_STATEMENT, TAKE, insert_many as text};
use rusqlite::{Connection, Result, Transaction, TransactionBehavior, params_from_iter};

/// Runs `body` in a transaction.
pub(crate) fn transaction(
    conn: &mut Connection,
    body: impl FnOnce(&Transaction<'_>) -> Result<()>,
) -> Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    body(&tx)?;
    tx.commit()
}

pub(crate) fn balance(conn: &Connection, id: i64) -> Result<i64> {
    conn.prepare_cached(BALANCE)?
        .query_row([id], |row| row.get(0))
}

pub(crate) fn transfer(tx: &Connection, from: i64, to: i64, cents: i64) -> Result<()> {
    tx.prepare_cached(TAKE)?.execute([cents, from])?;
    tx.prepare_cached(GIVE)?.execute([cents, to])?;
    Ok(())
}

pub(crate) fn insert_each(tx: &Connection, items: &[Item]) -> Result<()> {
    let mut insert = tx.prepare_cached(INSERT)?;
    for item in items {
        insert.execute((item.id, &item.name, item.cents))?;
    }
    Ok(())
}

pub(crate) fn insert_many(tx: &Connection, items: &[Item]) -> Result<()> {
    for some in items.chunks(ROWS_A_STATEMENT) {
        let mut insert = tx.prepare_cached(&text(some.len()))?;
        let values = some.iter().flat_map(|item| {
            let Item { id, name, cents } = item;
            [id as &dyn rusqlite::ToSql, name, cents]
        });
        insert.execute(params_from_iter(values))?;
    }
    Ok(())
}
