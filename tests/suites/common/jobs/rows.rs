//! The rows that dbop writes are the rows that River writes.

use std::time::{Duration, SystemTime};

use dbop::job;
use dbop::jobs::{Enqueued, Job, JobState, Unique};
use riverqueue::jiff::Timestamp;
use riverqueue::{Client, InsertOpts, JobArgs, UniqueOpts};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Nested {
    zebra: Option<String>,
    apple: Vec<f64>,
    deeper: Vec<(i64, String)>,
}

#[job(on = [Sqlite, Postgres])]
pub(super) async fn compared(
    job: &Job<DB>,
    text: String,
    id: i64,
    number: f64,
    nested: Nested,
) -> dbop::Result<()> {
    let _ = (job, text, id, number, nested);
    Ok(())
}

/// The arguments as River gets them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Compared {
    pub(super) text: String,
    pub(super) id: i64,
    pub(super) number: f64,
    pub(super) nested: Nested,
}

impl JobArgs for Compared {
    const KIND: &'static str = "compared";
}

pub(super) fn by_all() -> UniqueOpts {
    UniqueOpts::new().with_by_args(true)
}

pub(super) fn plain(id: i64) -> Compared {
    Compared {
        text: "plain".to_owned(),
        id,
        number: 1.5,
        nested: Nested {
            zebra: None,
            apple: vec![1.0],
            deeper: vec![(1, "one".to_owned())],
        },
    }
}

pub(super) fn of_dbop(args: Compared) -> dbop::jobs::NewJob<compared> {
    let Compared {
        text,
        id,
        number,
        nested,
    } = args;
    compared::new(text, id, number, nested)
}

fn river(db: &Db<Database>) -> Client {
    Client::builder(db.pool().clone())
        .build()
        .expect("a client")
}

/// Enqueues with River. Returns the id, and whether the job was there already.
pub(super) async fn insert<A: JobArgs>(
    db: &Db<Database>,
    args: A,
    options: InsertOpts,
) -> (i64, bool) {
    let inserted = river(db).insert(args).opts(options).await;
    let inserted = inserted.expect("River enqueues");
    (inserted.job.row.id, inserted.unique_skipped_as_duplicate)
}

/// Compares all columns of two jobs.
async fn assert_same(what: &str, db: &Db<Database>, ours: i64, rivers: i64) {
    let (mut ours, mut rivers) = (row(db, ours).await, row(db, rivers).await);
    for column in ["created_at", "scheduled_at"] {
        let [our, river] = [&ours, &rivers].map(|row| row[column].as_i64().expect(column));
        assert!(
            (our - river).abs() < 60_000,
            "{what}: {column}: {our} and {river}"
        );
    }
    for row in [&mut ours, &mut rivers] {
        for column in ["id", "created_at", "scheduled_at"] {
            row[column] = Value::Null;
        }
        // A random number, which SQLite has by which a row is told from one that was there.
        if let Some(nonce) = row["metadata"].get_mut("river:unique_nonce") {
            *nonce = Value::Null;
        }
    }
    assert_eq!(ours, rivers, "{what}");
}

