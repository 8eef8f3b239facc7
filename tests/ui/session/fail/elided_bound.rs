//! A boxed future whose `'_` means the session, which callers do not pass.
#![allow(unused)]

use std::pin::Pin;

use dbop::{Conn, db_op};
use sqlx::Sqlite;

#[db_op]
fn boxed(conn: &mut Conn<'_, Sqlite>) -> Pin<Box<dyn Future<Output = dbop::Result<()>> + Send + '_>> {
    Box::pin(async move { Ok(()) })
}

fn main() {}
