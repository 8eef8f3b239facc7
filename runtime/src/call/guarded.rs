//! [`Guarded`]: a call of a function that is no operation on a database, such as a request to another
//! service.
//!
//! What is true when the caller's future is dropped at each await:
//!
//! | dropped during | phase | the place of a probe | the service |
//! |---|---|---|---|
//! | `begin`, waiting for a permit of `max_concurrency` | waiting | none is held | was not asked |
//! | `begin`, letting others run after a refusal | waiting | none is held | was not asked |
//! | `run` | running | given back, and nothing is counted | whatever the body's own future leaves when it is dropped |
//! | `end`, waiting to try again | waiting | the attempt before has reported, and the next has not asked | as the attempts before have left it |
//!
//! The permit of `max_concurrency` and the share in the counts go with the call.

use std::time::Duration;

use tokio::time::Instant;

use super::args::Attempted;
use super::call_loop::{CallLoop, NotOpened, Opening};
use super::retry::{BodyRan, FailedAttempt};
use super::run::{Body, Ran};
use super::span::CallSpan;
use super::state::CallState;
use crate::error::{Category, Class, Effect, Error, Outcome, Result};
use crate::op::{Guard, Op, OpResult, Provenance};
use crate::policy::{Defaults, Fault, defaults_of_service};
use crate::rt::{FOREVER, Timer};

/// A call of a function under `#[guarded]`.
#[derive(Debug)]
pub struct Guarded<R> {
    call: CallLoop<R>,
    guard: &'static Guard,
    defaults: &'static Defaults,
}

/// One attempt of a [`Guarded`] call.
#[derive(Debug)]
pub struct GuardedAttempt<'a, R> {
    call: &'a mut CallLoop<R>,
    guard: &'static Guard,
    defaults: &'static Defaults,
    began: Instant,
}

/// No database.
const SYSTEM: &str = "";

/// Nothing is opened, so nothing can fail.
struct NoSession;

impl Opening for NoSession {
    type Session = ();

    async fn open(&mut self, _: &mut CallState) -> Result<(), NotOpened> {
        Ok(())
    }
}

/// What an attempt has shown of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// The service has answered, if only to say no.
    Answer,
    Outage,
    /// The service was not asked, or had too little time, or the error is another's.
    Nothing,
}

// Only the constructor asks for a bound, so that a bound that is not met is one error: see `Call`.
impl<R> Guarded<R> {
    /// A call of this function.
    ///
    /// # Panics
    ///
    /// Panics if `op` describes an operation on a database.
    #[must_use]
    pub fn new(op: &'static Op) -> Self
    where
        R: OpResult,
    {
        let guard = op.guard.as_ref();
        let guard = guard.expect("the attribute makes a guarded call only of a guarded function");
        let span = CallSpan::of_guarded(op, guard);
        Self {
            call: CallLoop::new(op, SYSTEM, span, Duration::ZERO),
            guard,
            defaults: defaults_of_service(guard),
        }
    }

    /// Returns the next attempt; `None` when the call is over.
    pub async fn begin(&mut self) -> Option<GuardedAttempt<'_, R>> {
        let call = &mut self.call;
        if call.is_over() {
            return None;
        }
        let defaults = self.defaults;
        let opened = call
            .state
            .open(defaults, Some(defaults.timeout), &mut NoSession)
            .await;
        if let Err(error) = opened {
            call.refuse(error);
            return None;
        }
        let began = Instant::now();
        let limit = self.guard.attempt_timeout;
        call.state.attempt_ends = limit.map(|time| began + time.min(FOREVER));
        call.state.body_begins();
        Some(GuardedAttempt {
            call,
            guard: self.guard,
            defaults,
            began,
        })
    }

    /// Returns the result of the call.
    pub fn finish(mut self) -> R {
        self.call.finish()
    }
}

