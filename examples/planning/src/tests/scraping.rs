use std::time::Duration;

use dbop::Db;
use dbop::jobs::JobState;

use super::stage::{RELIABLE, Stage, eventually};
use crate::scraping::{Crawled, crawled, scrape};
use crate::site::{FIRST, fails_at_first};

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn every_page_is_read_once_and_again_only_if_it_has_failed(db: Db<DB>) {
    let stage = Stage::open(db, RELIABLE).await;
    let working = stage.work().await;
    let job = scrape::enqueue(&stage.any, 1, FIRST.to_owned())
        .await
        .unwrap();
    let ended = stage.end_of(job.id).await;
    let all: Crawled = ended.output().unwrap().expect("an output");
    assert_eq!(all.found, all.read);
    let asked = stage.services.site.asked();
    assert_eq!(all.read, i64::try_from(asked.len()).unwrap());
    for (page, times) in asked {
        assert_eq!(times, 1 + u32::from(fails_at_first(page)), "page {page}");
    }
    working.stop(super::PATIENCE).await;
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn a_crawl_whose_worker_ends_goes_on_with_the_pages_that_are_left(db: Db<DB>) {
    let stage = Stage::open(db, RELIABLE).await;
    stage.services.site.hold_slow_pages(true);
    let working = stage.work().await;
    let job = scrape::enqueue(&stage.any, 1, FIRST.to_owned())
        .await
        .unwrap();
    eventually("some pages are read", async || {
        crawled(&stage.any, 1).await.unwrap().read >= 3
    })
    .await;
    working.stop(Duration::ZERO).await;
    let before = crawled(&stage.any, 1).await.unwrap();
    let stopped = stage.db.jobs().get(job.id).await.unwrap().expect("the job");
    assert_ne!(
        stopped.state,
        JobState::Completed,
        "in the middle: {before:?}"
    );

    stage.services.site.hold_slow_pages(false);
    let working = stage.work().await;
    let ended = stage.end_of(job.id).await;
    let all: Crawled = ended.output().unwrap().expect("an output");
    assert_eq!(all.found, all.read);
    let asked = stage.services.site.asked();
    assert_eq!(all.read, i64::try_from(asked.len()).unwrap());
    // Beside the pages that fail at first, only those were asked for again that were being read.
    let again = asked
        .iter()
        .map(|(page, times)| times - 1 - u32::from(fails_at_first(*page)));
    let again: u32 = again.sum();
    assert!(again <= 8, "{again} pages were read twice");
    working.stop(super::PATIENCE).await;
}