#[tokio::test]
async fn each_option_writes_the_row_that_river_writes() {
    let fresh = open().await;
    let far = SystemTime::UNIX_EPOCH + Duration::from_millis(4_102_444_800_123);
    let far_of_river = Timestamp::try_from(far).unwrap();
    let past = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
    let past_of_river = Timestamp::try_from(past).unwrap();
    let soon = Timestamp::now() + Duration::from_secs(3600);
    let new = || of_dbop(plain(1));
    let options = InsertOpts::default;
    let cases = [
        ("no option", new(), options()),
        (
            "queue",
            new().queue("mail_2"),
            options().with_queue("mail_2"),
        ),
        ("priority", new().priority(4), options().with_priority(4)),
        (
            "attempts",
            new().max_attempts(7),
            options().with_max_attempts(7),
        ),
        (
            "delay",
            new().delay(Duration::from_secs(3600)),
            options().with_scheduled_at(soon),
        ),
        (
            "at",
            new().at(far),
            options().with_scheduled_at(far_of_river),
        ),
        (
            "at a time that has passed",
            new().at(past),
            options().with_scheduled_at(past_of_river),
        ),
        (
            "tags",
            new().tag("one").tag("two-three"),
            options().with_tags(["one", "two-three"]),
        ),
        (
            "all",
            new()
                .queue("q")
                .priority(2)
                .max_attempts(1)
                .at(far)
                .tag("tag"),
            options()
                .with_queue("q")
                .with_priority(2)
                .with_max_attempts(1)
                .with_scheduled_at(far_of_river)
                .with_tags(["tag"]),
        ),
    ];
    for (what, new, options) in cases {
        let ours = new.enqueue(&fresh.db).await.expect(what);
        assert!(!ours.duplicate, "{what}");
        let (rivers, _) = insert(&fresh, plain(1), options).await;
        assert_same(what, &fresh, ours.id, rivers).await;
    }
    for id in [far, past] {
        let ms = i64::try_from(
            id.duration_since(SystemTime::UNIX_EPOCH)
                .unwrap()
                .as_millis(),
        )
        .unwrap();
        let enqueued = new().at(id).enqueue(&fresh.db).await.unwrap();
        assert_eq!(row(&fresh, enqueued.id).await["scheduled_at"], ms);
    }
}

#[tokio::test]
async fn arguments_are_stored_as_river_stores_them_whatever_they_are() {
    let fresh = open().await;
    let texts = [
        "",
        "it's \"quoted\" \\ and \\\" \n\t\r",
        "\u{1}\u{1f}\u{7f}\u{2028}\u{feff}",
        "grüße, 世界 🦀 <b>&amp;</b>",
        "\"args\":null",
        "$1 ?1 :name {} %s",
    ];
    let numbers = [
        0.0,
        -0.0,
        1.0,
        1e300,
        1.5e-7,
        123_456_789.123_456_79,
        1e21,
        -1e20,
    ];
    for (at, text) in texts.iter().enumerate() {
        for number in numbers {
            let args = Compared {
                text: (*text).to_owned(),
                id: i64::MAX - i64::try_from(at).unwrap(),
                number,
                nested: Nested {
                    zebra: Some((*text).to_owned()),
                    apple: vec![number, 2.0],
                    deeper: vec![(i64::MIN, (*text).to_owned())],
                },
            };
            let what = format!("{text:?} and {number}");
            let new = of_dbop(args.clone()).unique(Unique::new().all_arguments());
            let ours = new.enqueue(&fresh.db).await.expect(&what);
            assert!(!ours.duplicate, "{what}");
            let unique = InsertOpts::default().with_unique(by_all());
            let (id, duplicate) = insert(&fresh, args.clone(), unique).await;
            assert_eq!((id, duplicate), (ours.id, true), "{what}");
            let (rivers, _) = insert(&fresh, args.clone(), InsertOpts::default()).await;
            let plain = of_dbop(args).enqueue(&fresh.db).await.expect(&what);
            assert_same(&what, &fresh, plain.id, rivers).await;
        }
    }
}

