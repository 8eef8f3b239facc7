//! Durable jobs: functions that a worker runs later, on any machine, until they have succeeded.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # mod example {
//! use dbop::jobs::Job;
//! use dbop::{Db, Tx, job, transactional};
//! use sqlx::Sqlite;
//!
//! #[job(queue = "mail", max_attempts = 5, timeout = "1m")]
//! async fn send_receipt(job: &Job<Sqlite>, order: i64) -> dbop::Result<()> {
//!     let text = job.read("text", async |tx| {
//!         let text = sqlx::query_scalar("SELECT receipt FROM orders WHERE id = ?");
//!         dbop::Result::<String>::Ok(text.bind(order).fetch_one(&mut *tx).await?)
//!     });
//!     println!("Order {order}: {}", text.await?);
//!     Ok(())
//! }
//!
//! #[transactional]
//! async fn order(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
//!     let insert = sqlx::query("INSERT INTO orders (id, receipt) VALUES (?, 'Thank you')");
//!     insert.bind(id).execute(&mut *tx).await?;
//!     send_receipt::enqueue(&mut *tx, id).await?; // with the order, or not at all
//!     Ok(())
//! }
//!
//! # async fn example(db: Db<Sqlite>) -> dbop::Result<()> {
//! dbop::jobs::migrate(&db).await?;
//! let workers = dbop::jobs::Workers::new(&db).start().await?;
//! # workers.stop(std::time::Duration::from_secs(30)).await;
//! # Ok(())
//! # }
//! # }
//! ```
//!
//! [`guide::jobs`](crate::guide::jobs) says when a job is the right tool, what its steps are, and what
//! holds when a worker dies.

// | file | what it holds |
// |---|---|
// | `kind`, `options`, `registration` | what `#[job]` writes down about a function |
// | `new_job`, `enqueued`, `insert` | jobs on their way into the database, in the transaction of the caller |
// | `job`, `step`, `chunks`, `fence` | what a body gets, its steps, and what keeps a job's former worker from writing |
// | `verdict` | what becomes of a job, by the result of its body |
// | `workers`, `working`, `shared` | the workers of a process, what keeps them running, and what their jobs share |
// | `attempt`, `fetched` | one attempt of a job |
// | `liveness`, `rescue` | the heartbeat of a process, and what becomes of the jobs of one that has died |
// | `limits`, `admission` | how many jobs of a key run at once, and in a time |
// | `schedule` | jobs that are due again and again |
// | `watch` | jobs as they change, for people who watch them |
// | `overview` | what the page about jobs shows |
// | `queues` | how many jobs each queue has, and how long they wait |
// | `admin`, `info` | jobs as they are listed, cancelled, retried and deleted |
// | `database`, `schema`, `sql` | what differs between databases, the tables, and the statements in the SQL of each database |
// | `engine` | River, which nothing else here knows |
//
// What the end of a worker leaves, wherever its process stands:
//
// | it ends while | the job |
// |---|---|
// | it fetches the job | available, or running by the dead worker, and rescued |
// | the body runs | running, and rescued: the attempt counts |
// | a step commits | with the step's result, or without both, as the transaction says |
// | the result is written | running, and rescued: the body runs again, and finds the results of its steps |

mod admin;
mod admission;
mod attempt;
mod chunks;
mod database;
mod engine;
mod enqueued;
mod fence;
mod fetched;
mod info;
mod insert;
mod job;
mod kind;
mod limits;
mod liveness;
mod new_job;
mod options;
#[cfg(feature = "http")]
mod overview;
mod queues;
mod registration;
mod rescue;
mod schedule;
mod schema;
mod shared;
mod sql;
mod step;
mod verdict;
mod watch;
mod workers;
mod working;

pub use admin::Jobs;
pub use chunks::JobChunks;
pub use database::JobDatabase;
pub use enqueued::Enqueued;
pub use info::{FailedAttempt, JobFilter, JobInfo, JobState, Progress};
pub use job::Job;
pub use kind::{Discarded, JobKind, RunsOn, TakesDiscarded};
pub use limits::{Concurrency, Rate};
pub use new_job::{EitherDatabase, NewJob};
pub use options::{JobOptions, Unique};
pub use queues::QueueInfo;
pub use registration::kinds;
pub use schema::migrate;
pub use verdict::Ended;
pub use watch::{JobUpdates, Watcher};
pub use workers::Workers;
pub use working::Working;

#[cfg(feature = "http")]
pub(crate) use overview::{Overview, overview};

/// What only generated code uses.
pub(crate) mod generated {
    pub use super::kind::{JobResult, takes_discarded};
    pub use super::limits::limit_key;
    pub use super::registration::{JobBody, Registration, StateType, schedule_of};
}
