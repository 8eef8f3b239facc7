//! `Db::health`, `Db::ready` and `Db::pool_status`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::report::{Connectivity, Health, HealthStatus, PoolStatus, Readiness};
use crate::backend::Backend;
use crate::db::{AnyDb, Db, with_db};
use crate::error::{Error, ErrorKind};
use crate::pool::{Answer, Pools, Said};
use crate::rt::background;

/// How long a call may hold the one connection that writes to a SQLite file, while others wait for it,
/// and the database counts as healthy.
const LONG: Duration = Duration::from_secs(1);

/// How long a check waits for the database.
const WITHIN: Duration = Duration::from_secs(1);

impl<DB: Backend> Db<DB> {
    /// Checks whether the database answers, and whether there are connections to spare. Returns after
    /// 1 s at the latest; see [`health_within`](Self::health_within).
    ///
    /// ```
    /// # async fn example(db: dbop::Db<sqlx::Sqlite>) {
    /// let health = db.health().await;
    /// println!("{}: {}", health.status, health.problems.join(" "));
    /// # }
    /// ```
    ///
    /// The handle has a connection of its own for this, outside the pools, which is opened by the
    /// first check. So a database whose connections are all used by this program's own calls is
    /// [`Degraded`](HealthStatus::Degraded) and not [`Unhealthy`](HealthStatus::Unhealthy). A database
    /// in memory has no other connection, and is asked only if its connection becomes free in half of that
    /// time.
    ///
    /// Checks at the same time share one question, and its answer serves all checks for a second. A
    /// caller that goes away does not end a question that others wait for.
    pub async fn health(&self) -> Health {
        self.health_within(WITHIN).await
    }

    /// Like [`health`](Self::health), with another limit for the time that the database may take. A
    /// question that another check has asked keeps the limit of that check.
    pub async fn health_within(&self, within: Duration) -> Health {
        let pool_statistics = self.pool_status();
        let circuit_breaker = match &self.defaults().circuit {
            Some(circuit) => circuit.state(),
            None => "off",
        };
        let closing = match (self.pool().is_closed(), self.running().shutdown()) {
            (true, _) => Some(ErrorKind::PoolClosed),
            (false, shutdown) if shutdown.is_cancelled() => Some(ErrorKind::ShuttingDown),
            _ => None,
        };
        let answer = match closing {
            Some(_) => None,
            None => self.answer(within).await,
        };
        let (mut status, mut problems, connectivity) = match &answer {
            Some(answer) => answer.judge(),
            None => judge_absent(closing.unwrap_or(ErrorKind::Timeout)),
        };
        let mut degrade = |problem: String| {
            problems.push(problem);
            if status == HealthStatus::Healthy {
                status = HealthStatus::Degraded;
            }
        };
        let (write, read) = (pool_statistics.write, pool_statistics.read);
        // The one connection that writes to a SQLite database is in use whenever a call writes.
        let one_writes = DB::ONE_WRITER && write.max == 1;
        if write.is_full() && !one_writes {
            degrade(format!("All {} connections are in use.", write.max));
        }
        if one_writes && write.waiting > 0 && self.is_written_for_long() {
            degrade("Calls wait for one that writes, and has done so for long.".to_owned());
        }
        if let Some(read) = read.filter(|read| read.is_full()) {
            let max = read.max;
            degrade(format!("All {max} connections that read are in use."));
        }
        match circuit_breaker {
            "open" => degrade("The circuit breaker is open: calls are refused.".to_owned()),
            "half_open" => degrade("The circuit breaker lets a few calls through.".to_owned()),
            _ => {}
        }
        Health {
            status,
            problems,
            connectivity,
            circuit_breaker,
            pool_statistics,
        }
    }

    /// Checks whether calls on this database can be served, as [`health`](Self::health) does. They can
    /// unless the database is [`Unhealthy`](HealthStatus::Unhealthy).
    pub async fn ready(&self) -> Readiness {
        self.health().await.into()
    }

    /// Returns how many connections there are now, and how many of them are in use. Asks nobody.
    #[must_use]
    pub fn pool_status(&self) -> PoolStatus {
        let read = self.read_pools().map(Pools::counts);
        PoolStatus::new(self.pools(false).counts(), read)
    }

    /// Whether a call has held a connection that writes for so long that others may notice.
    fn is_written_for_long(&self) -> bool {
        let mut sessions = Vec::new();
        self.pools(false).add_sessions(&mut sessions);
        sessions.iter().any(|session| session.held_for >= LONG)
    }

