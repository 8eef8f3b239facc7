//! A crawl over the site: each page is stored once, whatever happens to the process that reads it.
//!
//! What is left to do stands in the table of pages, and not in the steps of the job: there may be any number
//! of pages, and all steps of a job are kept in one row. A page is read without a connection of the database.
//! It is stored together with the links that it has, and only if it is not stored yet, so a page that was
//! read twice is stored once.

use chrono::Utc;
use dbop::jobs::Job;
use dbop::{BulkInsert, Conn, Tx, db_op, job, transactional};
use futures_util::stream::{self, TryStreamExt};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as, query_scalar};

use crate::error::{PlanningError, Result};
use crate::site::{Page, SiteClient};

/// How many pages are read at the same time.
const AT_ONCE: usize = 8;

/// How many pages that are left to read are looked up at once.
const BATCH: i64 = 64;

/// How far a crawl is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Crawled {
    /// The pages that were found, those that were read included.
    pub found: i64,
    /// The pages that were read.
    pub read: i64,
}

/// Reads all pages that can be reached from a page of the site.
#[job(
    on = [Sqlite, Postgres],
    name = "planning.scrape",
    queue = "scraping",
    timeout = "1h",
    backoff(base = "1s", max = "1m"),
    unique
)]
pub async fn scrape(
    job: &Job<DB>,
    site: &SiteClient,
    crawl: i64,
    first: String,
) -> Result<Crawled> {
    if !first.starts_with('/') {
        job.cancel(); // the arguments of a job stay as they are
        return Err(PlanningError::NoPath(first));
    }
    add(job.db(), crawl, &[first]).await?;
    loop {
        let batch = unread(job.db(), crawl, BATCH).await?;
        if batch.is_empty() {
            return crawled(job.db(), crawl).await;
        }
        // Everything that waits for the database stands in the futures that run side by side. Code between
        // their ends would wait for a connection that one of them holds and, not being polled, never gives back.
        let batch = stream::iter(batch.into_iter().map(Ok));
        let each = async |path: String| -> Result<()> {
            let page = site.read(&path).await?;
            store(job.db(), crawl, &path, &page).await?;
            let Crawled { found, read } = crawled(job.db(), crawl).await?;
            let [read, found] = [read, found].map(i64::unsigned_abs);
            let told = job.progress(read, found, format!("has read {path}"));
            Ok(told.await?)
        };
        batch.try_for_each_concurrent(AT_ONCE, each).await?;
    }
}

/// Adds pages that are to be read. What is there already stays.
#[transactional(idempotent, name = "pages.add", on = [Sqlite, Postgres])]
async fn add(tx: &mut Tx<'_, DB>, crawl: i64, paths: &[String]) -> Result<()> {
    BulkInsert::into("pages")
        .column("crawl", paths.iter().map(|_| crawl))
        .column("path", paths)
        .on_conflict("DO NOTHING")
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[db_op(read_only, name = "pages.unread", on = [Sqlite, Postgres])]
async fn unread(conn: &mut Conn<'_, DB>, crawl: i64, most: i64) -> Result<Vec<String>> {
    let unread = query_scalar(
        "SELECT path FROM pages WHERE crawl = $1 AND read_at IS NULL ORDER BY path LIMIT $2",
    );
    Ok(unread.bind(crawl).bind(most).fetch_all(&mut *conn).await?)
}

/// Stores a page with the links that it has, unless it is stored already.
#[transactional(idempotent, name = "pages.store", on = [Sqlite, Postgres])]
async fn store(tx: &mut Tx<'_, DB>, crawl: i64, path: &str, page: &Page) -> Result<()> {
    let update = query(
        "UPDATE pages SET status = $1, title = $2, read_at = $3
         WHERE crawl = $4 AND path = $5 AND read_at IS NULL",
    );
    let status = i16::try_from(page.status).unwrap_or(i16::MAX);
    let update = update.bind(status).bind(&page.title).bind(Utc::now());
    let updated = update.bind(crawl).bind(path).execute(&mut *tx).await?;
    if updated.rows_affected() == 0 {
        return Ok(());
    }
    // In the order of the paths, so that pages that are stored at the same time do not deadlock.
    add(&mut *tx, crawl, &page.links).await
}

#[db_op(read_only, name = "pages.crawled", on = [Sqlite, Postgres])]
pub async fn crawled(conn: &mut Conn<'_, DB>, crawl: i64) -> Result<Crawled> {
    let count = "SELECT COUNT(*) AS found, COUNT(read_at) AS read FROM pages WHERE crawl = $1";
    let count = query_as::<DB, Crawled>(count);
    Ok(count.bind(crawl).fetch_one(&mut *conn).await?)
}
