//! [`BulkInsert`]: many rows in few statements.
//!
//! | the future is dropped while | the rows |
//! |---|---|
//! | a statement of `execute` runs | those of the statements before are in the transaction, as after any dropped statement |
//! | `copy` runs | the transaction cannot commit any more: the server is told that the copy has failed |

#[cfg(feature = "postgres")]
mod copy;
mod dialect;
mod values;

use std::fmt;

use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

pub use dialect::BulkDatabase;
pub use values::BulkValue;

use crate::backend::Statement;
use crate::error::{Category, Class, Error, ErrorKind, Result, Retry};
use values::Values;

/// Rows that are inserted together, column by column.
///
/// ```
/// use dbop::{BulkInsert, Tx, transactional};
/// use sqlx::Sqlite;
///
/// struct Sample {
///     attribute: i64,
///     text: String,
/// }
///
/// #[transactional(chunk = 500)]
/// async fn store(tx: &mut Tx<'_, Sqlite>, samples: &[Sample]) -> dbop::Result<()> {
///     BulkInsert::into("samples")
///         .column("attribute", samples.iter().map(|it| it.attribute))
///         .column("text", samples.iter().map(|it| &it.text))
///         .execute(&mut *tx)
///         .await?;
///     Ok(())
/// }
/// ```
///
/// | database | what is sent | how many rows at once |
/// |---|---|---|
/// | PostgreSQL | `INSERT .. SELECT * FROM UNNEST($1, $2)`, with an array for each column: one text for any number of rows | 65,536 |
/// | SQLite | `INSERT .. VALUES (..), (..)` | as many as 32,766 [bound values] hold, and 1,000 at most |
///
/// The values are bound, as in any other statement. The names of the table and the columns are written into
/// the text as they are, so they are texts of the program; write `"\"order\""` for a name that needs
/// quotes.
///
/// [bound values]: https://www.sqlite.org/limits.html#max_variable_number
#[must_use = "nothing is inserted until `execute`"]
pub struct BulkInsert<'q, DB: BulkDatabase> {
    table: &'static str,
    columns: Vec<Column<'q, DB>>,
    on_conflict: Option<&'static str>,
}

/// The most bytes of values in one statement, unless one row has more. PostgreSQL cuts the connection at a
/// message of 1 GiB (<https://www.postgresql.org/docs/current/limits.html>).
const BYTES_AT_ONCE: usize = 16 * 1024 * 1024;

struct Column<'q, DB: BulkDatabase> {
    name: &'static str,
    values: Box<dyn Values<DB> + 'q>,
}

impl<'q, DB: BulkDatabase> BulkInsert<'q, DB> {
    /// Rows for this table.
    pub fn into(table: &'static str) -> Self {
        Self {
            table,
            columns: Vec::new(),
            on_conflict: None,
        }
    }

    /// Adds a column with its value in each row. All columns have the same number of values.
    pub fn column<T: BulkValue<'q, DB>>(
        mut self,
        name: &'static str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let values: Vec<T> = values.into_iter().collect();
        let values = Box::new(values);
        self.columns.push(Column { name, values });
        self
    }

    /// Says what becomes of a row that is there already, as behind `ON CONFLICT`:
    /// `.on_conflict("DO NOTHING")`, or `.on_conflict("(id) DO UPDATE SET text = excluded.text")`.
    ///
    /// Two rows of one statement that meet the same row cannot both update it on PostgreSQL, which
    /// then fails with SQLSTATE 21000.
    pub fn on_conflict(mut self, what: &'static str) -> Self {
        self.on_conflict = Some(what);
        self
    }

    /// Inserts the rows, and returns how many were inserted or updated. No rows are no statement.
    ///
    /// Many rows are several statements. Inside a transaction, they take effect together.
    ///
    /// # Errors
    ///
    /// Fails as the statements do, and with [`ErrorKind::InvalidArgument`] if there is no column, or if
    /// the columns differ in the number of their values.
    pub async fn execute<E>(self, executor: &mut E) -> Result<u64>
    where
        for<'e> &'e mut E: Executor<'e, Database = DB>,
        E: Send,
    {
        let rows = self.rows()?;
        let most = DB::rows_at_once(self.columns.len());
        let (mut begin, mut inserted) = (0, 0);
        while begin < rows {
            let count = self.fitting(begin, most.min(rows - begin))?;
            let (text, arguments) = self.statement(begin, count)?;
            // Each number of rows may have a text of its own. Only those that come again are kept.
            let is_kept = DB::ONE_TEXT || count == most;
            let statement = Statement {
                sql: AssertSqlSafe(text).into_sql_str(),
                prepared: None,
                arguments: Some(arguments),
                persistent: is_kept,
            };
            inserted += DB::affected(&executor.execute(statement).await?);
            begin += count;
        }
        Ok(inserted)
    }

    /// Returns how many rows there are.
    fn rows(&self) -> Result<usize> {
        let Some(first) = self.columns.first() else {
            return Err(wrong(format!(
                "the rows for `{}` have no column; add each with `column`",
                self.table
            )));
        };
        let rows = first.values.count();
        for column in &self.columns {
            if column.values.count() != rows {
                return Err(wrong(format!(
                    "the column `{}` of the rows for `{}` has {} values, and the column `{}` has {rows}; give \
                     each column a value for each row",
                    column.name,
                    self.table,
                    column.values.count(),
                    first.name
                )));
            }
        }
        Ok(rows)
    }

    /// Returns how many of these rows fit into one statement: at least one, and at most `most`.
    fn fitting(&self, begin: usize, most: usize) -> Result<usize> {
        let mut bytes = 0;
        for count in 0..most {
            for column in &self.columns {
                let size =
                    DB::size(&mut |buffer| column.values.encode(begin + count, buffer).map(drop));
                bytes += size.map_err(|error| self.not_encoded(column, &error))?;
            }
            if bytes > BYTES_AT_ONCE && count > 0 {
                return Ok(count);
            }
        }
        Ok(most)
    }

    fn statement(&self, begin: usize, count: usize) -> Result<(String, DB::Arguments)> {
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        let mut text = format!("INSERT INTO {} ({}) ", self.table, names.join(", "));
        let types: Vec<_> = self
            .columns
            .iter()
            .map(|it| it.values.type_info())
            .collect();
        DB::write_rows(&mut text, &types, count);
        if let Some(on_conflict) = self.on_conflict {
            text.push_str(" ON CONFLICT ");
            text.push_str(on_conflict);
        }
        let mut arguments = DB::Arguments::default();
        for column in &self.columns {
            let bound = column.values.bind(begin..begin + count, &mut arguments);
            bound.map_err(|error| self.not_encoded(column, &error))?;
        }
        Ok((text, arguments))
    }

    fn not_encoded(&self, column: &Column<'q, DB>, error: &sqlx::error::BoxDynError) -> Error {
        let class = Class {
            category: Category::Data,
            kind: ErrorKind::Encode,
            retry: Retry::Never,
        };
        Error::new(
            class,
            format!(
                "a value of the column `{}` of `{}` cannot be encoded: {error}",
                column.name, self.table
            ),
        )
    }
}

fn wrong(message: String) -> Error {
    Error::programming(ErrorKind::InvalidArgument, message)
}

impl<DB: BulkDatabase> fmt::Debug for BulkInsert<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        f.debug_struct("BulkInsert")
            .field("table", &self.table)
            .field("columns", &columns)
            .finish_non_exhaustive()
    }
}
