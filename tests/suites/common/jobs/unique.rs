//! Jobs of which there may be one at a time: dbop and River mean the same ones.

use std::time::Duration;

use dbop::jobs::{JobState, Unique};
use riverqueue::{InsertOpts, JobArgs, UniqueOpts};
use serde::{Deserialize, Serialize};

use super::rows::{Compared, by_all, insert, of_dbop, plain};
use super::*;

/// The arguments of a job that is unique by some of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct BySome(Compared);

impl JobArgs for BySome {
    const KIND: &'static str = "compared";

    fn unique_fields() -> &'static [&'static [&'static str]] {
        &[&["id"], &["nested"]]
    }
}

/// The states that count unless an option says otherwise.
const OPEN: [riverqueue::JobState; 6] = [
    riverqueue::JobState::Available,
    riverqueue::JobState::Completed,
    riverqueue::JobState::Pending,
    riverqueue::JobState::Retryable,
    riverqueue::JobState::Running,
    riverqueue::JobState::Scheduled,
];

/// The ways to be unique, for dbop and for River. The last value says whether River gets the arguments by
/// which a job is unique.
fn ways() -> Vec<(&'static str, Unique, UniqueOpts, bool)> {
    const TWO_HUNDRED_YEARS: u64 = 200 * 365 * 24 * 60 * 60 * 1000;
    const STATES: &[JobState] = &[
        JobState::Available,
        JobState::Pending,
        JobState::Running,
        JobState::Scheduled,
    ];
    let states = STATES.iter().map(|state| match state {
        JobState::Available => riverqueue::JobState::Available,
        JobState::Pending => riverqueue::JobState::Pending,
        JobState::Running => riverqueue::JobState::Running,
        _ => riverqueue::JobState::Scheduled,
    });
    let period = Duration::from_millis(TWO_HUNDRED_YEARS);
    vec![
        (
            "kind",
            Unique::new(),
            UniqueOpts::new().with_by_state(OPEN),
            false,
        ),
        (
            "all arguments",
            Unique::new().all_arguments(),
            by_all(),
            false,
        ),
        (
            "some arguments",
            Unique::new().arguments(&["id", "nested"]),
            by_all(),
            true,
        ),
        (
            "some arguments in another order",
            Unique::new().arguments(&["nested", "id"]),
            by_all(),
            true,
        ),
        (
            "period",
            Unique::new().period_ms(TWO_HUNDRED_YEARS),
            UniqueOpts::new().with_by_period(period),
            false,
        ),
        (
            "queue",
            Unique::new().queue(),
            UniqueOpts::new().with_by_queue(true),
            false,
        ),
        (
            "states",
            Unique::new().all_arguments().states(STATES),
            by_all().with_by_state(states),
            false,
        ),
        (
            "all",
            Unique::new()
                .arguments(&["id", "nested"])
                .period_ms(TWO_HUNDRED_YEARS)
                .queue(),
            by_all().with_by_period(period).with_by_queue(true),
            true,
        ),
    ]
}

async fn insert_unique(
    db: &Db<Database>,
    args: Compared,
    unique: UniqueOpts,
    by_some: bool,
) -> (i64, bool) {
    let options = InsertOpts::default().with_unique(unique);
    match by_some {
        true => insert(db, BySome(args), options).await,
        false => insert(db, args, options).await,
    }
}

