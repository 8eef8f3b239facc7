//! The regression check: what a call costs, relative to the same function by hand, must not grow.
//!
//! The check compares ratios instead of counts, because another compiler changes both sides alike.
//! It leaves some room for what the compiler changes unevenly, and for the order in which the
//! driver's thread and the caller's happen to run.

use crate::callgrind::{Rows, middle};
use crate::recorder::Side::{Careful, Dbop};
use crate::tables::lines;

/// How much more than the known ratio is accepted.
const ROOM: f64 = 0.06;

/// The known costs of a case, relative to the function by hand with the same promises.
struct Known {
    case: &'static str,
    /// The ratio of the instructions of all threads.
    instructions: f64,
    /// How many more allocations dbop makes.
    allocations: f64,
    /// The ratio of the sizes of the futures.
    size: f64,
}

const fn known(case: &'static str, instructions: f64, allocations: f64, size: f64) -> Known {
    Known {
        case,
        instructions,
        allocations,
        size,
    }
}

/// The known costs, in the order of the tables.
const KNOWN: &[Known] = &[
    known("operation", 1.06, 2.0, 0.49),
    known("transaction", 1.02, 3.0, 0.47),
    known("read", 1.07, 2.0, 0.47),
    known("guarded-read", 0.39, -20.0, 0.49),
    known("callers-read", 1.22, 3.0, 4.8),
    known("inner-joined", 1.23, 1.0, 5.5),
    known("inner-nested", 1.14, 1.0, 4.4),
    known("sync-operation", 1.16, 2.0, 2.8),
    known("sync-transaction", 1.13, 4.0, 2.8),
    known("idle", 1.01, 0.0, 0.49),
    known("sessionless", 0.98, 0.0, 1.8),
    known("inner-idle", 2.30, 0.0, 9.3),
    known("stub-operation", 0.98, 1.0, 2.3),
    known("stub-transaction", 1.02, 3.0, 2.0),
    known("stub-read", 0.98, 1.0, 1.6),
    known("stub-joined", 1.18, 1.0, 4.1),
    known("stub-nested", 1.12, 1.0, 3.3),
];

/// Prints everything that is compared, and fails if anything has grown.
pub(crate) fn check(rows: &Rows) -> Result<(), Box<dyn std::error::Error>> {
    let mut grown = Vec::new();
    for line in lines() {
        let case = line.case;
        let (Some(dbop), Some(careful)) = (rows.of(case, Dbop), rows.of(case, Careful)) else {
            return Err(format!("`{case}` was not measured").into());
        };
        let Some(known) = KNOWN.iter().find(|known| known.case == case) else {
            return Err(format!("`{case}` has no known ratios").into());
        };
        let instructions = middle(&dbop.instructions) / middle(&careful.instructions);
        let allocations = middle(&dbop.allocations) - middle(&careful.allocations);
        let size = dbop.size as f64 / careful.size as f64;
        println!(
            "{case}: instructions {instructions:.3} of the same by hand (known {:.3}), allocations \
             {allocations:+.1} (known {:+.1}), future {size:.2} (known {:.2})",
            known.instructions, known.allocations, known.size
        );
        let mut compare = |what: &str, is: f64, most: f64| {
            if is > most {
                grown.push(format!("{case}: {what} {is:.3}, at most {most:.3}"));
            }
        };
        let most = |ratio: f64| ratio * (1.0 + ROOM);
        compare("instructions", instructions, most(known.instructions));
        compare("allocations", allocations, known.allocations + 0.5);
        compare("future", size, most(known.size));
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "calls cost more than they did, relative to the same by hand:\n{}\nSee `tests/bench cost` for \
         all numbers. If that is meant, change `KNOWN` in {}.",
        grown.join("\n"),
        file!()
    )
    .into())
}
