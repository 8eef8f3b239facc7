//! [`Workers`]: what runs the jobs of a process.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{Either, select};

use super::database::JobDatabase;
use super::engine::client::{Employer, Engine, Queues};
use super::engine::prepared::check_queue;
use super::liveness::{self, Pulse};
use super::registration::{JobBody, Registration};
use super::schedule::Scheduled;
use super::schema::check_migrated;
use super::shared::Shared;
use super::working::Working;
use crate::db::Db;
use crate::error::{Error, ErrorKind, Result};

/// How many jobs of a queue run at once in a process, unless somebody says otherwise.
const AT_ONCE: usize = 10;

/// The workers of a process: they run the jobs of this binary, in this process.
///
/// ```
/// # struct Mailer;
/// # async fn example(db: dbop::Db<sqlx::Sqlite>) -> dbop::Result<()> {
/// use std::time::Duration;
///
/// use dbop::jobs::Workers;
///
/// dbop::jobs::migrate(&db).await?;
/// let workers = Workers::new(&db)
///     .state(Mailer)             // for jobs with a parameter `&Mailer`
///     .queue("mail", 2)          // two of these at once
///     .start()
///     .await?;
/// // Until the service ends:
/// workers.stop(Duration::from_secs(30)).await;
/// # Ok(())
/// # }
/// ```
///
/// | setting | meaning | default |
/// |---|---|---|
/// | [`queue`](Self::queue) | how many jobs of a queue run at once here | 10 for each queue that a job of the binary names |
/// | [`state`](Self::state) | what jobs get by a parameter `&T` | none |
/// | [`only`](Self::only) | works these kinds alone | all of the binary |
/// | [`leads`](Self::leads) | may become the leader of all processes | if it works all kinds of the binary |
/// | [`elsewhere`](Self::elsewhere) | kinds that other processes work | none |
/// | [`noticed_within`](Self::noticed_within) | how soon others notice that this process has died | 60 s |
/// | [`poll_every`](Self::poll_every) | how often a queue is looked at, if no notification arrives | 1 s |
#[must_use = "workers run once they are started"]
pub struct Workers<DB: JobDatabase> {
    db: Db<DB>,
    states: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    queues: Queues,
    only: Option<Vec<String>>,
    leads: Option<bool>,
    elsewhere: Vec<String>,
    noticed_within: Duration,
    poll_every: Duration,
}

impl<DB: JobDatabase> Workers<DB> {
    /// Returns workers of the jobs of this binary that are for the database of the handle.
    pub fn new(db: &Db<DB>) -> Self {
        Self {
            db: db.clone(),
            states: HashMap::new(),
            queues: BTreeMap::new(),
            only: None,
            leads: None,
            elsewhere: Vec::new(),
            noticed_within: Duration::from_secs(60),
            poll_every: Duration::from_secs(1),
        }
    }

    /// Gives jobs with a parameter `&T` this value.
    pub fn state<T: Any + Send + Sync>(self, state: T) -> Self {
        self.shared_state(Arc::new(state))
    }

    /// Gives jobs with a parameter `&T` the value that others share.
    pub fn shared_state<T: Any + Send + Sync>(mut self, state: Arc<T>) -> Self {
        self.states.insert(TypeId::of::<T>(), state);
        self
    }

    /// Sets how many jobs of this queue run at once in this process, from 1 to 10,000.
    pub fn queue(mut self, name: impl Into<String>, at_once: usize) -> Self {
        self.queues.insert(name.into(), at_once);
        self
    }

    /// Works these kinds alone. Such workers do not become the leader unless
    /// [`leads`](Self::leads) says so.
    pub fn only(mut self, kinds: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.only = Some(kinds.into_iter().map(Into::into).collect());
        self
    }

    /// Says whether this process may become the leader, which makes jobs available whose time has come,
    /// and deletes old ones. One process at a time leads, and at least one has to be able to.
    pub fn leads(mut self, leads: bool) -> Self {
        self.leads = Some(leads);
        self
    }

    /// Says that other processes work these kinds, so that it is no mistake if this one does not.
    pub fn elsewhere(mut self, kinds: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.elsewhere.extend(kinds.into_iter().map(Into::into));
        self
    }

    /// Sets how soon other processes notice that this one has died, and rescue its jobs. They should all
    /// have the same setting. Heartbeats are sent six times as often.
    pub fn noticed_within(mut self, within: Duration) -> Self {
        self.noticed_within = within;
        self
    }

    /// Sets how often a queue is looked at, if no notification about a new job arrives.
    pub fn poll_every(mut self, every: Duration) -> Self {
        self.poll_every = every.max(Duration::from_millis(1));
        self
    }

    /// Starts the workers, and returns their handle.
    ///
    /// # Errors
    ///
    /// Fails if two functions have the same kind, if a job asks for state that is not there, if a schedule
    /// is not valid, if the tables are not there, and if nobody works a kind of this binary.
    pub async fn start(self) -> Result<Working<DB>> {
        let known = known()?;
        let jobs: Vec<_> = known
            .values()
            .copied()
            .filter(|(it, _)| self.works(it.kind))
            .collect();
        self.check(&known, &jobs)?;
        let queues = self.queues_of(&jobs);
        let scheduled: Vec<_> = jobs
            .iter()
            .map(|(it, _)| Scheduled::of(it))
            .collect::<Result<_>>()?;
        let shared = Arc::new(Shared {
            db: self.db.clone(),
            id: name_of_process(),
            kinds: jobs.iter().map(|(it, _)| it.kind).collect(),
            states: self.states,
            lost: Mutex::default(),
            running: Mutex::default(),
        });
        check_migrated(&shared.db).await?;
        check_worked(&shared, known.keys().copied(), &self.elsewhere).await?;
        liveness::enter(&shared).await?;
        let pulse = Pulse::noticed_within(self.noticed_within);
        let employer = Employer {
            shared: &shared,
            bodies: jobs.iter().map(|(_, body)| *body).collect(),
            queues: &queues,
            leads: self.leads.unwrap_or(self.only.is_none()),
            poll_every: self.poll_every,
        };
        let engine = match jobs.is_empty() {
            true => None,
            false => match ready(&shared, employer, pulse).await {
                Ok(engine) => Some(engine),
                Err(error) => {
                    liveness::leave(&shared).await;
                    return Err(error);
                }
            },
        };
        let scheduled = scheduled.into_iter().flatten().collect();
        Working::begin(shared, engine, pulse, scheduled)
    }

