//! The heartbeat of a process, and the look-out for others that have died.
//!
//! A process is alive while its heartbeats arrive, by the clock of the database. They have a connection of
//! their own, so that a pool without a free connection does not make a process look dead. A process is
//! declared dead when two looks have found the same old heartbeat: after an outage of the database, all
//! heartbeats are old, and the processes have the time between two looks to send a new one.
//!
//! A process that finds that it was declared dead, for example because it was stopped for a while, drops
//! the jobs that it had, and goes on with new ones. Nothing of the old ones can be written any more, as
//! [`fence`](super::fence) says.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::admission::sweep;
use super::database::JobDatabase;
use super::rescue::{Whose, rescue};
use super::shared::Shared;
use super::sql::{asked_on, asked_once, json};
use crate::error::{Error, Result};
use crate::op::Op;

static BEAT: Op = Op::operation("dbop.jobs.heartbeat", file!(), line!()).idempotent();
static ENTER: Op = Op::operation("dbop.jobs.enter", file!(), line!()).idempotent();
static LOOK: Op = Op::operation("dbop.jobs.look", file!(), line!()).read_only();

/// How long a client of River's in another language may run a job. dbop cannot tell whether it is alive.
const OTHERS: Duration = Duration::from_secs(24 * 60 * 60);

/// How often heartbeats are sent, and when a process is taken for dead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulse {
    pub(super) every: Duration,
    /// The age of a heartbeat that is too old.
    pub(super) dead_after: Duration,
}

impl Pulse {
    /// A process that dies is noticed after at most this time.
    pub(super) fn noticed_within(within: Duration) -> Self {
        let every = (within / 6).max(Duration::from_millis(20));
        Self {
            every,
            // Two looks follow, and each may come one period late.
            dead_after: (within - every.min(within) * 2).max(every * 2),
        }
    }
}

/// Sends heartbeats and looks out for the dead, for as long as the future is polled.
pub(super) async fn run<DB: JobDatabase>(shared: Arc<Shared<DB>>, pulse: Pulse) {
    let mut heart = Heart {
        shared: &shared,
        pool: DB::pool_of_one(&shared.db),
        conn: None,
        silent: HashMap::new(),
        looked: Instant::now(),
    };
    let mut ticks = interval(pulse.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let begun = Instant::now();
        if let Err(error) = heart.beat(pulse).await {
            heart.conn = None;
            tracing::warn!(error.message = %error, "a heartbeat of the workers of jobs was not sent");
            // Soon, so that after an outage the heartbeat is there before others look a second time.
            ticks.reset_after(pulse.every / 4);
            continue;
        }
        // A heartbeat that was held up would be followed at once by the next tick. Two looks are always
        // one period apart.
        if begun.elapsed() >= pulse.every / 2 {
            ticks.reset();
        }
        // Jobs are rescued by those who are alive themselves.
        if let Err(error) = heart.look_out(pulse).await {
            tracing::warn!(error.message = %error, "the jobs of dead workers are looked for again later");
        }
    }
}

struct Heart<'a, DB: JobDatabase> {
    shared: &'a Arc<Shared<DB>>,
    /// `None` for a database in memory.
    pool: Option<sqlx::Pool<DB>>,
    /// `None` until it is open.
    conn: Option<DB::Connection>,
    /// The heartbeats that the last look has found to be too old.
    silent: HashMap<String, String>,
    looked: Instant,
}

impl<DB: JobDatabase> Heart<'_, DB> {
    async fn beat(&mut self, pulse: Pulse) -> Result<()> {
        let shared = self.shared;
        let (sql, id) = (DB::JOB_SQL, &*shared.id);
        let is_known = if let Some(pool) = &self.pool {
            let beat = async {
                let conn = match &mut self.conn {
                    Some(conn) => conn,
                    none => none.insert(pool.acquire().await?.detach()),
                };
                Ok::<_, Error>(asked_on::<DB>(conn, sql.beat, &[id]).await?.is_some())
            };
            timeout(pulse.every.max(Duration::from_secs(2)), beat)
                .await
                .map_err(|_| Error::deadline("the database to take a heartbeat"))??
        } else {
            asked_once(&shared.db, &BEAT, sql.beat, &[id])
                .await?
                .is_some()
        };
        if !is_known {
            tracing::error!(
                job.worker = id,
                "this process was taken for dead, and others may have its jobs: the bodies that run here \
                 are dropped"
            );
            shared.lose_all();
            enter(shared).await?;
        }
        Ok(())
    }

    async fn look_out(&mut self, pulse: Pulse) -> Result<()> {
        let shared = self.shared;
        let db = &shared.db;
        let age = pulse.dead_after.as_secs_f64().to_string();
        let silent = asked_once(&shared.db, &LOOK, DB::JOB_SQL.silent, &[&age, &shared.id]).await?;
        let silent: HashMap<String, String> = json::<DB, Vec<(String, String)>>(silent)?
            .into_iter()
            .collect();
        for (worker, heard_of) in &silent {
            if self.silent.get(worker) == Some(heard_of) {
                let whose = Whose::Of { worker, heard_of };
                rescue(db, whose).await?;
            }
        }
        self.silent = silent;
        // What a worker has fetched just when it was declared dead, and slots that nobody gave back.
        if self.looked.elapsed() >= pulse.dead_after {
            self.looked = Instant::now();
            let ours = pulse.dead_after;
            rescue(
                db,
                Whose::Unknown {
                    ours,
                    others: OTHERS,
                },
            )
            .await?;
            sweep(db).await?;
        }
        Ok(())
    }
}

/// Enters the process among those that work.
pub(super) async fn enter<DB: JobDatabase>(shared: &Shared<DB>) -> Result<()> {
    let kinds = serde_json::to_string(&shared.kinds).expect("texts are JSON");
    asked_once(&shared.db, &ENTER, DB::JOB_SQL.enter, &[&shared.id, &kinds])
        .await
        .map(drop)
}

/// Deletes the process from those that work. Its jobs have ended.
pub(super) async fn leave<DB: JobDatabase>(shared: &Shared<DB>) {
    let left = asked_once(&shared.db, &ENTER, DB::JOB_SQL.leave, &[&shared.id]).await;
    if let Err(error) = left {
        tracing::warn!(error.message = %error, "other processes find out that this one has ended");
    }
}

/// Returns the kinds that processes work, whose heartbeats are there.
pub(super) async fn worked_kinds<DB: JobDatabase>(shared: &Shared<DB>) -> Result<Vec<String>> {
    json::<DB, _>(asked_once(&shared.db, &LOOK, DB::JOB_SQL.worked_kinds, &[]).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_dies_is_noticed_within_the_time_and_a_live_one_may_miss_a_heartbeat() {
        for seconds in [1, 10, 60, 600] {
            let within = Duration::from_secs(seconds);
            let Pulse { every, dead_after } = Pulse::noticed_within(within);
            assert!(dead_after + every * 2 <= within, "{within:?}");
            assert!(dead_after >= every * 2, "{within:?}");
        }
    }
}
