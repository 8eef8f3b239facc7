//! [`BulkDatabase`]: how a database takes many rows in one statement.

use std::fmt::Write;

use sqlx::Database;
#[cfg(feature = "postgres")]
use sqlx::TypeInfo as _;
use sqlx::error::BoxDynError;

use crate::backend::Backend;

/// A database for which there is a [`BulkInsert`](super::BulkInsert): `Sqlite` or `Postgres`.
pub trait BulkDatabase: Backend {
    /// Whether the text of a statement is the same for any number of rows.
    #[doc(hidden)]
    const ONE_TEXT: bool;

    #[doc(hidden)]
    fn rows_at_once(columns: usize) -> usize;

    /// Returns how many bytes it takes to write values. 0 where the size of a statement does not matter.
    #[doc(hidden)]
    fn size(
        write: &mut dyn FnMut(&mut <Self as Database>::ArgumentBuffer) -> Result<(), BoxDynError>,
    ) -> Result<usize, BoxDynError>;

    /// Writes the part of the statement behind the names of the columns, for values of these types. The
    /// values are bound column by column.
    #[doc(hidden)]
    fn write_rows(text: &mut String, types: &[<Self as Database>::TypeInfo], rows: usize);

    #[doc(hidden)]
    fn affected(result: &<Self as Database>::QueryResult) -> u64;
}

#[cfg(feature = "postgres")]
impl BulkDatabase for sqlx::Postgres {
    const ONE_TEXT: bool = true;

    fn rows_at_once(_: usize) -> usize {
        65_536
    }

    fn size(
        write: &mut dyn FnMut(&mut sqlx::postgres::PgArgumentBuffer) -> Result<(), BoxDynError>,
    ) -> Result<usize, BoxDynError> {
        let mut buffer = sqlx::postgres::PgArgumentBuffer::default();
        write(&mut buffer)?;
        Ok(buffer.len())
    }

    /// The types are a comment, so that statements for other types have another text: sqlx prepares each
    /// text once on a connection, for the types of its first values.
    fn write_rows(text: &mut String, types: &[sqlx::postgres::PgTypeInfo], _: usize) {
        text.push_str("SELECT * FROM UNNEST(");
        for (index, of_value) in types.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let _ = write!(text, "{comma}${} /* {} */", index + 1, of_value.name());
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

    fn size(
        _: &mut dyn FnMut(&mut <Self as Database>::ArgumentBuffer) -> Result<(), BoxDynError>,
    ) -> Result<usize, BoxDynError> {
        Ok(0)
    }

    fn write_rows(text: &mut String, types: &[sqlx::sqlite::SqliteTypeInfo], rows: usize) {
        let columns = types.len();
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