    fn works(&self, kind: &str) -> bool {
        self.only
            .as_ref()
            .is_none_or(|only| only.iter().any(|it| it == kind))
    }

    fn check(&self, known: &BTreeMap<&'static str, Job<DB>>, jobs: &[Job<DB>]) -> Result<()> {
        let named = self.only.iter().flatten();
        if let Some(unknown) = named.into_iter().find(|kind| !known.contains_key(&***kind)) {
            return Err(wrong(format!(
                "`only` names the kind `{unknown}`, and no job of this binary has it on this database"
            )));
        }
        for (queue, at_once) in &self.queues {
            check_queue(queue)?;
            if !(1..=10_000).contains(at_once) {
                return Err(Error::programming(
                    ErrorKind::InvalidArgument,
                    format!(
                        "the queue `{queue}` cannot run {at_once} jobs at once; write a number from 1 to 10,000"
                    ),
                ));
            }
        }
        for (job, _) in jobs {
            let states = job.states.iter().map(|state| state());
            for state in states {
                if !self.states.contains_key(&state.id) {
                    return Err(wrong(format!(
                        "the job `{}` ({}:{}) asks for `&{}`, which the workers were not given; call \
                         `Workers::state` with one",
                        job.kind, job.file, job.line, state.name
                    )));
                }
            }
        }
        Ok(())
    }

    /// Returns the queues of the jobs, and those that were named.
    fn queues_of(&self, jobs: &[Job<DB>]) -> Queues {
        let mut queues = self.queues.clone();
        for (job, _) in jobs {
            queues
                .entry((job.options)().queue.into_owned())
                .or_insert(AT_ONCE);
        }
        queues
    }
}

/// Returns the jobs of this binary for the database `DB`, by their kinds. Fails if two have the same kind.
fn known<DB: JobDatabase>() -> Result<BTreeMap<&'static str, Job<DB>>> {
    let mut known = BTreeMap::new();
    for registration in Registration::all() {
        let Some(body) = registration.body::<DB>() else {
            continue;
        };
        if let Some((first, _)) = known.insert(registration.kind, (registration, body)) {
            return Err(twice(first, registration));
        }
    }
    Ok(known)
}

/// Checks that somebody works each of these kinds: this process, processes that `elsewhere` speaks of, or
/// others whose heartbeats are there.
async fn check_worked<DB: JobDatabase>(
    shared: &Shared<DB>,
    kinds: impl Iterator<Item = &'static str>,
    elsewhere: &[String],
) -> Result<()> {
    let is_elsewhere = |kind: &str| elsewhere.iter().any(|it| it == kind);
    let mut idle = kinds
        .filter(|kind| !shared.kinds.contains(kind) && !is_elsewhere(kind))
        .peekable();
    if idle.peek().is_none() {
        return Ok(());
    }
    let worked = liveness::worked_kinds(shared).await?;
    match idle.find(|kind| !worked.iter().any(|it| it == kind)) {
        Some(kind) => Err(nobody_works(kind)),
        None => Ok(()),
    }
}

/// Starts an engine, and sends heartbeats until the engine is ready.
async fn ready<DB: JobDatabase>(
    shared: &Arc<Shared<DB>>,
    employer: Employer<'_, DB>,
    pulse: Pulse,
) -> Result<Engine> {
    let mut engine = employer.start()?;
    let alive = liveness::run(Arc::clone(shared), pulse);
    match select(pin!(engine.ready()), pin!(alive)).await {
        Either::Left((ready, _)) => ready?,
        Either::Right(((), _)) => {}
    }
    Ok(engine)
}

/// A job of this binary with its body.
type Job<DB> = (&'static Registration, &'static JobBody<DB>);

impl<DB: JobDatabase> fmt::Debug for Workers<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers")
            .field("queues", &self.queues)
            .finish_non_exhaustive()
    }
}

/// A name that no other process has, and that tells people which process it is.
fn name_of_process() -> String {
    let host = std::env::var("HOSTNAME").or_else(|_| std::fs::read_to_string("/etc/hostname"));
    let host = host.unwrap_or_default();
    let host: String = host
        .trim()
        .chars()
        .filter(|it| it.is_ascii_graphic())
        .take(40)
        .collect();
    format!(
        "dbop:{host}:{}:{:016x}",
        std::process::id(),
        fastrand::u64(..)
    )
}

fn wrong(message: String) -> Error {
    Error::programming(ErrorKind::Configuration, message)
}

fn twice(first: &Registration, second: &Registration) -> Error {
    wrong(format!(
        "two jobs have the kind `{}`: {}:{} and {}:{}; give each a `name` of its own",
        first.kind, first.file, first.line, second.file, second.line
    ))
}

fn nobody_works(kind: &str) -> Error {
    wrong(format!(
        "nobody works the job `{kind}`, which this binary can enqueue: name it in `only`, or in `elsewhere` if \
         another process will work it"
    ))
}