#[tokio::test]
async fn many_jobs_are_enqueued_in_their_order_and_those_that_repeat_one_are_its_duplicates() {
    let fresh = open().await;
    let unique = |id| of_dbop(plain(id)).unique(Unique::new().all_arguments());
    let there = unique(3).enqueue(&fresh.db).await.unwrap();
    let jobs = [
        unique(1),
        of_dbop(plain(1)),
        unique(2),
        unique(1),
        unique(3),
        of_dbop(plain(1)),
        unique(3),
        unique(2),
    ];
    let enqueued = compared::enqueue_many(&fresh.db, jobs).await.unwrap();
    let duplicates: Vec<bool> = enqueued.iter().map(|it| it.duplicate).collect();
    assert_eq!(
        duplicates,
        [false, false, false, true, true, false, true, true]
    );
    let id = |at: usize| enqueued[at].id;
    assert_eq!(
        (id(3), id(4), id(6), id(7)),
        (id(0), there.id, there.id, id(2))
    );
    assert_eq!(count_jobs(&fresh).await, 5);
    for (at, args) in [(0, 1), (1, 1), (2, 2), (5, 1)] {
        assert_eq!(row(&fresh, id(at)).await["args"]["id"], args, "{at}");
    }
    assert!(id(0) < id(1) && id(1) < id(2) && id(2) < id(5));
    let none: Vec<Enqueued> = compared::enqueue_many(&fresh.db, []).await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn a_thousand_jobs_are_enqueued_at_once_each_with_its_own_arguments() {
    let fresh = open().await;
    let jobs = (0..1_000).map(|id| of_dbop(plain(id)));
    let enqueued = compared::enqueue_many(&fresh.db, jobs).await.unwrap();
    for at in [0, 1, 499, 998, 999] {
        let row = row(&fresh, enqueued[at].id).await;
        assert_eq!(row["args"]["id"], at);
    }
    assert_eq!(count_jobs(&fresh).await, 1_000);
}

#[tokio::test]
async fn workers_are_told_of_each_queue_once_and_of_no_job_that_is_due_later_or_was_there() {
    let fresh = open().await;
    let mut ear = Ear::new(&fresh).await;
    let told = |queue: &str| format!("{{\"queue\":\"{queue}\"}}");
    let compact = |heard: Vec<String>| -> Vec<String> {
        let mut heard: Vec<_> = heard.iter().map(|it| it.replace(' ', "")).collect();
        heard.sort();
        heard
    };
    of_dbop(plain(1)).enqueue(&fresh.db).await.unwrap();
    assert_eq!(compact(ear.heard().await), [told("default")]);
    let later = of_dbop(plain(1)).delay(Duration::from_secs(60));
    later.enqueue(&fresh.db).await.unwrap();
    assert!(ear.heard().await.is_empty());
    let jobs = ["b", "a", "b", "a"].map(|queue| of_dbop(plain(1)).queue(queue));
    compared::enqueue_many(&fresh.db, jobs).await.unwrap();
    assert_eq!(compact(ear.heard().await), [told("a"), told("b")]);
    let (_, duplicate) = insert(&fresh, plain(1), InsertOpts::default()).await;
    assert!(!duplicate);
    assert_eq!(
        compact(ear.heard().await),
        [told("default")],
        "as River tells"
    );
}

#[job(on = [Sqlite, Postgres])]
async fn starts_at_once(job: &Job<DB>) -> dbop::Result<()> {
    let _ = job;
    Ok(())
}

#[tokio::test]
async fn a_notification_starts_a_job_whose_queue_is_looked_at_once_an_hour() {
    let fresh = open().await;
    let hour = Duration::from_secs(3600);
    let working = workers(&fresh, ["starts_at_once"]).poll_every(hour);
    let working = working.start().await.unwrap();
    for _ in 0..3 {
        let enqueued = starts_at_once::enqueue(&fresh.db).await.unwrap();
        becomes(&fresh, enqueued.id, JobState::Completed).await;
    }
    stop(working).await;
}

#[tokio::test]
async fn an_option_that_is_not_valid_is_an_error_before_the_database_is_asked() {
    let fresh = open().await;
    for queue in [
        "",
        "A",
        "a b",
        "a__b",
        "_a",
        "a_",
        "ä",
        "a.b",
        &"a".repeat(65),
    ] {
        let error = of_dbop(plain(1))
            .queue(queue)
            .enqueue(&fresh.db)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), dbop::ErrorKind::InvalidArgument, "{queue}");
        assert!(
            error.to_string().contains("cannot be the name of a queue"),
            "{error}"
        );
    }
    for queue in ["a", "a_b-c|d", "0", &"a".repeat(64)] {
        of_dbop(plain(1))
            .queue(queue)
            .enqueue(&fresh.db)
            .await
            .expect(queue);
    }
    let never = Duration::MAX;
    let error = of_dbop(plain(1))
        .delay(never)
        .enqueue(&fresh.db)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("year 9999"), "{error}");
    let nan = Compared {
        number: f64::NAN,
        ..plain(1)
    };
    let error = of_dbop(nan).enqueue(&fresh.db).await.unwrap_err();
    assert!(error.to_string().contains("`compared`"), "{error}");
    assert_eq!(count_jobs(&fresh).await, 4);
}
