//! [`BulkValue`]: the values of a column.

use std::ops::Range;

use sqlx::error::BoxDynError;
use sqlx::{Arguments, Database, Encode, Type};

use super::BulkDatabase;

/// A value that a [`BulkInsert`](super::BulkInsert) takes: what can be bound in a statement of the database
/// `DB`. On PostgreSQL, arrays of the type can be bound as well, as they can of all of sqlx's types; a type
/// of your own implements `sqlx::postgres::PgHasArrayType`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the value of a column in a bulk insert on `{DB}`",
    label = "no value of `{DB}`, or on PostgreSQL none of which there are arrays",
    note = "give what can be bound: `it.id`, `&it.name`, `it.note.as_deref()`; for `Postgres`, a type of your own implements `sqlx::postgres::PgHasArrayType`"
)]
pub trait BulkValue<'q, DB: Database>:
    Encode<'q, DB> + Type<DB> + Send + Sync + Sized + 'q
{
    /// Binds all values.
    #[doc(hidden)]
    fn bind_all(values: &[Self], arguments: &mut DB::Arguments) -> Result<(), BoxDynError>;
}

#[cfg(feature = "sqlite")]
#[diagnostic::do_not_recommend]
impl<'q, T> BulkValue<'q, sqlx::Sqlite> for T
where
    T: Encode<'q, sqlx::Sqlite> + Type<sqlx::Sqlite> + Send + Sync + 'q,
{
    fn bind_all(
        values: &[Self],
        arguments: &mut sqlx::sqlite::SqliteArguments,
    ) -> Result<(), BoxDynError> {
        arguments.reserve(values.len(), 0);
        values.iter().try_for_each(|value| arguments.add(value))
    }
}

#[cfg(feature = "postgres")]
#[diagnostic::do_not_recommend]
impl<'q, T> BulkValue<'q, sqlx::Postgres> for T
where
    T: Encode<'q, sqlx::Postgres> + Type<sqlx::Postgres> + Send + Sync + 'q,
    T: sqlx::postgres::PgHasArrayType,
{
    fn bind_all(
        values: &[Self],
        arguments: &mut sqlx::postgres::PgArguments,
    ) -> Result<(), BoxDynError> {
        Arguments::add(arguments, values)
    }
}

/// The values of one column, whatever their type is.
pub(super) trait Values<DB: Database>: Send + Sync {
    fn count(&self) -> usize;

    /// Binds the values of these rows.
    fn bind(&self, rows: Range<usize>, arguments: &mut DB::Arguments) -> Result<(), BoxDynError>;

    /// The type that the values have in the database.
    fn type_info(&self) -> DB::TypeInfo;

    /// Appends the value of a row, as the database reads it. `false`: the value is NULL.
    fn encode(&self, row: usize, buffer: &mut DB::ArgumentBuffer) -> Result<bool, BoxDynError>;
}

impl<'q, DB: BulkDatabase, T: BulkValue<'q, DB>> Values<DB> for Vec<T> {
    fn count(&self) -> usize {
        self.len()
    }

    fn bind(&self, rows: Range<usize>, arguments: &mut DB::Arguments) -> Result<(), BoxDynError> {
        T::bind_all(&self[rows], arguments)
    }

    fn type_info(&self) -> DB::TypeInfo {
        T::type_info()
    }

    fn encode(&self, row: usize, buffer: &mut DB::ArgumentBuffer) -> Result<bool, BoxDynError> {
        Ok(!self[row].encode_by_ref(buffer)?.is_null())
    }
}
