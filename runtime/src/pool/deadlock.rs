//! Which two operations a deadlock was between.
//!
//! The server tells the victim of a deadlock the process IDs of those who waited for each other, and
//! nothing else. sqlx does not tell the process ID of a session. So the server is asked what those
//! processes have sent last, and the texts are compared with what the calls on this handle have sent.
//!
//! The question is asked on a connection of its own, in a task that nobody waits for. If it is dropped,
//! its connection is closed, and nothing is logged.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{ConnectOptions, Connection};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::backend::{Backend, Deadlock, Options};
use crate::monitor::{Rival, text_hash};
use crate::op::Op;
use crate::rt::here_or_background;

/// How long the question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Held while a server is asked.
static ASKING: Mutex<()> = Mutex::const_new(());

/// Logs which operations have waited for each other. `victim` is the one whose transaction was rolled
/// back, and `rivals` are the other calls that held connections at that moment or just before.
pub(super) fn explain<DB: Backend>(
    options: Arc<Options<DB>>,
    victim: &'static Op,
    rivals: Vec<Rival>,
    deadlock: Deadlock,
) {
    drop(here_or_background().spawn(async move {
        let asking = statements_of::<DB>(&options, &deadlock.processes);
        // A server with many deadlocks at once is not asked about each.
        let texts = match ASKING.try_lock() {
            Ok(_turn) => timeout(PATIENCE, asking).await.unwrap_or(Ok(Vec::new())),
            Err(_) => Ok(Vec::new()),
        };
        let texts = texts.unwrap_or_default();
        let with = names(&rivals, &texts);
        tracing::warn!(
            db.operation.name = victim.name,
            code.file.path = victim.file,
            code.line.number = victim.line,
            dbop.deadlock.with = with,
            dbop.deadlock.detail = deadlock.detail,
            "two transactions have waited for each other, and this one was rolled back; take locks in \
             the same order in both"
        );
    }));
}

async fn statements_of<DB: Backend>(
    options: &Options<DB>,
    processes: &[i32],
) -> sqlx::Result<Vec<String>> {
    let mut conn = options.connect().await?;
    let texts = DB::last_statements(&mut conn, processes).await;
    // Closing is only polite.
    let _ = conn.close().await;
    texts
}

/// Returns the operations that have sent one of these texts last, or else all that hold connections or
/// have just held one.
fn names(rivals: &[Rival], texts: &[String]) -> String {
    let hashes: Vec<_> = texts.iter().map(|text| text_hash(text)).collect();
    let is_one = |rival: &&Rival| hashes.contains(&rival.statement);
    match list(rivals.iter().filter(is_one)) {
        found if !found.is_empty() => found,
        _ => match list(rivals.iter()) {
            all if all.is_empty() => "a session of somebody else's".to_owned(),
            all => format!("a session of somebody else's, or one of {all}"),
        },
    }
}

fn list<'a>(rivals: impl Iterator<Item = &'a Rival>) -> String {
    let mut names: Vec<_> = rivals
        .map(|Rival { op, .. }| format!("`{}` ({}:{})", op.name, op.file, op.line))
        .collect();
    names.sort();
    names.dedup();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    static PAY: Op = Op::transaction("pay", "src/bank.rs", 30);
    static CLOSE: Op = Op::transaction("close", "src/books.rs", 7);

    fn rivals() -> [Rival; 2] {
        [(&PAY, "UPDATE a"), (&CLOSE, "UPDATE b")].map(|(op, text)| Rival {
            op,
            statement: text_hash(text),
        })
    }

    #[test]
    fn the_operation_is_known_by_the_statement_that_it_has_sent_last() {
        let texts = ["ROLLBACK".to_owned(), "UPDATE b".to_owned()];
        assert_eq!(names(&rivals(), &texts), "`close` (src/books.rs:7)");
    }

    #[test]
    fn if_no_statement_fits_those_are_named_who_may_have_been_it() {
        let all = "a session of somebody else's, or one of `close` (src/books.rs:7), `pay` \
                   (src/bank.rs:30)";
        assert_eq!(names(&rivals(), &[]), all);
        assert_eq!(names(&[], &[]), "a session of somebody else's");
    }
}
