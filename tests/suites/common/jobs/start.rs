//! What keeps workers from starting, and the tables that they need.

use dbop::jobs::{Job, migrate};
use dbop::{ErrorKind, job};

use super::*;

#[derive(Debug)]
struct Mailer;

#[job]
async fn needs_a_mailer(job: &Job<Database>, mailer: &Mailer, again: &Mailer) -> dbop::Result<()> {
    let _ = (job, mailer, again);
    Ok(())
}

#[job]
async fn needs_nothing(job: &Job<Database>) -> dbop::Result<()> {
    let _ = job;
    Ok(())
}

#[tokio::test]
async fn workers_do_not_start_before_the_tables_are_there() {
    let fresh = notes::open().await;
    let error = workers(&fresh, ["needs_nothing"])
        .start()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(
        error.to_string().contains("`dbop::jobs::migrate(&db)`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_job_without_its_tables_is_an_error_of_the_call() {
    let fresh = notes::open().await;
    let error = needs_nothing::enqueue(&fresh.db).await.unwrap_err();
    assert!(error.to_string().contains("river_job"), "{error}");
}

#[tokio::test]
async fn tables_are_created_once_and_creating_them_again_keeps_the_jobs() {
    let fresh = open().await;
    let id = needs_nothing::enqueue(&fresh.db).await.unwrap().id;
    migrate(&fresh.db).await.unwrap();
    assert_eq!(info(&fresh, id).await.kind, "needs_nothing");
    let working = workers(&fresh, ["needs_nothing"]).start().await.unwrap();
    soon("the migration beside workers", migrate(&fresh.db))
        .await
        .unwrap();
    becomes(&fresh, id, JobState::Completed).await;
    stop(working).await;
}

#[tokio::test]
async fn processes_that_start_at_once_may_all_create_the_tables() {
    let fresh = notes::open().await;
    let connect = async || Db::<Database>::connect(&fresh.url).await.unwrap();
    let handles = [
        connect().await,
        connect().await,
        connect().await,
        connect().await,
    ];
    let all = handles.iter().map(migrate);
    let all = soon("the migrations", futures_util::future::join_all(all)).await;
    for one in all {
        one.unwrap();
    }
    needs_nothing::enqueue(&handles[3]).await.unwrap();
    for handle in handles {
        handle.close().await;
    }
}

#[tokio::test]
async fn tables_are_created_by_a_handle_with_one_connection() {
    let fresh = notes::open_narrow().await;
    soon("the migration", migrate(&fresh.db)).await.unwrap();
    needs_nothing::enqueue(&fresh.db).await.unwrap();
}

#[tokio::test]
async fn state_that_a_job_asks_for_and_nobody_gave_is_named() {
    let fresh = open().await;
    let error = workers(&fresh, ["needs_a_mailer"])
        .start()
        .await
        .unwrap_err();
    let said = error.to_string();
    for part in [
        "`needs_a_mailer`",
        "start.rs",
        "Mailer`",
        "`Workers::state`",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let working = workers(&fresh, ["needs_a_mailer"]).state(Mailer);
    stop(working.start().await.unwrap()).await;
}

#[tokio::test]
async fn a_kind_that_no_job_has_is_named() {
    let fresh = open().await;
    let error = workers(&fresh, ["needs_nothing", "needs_nothink"])
        .start()
        .await;
    let said = error.unwrap_err().to_string();
    assert!(
        said.contains("`only` names the kind `needs_nothink`"),
        "{said}"
    );
}

#[tokio::test]
async fn a_kind_that_nobody_works_is_named_unless_other_workers_have_it() {
    let fresh = open().await;
    let others = || {
        let all = kinds::<Database>().into_iter();
        all.filter(|kind| !kind.starts_with("needs_"))
    };
    let only = |kind| {
        let workers = Workers::new(&fresh).only([kind]);
        workers.elsewhere(others()).state(Mailer)
    };
    let error = only("needs_nothing").start().await.unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("nobody works the job `needs_a_mailer`"),
        "{said}"
    );
    assert!(said.contains("`elsewhere`"), "{said}");
    let told = only("needs_a_mailer").elsewhere(["needs_nothing"]);
    let told = told.start().await.unwrap();
    // These workers are seen in the database.
    let seen = only("needs_nothing").start().await.unwrap();
    stop(told).await;
    only("needs_nothing")
        .start()
        .await
        .expect_err("they have ended");
    stop(seen).await;
}

#[tokio::test]
async fn a_queue_that_no_worker_may_have_is_an_error_at_the_start() {
    let fresh = open().await;
    for (name, at_once) in [("No Queue", 1), ("fine", 0), ("fine", 10_001)] {
        let working = workers(&fresh, ["needs_nothing"]).queue(name, at_once);
        let error = working.start().await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::InvalidArgument,
            "{name} {at_once}: {error}"
        );
    }
}

#[tokio::test]
async fn a_start_that_fails_leaves_no_workers_behind() {
    let fresh = open().await;
    let failed = workers(&fresh, ["needs_nothing"]).queue("No Queue", 1);
    failed.start().await.unwrap_err();
    let count = sqlx::query_scalar("SELECT count(*) FROM dbop_job_worker");
    let count: i64 = count.fetch_one(fresh.pool()).await.unwrap();
    assert_eq!(count, 0, "nobody works these kinds");
}