    /// Returns what the database answers now, or has answered less than a second ago. `None` if there
    /// is no answer in this time.
    async fn answer(&self, within: Duration) -> Option<Arc<Answer>> {
        let probe = self.probe();
        let mut answers = probe.subscribe();
        if let Some(fresh) = probe.fresh() {
            return Some(fresh);
        }
        if let Some(turn) = probe.take_turn() {
            let db = self.clone();
            // A task of its own, so that the answer reaches the others if this caller goes away, even
            // with its runtime, which would take a database in memory along. On SQLite, a connection
            // that reads is asked, because it waits for no other.
            background().spawn(async move { turn.ask(db.pools(DB::ONE_WRITER), within).await });
        }
        timeout(within, answers.changed()).await.ok()?.ok()?;
        answers.borrow_and_update().clone()
    }
}

impl AnyDb {
    /// Checks whether the database answers, as [`Db::health`] does.
    pub async fn health(&self) -> Health {
        with_db!(self, db => db.health().await)
    }

    /// Checks whether the database answers, as [`Db::health_within`] does.
    pub async fn health_within(&self, within: Duration) -> Health {
        with_db!(self, db => db.health_within(within).await)
    }

    /// Checks whether calls on this database can be served, as [`Db::ready`] does.
    pub async fn ready(&self) -> Readiness {
        with_db!(self, db => db.ready().await)
    }

    /// Returns how many connections there are now, as [`Db::pool_status`] does.
    #[must_use]
    pub fn pool_status(&self) -> PoolStatus {
        with_db!(self, db => db.pool_status())
    }
}

impl From<Health> for Readiness {
    fn from(health: Health) -> Self {
        Self {
            ready: health.status != HealthStatus::Unhealthy,
            status: health.status,
            problems: health.problems,
        }
    }
}

impl Answer {
    /// Returns what follows for the state of the database, and why that is not the best one.
    fn judge(&self) -> (HealthStatus, Vec<String>, Connectivity) {
        let (status, problems, connectivity) = match &self.said {
            Said::Present { took, refused } => {
                let connectivity = Connectivity {
                    connected: Some(true),
                    response_time_ms: Some(took.as_secs_f64() * 1000.0),
                    checked_ms_ago: None,
                    error: refused.as_ref().map(|error| error.kind().as_str()),
                };
                match refused {
                    None => (HealthStatus::Healthy, Vec::new(), connectivity),
                    Some(refused) => {
                        let problem = format!(
                            "The database answers, but gives no new connection ({}).",
                            refused.kind()
                        );
                        (HealthStatus::Degraded, vec![problem], connectivity)
                    }
                }
            }
            Said::Absent(error) => judge_error(error),
            Said::Busy => {
                let problem = "A call has the only connection of the database in memory.";
                let connectivity = Connectivity {
                    connected: None,
                    response_time_ms: None,
                    checked_ms_ago: None,
                    error: None,
                };
                (HealthStatus::Unknown, vec![problem.into()], connectivity)
            }
        };
        let ago = u64::try_from(self.at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let connectivity = Connectivity {
            checked_ms_ago: Some(ago),
            ..connectivity
        };
        (status, problems, connectivity)
    }
}

/// A database that has answered with an error may still be there.
fn judge_error(error: &Error) -> (HealthStatus, Vec<String>, Connectivity) {
    let problem = match error.kind() {
        ErrorKind::TooManyConnections => "The server has no connection left.",
        ErrorKind::Lock => "Another process has locked the database.",
        kind => return judge_absent(kind),
    };
    let connectivity = Connectivity {
        connected: Some(true),
        response_time_ms: None,
        checked_ms_ago: None,
        error: Some(error.kind().as_str()),
    };
    (HealthStatus::Degraded, vec![problem.into()], connectivity)
}

fn judge_absent(kind: ErrorKind) -> (HealthStatus, Vec<String>, Connectivity) {
    let problem = match kind {
        ErrorKind::PoolClosed => "This program has closed its connections.".to_owned(),
        ErrorKind::ShuttingDown => "This program or the server is shutting down.".to_owned(),
        ErrorKind::Connection => "The database cannot be reached.".to_owned(),
        ErrorKind::Timeout => "The database has not answered in time.".to_owned(),
        ErrorKind::Authentication => "The database refuses the credentials.".to_owned(),
        kind => format!("The database cannot be used ({kind})."),
    };
    let connectivity = Connectivity {
        connected: Some(false),
        response_time_ms: None,
        checked_ms_ago: None,
        error: Some(kind.as_str()),
    };
    (HealthStatus::Unhealthy, vec![problem], connectivity)
}
