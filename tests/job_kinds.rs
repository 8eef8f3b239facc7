//! Two jobs of one kind. They have a crate of their own, because workers of a binary with such jobs do not
//! start.

use dbop::jobs::{Job, Workers, migrate};
use dbop::{Db, job};
use sqlx::{Postgres, Sqlite};

#[job(name = "mail.receipt")]
async fn first(job: &Job<Sqlite>) -> dbop::Result<()> {
    let _ = job;
    Ok(())
}

#[job(name = "mail.receipt")]
async fn second(job: &Job<Sqlite>, order: i64) -> dbop::Result<()> {
    let _ = (job, order);
    Ok(())
}

/// A job on another database is in nobody's way.
#[job(name = "mail.receipt")]
async fn third(job: &Job<Postgres>) -> dbop::Result<()> {
    let _ = job;
    Ok(())
}

#[tokio::test]
async fn two_jobs_of_one_kind_are_named_with_their_places() {
    let db = Db::<Sqlite>::connect("sqlite::memory:").await.unwrap();
    migrate(&db).await.unwrap();
    for workers in [
        Workers::new(&db),
        Workers::new(&db).only(["mail.receipt"]),
        Workers::new(&db)
            .only(Vec::<String>::new())
            .elsewhere(["mail.receipt"]),
    ] {
        let error = workers.start().await.unwrap_err();
        let said = error.to_string();
        assert_eq!(error.kind(), dbop::ErrorKind::Configuration);
        assert!(
            said.contains("two jobs have the kind `mail.receipt`"),
            "{said}"
        );
        assert_eq!(said.matches("job_kinds.rs:").count(), 2, "{said}");
        assert!(said.contains("`name`"), "{said}");
    }
    db.close().await;
}
