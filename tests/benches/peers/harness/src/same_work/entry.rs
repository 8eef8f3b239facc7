//! The turns of one contestant at the four pieces of work.

use std::sync::{Arc, Mutex, PoisonError};

use fastrand::Rng;

use crate::bank::{ACCOUNTS, Bank, Item, Items, Place};
use crate::load::{Failure, Measure, Work, during, once_each};
use crate::rounds::{Contestant, Promises, Window};

/// How many rows a turn inserts. Its tasks share them.
pub const ROWS: usize = 10_000;

/// A piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    Read,
    Transfer,
    Each,
    Many,
}

impl Job {
    pub const ALL: [Self; 4] = [Self::Read, Self::Transfer, Self::Each, Self::Many];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "point read",
            Self::Transfer => "transfer",
            Self::Each => "10,000 rows one by one",
            Self::Many => "10,000 rows, up to 1000 a statement",
        }
    }

    /// Returns the unit in which the job is counted.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Read => "reads/s",
            Self::Transfer => "transfers/s",
            Self::Each | Self::Many => "rows/s",
        }
    }

    /// Returns how many units a call is, when there are this many tasks.
    pub(super) const fn units(self, tasks: usize) -> f64 {
        match self {
            Self::Read | Self::Transfer => 1.0,
            Self::Each | Self::Many => (ROWS / tasks) as f64,
        }
    }
}

/// A contestant whose jobs look alike to the code that measures.
pub struct Entry(Box<dyn Fn(Job) -> Contestant>);

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").finish_non_exhaustive()
    }
}

impl Entry {
    pub fn new<B: Bank>(
        name: &'static str,
        promises: Promises,
        bank: B,
        place: &Arc<dyn Place>,
    ) -> Self {
        let (bank, place) = (Arc::new(bank), Arc::clone(place));
        Self(Box::new(move |job| {
            let (bank, place) = (Arc::clone(&bank), Arc::clone(&place));
            Contestant::new(name, promises, move |window| {
                let (bank, place) = (Arc::clone(&bank), Arc::clone(&place));
                Box::pin(async move { turn(name, bank, &*place, job, window).await })
            })
        }))
    }

    #[must_use]
    pub fn at(&self, job: Job) -> Contestant {
        (self.0)(job)
    }
}

async fn turn<B: Bank>(
    name: &str,
    bank: Arc<B>,
    place: &dyn Place,
    job: Job,
    window: Window,
) -> Measure {
    let inserts = matches!(job, Job::Each | Job::Many);
    let items = match inserts {
        true => items(window.tasks, &mut Rng::with_seed(window.seed)),
        false => Vec::new(),
    };
    let rows: usize = items.iter().map(|items| items.len()).sum();
    let work = Arc::new(JobOf {
        bank,
        job,
        items: Mutex::new(items),
    });
    if !inserts {
        return during(&work, window.tasks, window.length, window.seed).await;
    }
    let measure = once_each(&work, window.tasks, window.seed).await;
    let there = place.clear().await.expect("the items can be taken away");
    assert_eq!(
        usize::try_from(there),
        Ok(rows),
        "{name}: rows are missing: {measure:?}"
    );
    measure
}

/// Returns an equal part of the rows for each task.
fn items(tasks: usize, rng: &mut Rng) -> Vec<Items> {
    let each = ROWS / tasks;
    let item = |id: usize, rng: &mut Rng| Item {
        id: i64::try_from(id).expect("few"),
        name: format!("item {:08x}", rng.u32(..)),
        cents: rng.i64(1..1000),
    };
    let mut of_task = |task: usize| {
        (task * each..(task + 1) * each)
            .map(|id| item(id, rng))
            .collect()
    };
    (0..tasks).map(&mut of_task).collect()
}

struct JobOf<B> {
    bank: Arc<B>,
    job: Job,
    /// The parts of the tasks that have not begun yet.
    items: Mutex<Vec<Items>>,
}

impl<B> JobOf<B> {
    fn next_items(&self) -> Items {
        let mut left = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        left.pop().expect("as many as there are tasks")
    }
}

impl<B: Bank> Work for JobOf<B> {
    async fn call(&self, rng: &mut Rng) -> Result<(), Failure> {
        match self.job {
            Job::Read => {
                self.bank.balance(rng.i64(1..=ACCOUNTS)).await?;
            }
            Job::Transfer => {
                // Money goes only to the higher number. Rows are then locked in one order, and no
                // deadlock has to be broken.
                let from = rng.i64(1..ACCOUNTS);
                let to = rng.i64(from + 1..=ACCOUNTS);
                self.bank.transfer(from, to, 1).await?;
            }
            Job::Each => self.bank.insert_each(&self.next_items()).await?,
            Job::Many => self.bank.insert_many(&self.next_items()).await?,
        }
        Ok(())
    }
}
