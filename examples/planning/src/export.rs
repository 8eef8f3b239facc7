//! Exports: all attributes or samples of a cycle, as CSV or as lines of JSON, row by row. However many rows
//! there are, a few chunks of text are in memory.
//!
//! A stream is an operation for one database, so each is written down for both by a macro, with one text.

use std::mem;
use std::time::Duration;

use dbop::{AnyDb, Conn, db_op};
use futures_util::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, Sqlite, query_as};
use tokio::sync::mpsc;
use tokio::time::timeout;
use uuid::Uuid;

use crate::error::Result;
use crate::model::DataType;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct AttributeRow {
    pub report: i64,
    pub attribute: Uuid,
    pub name: String,
    pub data_type: DataType,
    pub rationale: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct SampleRow {
    pub report: i64,
    pub attribute: Uuid,
    pub number: i32,
    pub value: String,
}

const ATTRIBUTES: &str = "SELECT report, id AS attribute, name, data_type, rationale
    FROM attributes WHERE cycle = $1 ORDER BY report, id";

const SAMPLES: &str = "SELECT report, attribute, number, value
    FROM attributes JOIN samples ON attribute = attributes.id
    WHERE cycle = $1 ORDER BY report, attribute, number";

macro_rules! rows {
    ($name:ident, $DB:ty, $Row:ty, $sql:expr) => {
        #[db_op(read_only)]
        fn $name(conn: &mut Conn<'_, $DB>, cycle: i64) -> BoxStream<'_, Result<$Row>> {
            let rows = query_as($sql).bind(cycle).fetch(&mut *conn);
            rows.map_err(Into::into).boxed()
        }
    };
}

rows!(attributes_of_sqlite, Sqlite, AttributeRow, ATTRIBUTES);
rows!(attributes_of_postgres, Postgres, AttributeRow, ATTRIBUTES);
rows!(samples_of_sqlite, Sqlite, SampleRow, SAMPLES);
rows!(samples_of_postgres, Postgres, SampleRow, SAMPLES);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line with the names of the columns, and a line for each row.
    Csv,
    /// A JSON object on each line.
    JsonLines,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Attributes,
    Samples,
}

/// How much text is handed over at once.
const CHUNK: usize = 16 * 1024;

/// How long a reader may let a chunk wait. A stream holds a connection, so a reader that stands still is
/// cut off.
const PATIENCE: Duration = Duration::from_secs(30);

/// An export that has not ended as it should: the database has failed, or the reader was too slow.
#[derive(Debug, thiserror::Error)]
#[error("the export was broken off")]
pub struct BrokenOff;

/// Exports what is stored of a cycle, chunk by chunk. The last item is an error if anything is missing, so
/// half an export is never taken for a whole one. A reader that goes away ends the export.
pub fn export(
    db: AnyDb,
    what: What,
    format: Format,
    cycle: i64,
) -> impl Stream<Item = Result<Vec<u8>, BrokenOff>> + Send + use<> {
    let (to, from) = mpsc::channel(2);
    tokio::spawn(async move {
        let written = match (what, &db) {
            (What::Attributes, AnyDb::Sqlite(db)) => {
                write(attributes_of_sqlite(db, cycle), format, &to).await
            }
            (What::Attributes, AnyDb::Postgres(db)) => {
                write(attributes_of_postgres(db, cycle), format, &to).await
            }
            (What::Samples, AnyDb::Sqlite(db)) => {
                write(samples_of_sqlite(db, cycle), format, &to).await
            }
            (What::Samples, AnyDb::Postgres(db)) => {
                write(samples_of_postgres(db, cycle), format, &to).await
            }
        };
        end(written, &to).await;
    });
    texts(from)
}

/// Says that all rows are there, if they are.
async fn end(written: Result<bool>, to: &mpsc::Sender<Part>) {
    match written {
        Ok(true) => drop(hand_over(to, Part::End).await),
        Ok(false) => tracing::info!("the reader of an export has gone away, or stood still"),
        Err(error) => tracing::warn!("an export was broken off: {error}"),
    }
}

/// Returns the texts that are handed over. The last item is an error if the end is missing.
fn texts(
    from: mpsc::Receiver<Part>,
) -> impl Stream<Item = Result<Vec<u8>, BrokenOff>> + Send + use<> {
    stream::unfold(Some(from), async |from| {
        let mut from = from?;
        match from.recv().await {
            Some(Part::Text(text)) => Some((Ok(text), Some(from))),
            Some(Part::End) => None,
            None => Some((Err(BrokenOff), None)),
        }
    })
}

enum Part {
    Text(Vec<u8>),
    /// All rows are there.
    End,
}

/// Hands a part over. Returns whether the reader has taken it in time.
async fn hand_over(to: &mpsc::Sender<Part>, part: Part) -> bool {
    matches!(timeout(PATIENCE, to.send(part)).await, Ok(Ok(())))
}

/// Writes rows as text and hands the text over. Returns whether the reader has taken all of it.
async fn write<R: Serialize>(
    mut rows: impl Stream<Item = Result<R>> + Unpin,
    format: Format,
    to: &mpsc::Sender<Part>,
) -> Result<bool> {
    let mut text = Vec::new();
    let mut is_first = true;
    while let Some(row) = rows.try_next().await? {
        match format {
            Format::Csv => append_csv(&mut text, &row, is_first),
            Format::JsonLines => append_json(&mut text, &row),
        }
        is_first = false;
        if text.len() >= CHUNK && !hand_over(to, Part::Text(mem::take(&mut text))).await {
            return Ok(false);
        }
    }
    Ok(text.is_empty() || hand_over(to, Part::Text(text)).await)
}

/// Appends a row, and before the first one the names of its columns.
fn append_csv(text: &mut Vec<u8>, row: &impl Serialize, is_first: bool) {
    let mut line = csv::WriterBuilder::new();
    let mut line = line.has_headers(is_first).from_writer(text);
    let written = line.serialize(row);
    written.expect("a row is made of texts and numbers, and memory takes them");
}

fn append_json(text: &mut Vec<u8>, row: &impl Serialize) {
    serde_json::to_writer(&mut *text, row).expect("a row is made of texts and numbers");
    text.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::PlanningError;

    /// Exports so many rows, after which the database fails or does not. Returns the last item.
    async fn last_of(rows: usize, fails: bool) -> Option<Result<Vec<u8>, BrokenOff>> {
        let row = || SampleRow {
            report: 1,
            attribute: Uuid::nil(),
            number: 1,
            value: "a, b".to_owned(),
        };
        let rows = (0..rows).map(|_| Ok(row()));
        let failure = fails.then(|| Err(PlanningError::Samples(1)));
        let rows: Vec<_> = rows.chain(failure).collect();
        let (to, from) = mpsc::channel(100);
        let written = write(stream::iter(rows), Format::Csv, &to).await;
        end(written, &to).await;
        drop(to);
        texts(from).collect::<Vec<_>>().await.pop()
    }

    #[tokio::test]
    async fn an_export_whose_database_fails_in_the_middle_ends_with_an_error() {
        for rows in [0, 1, 2_000] {
            assert!(matches!(last_of(rows, true).await, Some(Err(_))), "{rows}");
        }
        let text = last_of(1, false).await.expect("a text").expect("all rows");
        let text = String::from_utf8(text).expect("a text");
        assert!(
            text.starts_with("report,attribute,number,value\n1,"),
            "{text}"
        );
        assert!(text.ends_with(",1,\"a, b\"\n"), "{text}");
        assert!(last_of(0, false).await.is_none());
    }
}