#[tokio::test]
async fn dbop_and_river_see_the_unique_jobs_of_each_other_and_write_them_alike() {
    let fresh = open().await;
    for (what, unique, of_river, by_some) in ways() {
        let ours = of_dbop(plain(1)).unique(unique.clone());
        let ours = ours.enqueue(&fresh.db).await.expect(what);
        assert!(!ours.duplicate, "{what}");
        let our_row = row(&fresh, ours.id).await;
        let seen = insert_unique(&fresh, plain(1), of_river.clone(), by_some).await;
        assert_eq!(seen, (ours.id, true), "River sees dbop's job, {what}");
        assert_eq!(
            row(&fresh, ours.id).await,
            our_row,
            "nothing changes, {what}"
        );
        let again = of_dbop(plain(1)).unique(unique.clone());
        let again = again.enqueue(&fresh.db).await.expect(what);
        assert_eq!((again.id, again.duplicate), (ours.id, true), "{what}");
        run_sql(&fresh, "UPDATE river_job SET unique_key = NULL").await;

        let (rivers, duplicate) = insert_unique(&fresh, plain(1), of_river, by_some).await;
        assert!(!duplicate, "{what}");
        let mut river_row = row(&fresh, rivers).await;
        let seen = of_dbop(plain(1)).unique(unique);
        let seen = seen.enqueue(&fresh.db).await.expect(what);
        assert_eq!(
            (seen.id, seen.duplicate),
            (rivers, true),
            "dbop sees River's job, {what}"
        );
        for column in ["created_at", "id", "scheduled_at"] {
            river_row[column] = our_row[column].clone();
        }
        let nonce = our_row["metadata"].get("river:unique_nonce").cloned();
        if let Some(nonce) = nonce {
            river_row["metadata"]["river:unique_nonce"] = nonce;
        }
        assert_eq!(our_row, river_row, "{what}");
        run_sql(&fresh, "DELETE FROM river_job").await;
    }
}

#[tokio::test]
async fn a_job_that_differs_in_what_makes_it_unique_is_no_duplicate() {
    let fresh = open().await;
    let other_text = || Compared {
        text: "another".to_owned(),
        ..plain(1)
    };
    let is_duplicate = async |first: Compared, second: Compared, unique: Unique, queue: &str| {
        let first = of_dbop(first).unique(unique.clone()).enqueue(&fresh.db);
        first.await.unwrap();
        let second = of_dbop(second).unique(unique).queue(queue);
        let duplicate = second.enqueue(&fresh.db).await.unwrap().duplicate;
        run_sql(&fresh, "DELETE FROM river_job").await;
        duplicate
    };
    let kind = Unique::new;
    assert!(is_duplicate(plain(1), plain(2), kind(), "default").await);
    let all = || Unique::new().all_arguments();
    assert!(!is_duplicate(plain(1), other_text(), all(), "default").await);
    let some = || Unique::new().arguments(&["id"]);
    assert!(is_duplicate(plain(1), other_text(), some(), "default").await);
    assert!(!is_duplicate(plain(1), plain(2), some(), "default").await);
    assert!(is_duplicate(plain(1), plain(1), all(), "another").await);
    assert!(!is_duplicate(plain(1), plain(1), all().queue(), "another").await);
}

#[tokio::test]
async fn a_job_is_enqueued_again_once_the_former_one_is_in_no_state_that_counts() {
    let fresh = open().await;
    let enqueue = async || {
        let new = of_dbop(plain(1)).unique(Unique::new().all_arguments());
        new.enqueue(&fresh.db).await.unwrap()
    };
    let first = enqueue().await;
    for (state, counts) in [
        ("completed", true),
        ("cancelled", false),
        ("discarded", false),
    ] {
        let sql = "UPDATE river_job SET state = 'available', finalized_at = NULL";
        run_sql(&fresh, sql).await;
        let sql = match state {
            "completed" => {
                "UPDATE river_job SET state = 'completed', finalized_at = CURRENT_TIMESTAMP"
            }
            "cancelled" => {
                "UPDATE river_job SET state = 'cancelled', finalized_at = CURRENT_TIMESTAMP"
            }
            _ => "UPDATE river_job SET state = 'discarded', finalized_at = CURRENT_TIMESTAMP",
        };
        run_sql(&fresh, sql).await;
        let second = enqueue().await;
        assert_eq!(second.duplicate, counts, "{state}");
        if counts {
            assert_eq!(second.id, first.id);
        } else {
            let delete = sqlx::query("DELETE FROM river_job WHERE id = $1").bind(second.id);
            delete.execute(fresh.pool()).await.unwrap();
        }
    }
}
