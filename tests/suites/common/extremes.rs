//! Settings at the ends of their ranges.

use std::time::Duration;

use dbop::{Conn, Db, DbBuilder, RetryPolicy, db_op};

use super::Database;
use super::notes::{self, Runs, Trouble, note, soon, stored};

const EXTREMES: [Duration; 4] = [
    Duration::MAX,
    Duration::from_secs(u64::MAX),
    Duration::from_nanos(1),
    Duration::ZERO,
];

type Setting = fn(DbBuilder<Database>, Duration) -> DbBuilder<Database>;

const SETTINGS: [(&str, Setting); 5] = [
    ("acquire_timeout", |builder, value| {
        builder.acquire_timeout(value)
    }),
    ("recycle", |builder, value| builder.max_lifetime(value)),
    ("statement_timeout", |builder, value| {
        builder.statement_timeout(value)
    }),
    ("idle_in_transaction_timeout", |builder, value| {
        builder.idle_in_transaction_timeout(value)
    }),
    ("timeout", |builder, value| builder.timeout(value)),
];

/// A handle with an extreme setting may be unable to work. It then returns an error instead of
/// hanging or panicking.
#[tokio::test]
async fn no_duration_makes_a_handle_panic() {
    let fresh = notes::open_narrow().await;
    let mut id = 0;
    for (name, set) in SETTINGS {
        for value in EXTREMES {
            let builder = set(Db::builder().url(&fresh.url).max_connections(1), value);
            let Ok(db) = soon(name, builder.connect()).await else {
                assert!(value < Duration::from_secs(1), "{name} = {value:?}");
                continue;
            };
            id += 1;
            let result = soon(name, note(&db, id)).await;
            if value > Duration::from_secs(1) {
                result.unwrap_or_else(|error| panic!("{name} = {value:?}: {error}"));
                assert!(stored(&fresh).await.contains(&id), "{name} = {value:?}");
            }
            db.close().await;
        }
    }
}

#[db_op(idempotent)]
async fn third_time_lucky(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    if runs.next() < 3 {
        return Err(Trouble::NotNow);
    }
    sqlx::query("SELECT 1").execute(&mut *conn).await?;
    Ok(())
}

#[tokio::test]
async fn no_retry_policy_panics_or_waits_past_the_deadline() {
    let fresh = notes::open_narrow().await;
    for base in EXTREMES {
        for cap in EXTREMES {
            for attempts in [0, 1, 5, u32::MAX] {
                let policy = RetryPolicy::DEFAULT
                    .attempts(attempts)
                    .outage_attempts(attempts)
                    .base(base)
                    .cap(cap);
                let builder = Db::builder().url(&fresh.url).max_connections(1);
                let builder = builder.timeout(Duration::from_secs(2)).retry(policy);
                let db = builder.connect().await.unwrap();
                let runs = Runs::default();
                let result = soon("the call", third_time_lucky(&db, &runs)).await;
                let at_once = base.min(cap) <= Duration::from_nanos(1);
                let lucky = attempts >= 3 && at_once;
                if at_once {
                    assert_eq!(result.is_ok(), lucky, "{policy:?}: {result:?}");
                }
                assert!((1..=3).contains(&runs.count()), "{policy:?}");
                db.close().await;
            }
        }
    }
}
