//! Gives a body its session in the type that its session parameter names.

use super::conn::Conn;
use super::tx::Tx;
use crate::backend::Backend;

/// Gives a body its session parameter: the session itself, or the driver's connection inside.
pub trait Lend<T> {
    #[doc(hidden)]
    fn lend(&mut self) -> &mut T;
}

impl<DB: Backend> Lend<Self> for Conn<'_, DB> {
    fn lend(&mut self) -> &mut Self {
        self
    }
}

impl<DB: Backend> Lend<Self> for Tx<'_, DB> {
    fn lend(&mut self) -> &mut Self {
        self
    }
}

/// The type of a session parameter. It tells the database where an alias hides that from the
/// attribute.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the type of a session parameter",
    label = "not a session",
    note = "a parameter under `#[session]` is `&'a mut Tx<'b, DB>` or `&'a mut Conn<'b, DB>`, or an alias of that with two lifetimes"
)]
pub trait SessionParam {
    /// The database of the session.
    type Database: Backend;
}

impl<DB: Backend> SessionParam for &mut Conn<'_, DB> {
    type Database = DB;
}

impl<DB: Backend> SessionParam for &mut Tx<'_, DB> {
    type Database = DB;
}

macro_rules! raw_connection {
    ($feature:literal, $connection:ty, $db:ty) => {
        #[cfg(feature = $feature)]
        impl Lend<$connection> for Conn<'_, $db> {
            fn lend(&mut self) -> &mut $connection {
                self.conn()
            }
        }

        #[cfg(feature = $feature)]
        impl Lend<$connection> for Tx<'_, $db> {
            fn lend(&mut self) -> &mut $connection {
                self.conn()
            }
        }

        #[cfg(feature = $feature)]
        impl SessionParam for &mut $connection {
            type Database = $db;
        }
    };
}

raw_connection!("sqlite", sqlx::SqliteConnection, sqlx::Sqlite);
raw_connection!("postgres", sqlx::PgConnection, sqlx::Postgres);

/// Returns the body's session parameter.
pub fn lend<T, S: Lend<T>>(session: &mut S) -> &mut T {
    session.lend()
}

/// Stands for a value of type `T` in code that never runs, so that the compiler knows the type of a
/// body's result before it checks the body.
pub fn fake_return<T>() -> T {
    unreachable!("generated code only names this behind `if false`")
}
