//! [`BulkDatabase`]: how a database takes many rows in one statement.

use std::fmt::Write;

use sqlx::Database;

use crate::backend::Backend;

/// A database for which there is a [`BulkInsert`](super::BulkInsert): `Sqlite` or `Postgres`.
pub trait BulkDatabase: Backend {
    /// Whether the text of a statement is the same for any number of rows.
    #[doc(hidden)]
    const ONE_TEXT: bool;

    #[doc(hidden)]
    fn rows_at_once(columns: usize) -> usize;

    /// Writes the part of the statement behind the names of the columns. The values are bound column by
    /// column.
    #[doc(hidden)]
    fn write_rows(text: &mut String, columns: usize, rows: usize);

    #[doc(hidden)]
    fn affected(result: &<Self as Database>::QueryResult) -> u64;
}

#[cfg(feature = "postgres")]
impl BulkDatabase for sqlx::Postgres {
    const ONE_TEXT: bool = true;

    /// So that the arrays of a statement stay far from the limit of 1 GiB, which a value has
    /// (<https://www.postgresql.org/docs/current/limits.html>).
    fn rows_at_once(_: usize) -> usize {
        65_536
    }

    fn write_rows(text: &mut String, columns: usize, _: usize) {
        text.push_str("SELECT * FROM UNNEST(");
        for column in 1..=columns {
            let comma = if column == 1 { "" } else { ", " };
            let _ = write!(text, "{comma}${column}");
        }
        text.push(')');
    }

    fn affected(result: &sqlx::postgres::PgQueryResult) -> u64 {
        result.rows_affected()
    }
}

#[cfg(feature = "sqlite")]
impl BulkDatabase for sqlx::Sqlite {
    const ONE_TEXT: bool = false;

    /// More rows than these gain nothing, and their statement would take memory in each connection that
    /// keeps it.
    fn rows_at_once(columns: usize) -> usize {
        const MOST_VALUES: usize = 32_766;
        (MOST_VALUES / columns.max(1)).clamp(1, 1_000)
    }

    fn write_rows(text: &mut String, columns: usize, rows: usize) {
        text.push_str("VALUES ");
        for row in 1..=rows {
            text.push_str(if row == 1 { "(" } else { ", (" });
            for column in 0..columns {
                let comma = if column == 0 { "" } else { ", " };
                let _ = write!(text, "{comma}?{}", column * rows + row);
            }
            text.push(')');
        }
    }

    fn affected(result: &sqlx::sqlite::SqliteQueryResult) -> u64 {
        result.rows_affected()
    }
}
