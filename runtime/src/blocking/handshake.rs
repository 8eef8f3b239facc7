//! [`Progress`]: what the caller of an attempt and the thread that runs its body agree on.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Interrupt;

/// The pause between the first two interrupts of a body. Each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// The longest pause between two interrupts.
const LAST_PAUSE: Duration = Duration::from_millis(200);

/// What both sides know of an attempt.
///
/// The phase goes from `OPENING` to `RUNNING` to `COMMITTING`, by one atomic step each, or to
/// `ABANDONED` from one of the first two. So a body begins, and commits, only while somebody waits
/// for it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    phase: AtomicU8,
    interrupt: Mutex<Option<Interrupt>>,
    disarmed: Condvar,
    answers: Mutex<Answers>,
}

/// How the database has answered `BEGIN` and `COMMIT`.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// How long the database took over each answer.
    pub(crate) took: Vec<Duration>,
    /// When the statement was sent that has no answer yet.
    pub(crate) awaited_since: Option<Instant>,
}

const OPENING: u8 = 0;
const RUNNING: u8 = 1;
const COMMITTING: u8 = 2;
const ABANDONED: u8 = 3;

/// Where an attempt was abandoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The body will not run.
    Opening,
    /// The body runs, or has just returned.
    Body,
}

impl Progress {
    fn step(&self, from: u8, to: u8) -> bool {
        let order = Ordering::SeqCst;
        self.phase.compare_exchange(from, to, order, order).is_ok()
    }

    fn is(&self, phase: u8) -> bool {
        self.phase.load(Ordering::SeqCst) == phase
    }

    /// Abandons the attempt, which commits nothing from now on. `None`: the attempt is about to
    /// commit, has committed, or was abandoned before.
    pub(crate) fn abandon(self: &Arc<Self>) -> Option<Stage> {
        if self.step(OPENING, ABANDONED) {
            return Some(Stage::Opening);
        }
        if !self.step(RUNNING, ABANDONED) {
            return None;
        }
        if self.interrupt_once() {
            // An interrupt does nothing while no statement runs, and the body may be between two
            // statements.
            let this = Arc::clone(self);
            let again = std::thread::Builder::new().name("dbop-interrupt".to_owned());
            // If no thread can be had, the body runs for as long as it likes.
            drop(again.spawn(move || this.interrupt_on()));
        }
        Some(Stage::Body)
    }

    /// Notes that the body runs from now on. `false`: the attempt was abandoned, and the body must
    /// not run.
    pub(super) fn may_run(&self) -> bool {
        self.step(OPENING, RUNNING)
    }

    /// Notes that the attempt commits, and can no longer be abandoned. `false`: it was abandoned
    /// before, and must not commit.
    pub(super) fn may_commit(&self) -> bool {
        self.step(RUNNING, COMMITTING)
    }

    pub(crate) fn is_committing(&self) -> bool {
        self.is(COMMITTING)
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.is(ABANDONED)
    }

    fn held(&self) -> MutexGuard<'_, Option<Interrupt>> {
        let held = self.interrupt.lock();
        held.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn arm(&self, interrupt: Option<Interrupt>) {
        *self.held() = interrupt;
    }

    /// Ends the interrupts, because what comes next on the connection must not be interrupted.
    /// `false`: an interrupt was sent that may still arrive.
    pub(super) fn disarm(&self) -> bool {
        let interrupt = self.held().take();
        self.disarmed.notify_all();
        !(self.is_abandoned() && interrupt.is_some_and(|interrupt| interrupt.spoils))
    }

    /// Interrupts the body once. `false`: there is nothing to interrupt.
    fn interrupt_once(&self) -> bool {
        let held = self.held();
        if let Some(interrupt) = &*held {
            interrupt.stop();
        }
        held.is_some()
    }

    /// Interrupts the body again and again until it has returned.
    fn interrupt_on(&self) {
        let mut pause = FIRST_PAUSE;
        let mut held = self.held();
        while held.is_some() {
            let waited = self.disarmed.wait_timeout(held, pause);
            (held, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if let Some(interrupt) = &*held {
                interrupt.stop();
            }
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        let answers = self.answers.lock();
        answers.unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that `BEGIN` or `COMMIT` is sent now.
    pub(super) fn ask(&self) {
        self.answers().awaited_since = Some(Instant::now());
    }

    /// Notes the answer. `timely`: the answer counts as quick, because however long it took says
    /// nothing about the database.
    pub(super) fn answered(&self, well: bool, timely: bool) {
        let mut answers = self.answers();
        if let Some(asked) = answers.awaited_since.take()
            && well
        {
            let took = if timely {
                Duration::ZERO
            } else {
                asked.elapsed()
            };
            answers.took.push(took);
        }
    }

    pub(crate) fn take_answers(&self) -> Answers {
        std::mem::take(&mut *self.answers())
    }
}
