//! Prints what the operations did, as a table.

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

pub(crate) fn table(operations: &[OperationMetrics]) -> Table {
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

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
