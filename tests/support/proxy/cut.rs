//! Where a connection is to fail: at a message, by its number.

use std::sync::{Mutex, MutexGuard};

use super::failure::Failure;
use super::messages::{Message, Side};

/// On which side of a message a connection fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The message does not arrive any more.
    Before,
    /// The message is the last one that arrives.
    After,
}

/// A message of either side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    pub from: Side,
    pub message: Message,
}

/// The place where the connection fails, how it fails, and the number of the plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) place: Place,
    pub(super) failure: Failure,
    plan: u64,
}

#[derive(Debug, Default)]
pub(super) struct Cuts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// How many plans there have been.
    plans: u64,
    plan: Option<(usize, Place, Failure)>,
    met: bool,
    /// The server's end of the connection that failed is still open.
    ending: bool,
    passed: Vec<Passed>,
}

impl Cuts {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no task panics")
    }

    pub(super) fn plan(&self, number: usize, place: Place, failure: Failure) {
        let mut state = self.state();
        *state = State {
            plans: state.plans + 1,
            plan: Some((number, place, failure)),
            ..State::default()
        };
    }

    /// Counts a message; where and how the connection fails at it, if it does.
    pub(super) fn step(&self, from: Side, message: &Message) -> Option<Cut> {
        let mut state = self.state();
        let (number, place, failure) = state.plan?;
        let message = message.clone();
        state.passed.push(Passed { from, message });
        if state.passed.len() <= number {
            return None;
        }
        state.plan = None;
        state.met = true;
        state.ending = true;
        Some(Cut {
            place,
            failure,
            plan: state.plans,
        })
    }

    /// The server has let go of the connection that failed so.
    pub(super) fn ended(&self, cut: Cut) {
        let mut state = self.state();
        state.ending &= state.plans != cut.plan;
    }

    pub(super) fn met(&self) -> Option<Vec<Passed>> {
        let state = self.state();
        state.met.then(|| state.passed.clone())
    }

    pub(super) fn is_over(&self) -> bool {
        !self.state().ending
    }

    pub(super) fn passed(&self) -> Vec<Passed> {
        self.state().passed.clone()
    }
}
