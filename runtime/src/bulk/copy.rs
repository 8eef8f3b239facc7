//! `COPY` on PostgreSQL: the rows in the format that the server stores them in.

use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgConnection};
use sqlx::{Postgres, TypeInfo};

use super::{BulkInsert, Column, wrong};
use crate::error::{Error, Result};
use crate::session::Tx;

/// How much is sent at once.
const PART: usize = 64 * 1024;

/// The first bytes of the binary format
/// (<https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.55.9.4.5>).
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

impl BulkInsert<'_, Postgres> {
    /// Inserts the rows by `COPY .. FROM STDIN`, and returns how many there were. For hundreds of
    /// thousands of rows this is faster than [`execute`](Self::execute); with fewer, both take about
    /// the same time.
    ///
    /// `COPY` converts nothing, so a column has exactly the type of its values: `i64` for `bigint`, and
    /// `i32` for `integer`. Texts fit `text`, `varchar` and `char`.
    ///
    /// ```
    /// use dbop::{BulkInsert, Tx, transactional};
    /// use sqlx::Postgres;
    ///
    /// #[transactional(chunk = 100_000)]
    /// async fn load(tx: &mut Tx<'_, Postgres>, numbers: &[i64]) -> dbop::Result<()> {
    ///     BulkInsert::into("numbers").column("n", numbers).copy(&mut *tx).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails as `COPY` does, and as [`execute`](Self::execute) does for wrong columns. Fails with
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if a column has another type, and for
    /// [`on_conflict`](Self::on_conflict), which `COPY` does not have.
    pub async fn copy(self, tx: &mut Tx<'_, Postgres>) -> Result<u64> {
        let rows = self.rows()?;
        if self.on_conflict.is_some() {
            return Err(wrong(format!(
                "`COPY` into `{}` cannot have `on_conflict`; use `execute`, or copy into another table and \
                 insert from there",
                self.table
            )));
        }
        if rows == 0 {
            return Ok(0);
        }
        self.check_types(tx).await?;
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        let statement = format!(
            "COPY {} ({}) FROM STDIN (FORMAT binary)",
            self.table,
            names.join(", ")
        );
        self.send(tx.conn(), &statement, rows).await
    }

    async fn send(&self, conn: &mut PgConnection, statement: &str, rows: usize) -> Result<u64> {
        let mut copy = conn.copy_in_raw(statement).await?;
        let mut part = HEADER.to_vec();
        let mut value = PgArgumentBuffer::default();
        for row in 0..rows {
            if let Err(error) = self.append(row, &mut part, &mut value) {
                copy.abort("a value cannot be encoded").await?;
                return Err(error);
            }
            if part.len() >= PART {
                copy.send(&*part).await?;
                part.clear();
            }
        }
        part.extend((-1_i16).to_be_bytes());
        copy.send(&*part).await?;
        Ok(copy.finish().await?)
    }

    /// Appends a row: how many values there are, and each with its length.
    fn append(&self, row: usize, part: &mut Vec<u8>, value: &mut PgArgumentBuffer) -> Result<()> {
        let columns = i16::try_from(self.columns.len()).unwrap_or(i16::MAX);
        part.extend(columns.to_be_bytes());
        for column in &self.columns {
            value.clear();
            let encoded = column.values.encode(row, value);
            let length = match encoded.map_err(|error| self.not_encoded(column, &error))? {
                false => -1,
                true => i32::try_from(value.len()).unwrap_or(i32::MAX),
            };
            part.extend(length.to_be_bytes());
            if length >= 0 {
                part.extend_from_slice(value);
            }
        }
        Ok(())
    }

    /// Fails if a column has another type than its values. The server would take the bytes of one
    /// type for those of another, or fail without a name.
    async fn check_types(&self, tx: &mut Tx<'_, Postgres>) -> Result<()> {
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        let given: Vec<_> = self
            .columns
            .iter()
            .map(|it| it.values.type_info())
            .collect();
        // sqlx names a type so if only its number is known.
        let named = given
            .iter()
            .map(|it| Some(it.name()).filter(|name| *name != "?"));
        let named: Vec<_> = named.collect();
        let types = sqlx::query_as::<_, Types>(TYPES);
        let types = types.bind(self.table).bind(&names).bind(named);
        let types = types.fetch_all(&mut *tx).await?;
        for ((column, given), types) in self.columns.iter().zip(&given).zip(types) {
            // `COPY` itself says that there is no such column.
            let (Some(stored), Some(stored_name), found, found_name) = types else {
                continue;
            };
            let fits = given
                .oid()
                .or(found)
                .is_some_and(|given| fits(given, stored));
            if !fits {
                let given = found_name.unwrap_or_else(|| given.name().to_owned());
                return Err(self.misfit(column, &given, &stored_name));
            }
        }
        Ok(())
    }

    fn misfit(&self, column: &Column<'_, Postgres>, given: &str, stored: &str) -> Error {
        wrong(format!(
            "`COPY` converts nothing, and the column `{}` of `{}` is of the type {stored}, its values of the type \
             {given}; give values of that type, or use `execute`",
            column.name, self.table
        ))
    }
}

/// Asks for the types of columns and of their values: the table, the columns, and the names of the types.
/// The catalog is asked, because sqlx keeps what it has found out about a statement, and another table
/// may have the name by now.
const TYPES: &str = "SELECT stored.atttypid, format_type(stored.atttypid, NULL),
        to_regtype(given.type)::oid, format_type(to_regtype(given.type), NULL)
    FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS given (name, type, place)
    LEFT JOIN pg_attribute AS stored
        ON stored.attrelid = $1::text::regclass
        AND stored.attname = (parse_ident(given.name))[1]
        AND stored.attnum > 0
    ORDER BY given.place";

/// The type of a column and its name, and those of its values.
type Types = (Option<Oid>, Option<String>, Option<Oid>, Option<String>);

/// Whether values of one type have the bytes of the other.
fn fits(given: Oid, stored: Oid) -> bool {
    /// `text`, `varchar`, `bpchar` and `name` (<https://www.postgresql.org/docs/current/datatype-character.html>).
    const TEXTS: [Oid; 4] = [Oid(25), Oid(1043), Oid(1042), Oid(19)];
    given == stored || (TEXTS.contains(&given) && TEXTS.contains(&stored))
}
