//! [`CallLoop`]: the part of the loop that every kind of call shares.
//!
//! Calls differ in where the session of an attempt comes from ([`Opening`]), in how their body
//! runs, and in how the session ends. Everything else stands here and in [`CallState`]: when a call
//! may begin, how often a session is asked for, and what the call returns.

use std::time::Duration;

use super::result::ResultOf;
use super::retry::FailedAttempt;
use super::run;
use super::span::CallSpan;
use super::state::CallState;
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::op::{Op, OpResult};
use crate::policy::Defaults;

/// A call of any kind, and its result once there is one.
#[derive(Debug)]
pub(crate) struct CallLoop<R> {
    pub(crate) state: CallState,
    pub(super) result: Option<R>,
    pub(crate) of: ResultOf<R>,
}

/// Where the session of an attempt comes from.
pub(crate) trait Opening {
    /// The session, or whatever else an attempt needs.
    type Session;

    /// Opens the session of one attempt.
    fn open(
        &mut self,
        call: &mut CallState,
    ) -> impl Future<Output = Result<Self::Session, NotOpened>> + Send;
}

/// Why an attempt has no session.
#[derive(Debug)]
pub(crate) struct NotOpened {
    pub(crate) error: Error,
    pub(crate) failed: FailedAttempt,
}

impl From<Error> for NotOpened {
    fn from(error: Error) -> Self {
        let failed = FailedAttempt::before_body(&error);
        Self { error, failed }
    }
}

/// What follows an attempt.
pub(super) enum Following {
    /// The call returns what the body returned.
    Return(Outcome),
    /// The call returns this error in place of what the body returned.
    Replace(Error, Outcome),
    /// Another attempt.
    Attempt,
}

impl<R> CallLoop<R> {
    /// See [`CallState::new`]. `system` is the name of the database's product in spans and metrics.
    #[inline]
    pub(crate) fn new(
        op: &'static Op,
        system: &'static str,
        span: Option<Box<CallSpan>>,
        until_ended: Duration,
    ) -> Self
    where
        R: OpResult,
    {
        Self {
            state: CallState::new(op, system, span, until_ended),
            result: None,
            of: ResultOf::NEW,
        }
    }

    /// Whether there is a result, so that no attempt follows.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.result.is_some()
    }

    /// Ends the call because no attempt could begin.
    pub(crate) fn refuse(&mut self, error: Error) {
        run::tell_outer(self.state.attempts.made > 1);
        self.result = Some((self.of.refused)(self.state.refused(error)));
    }

    /// Ends the call with this result.
    pub(crate) fn end(&mut self, mut result: R, outcome: Outcome) {
        let outcome = self.state.conclude(outcome);
        let failure = (self.of.failure)(&result);
        run::tell_outer(failure.is_some() && self.state.attempts.made > 1);
        if let Some(failure) = failure {
            self.state
                .failed_with(failure.class, failure.error, outcome);
        }
        (self.of.finish)(&mut result, self.state.ended(outcome));
        self.result = Some(result);
    }

    /// Takes the result out.
    #[inline]
    pub(crate) fn finish(&mut self) -> R {
        self.result
            .take()
            .expect("`begin` returns `None` only once there is a result")
    }
}

impl CallState {
    /// Opens a session, as soon as there is one; enters the call first. `timeout` is how long the
    /// call may take if its operation does not say.
    ///
    /// Nothing can have been applied when a session cannot be opened, so every transient failure is
    /// tried again.
    pub(crate) async fn open<O: Opening>(
        &mut self,
        defaults: &Defaults,
        timeout: Option<Duration>,
        opening: &mut O,
    ) -> Result<O::Session> {
        if let Err(error) = self.enter(defaults, timeout).await {
            return Err(self.why_late(error));
        }
        loop {
            // A call that stands in a queue has been let through.
            if self.attempts.queued_for.is_none() {
                self.ask_breaker(defaults)?;
            }
            self.attempts.made += 1;
            let NotOpened { error, failed } = match opening.open(self).await {
                Ok(session) => {
                    // The next attempt has a queue of its own.
                    self.attempts.queued = 0;
                    self.attempts.queued_for = None;
                    return Ok(session);
                }
                Err(not_opened) => not_opened,
            };
            self.saw(&error);
            if !self.follow(defaults, &failed).await {
                return Err(self.why_not_opened(error));
            }
            self.note_queue(error, &failed);
        }
    }

    /// The call will wait in a queue for a lock. What for is a better answer than that others wait
    /// in the same queue with all connections.
    pub(crate) fn note_queue(&mut self, error: Error, failed: &FailedAttempt) {
        if failed.waits_for_lock(self) {
            self.attempts.queued_for = Some(error);
        }
    }

    fn why_not_opened(&mut self, error: Error) -> Error {
        let queued_for = self.attempts.queued_for.take();
        let exhausted = error.kind() == ErrorKind::PoolExhausted;
        let error = queued_for.filter(|_| exhausted).unwrap_or(error);
        let error = self.why_late(error);
        match &self.once {
            Some(marker) => marker.gave_up(self.op, error),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::error::{Category, Class, Retry};
    use crate::policy::{CallSettings, SessionLimits};

    static PLAIN: Op = Op::transaction("plain", "here", 1);

    /// Fails with these errors one after the other, and then opens.
    struct Fails(VecDeque<Error>);

    impl Opening for Fails {
        type Session = ();

        async fn open(&mut self, _: &mut CallState) -> Result<(), NotOpened> {
            match self.0.pop_front() {
                Some(error) => Err(error.into()),
                None => Ok(()),
            }
        }
    }

    fn error(category: Category, kind: ErrorKind) -> Error {
        let class = Class {
            category,
            kind,
            retry: Retry::Always,
        };
        Error::new(class, "a test")
    }

    async fn open(
        call: &mut CallState,
        errors: impl Into<VecDeque<Error>>,
    ) -> Result<(), ErrorKind> {
        let settings = CallSettings::default();
        let defaults = Defaults::new(&settings, Duration::ZERO, SessionLimits::Foreign);
        let mut fails = Fails(errors.into());
        let opened = call.open(&defaults, Some(settings.timeout), &mut fails);
        opened.await.map_err(|error| error.kind())
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_ends_with_the_attempt_that_waited_in_it() {
        let lock = || error(Category::Transient, ErrorKind::Lock);
        let exhausted = || error(Category::Resource, ErrorKind::PoolExhausted);
        let mut call = CallState::new(&PLAIN, "sqlite", None, Duration::ZERO);
        assert_eq!(open(&mut call, [lock(), lock()]).await, Ok(()));
        assert_eq!((call.attempts.made, call.attempts.queued), (1, 0));
        assert_eq!(
            open(&mut call, [exhausted()]).await,
            Err(ErrorKind::PoolExhausted)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_waited_for_a_lock_is_told_of_that_and_not_of_others_who_wait_as_well() {
        let lock = error(Category::Transient, ErrorKind::Lock);
        let exhausted = error(Category::Resource, ErrorKind::PoolExhausted);
        let mut call = CallState::new(&PLAIN, "sqlite", None, Duration::ZERO);
        assert_eq!(
            open(&mut call, [lock, exhausted]).await,
            Err(ErrorKind::Lock)
        );
    }
}
