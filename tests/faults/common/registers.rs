//! Lists in a table to which transactions append unique values, and a record of what each attempt
//! has seen and done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use dbop::Tx;
use dbop_tests::Fresh;
pub(crate) use dbop_tests::Trouble;
use sqlx::Executor;

use super::{Database, fresh_with, outside};
use crate::faults::checker::{Attempt, End, History, Key, Step, Value};

/// How many lists there are. A list that has grown long is left alone, and the next ones are used.
pub(crate) const LISTS: Key = 4_000;

pub(crate) async fn open() -> Fresh<Database> {
    let fresh = fresh_with(|builder| builder.max_connections(8)).await;
    let schema = "CREATE TABLE registers (k BIGINT PRIMARY KEY, list TEXT NOT NULL)";
    fresh.pool().execute(schema).await.expect("the schema");
    let fill = "INSERT INTO registers WITH RECURSIVE n(k) AS
        (SELECT 0 UNION ALL SELECT k + 1 FROM n WHERE k + 1 < $1) SELECT k, '' FROM n";
    let fill = sqlx::query(fill).bind(LISTS).execute(fresh.pool());
    fill.await.expect("empty lists");
    fresh
}

fn parse(list: &str) -> Vec<Value> {
    let values = list.split(',').filter(|value| !value.is_empty());
    values
        .map(|value| value.parse().expect("a value"))
        .collect()
}

pub(crate) async fn read<'e>(
    executor: impl Executor<'e, Database = Database>,
    key: Key,
) -> sqlx::Result<Vec<Value>> {
    let read = sqlx::query_scalar("SELECT list FROM registers WHERE k = $1");
    let list: String = read.bind(key).fetch_one(executor).await?;
    Ok(parse(&list))
}

/// Appends a value to a list, inside the database.
pub(crate) async fn append<'e>(
    executor: impl Executor<'e, Database = Database>,
    key: Key,
    value: Value,
) -> sqlx::Result<()> {
    let append = sqlx::query("UPDATE registers SET list = list || $1 WHERE k = $2");
    let append = append.bind(format!(",{value}")).bind(key);
    let done = append.execute(executor).await?;
    assert_eq!(done.rows_affected(), 1, "list {key} is not there");
    Ok(())
}

/// Writes a whole list anew, over whatever is there.
pub(crate) async fn replace<'e>(
    executor: impl Executor<'e, Database = Database>,
    key: Key,
    list: &[Value],
) -> sqlx::Result<()> {
    let list: Vec<String> = list.iter().map(ToString::to_string).collect();
    let replace = sqlx::query("UPDATE registers SET list = $1 WHERE k = $2");
    let replace = replace.bind(list.join(",")).bind(key);
    replace.execute(executor).await.map(drop)
}

// --- the record -----------------------------------------------------------------------------------

/// The record of all attempts so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Attempt>>>);

impl Log {
    fn with<R>(&self, f: impl FnOnce(&mut Vec<Attempt>) -> R) -> R {
        f(&mut self.0.lock().expect("no task panics"))
    }

    /// Begins the record of an attempt, which counts as rolled back until another end is recorded.
    pub(crate) fn begin(&self) -> Pen {
        let attempt = self.with(|all| {
            all.push(Attempt {
                steps: Vec::new(),
                end: End::RolledBack,
            });
            all.len() - 1
        });
        let log = self.clone();
        Pen { log, attempt }
    }

    /// Closes every connection, and returns the history together with the lists as another session
    /// then sees them. By then, a COMMIT whose caller went away has ended.
    pub(crate) async fn close(self, fresh: &Fresh<Database>) -> History {
        fresh.close().await;
        let rows = sqlx::query_as("SELECT k, list FROM registers WHERE list <> ''");
        let rows: Vec<(Key, String)> = rows
            .fetch_all(&mut outside(fresh).await)
            .await
            .expect("the lists");
        let last: BTreeMap<_, _> = rows
            .into_iter()
            .map(|(k, list)| (k, parse(&list)))
            .collect();
        let attempts = self.with(std::mem::take);
        History { attempts, last }
    }
}

