//! How an outermost call begins: its deadline, its share of the retry budget, the circuit breaker,
//! and its permit under `max_concurrency`.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::Instant;

use super::state::{CallState, Clock, Permit};
use crate::error::{Category, Class, Error, ErrorKind, Result, Retry};
use crate::op::{Override, Places, Retries};
use crate::policy::{Defaults, Pass};
#[cfg(feature = "blocking")]
use crate::policy::{RunningCall, RunningThread};
use crate::rt::{FOREVER, Millis, Timer};

impl CallState {
    /// Begins the call, once. `timeout` is how long the call may take if its operation does not
    /// say; `None`: it has no deadline.
    ///
    /// A refused call lets other tasks run before it fails: a loop of refused calls would otherwise
    /// never leave its thread, and the probe that closes the circuit needs the thread as well.
    pub(super) async fn enter(
        &mut self,
        defaults: &Defaults,
        timeout: Option<Duration>,
    ) -> Result<()> {
        match self.start(defaults, timeout) {
            Ok(None) => Ok(()),
            Ok(Some(places)) => {
                // A probe that stands in a queue of ours would keep the circuit from closing.
                self.pass = None;
                let deadline = self.deadline();
                self.permit = Some(permit(places, deadline, &mut self.timer).await?);
                self.ask_breaker(defaults)
            }
            Err(refused) => {
                yield_now().await;
                Err(refused)
            }
        }
    }

    /// Does what needs no waiting, and returns the places for one of which the call has to wait.
    fn start(&mut self, defaults: &Defaults, timeout: Option<Duration>) -> Result<Option<Places>> {
        if !matches!(self.clock, Clock::NotStarted) {
            return Ok(None);
        }
        self.monitor = Some(Arc::clone(&defaults.monitor));
        let started = Instant::now();
        let own = defaults.overrides.of(self.op.name);
        if let Some(own) = own {
            self.tell(own);
        }
        let own_timeout = self.op.timeout(own);
        let timeout = own_timeout.or(timeout).unwrap_or(FOREVER);
        self.clock = Clock::Outermost {
            started,
            deadline: started + timeout.min(FOREVER),
            watched: timeout < FOREVER,
            own: own_timeout.is_some(),
        };
        if !matches!(self.op.retry, Retries::Never) {
            let policy = self.op.policy(own, defaults.retry);
            self.attempts.most = policy.attempts.max(policy.outage_attempts);
        }
        self.longest_poll = Millis::new(defaults.limits.poll);
        if let Some(running) = &defaults.running {
            self.running = Some(running.begin(self.op.name)?);
            self.timer.set_cutoff(Arc::clone(running.cutoff()));
        }
        defaults.budget.deposit(started);
        self.ask_breaker(defaults)?;
        let Some(places) = self.op.places(own) else {
            return Ok(None);
        };
        self.permit = places.each.try_acquire().ok().map(Arc::new);
        Ok(self.permit.is_none().then_some(places))
    }

    /// Logs, once, that variables of the environment have found their operation. Which operations
    /// there are is known only when they are called, so a variable that nothing is logged about may
    /// have a name that no operation has.
    #[cold]
    fn tell(&self, own: &Override) {
        if own.is_new() {
            tracing::info!(
                db.operation.name = self.op.name_in_database(),
                dbop.guarded.name = self.op.name_of_guarded(),
                code.file.path = self.op.file,
                code.line.number = self.op.line,
                "the variables DBOP_OPERATION_{}_.. hold for this operation",
                own.name()
            );
        }
    }

    /// Asks the circuit breaker whether an attempt may begin, unless it has let this one through.
    pub(super) fn ask_breaker(&mut self, defaults: &Defaults) -> Result<()> {
        if let Some(circuit) = &defaults.circuit
            && self.pass.as_ref().is_none_or(Pass::is_spent)
        {
            self.pass = Some(circuit.admit()?);
        }
        Ok(())
    }

    /// Counts the thread that is to run the body.
    #[cfg(feature = "blocking")]
    pub(crate) fn thread(&self) -> Option<RunningThread> {
        self.running.as_ref().map(RunningCall::thread)
    }

    /// A clone of the call's permit, for a body that may run for longer than its call.
    #[cfg(feature = "blocking")]
    pub(crate) fn permit(&self) -> Option<Permit> {
        self.permit.clone()
    }
}

async fn permit(places: Places, deadline: Instant, timer: &mut Timer) -> Result<Permit> {
    let crowded = |until| {
        Error::new(
            Class {
                category: Category::Resource,
                kind: ErrorKind::Overloaded,
                retry: Retry::Always,
            },
            format!("as many calls of it as its `max_concurrency` allows were running{until}"),
        )
    };
    if !places.wait {
        let permit = places.each.try_acquire();
        return permit.map(Arc::new).map_err(|_| crowded(""));
    }
    match timer.until(deadline, places.each.acquire()).await {
        Ok(Ok(permit)) => Ok(Arc::new(permit)),
        _ => Err(crowded(" until the deadline")),
    }
}