impl<R> GuardedAttempt<'_, R> {
    /// Returns what runs the body.
    #[must_use]
    pub fn body(&self) -> Body {
        self.call.state.body(Timer::default())
    }

    /// Ends the call unless there is to be another attempt.
    pub async fn end(self, ran: Ran<R>) {
        let cut_off = ran.result.is_err().then(|| self.shown_when_cut_off());
        let Self { call, defaults, .. } = self;
        let result = ran
            .result
            .unwrap_or_else(|_| (call.of.refused)(call.state.attempt_too_late()));
        let failure = (call.of.failure)(&result).map(|failure| {
            call.state.saw(failure.error);
            let error = failure.error;
            (failure.class, error.provenance(), error.retry_after())
        });
        let Some((class, provenance, retry_after)) = failure else {
            call.state.report_service(Shown::Answer);
            return call.end(result, Outcome::Committed);
        };
        let shown = cut_off.unwrap_or_else(|| shown_by(class, provenance));
        call.state.report_service(shown);
        // What a call inside the body has tried often enough is not tried again from here. Nor is a write
        // inside of which nobody knows whether it took effect: `retry` speaks of the service.
        let is_settled = ran.was_retried || (cut_off.is_none() && provenance == Provenance::Lost);
        let failed = FailedAttempt {
            retry_after,
            ..FailedAttempt::of_body(class, Effect::Possible, BodyRan::default())
        };
        if !is_settled && call.state.follow(defaults, &failed).await {
            return;
        }
        call.end(result, Effect::Possible.outcome());
    }

    /// What it shows that the attempt was cut off now. An attempt for which the waits and attempts before
    /// had left less than half of its time says nothing about the service.
    fn shown_when_cut_off(&self) -> Shown {
        let of_call = self.call.state.whole_time();
        let limit = self.guard.attempt_timeout;
        let whole = limit.map_or(of_call, |limit| limit.min(of_call));
        match self.began.elapsed() * 2 >= whole {
            true => Shown::Outage,
            false => Shown::Nothing,
        }
    }
}

impl<R> Attempted for GuardedAttempt<'_, R> {
    fn is_last(&self) -> bool {
        self.call.state.is_last_attempt()
    }
}

/// What the error of a body shows of the service.
fn shown_by(class: Class, provenance: Provenance) -> Shown {
    match (provenance, class.category) {
        // A call inside has a breaker of its own, or is one of a database.
        (Provenance::Call | Provenance::Lost, _) => Shown::Nothing,
        (_, Category::Transient | Category::Ambiguous) => Shown::Outage,
        (_, Category::Cancelled) => Shown::Nothing,
        _ => Shown::Answer,
    }
}

impl CallState {
    /// Tells the circuit breaker what the attempt has shown.
    fn report_service(&mut self, shown: Shown) {
        let Some(pass) = &mut self.pass else { return };
        match shown {
            Shown::Answer => pass.succeeded(),
            Shown::Outage => pass.failed(Fault::Refused),
            // Another call may have the place of a probe while this one waits.
            Shown::Nothing => self.pass = None,
        }
    }

    /// The error of an attempt that was cut off: at the deadline of the call, or at its own.
    fn attempt_too_late(&mut self) -> Error {
        match self.attempt_ends {
            Some(end) if end < self.deadline() => Error::attempt_timeout(),
            _ => self.too_late(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorKind, Retry};

    #[test]
    fn only_outages_of_the_service_itself_count_against_its_circuit() {
        let class = |category| Class {
            category,
            kind: ErrorKind::Other,
            retry: Retry::Never,
        };
        let shown = |category, provenance| shown_by(class(category), provenance);
        for category in Category::ALL {
            let expected = match category {
                Category::Transient | Category::Ambiguous => Shown::Outage,
                Category::Cancelled => Shown::Nothing,
                _ => Shown::Answer,
            };
            assert_eq!(shown(*category, Provenance::Application), expected);
            assert_eq!(shown(*category, Provenance::Call), Shown::Nothing);
            assert_eq!(shown(*category, Provenance::Lost), Shown::Nothing);
        }
    }
}