/// Records one attempt.
#[derive(Debug)]
pub(crate) struct Pen {
    log: Log,
    attempt: usize,
}

impl Pen {
    fn step(&self, step: Step) {
        self.log.with(|all| all[self.attempt].steps.push(step));
    }

    pub(crate) async fn read<'e>(
        &self,
        executor: impl Executor<'e, Database = Database>,
        key: Key,
    ) -> sqlx::Result<Vec<Value>> {
        let list = read(executor, key).await?;
        self.step(Step::Read(key, list.clone()));
        Ok(list)
    }

    /// Returns a value that identifies this attempt, and is to be appended to this list now.
    pub(crate) fn value(&self, key: Key) -> Value {
        let (attempt, steps) = (
            self.attempt,
            self.log.with(|all| all[self.attempt].steps.len()),
        );
        let value = Value::try_from(attempt * 100 + steps + 1).expect("small");
        self.step(Step::Append(key, value));
        value
    }

    pub(crate) fn ends(&self, end: End) {
        self.log.with(|all| all[self.attempt].end = end);
    }
}

// --- transactions ---------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Read(Key),
    Append(Key),
    /// Reads a list and writes it back with a value more. This loses updates if nothing prevents
    /// it.
    ReadAndReplace(Key),
    /// Appends a value in a savepoint that is rolled back.
    AppendAndUndo(Key),
}

/// The way in which the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Well,
    Refused,
    /// The first attempt fails after all its work.
    NotAtFirst,
    /// The body returns `Ok`, but marks the transaction rollback-only.
    RollbackOnly,
}

/// The attempts of one call.
#[derive(Debug)]
pub(crate) struct Call {
    log: Log,
    attempts: Mutex<Vec<Pen>>,
}

impl Call {
    pub(crate) fn of(log: &Log) -> Self {
        Self {
            log: log.clone(),
            attempts: Mutex::default(),
        }
    }

    /// Records the end of the last attempt. All earlier attempts have failed.
    pub(crate) fn ends(&self, end: End) {
        if let Some(last) = self.attempts.lock().expect("no task panics").last() {
            last.ends(end);
        }
    }

    pub(crate) fn attempts(&self) -> usize {
        self.attempts.lock().expect("no task panics").len()
    }

    /// Runs the body of every transaction.
    pub(crate) async fn run(
        &self,
        tx: &mut Tx<'_, Database>,
        acts: &[Act],
        fate: Fate,
    ) -> Result<(), Trouble> {
        let pen = self.log.begin();
        let (log, attempt) = (pen.log.clone(), pen.attempt);
        let first = {
            let mut attempts = self.attempts.lock().expect("no task panics");
            attempts.push(pen);
            attempts.len() == 1
        };
        let pen = Pen { log, attempt };
        for act in acts {
            self.act(&mut *tx, &pen, *act).await?;
        }
        match fate {
            Fate::Well => {}
            Fate::Refused => return Err(Trouble::Refused),
            Fate::NotAtFirst if first => return Err(Trouble::NotNow),
            Fate::NotAtFirst => {}
            Fate::RollbackOnly => tx.set_rollback_only(),
        }
        Ok(())
    }

    async fn act(&self, tx: &mut Tx<'_, Database>, pen: &Pen, act: Act) -> sqlx::Result<()> {
        match act {
            Act::Read(key) => drop(pen.read(&mut *tx, key).await?),
            Act::Append(key) => append(&mut *tx, key, pen.value(key)).await?,
            Act::ReadAndReplace(key) => {
                let mut list = pen.read(&mut *tx, key).await?;
                list.push(pen.value(key));
                replace(&mut *tx, key, &list).await?;
            }
            Act::AppendAndUndo(key) => {
                // These values are rolled back whatever becomes of the rest, so they belong to an
                // attempt of their own.
                let undone = self.log.begin().value(key);
                let inside = async |sp: &mut Tx<'_, Database>| -> Result<(), Trouble> {
                    append(&mut *sp, key, undone).await?;
                    Err(Trouble::Refused)
                };
                if let Err(Trouble::Database(error)) = tx.savepoint(inside).await {
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }
}
