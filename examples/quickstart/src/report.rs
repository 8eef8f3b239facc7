//! Prints what the operations did, as a table.

use std::cmp::Reverse;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use dbop::OperationMetrics;

const HEADER: [&str; 9] = [
    "operation",
    "calls",
    "attempts",
    "retries",
    "committed",
    "rolled back",
    "unknown",
    "joined",
    "time per call",
];

/// Writes the operations that were called most often first, so that the last row is not read as a sum.
pub(crate) fn table(mut operations: Vec<OperationMetrics>) -> Table {
    operations.sort_by_key(|op| Reverse(op.calls));
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(HEADER);
    for op in operations {
        let calls = u32::try_from(op.calls).unwrap_or(u32::MAX);
        table.add_row([
            op.name.to_owned(),
            op.calls.to_string(),
            op.attempts.to_string(),
            op.retries.to_string(),
            op.committed.to_string(),
            op.rolled_back.to_string(),
            op.unknown.to_string(),
            op.joined.to_string(),
            milliseconds(op.total_time / calls.max(1)),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Says which of these operations were run again.
pub(crate) fn retried(names: &[&str]) -> String {
    let operations = dbop::metrics();
    let retried = operations
        .iter()
        .filter(|op| op.retries > 0 && names.contains(&op.name))
        .map(|op| match op.retries {
            1 => format!("{} once more", op.name),
            times => format!("{} {times} times more", op.name),
        });
    retried.collect::<Vec<_>>().join(" and ")
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
