//! Prints what became of the functions, as a table.

use comfy_table::{CellAlignment, Table, presets};

use crate::day::Day;
use crate::shapes::Shape;

/// What dbop has counted of a shape.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) calls: u64,
    pub(crate) retries: u64,
}

/// Returns what dbop has counted in this process.
#[cfg(feature = "dbop")]
pub(crate) fn counts(shape: Shape) -> Option<Counts> {
    let path = format!("shapes/{}", shape.module());
    let operations = dbop::metrics().into_iter();
    let operations = operations.filter(|op| op.file.contains(&path));
    Some(operations.fold(Counts::default(), |sum, op| Counts {
        calls: sum.calls + op.calls + op.joined,
        retries: sum.retries + op.retries,
    }))
}

/// Nobody counts without dbop.
#[cfg(not(feature = "dbop"))]
pub(crate) fn counts(_: Shape) -> Option<Counts> {
    None
}

/// What the columns mean.
pub(crate) const LEGEND: &str = "
once     on the caller's connection or in the caller's transaction, nothing is called again
failed   callers that got an error: on a connection or in a transaction of their own, or in a
         handler that writes and must not write twice
misled   callers that got `Ok` for a write that did not take place: SQLite takes the last lock after
         the rows of `INSERT .. RETURNING`, and `fetch_one` of sqlx stops at the first row
";

pub(crate) fn table(day: &Day) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header([
        "shape",
        "functions",
        "as they stand",
        "changed",
        "calls",
        "retries",
        "failed callers",
        "misled callers",
    ]);
    for shape in Shape::ALL {
        let (functions, changed) = shape.functions();
        let counts = counts(shape);
        let calls = counts.map_or("-".to_owned(), |counts| counts.calls.to_string());
        let retries = match counts {
            None => "-".to_owned(),
            Some(_) if !shape.is_retried() => "once".to_owned(),
            Some(counts) => counts.retries.to_string(),
        };
        let of_shape = |callers: &[Shape]| callers.iter().filter(|of| **of == shape).count();
        table.add_row([
            shape.name().to_owned(),
            functions.to_string(),
            (functions - changed).to_string(),
            changed.to_string(),
            calls,
            retries,
            of_shape(&day.failed).to_string(),
            of_shape(&day.misled).to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
