//! The regression check: what a call costs, relative to the same function by hand, must not grow.
//!
//! The check compares ratios instead of counts, because another compiler changes both sides alike.
//! It leaves some room for what the compiler changes unevenly, and for the order in which the
//! driver's thread and the caller's happen to run.

use std::collections::BTreeMap;

use crate::Failure;
use crate::callgrind::{Rows, middle};
use crate::recorder::Side::{Careful, Dbop};
use crate::tables::compared;

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
    known("operation", 1.10, 2.0, 0.47),
    known("transaction", 1.05, 3.0, 0.47),
    known("read", 1.13, 2.0, 0.47),
    known("guarded-read", 0.40, -20.0, 0.47),
    known("callers-read", 1.26, 3.0, 4.6),
    known("inner-joined", 1.27, 1.0, 5.5),
    known("inner-nested", 1.15, 1.0, 4.3),
    known("sync-operation", 1.23, 2.0, 3.5),
    known("sync-transaction", 1.19, 4.0, 3.4),
    known("idle", 1.09, 0.0, 0.47),
    known("sessionless", 1.12, 0.0, 1.9),
    known("inner-idle", 2.61, 0.0, 8.9),
    known("stub-operation", 1.02, 1.0, 2.4),
    known("stub-transaction", 1.05, 3.0, 2.1),
    known("stub-read", 1.02, 1.0, 1.6),
    known("stub-joined", 1.20, 1.0, 4.1),
    known("stub-nested", 1.15, 1.0, 3.4),
    known("two-idle", 1.01, 0.0, 1.0),
    known("two-polled", 1.01, 0.0, 1.0),
    known("two-known", 1.01, 0.0, 1.0),
    known("two-known-polled", 1.01, 0.0, 1.0),
];

/// How often is measured before something counts as grown. A machine that does something else as well
/// disturbs the order of the threads now and then, but not in the same case each time.
const MEASURES: u32 = 5;

/// What has grown: the case and what of it, with the words for that.
type Grown = BTreeMap<(&'static str, &'static str), String>;

/// Fails with what has grown in every one of several measures.
pub(crate) fn check(mut measure: impl FnMut() -> Result<Rows, Failure>) -> Result<(), Failure> {
    let mut grown = compare(&measure()?)?;
    for _ in 1..MEASURES {
        if grown.is_empty() {
            return Ok(());
        }
        let again = compare(&measure()?)?;
        grown.retain(|what, _| again.contains_key(what));
    }
    if grown.is_empty() {
        return Ok(());
    }
    let grown: Vec<_> = grown.into_values().collect();
    Err(format!(
        "calls cost more than they did, relative to the same by hand:\n{}\nSee `tests/bench cost` for \
         all numbers. If that is meant, change `KNOWN` in {}.",
        grown.join("\n"),
        file!()
    )
    .into())
}

/// Prints everything that is compared, and returns what is more than it was.
fn compare(rows: &Rows) -> Result<Grown, Failure> {
    let mut grown = Grown::new();
    for line in compared() {
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
        let mut at_most = |what: &'static str, is: f64, most: f64| {
            if is > most {
                let words = format!("{case}: {what} {is:.3}, at most {most:.3}");
                grown.insert((known.case, what), words);
            }
        };
        let most = |ratio: f64| ratio * (1.0 + ROOM);
        at_most("instructions", instructions, most(known.instructions));
        at_most("allocations", allocations, known.allocations + 0.5);
        at_most("future", size, most(known.size));
    }
    Ok(grown)
}
