//! [`Foreman`]: looks at the jobs while a page about them is open.

use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::response::Response;
use futures_util::future::{Either, select};
use serde::Serialize;
use tokio::time::{Instant, sleep, timeout};

use super::pages::Pages;
use crate::db::{AnyDb, with_db};
use crate::error::Error;
use crate::jobs::{Overview, overview};
use crate::rt::background;

/// How often the jobs are looked at while a page is open.
const EVERY: Duration = Duration::from_secs(2);

/// How long the database may take to answer.
const WITHIN: Duration = Duration::from_secs(5);

/// Looks at the jobs while a page is open. The task ends soon after this is dropped.
#[derive(Debug)]
pub(super) struct Foreman(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    db: AnyDb,
    pages: Pages,
}

impl Foreman {
    pub(super) fn start(db: &AnyDb) -> Self {
        let shared = Arc::new(Shared {
            db: db.clone(),
            pages: Pages::new(),
        });
        // The runtime that makes the routes need not be one that serves them.
        background().spawn(watch_over(Arc::downgrade(&shared)));
        Self(shared)
    }

    /// Looks at the jobs once.
    pub(super) async fn look(&self) -> Seen {
        look(&self.0.db).await
    }

    /// Returns the answer that tells an open page what is seen.
    pub(super) fn events(&self) -> Response {
        self.0.pages.answer()
    }
}

/// Looks at the jobs until nobody can ask any more.
async fn watch_over(watched: Weak<Shared>) {
    let mut pause = EVERY;
    while let Some(shared) = watched.upgrade() {
        let (due, opened) = (pin!(sleep(pause)), pin!(shared.pages.opened()));
        if let Either::Left(_) = select(due, opened).await
            && !shared.pages.are_open()
        {
            continue;
        }
        let begun = Instant::now();
        shared.pages.tell(&look(&shared.db).await);
        // To count millions of jobs takes a while, and is not to be all that a connection does.
        pause = EVERY.max(begun.elapsed() * 4);
    }
}

/// What is told of the jobs.
#[derive(Debug, Serialize)]
pub(super) struct Seen {
    system: &'static str,
    /// Why there is nothing to see.
    note: Option<String>,
    #[serde(flatten)]
    jobs: Overview,
}

async fn look(db: &AnyDb) -> Seen {
    let looked = timeout(WITHIN, async { with_db!(db, db => overview(db).await) });
    let looked = looked
        .await
        .unwrap_or_else(|_| Err(Error::deadline("the jobs")));
    let (note, jobs) = match looked {
        Ok(Some(jobs)) => (None, jobs),
        Ok(None) => {
            let why = "There are no tables of jobs. `dbop::jobs::migrate(&db)` makes them.";
            (Some(why.to_owned()), Overview::default())
        }
        // The message of the database is not for everybody.
        Err(error) => {
            let why = format!("The database was not asked: {}.", error.kind());
            (Some(why), Overview::default())
        }
    };
    Seen {
        system: db.system(),
        note,
        jobs,
    }
}
