//! The message at which a connection is to fail, by its number.

use std::sync::{Mutex, MutexGuard};

use super::failure::Failure;
use super::messages::{Message, Side};

/// Whether the connection fails before or after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The message does not arrive.
    Before,
    /// The message is the last one that arrives.
    After,
}

/// A message, and the side that has sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    pub from: Side,
    pub message: Message,
}

/// Where and how the connection fails, and the number of the plan that says so.
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
    /// How many failures have been planned so far.
    plans: u64,
    plan: Option<(usize, Place, Failure)>,
    met: bool,
    /// Whether the server's end of the failed connection is still open.
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

    /// Counts a message. Returns where and how the connection fails at it; `None` if it does not.
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

    /// Notes that the server has let go of the connection that failed at `cut`.
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
