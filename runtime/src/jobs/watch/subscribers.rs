//! [`Subscribers`]: the streams of a watcher, and which of their jobs are to be read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::db::Db;
use crate::error::Error;
use crate::jobs::database::JobDatabase;
use crate::jobs::info::JobInfo;
use crate::rt::lock;

/// What a stream was told last.
#[derive(Clone, Debug)]
pub(super) enum Told {
    NothingYet,
    Job(Arc<JobInfo>),
    NoJob,
    Failed(Arc<Error>),
}

impl Told {
    fn is_last(&self) -> bool {
        match self {
            Self::NothingYet => false,
            Self::Job(job) => job.state.is_final(),
            Self::NoJob | Self::Failed(_) => true,
        }
    }
}

/// The streams of a watcher and its clones.
#[derive(Debug)]
pub(super) struct Subscribers<DB: JobDatabase> {
    pub(super) db: Db<DB>,
    pub(super) look_every: Duration,
    /// Wakes the task: a stream has come, or the last one has gone.
    pub(super) changed: Notify,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    /// By their numbers, in the order in which they came.
    streams: BTreeMap<u64, Subscriber>,
    next_number: u64,
    /// The jobs that are to be read.
    due: BTreeSet<i64>,
    /// Whether the task runs.
    is_served: bool,
}

#[derive(Debug)]
struct Subscriber {
    job: i64,
    told: watch::Sender<Told>,
}

/// Jobs that are to be read, for the streams that have come until now. A stream that comes later may not be
/// told what was read before it came.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) jobs: Vec<i64>,
    until: u64,
}

impl<DB: JobDatabase> Subscribers<DB> {
    pub(super) fn new(db: Db<DB>, look_every: Duration) -> Self {
        Self {
            db,
            look_every,
            changed: Notify::new(),
            list: Mutex::default(),
        }
    }

    pub(super) fn count(&self) -> usize {
        lock(&self.list).streams.len()
    }

    /// Adds a stream. Returns as well whether no task serves the streams: then the caller starts one.
    pub(super) fn add(self: Arc<Self>, job: i64) -> (Subscription<DB>, bool) {
        let (sender, told) = watch::channel(Told::NothingYet);
        let mut list = lock(&self.list);
        let number = list.next_number;
        list.next_number += 1;
        list.streams
            .insert(number, Subscriber { job, told: sender });
        list.due.insert(job);
        let is_first = !std::mem::replace(&mut list.is_served, true);
        drop(list);
        if !is_first {
            self.changed.notify_one();
        }
        let subscription = Subscription {
            subscribers: self,
            number,
            told,
        };
        (subscription, is_first)
    }

    /// Notes that these jobs are to be read, if somebody watches them.
    pub(super) fn are_due(&self, jobs: impl IntoIterator<Item = i64>) {
        lock(&self.list).due.extend(jobs);
    }

    /// Notes that all jobs are to be read.
    pub(super) fn all_are_due(&self) {
        let mut list = lock(&self.list);
        list.due = list.streams.values().map(|stream| stream.job).collect();
    }

    /// Whether there are streams. If there are none, the task ends, and the next stream starts another.
    pub(super) fn has_streams(&self) -> bool {
        let mut list = lock(&self.list);
        list.is_served = !list.streams.is_empty();
        list.is_served
    }

    /// Returns the jobs that are to be read. `None` if there are no streams: the task ends then.
    pub(super) fn take_due(&self) -> Option<Due> {
        let mut list = lock(&self.list);
        let due = std::mem::take(&mut list.due);
        if list.streams.is_empty() {
            list.is_served = false;
            return None;
        }
        let watched: BTreeSet<i64> = list.streams.values().map(|stream| stream.job).collect();
        Some(Due {
            jobs: due.intersection(&watched).copied().collect(),
            until: list.next_number,
        })
    }

    /// Tells the streams of these jobs what was read. A job that was not found is no more.
    pub(super) fn tell(&self, due: &Due, jobs: &[i64], found: &BTreeMap<i64, Arc<JobInfo>>) {
        let mut list = lock(&self.list);
        let is_meant =
            |number: u64, stream: &Subscriber| number < due.until && jobs.contains(&stream.job);
        list.streams.retain(|number, stream| {
            if !is_meant(*number, stream) {
                return true;
            }
            let told = match found.get(&stream.job) {
                Some(job) => Told::Job(Arc::clone(job)),
                None => Told::NoJob,
            };
            stream.tell(told)
        });
    }

    /// Tells all streams that they end.
    pub(super) fn fail(&self, error: Error) {
        let told = Told::Failed(Arc::new(error));
        for stream in std::mem::take(&mut lock(&self.list).streams).into_values() {
            stream.tell(told.clone());
        }
    }

    /// Forgets all streams without a word, because the task has panicked.
    pub(super) fn abandon(&self) {
        *lock(&self.list) = List::default();
    }
}

impl Subscriber {
    /// Tells what is new. Returns whether more may follow.
    fn tell(&self, told: Told) -> bool {
        let is_last = told.is_last();
        self.told.send_if_modified(|before| {
            let is_known = match (&*before, &told) {
                (Told::Job(before), Told::Job(now)) => before == now,
                _ => false,
            };
            if !is_known {
                *before = told;
            }
            !is_known
        });
        !is_last
    }
}

/// The place of a stream among the subscribers, until this is dropped.
#[derive(Debug)]
pub(super) struct Subscription<DB: JobDatabase> {
    subscribers: Arc<Subscribers<DB>>,
    number: u64,
    told: watch::Receiver<Told>,
}

impl<DB: JobDatabase> Subscription<DB> {
    /// Waits for what is new. `None` if the task has ended without a word.
    pub(super) async fn told(&mut self) -> Option<Told> {
        self.told.changed().await.ok()?;
        Some(self.told.borrow_and_update().clone())
    }
}

impl<DB: JobDatabase> Drop for Subscription<DB> {
    fn drop(&mut self) {
        let mut list = lock(&self.subscribers.list);
        let left = list.streams.remove(&self.number);
        let is_last = left.is_some() && list.streams.is_empty();
        drop(list);
        if is_last {
            self.subscribers.changed.notify_one();
        }
    }
}
