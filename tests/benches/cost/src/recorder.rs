//! Cuts the run of the measured program into phases, each one call.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::allocations;

/// Who wrote the function that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// An attribute of dbop.
    Dbop,
    /// [`crate::careful`]: an expert, with the same promises as far as a page of code has them.
    Careful,
    /// [`crate::naive`]: what the driver's documentation shows, without them.
    Naive,
}

impl Side {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dbop => "dbop",
            Self::Careful => "careful",
            Self::Naive => "naive",
        }
    }
}

/// What is measured, by its name in [`crate::tables`].
pub(crate) type Case = &'static str;

pub(crate) struct Recorder {
    /// Phases of each kind, of one call each.
    pub(crate) repeats: u32,
    lines: Mutex<Vec<String>>,
}

impl Recorder {
    /// Calls before the first that counts: prepared statements, thread pools, caches.
    pub(crate) const WARM_UP: u32 = 10;

    pub(crate) fn new(repeats: u32) -> Self {
        Self {
            repeats,
            lines: Mutex::default(),
        }
    }

    pub(crate) fn size(&self, case: Case, side: Side, bytes: usize) {
        self.say(format!("size {case} {} {bytes}", side.name()));
    }

    /// Waits until the driver has done what the calls so far have left it to do: a connection that is
    /// given back is tried there first, and that belongs to the call that gave it back.
    pub(crate) async fn settle(&self, case: Case) {
        if settles(case) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Returns the number of allocations so far, for [`end`](Self::end).
    pub(crate) fn begin(&self) -> u64 {
        mark_phase();
        allocations::count()
    }

    pub(crate) fn end(&self, case: Case, side: Side, before: u64) {
        let allocations = allocations::count() - before;
        mark_phase();
        self.say(format!("phase {case} {} {allocations}", side.name()));
    }

    /// All that was said, in order: the dumps of callgrind have the same.
    pub(crate) fn print(&self) {
        for line in &*self.lines.lock().unwrap_or_else(PoisonError::into_inner) {
            println!("{line}");
        }
    }

    fn say(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
    }
}

/// Calls inside a transaction give nothing back.
pub(crate) fn settles(case: &str) -> bool {
    let inner = ["inner-", "stub-joined", "stub-nested"];
    !inner.iter().any(|inner| case.starts_with(inner))
}

/// Measured like a call, and taken from the counts of all that settle.
pub(crate) const NOTHING: Case = "nothing";
/// The same for those that do not.
pub(crate) const INNER_NOTHING: Case = "inner-nothing";

/// Callgrind writes what it has counted, and counts from zero, whenever this is called.
#[inline(never)]
fn mark_phase() {
    std::hint::black_box(());
}

/// Measures calls of one thing: `measure!(recorder, "read", Dbop: balance(&db, 1), ..)`, the sides by
/// turns, so that what the machine does besides meets all of them. A macro, because a function that
/// took the call would put a frame of its own around each.
macro_rules! measure {
    ($recorder:expr, $case:expr, $($side:ident: $call:expr),+ $(,)?) => {{
        let (recorder, case): (&$crate::recorder::Recorder, _) = ($recorder, $case);
        $(
            recorder.size(case, $crate::recorder::Side::$side, std::mem::size_of_val(&$call));
            for _ in 0..$crate::recorder::Recorder::WARM_UP {
                std::hint::black_box($call.await.expect("a call that is measured succeeds"));
            }
        )+
        for _ in 0..recorder.repeats {
            $(
                recorder.settle(case).await;
                let before = recorder.begin();
                std::hint::black_box($call.await.expect("a call that is measured succeeds"));
                recorder.settle(case).await;
                recorder.end(case, $crate::recorder::Side::$side, before);
            )+
        }
    }};
}
pub(crate) use measure;
