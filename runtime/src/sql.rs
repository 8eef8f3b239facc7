//! [`sql!`](crate::sql): the text of a statement that differs between databases.

use crate::backend::{Backend, KnownDatabase};

/// Chooses the text of a statement by the database, in a function with the option
/// `on = [Sqlite, Postgres]`.
///
/// ```
/// use dbop::{Conn, db_op};
///
/// #[db_op(read_only, on = [Sqlite, Postgres])]
/// async fn ordered_today(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
///     let count = sqlx::query_scalar(dbop::sql!(
///         sqlite = "SELECT count(*) FROM orders WHERE created_at >= date('now')",
///         postgres = "SELECT count(*) FROM orders WHERE created_at >= CURRENT_DATE",
///     ));
///     Ok(count.fetch_one(&mut *conn).await?)
/// }
/// ```
///
/// The macro is a constant of the type `&'static str`. It reads the name `DB`, so it can also be used
/// in a function that is generic over `DB: Backend`. The lints of dbop read both texts, each as its
/// database does.
#[macro_export]
macro_rules! sql {
    (sqlite = $sqlite:expr, postgres = $postgres:expr $(,)?) => {
        const { $crate::__private0::text_for::<DB>($sqlite, $postgres) }
    };
    (postgres = $postgres:expr, sqlite = $sqlite:expr $(,)?) => {
        const { $crate::__private0::text_for::<DB>($sqlite, $postgres) }
    };
    ($($other:tt)*) => {
        ::core::compile_error!(
            "`sql!` needs a text for each database: `sql!(sqlite = \"..\", postgres = \"..\")`"
        )
    };
}

/// Returns the text for the database.
#[must_use]
pub const fn text_for<DB: Backend>(sqlite: &'static str, postgres: &'static str) -> &'static str {
    // With one database, the other text is not used.
    let _ = (sqlite, postgres);
    match DB::DATABASE {
        #[cfg(feature = "sqlite")]
        KnownDatabase::Sqlite => sqlite,
        #[cfg(feature = "postgres")]
        KnownDatabase::Postgres => postgres,
    }
}
