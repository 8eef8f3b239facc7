//! Tests that hold with every driver.

use super::{Database, SYSTEM, Session, TAKEN_CODE, World, exec, number, open};

mod deadlines;
mod ends;
mod exported;
mod guard;
mod replay;
mod sessions;
mod told;
mod two_way;

/// Inserts a row with this number.
pub(super) fn insert(conn: &mut Session, n: i64) -> dbop::Result<()> {
    exec(
        conn,
        &format!("INSERT INTO notes SELECT coalesce(max(id), 0) + 1, {n} FROM notes"),
    )
}

/// Opens a pool of one connection, so that a connection that is not given back, or not clean, is
/// missed at once.
pub(super) async fn narrow() -> World {
    open(|builder| builder.max_connections(1)).await
}
