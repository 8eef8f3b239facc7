//! What the two workspaces share in the section "The same work".

mod entry;
mod report;

use std::sync::Arc;

pub use entry::{Entry, Job, ROWS};
pub use report::Report;

use crate::bank::{ACCOUNTS, CENTS, Fallible, Place};
use crate::options::Options;
use crate::rounds::{Results, interleave};

const TASKS: [usize; 3] = [1, 8, 64];
/// How many connections each contestant has. On SQLite these read, and one more writes.
pub const POOL: u32 = 10;

/// Measures all contestants in all pieces of work.
///
/// # Errors
///
/// Returns the error of a database.
///
/// # Panics
///
/// If a contestant has lost money or rows.
pub async fn measure(
    options: &Options,
    database: &'static str,
    entries: &[Entry],
    place: &Arc<dyn Place>,
    report: &mut Report,
) -> Fallible<()> {
    let length = options.window(100, 150);
    for job in Job::ALL {
        let contestants: Vec<_> = entries.iter().map(|entry| entry.at(job)).collect();
        let mut results: Vec<(usize, Results)> = Vec::new();
        for tasks in TASKS {
            eprintln!("{database}: {}, {tasks} tasks", job.name());
            let measured = interleave(options, &contestants, tasks, length).await;
            results.push((tasks, measured));
        }
        report.add(database, job, &results);
    }
    let total = place.total().await?;
    assert_eq!(total, ACCOUNTS * CENTS, "money was made or lost");
    Ok(())
}
