//! [`breaker`] and [`breakers`]: the circuit breakers of other services, by their names.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::breaker::{Circuit, CircuitBreaker};
use super::defaults::{CallSettings, Defaults, SessionLimits};
use super::process::defaults_without_db;
use crate::error::{Error, ErrorKind, Result};
use crate::op::Guard;
use crate::rt::lock;

/// The services that have a name. A service is never removed, because the name of its breaker stands
/// in the source of the program.
static SERVICES: Mutex<BTreeMap<String, &'static Service>> = Mutex::new(BTreeMap::new());

/// What the functions share that name one circuit breaker.
#[derive(Debug)]
struct Service {
    name: String,
    settings: Settings,
    circuit: Arc<Circuit>,
    /// Made at the first call, because the defaults of the process can be set until then.
    defaults: OnceLock<Defaults>,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    circuit: CircuitBreaker,
    /// How many retries each call, and each second, adds to the budget.
    retry_budget: (f64, f64),
}

impl Service {
    fn new(name: &str, settings: Settings) -> &'static Self {
        Box::leak(Box::new(Self {
            name: name.to_owned(),
            settings,
            circuit: Circuit::new(settings.circuit, format!("the service `{name}`")),
            defaults: OnceLock::new(),
        }))
    }

    /// Returns the service with this name, with the default settings if nobody has set others.
    fn named(name: &str) -> &'static Self {
        let mut services = lock(&SERVICES);
        if let Some(service) = services.get(name) {
            return service;
        }
        let service = Self::new(name, Breaker::of(name).settings);
        services.insert(name.to_owned(), service);
        service
    }

    /// Returns what calls of the service share, and what they do if their function does not say.
    fn defaults(&self) -> &Defaults {
        self.defaults.get_or_init(|| {
            let process = defaults_without_db();
            let settings = CallSettings {
                timeout: process.timeout,
                retry: process.retry,
                retry_budget: self.settings.retry_budget,
                breaker: None,
                overrides: process.overrides.clone(),
                ..CallSettings::default()
            };
            let defaults = Defaults::new(&settings, Duration::ZERO, SessionLimits::Foreign);
            Defaults {
                circuit: Some(Arc::clone(&self.circuit)),
                running: None,
                ..defaults
            }
        })
    }
}

/// Returns the defaults of the calls of a function under `#[guarded]`. Those of functions that name no
/// breaker are the defaults of the process, which have no circuit.
pub(crate) fn defaults_of_service(guard: &Guard) -> &'static Defaults {
    match guard.breaker {
        Some(name) => Service::named(name).defaults(),
        None => defaults_without_db(),
    }
}

/// Returns a builder for the settings of the circuit breaker with this name.
///
/// Functions that say `#[guarded(breaker = "llm")]` share one circuit breaker and one budget of
/// retries, in the whole process. The settings can be [set](Breaker::set) once, before the first call
/// of such a function. Without that, the breaker has [`CircuitBreaker::DEFAULT`].
///
/// ```
/// use std::time::Duration;
///
/// use dbop::CircuitBreaker;
///
/// fn main() -> dbop::Result<()> {
///     let patient = CircuitBreaker::DEFAULT.refusals(3).open(Duration::from_secs(20));
///     dbop::breaker("llm").settings(patient).set()?;
///     Ok(())
/// }
/// ```
pub fn breaker(name: &str) -> Breaker<'_> {
    Breaker::of(name)
}

/// The settings of the circuit breaker of a service, from [`breaker`].
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing changes until `set`"]
pub struct Breaker<'a> {
    name: &'a str,
    settings: Settings,
}

impl<'a> Breaker<'a> {
    fn of(name: &'a str) -> Self {
        Self {
            name,
            settings: Settings {
                circuit: CircuitBreaker::DEFAULT,
                retry_budget: CallSettings::default().retry_budget,
            },
        }
    }

    /// Sets when the circuit opens, and for how long. [`CircuitBreaker::DEFAULT`] if this is not set.
    ///
    /// [`refusals`](CircuitBreaker::refusals) is the number of outages without an answer between
    /// them. [`slow`](CircuitBreaker::slow) has no meaning for a service, whose answers may rightly
    /// take seconds: too slow is an attempt that its `timeout` or `attempt_timeout` cuts off.
    pub fn settings(mut self, settings: CircuitBreaker) -> Self {
        self.settings.circuit = settings;
        self
    }

    /// Sets how many retries each call, and each second, adds to the budget that all functions of
    /// this breaker share. 0.2 and 10 by default. With 0 and 0, nothing is retried.
    pub fn retry_budget(mut self, per_call: f64, per_second: f64) -> Self {
        self.settings.retry_budget = (per_call.max(0.0), per_second.max(0.0));
        self
    }

    /// Makes these the settings of the breaker.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] if the settings were set before, or if a call has already used them:
    /// the functions of one breaker would otherwise have different settings.
    pub fn set(self) -> Result<()> {
        let Self { name, settings } = self;
        let mut services = lock(&SERVICES);
        if services.contains_key(name) {
            return Err(Error::programming(
                ErrorKind::Configuration,
                format!(
                    "the circuit breaker `{name}` was set before, or a call has already used it; set it \
                     once, at the beginning of `main`"
                ),
            ));
        }
        services.insert(name.to_owned(), Service::new(name, settings));
        Ok(())
    }
}

/// The circuit breaker of a service, as [`breakers`] lists it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BreakerInfo {
    /// The name that functions give in `#[guarded(breaker = "..")]`.
    pub name: String,
    /// The state: `closed`, `open` or `half_open`, as in a report of [`health`](crate::health).
    pub state: &'static str,
    /// How long calls are refused from now on. `None` if the circuit is not open, or if the next call
    /// is let through to see whether the service is back.
    pub open_for: Option<Duration>,
}

/// Returns the circuit breakers that were [set](Breaker::set) or used by a call, sorted by name. Those of
/// databases are in the reports of [`health`](crate::health) instead.
///
/// ```
/// for breaker in dbop::breakers() {
///     println!("{} is {}", breaker.name, breaker.state);
/// }
/// ```
#[must_use]
pub fn breakers() -> Vec<BreakerInfo> {
    let services: Vec<_> = lock(&SERVICES).values().copied().collect();
    let info = |service: &Service| BreakerInfo {
        name: service.name.clone(),
        state: service.circuit.state(),
        open_for: service.circuit.open_for(),
    };
    services.into_iter().map(info).collect()
}
