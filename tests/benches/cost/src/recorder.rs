//! Cuts the run of the measured program into phases of one call each.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::allocations;

/// Who has written the function that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// A function with an attribute of dbop.
    Dbop,
    /// A function of [`crate::careful`]: an expert's, with the same promises as far as a page of
    /// code can keep them.
    Careful,
    /// A function of [`crate::naive`]: as in the driver's documentation, without these promises.
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

/// The name of what is measured, as in [`crate::tables`].
pub(crate) type Case = &'static str;

pub(crate) struct Recorder {
    /// How many phases each side of a case has. A phase is one call.
    pub(crate) repeats: u32,
    lines: Mutex<Vec<String>>,
}

impl Recorder {
    /// How many calls are made before the first that counts, for prepared statements, thread pools
    /// and caches.
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

    /// Waits until the driver has finished the work of the calls so far. A connection that is given
    /// back is tried first, which is part of the call that gave it back.
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

    /// Prints all lines, in the order in which callgrind has written its files.
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

/// Returns whether calls of this case give a connection back. Calls inside a transaction do not.
pub(crate) fn settles(case: &str) -> bool {
    let inner = ["inner-", "stub-joined", "stub-nested"];
    !inner.iter().any(|inner| case.starts_with(inner))
}

/// An empty case, which is measured like a call and subtracted from the counts of all cases that
/// settle.
pub(crate) const NOTHING: Case = "nothing";
/// The empty case for all other cases.
pub(crate) const INNER_NOTHING: Case = "inner-nothing";

/// Marks the end of a phase: callgrind writes its counts, and starts again from zero, whenever this
/// is called.
#[inline(never)]
fn mark_phase() {
    std::hint::black_box(());
}

/// Measures the calls of one case: `measure!(recorder, "read", Dbop: balance(&db, 1), ..)`. The
/// sides alternate, so that whatever else the machine does meets all of them. This is a macro,
/// because a function that took the call would put a frame of its own around each.
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
