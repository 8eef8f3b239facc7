//! Where a connection is to be cut: at a message, by its number.

use std::sync::{Mutex, MutexGuard};

use super::messages::{Message, Side};

/// On which side of a message a connection is cut.
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

#[derive(Debug, Default)]
pub(super) struct Cuts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    plan: Option<(usize, Place)>,
    met: bool,
    /// The server's end of the connection that was cut is still open.
    ending: bool,
    passed: Vec<Passed>,
}

impl Cuts {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no task panics")
    }

    pub(super) fn plan(&self, number: usize, place: Place) {
        *self.state() = State {
            plan: Some((number, place)),
            ..State::default()
        };
    }

    /// Counts a message; where the connection is cut at it, if it is.
    pub(super) fn step(&self, from: Side, message: &Message) -> Option<Place> {
        let mut state = self.state();
        let (number, place) = state.plan?;
        let message = message.clone();
        state.passed.push(Passed { from, message });
        if state.passed.len() <= number {
            return None;
        }
        state.plan = None;
        state.met = true;
        state.ending = true;
        Some(place)
    }

    /// The server has let go of the connection that was cut.
    pub(super) fn ended(&self) {
        self.state().ending = false;
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
