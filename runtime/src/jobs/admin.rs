//! [`Jobs`]: the jobs of a database, for people and for other programs.

use std::future::Future;

use super::database::JobDatabase;
use super::engine::admin::Admin;
use super::info::{JobFilter, JobInfo};
use super::watch::ring;
use crate::db::Db;
use crate::error::Result;

/// How many jobs a bulk operation reads at once.
const PAGE: u32 = 500;

/// The jobs of a database: their state, and what is done about many of them.
///
/// ```
/// # async fn example(db: dbop::Db<sqlx::Sqlite>) -> dbop::Result<()> {
/// use dbop::jobs::{JobFilter, JobState};
///
/// if let Some(job) = db.jobs().get(42).await? {
///     println!("{} is {:?}, {:?}", job.kind, job.state, job.progress);
/// }
/// let failed = JobFilter::new().kinds(["send_receipt"]).states([JobState::Discarded]);
/// let again = db.jobs().retry(&failed).await?;
/// println!("{again} receipts are sent again");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Jobs<'a, DB: JobDatabase> {
    db: &'a Db<DB>,
}

impl<DB: JobDatabase> Db<DB> {
    /// Returns the jobs of this database.
    #[must_use]
    pub fn jobs(&self) -> Jobs<'_, DB> {
        Jobs { db: self }
    }
}

impl<'a, DB: JobDatabase> Jobs<'a, DB> {
    pub(super) fn db(&self) -> &'a Db<DB> {
        self.db
    }

    /// Returns a job, or `None` if there is none with this id: jobs are deleted a day after they were
    /// completed or cancelled, and a week after they were discarded.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked.
    pub async fn get(&self, id: i64) -> Result<Option<JobInfo>> {
        Admin::of(self.db)?.get(id).await
    }

    /// Returns the jobs of the filter in the order of their ids, at most its
    /// [`limit`](JobFilter::limit).
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked.
    pub async fn list(&self, filter: &JobFilter) -> Result<Vec<JobInfo>> {
        Admin::of(self.db)?.list(filter).await
    }

    /// Cancels the jobs of the filter that are not in a final state. A job that runs is told to stop, as
    /// [`Job::cancelled`](super::Job::cancelled) says. Returns how many were cancelled.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked. Some jobs may be cancelled then.
    pub async fn cancel(&self, filter: &JobFilter) -> Result<u64> {
        let open = |job: &JobInfo| !job.state.is_final();
        let admin = Admin::of(self.db)?;
        each::<DB, _>(&admin, filter, open, |id| admin.cancel(id)).await
    }

    /// Makes the jobs of the filter that do not run available now, those in a final state as well. A job
    /// that has used up its attempts gets one more. Returns how many were made available.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked. Some jobs may be available then.
    pub async fn retry(&self, filter: &JobFilter) -> Result<u64> {
        use super::JobState::{Available, Running};
        let rests = |job: &JobInfo| !matches!(job.state, Running | Available);
        let admin = Admin::of(self.db)?;
        each::<DB, _>(&admin, filter, rests, |id| admin.retry(id)).await
    }

    /// Deletes the jobs of the filter that do not run. Returns how many were deleted.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked. Some jobs may be deleted then.
    pub async fn delete(&self, filter: &JobFilter) -> Result<u64> {
        let rests = |job: &JobInfo| job.state != super::JobState::Running;
        let admin = Admin::of(self.db)?;
        each::<DB, _>(&admin, filter, rests, |id| admin.delete(id)).await
    }
}

/// Does something with each job of a filter, page by page.
async fn each<DB: JobDatabase, F>(
    admin: &Admin,
    filter: &JobFilter,
    fits: impl Fn(&JobInfo) -> bool,
    each: impl Fn(i64) -> F,
) -> Result<u64>
where
    F: Future<Output = Result<Option<JobInfo>>>,
{
    let mut changed = 0;
    let mut left = filter.limit;
    let mut page = filter.clone();
    loop {
        page.limit = Some(left.unwrap_or(PAGE).min(PAGE));
        let jobs = admin.list(&page).await?;
        let Some(last) = jobs.last() else {
            return Ok(changed);
        };
        page.after = Some(last.id);
        left = left.map(|left| left.saturating_sub(u32::try_from(jobs.len()).unwrap_or(PAGE)));
        for job in jobs.iter().filter(|job| fits(job)) {
            changed += u64::from(each(job.id).await?.is_some());
            ring::<DB>(job.id);
        }
        if left == Some(0) {
            return Ok(changed);
        }
    }
}
