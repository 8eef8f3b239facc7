//! Hooks run after the end of the transaction for which they were registered.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use dbop::{Db, Tx, transactional};
use dbop_tests::eventually;
use futures_util::FutureExt;
use tracing::field::Field;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::Database;
use super::notes::{self, Runs, Trouble, insert, note, notes as read, soon, stored};

/// What the hooks have written, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<&'static str>>>);

impl Diary {
    fn add(&self, line: &'static str) {
        self.0.lock().unwrap().push(line);
    }

    pub(crate) fn lines(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }

    /// Returns a hook that adds a line.
    fn entry(&self, line: &'static str) -> impl Future<Output = ()> + Send + 'static {
        let diary = self.clone();
        async move { diary.add(line) }
    }

    /// Registers a hook for each outcome, so that one that runs at the wrong end is noticed.
    pub(crate) fn on_both_ends(&self, tx: &mut Tx<'_, Database>) {
        tx.after_commit(self.entry("committed"));
        tx.after_rollback(self.entry("rolled back"));
        tx.on_unknown(self.entry("unknown"));
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Ok,
    Err,
    Panic,
    RollbackOnly,
}

#[transactional]
async fn ends(tx: &mut Tx<'_, Database>, diary: &Diary, end: End) -> Result<(), Trouble> {
    diary.on_both_ends(&mut *tx);
    insert(&mut *tx, 1).await?;
    match end {
        End::Ok => {}
        End::Err => return Err(Trouble::Refused),
        End::Panic => panic!("on purpose"),
        End::RollbackOnly => tx.set_rollback_only(),
    }
    Ok(())
}

#[tokio::test]
async fn the_hooks_of_an_end_run_at_that_end_only() {
    for (end, line) in [
        (End::Ok, "committed"),
        (End::Err, "rolled back"),
        (End::RollbackOnly, "rolled back"),
    ] {
        let db = notes::open_narrow().await;
        let diary = Diary::default();
        let result = ends(&*db, &diary, end).await;
        assert_eq!(result.is_err(), end == End::Err);
        assert_eq!(diary.lines(), [line], "{end:?}");
    }
}

#[tokio::test]
async fn after_a_panic_no_commit_hook_runs() {
    let db = notes::open_narrow().await;
    let diary = Diary::default();
    let call = AssertUnwindSafe(ends(&*db, &diary, End::Panic));
    call.catch_unwind().await.unwrap_err();
    // The rollback continues in the background while the caller unwinds.
    eventually("the rollback hook", async || {
        diary.lines() == ["rolled back"]
    })
    .await;
    assert!(stored(&db).await.is_empty());
}

#[transactional]
async fn with_ordered_hooks(
    tx: &mut Tx<'_, Database>,
    db: &Db<Database>,
    diary: &Diary,
) -> Result<(), Trouble> {
    tx.after_commit(diary.entry("first"));
    insert(&mut *tx, 1).await?;
    let (handle, own) = (db.clone(), diary.clone());
    tx.after_commit(async move {
        // The only connection that writes has been given back, or this call would wait for it in
        // vain.
        note(&handle, 2).await?;
        own.add(match read(&handle).await?.as_slice() {
            [1, 2] => "second",
            _ => "second, but it did not see the commit",
        });
        Ok::<_, Trouble>(())
    });
    tx.after_commit(diary.entry("third"));
    diary.add("body");
    Ok(())
}

#[tokio::test]
async fn hooks_run_in_order_after_commit_and_after_release() {
    let db = notes::open_narrow().await;
    let diary = Diary::default();
    let call = with_ordered_hooks(&*db, &db, &diary);
    soon("the hooks", call).await.unwrap();
    assert_eq!(diary.lines(), ["body", "first", "second", "third"]);
}

#[transactional(retry(attempts = 3, base = "1ms", cap = "1ms"))]
async fn not_before_the_third_run(
    tx: &mut Tx<'_, Database>,
    runs: &Runs,
    diary: &Diary,
    ever: bool,
) -> Result<(), Trouble> {
    diary.on_both_ends(&mut *tx);
    insert(&mut *tx, 1).await?;
    let last = runs.next() == 3;
    if last && ever {
        Ok(())
    } else {
        Err(Trouble::NotNow)
    }
}

#[tokio::test]
async fn the_hooks_of_failed_attempts_are_dropped() {
    let db = notes::open_narrow().await;
    let (runs, diary) = (Runs::default(), Diary::default());
    not_before_the_third_run(&*db, &runs, &diary, true)
        .await
        .unwrap();
    assert_eq!(runs.count(), 3);
    assert_eq!(diary.lines(), ["committed"]);
}

#[tokio::test]
async fn rollback_hooks_run_after_the_last_rollback_only() {
    let db = notes::open_narrow().await;
    let (runs, diary) = (Runs::default(), Diary::default());
    let call = not_before_the_third_run(&*db, &runs, &diary, false);
    call.await.unwrap_err();
    assert_eq!(runs.count(), 3);
    assert_eq!(diary.lines(), ["rolled back"]);
}

#[transactional(nested)]
async fn nested_hook(
    tx: &mut Tx<'_, Database>,
    diary: &Diary,
    refuse: bool,
) -> Result<(), Trouble> {
    tx.after_commit(diary.entry(if refuse { "undone" } else { "kept" }));
    if refuse {
        Err(Trouble::Refused)
    } else {
        Ok(())
    }
}

#[transactional]
async fn joined_hook(tx: &mut Tx<'_, Database>, diary: &Diary) -> Result<(), Trouble> {
    tx.after_commit(diary.entry("joined"));
    Ok(insert(&mut *tx, 1).await?)
}

#[transactional]
async fn hooks_at_many_depths(tx: &mut Tx<'_, Database>, diary: &Diary) -> Result<(), Trouble> {
    joined_hook(&mut *tx, diary).await?;
    assert!(
        !diary.lines().contains(&"joined"),
        "the hook ran before the outermost commit"
    );
    nested_hook(&mut *tx, diary, true).await.unwrap_err();
    nested_hook(&mut *tx, diary, false).await?;
    let undone = tx
        .savepoint(async |sp: &mut Tx<'_, Database>| -> Result<(), Trouble> {
            sp.after_commit(diary.entry("undone"));
            nested_hook(&mut *sp, diary, false).await?;
            Err(Trouble::Refused)
        })
        .await;
    undone.unwrap_err();
    tx.after_commit(diary.entry("last"));
    Ok(())
}

#[tokio::test]
async fn the_hooks_of_undone_savepoints_are_dropped_with_them() {
    let db = notes::open_narrow().await;
    let diary = Diary::default();
    hooks_at_many_depths(&*db, &diary).await.unwrap();
    assert_eq!(diary.lines(), ["joined", "kept", "last"]);
}

// --- hooks that fail ------------------------------------------------------------------------------

/// A subscriber that keeps the text of every event.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Events {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut text = format!("{} ", event.metadata().level());
        event.record(&mut |field: &Field, value: &dyn std::fmt::Debug| {
            text.push_str(&format!("{field}={value:?} "));
        });
        self.0.lock().unwrap().push(text);
    }
}

fn mistake() {
    panic!("a hook's own mistake");
}

#[transactional]
async fn with_bad_hooks(tx: &mut Tx<'_, Database>, diary: &Diary) -> Result<i64, Trouble> {
    tx.after_commit(async { Err::<(), _>("the mail server is down") });
    let panics = diary.entry("panicked");
    tx.after_commit(async move {
        panics.await;
        mistake();
    });
    tx.after_commit(diary.entry("last"));
    insert(&mut *tx, 1).await?;
    Ok(7)
}

#[tokio::test]
async fn a_hook_that_fails_is_reported_and_changes_nothing_else() {
    let db = notes::open_narrow().await;
    let (events, diary) = (Events::default(), Diary::default());
    let subscriber = tracing_subscriber::registry().with(events.clone());
    let guard = tracing::subscriber::set_default(subscriber);
    let result = with_bad_hooks(&*db, &diary).await;
    drop(guard);
    assert_eq!(result.unwrap(), 7);
    assert_eq!(diary.lines(), ["panicked", "last"]);
    assert_eq!(stored(&db).await, [1]);
    let events = events.0.lock().unwrap();
    for cause in ["the mail server is down", "panicked"] {
        let reported = events
            .iter()
            .filter(|event| event.contains(cause) && event.contains("with_bad_hooks"))
            .filter(|event| event.starts_with("ERROR"))
            .count();
        assert_eq!(reported, 1, "{cause}: {events:#?}");
    }
}

// --- callers that go away -------------------------------------------------------------------------

#[transactional]
async fn stops_or_not(
    tx: &mut Tx<'_, Database>,
    diary: &Diary,
    done: &AtomicBool,
    stop: bool,
) -> Result<(), Trouble> {
    diary.on_both_ends(&mut *tx);
    insert(&mut *tx, 1).await?;
    done.store(true, Ordering::Relaxed);
    if stop {
        #[dbop::allow(foreign_await, reason = "its caller goes away while it waits here")]
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// Polls the call until its body is done, no further, and drops it.
async fn dropped_after_its_body(call: impl Future, done: &AtomicBool) {
    let mut call = Box::pin(call);
    let left = std::future::poll_fn(|cx| {
        let over = call.as_mut().poll(cx).is_ready();
        if over || done.load(Ordering::Relaxed) {
            return std::task::Poll::Ready(());
        }
        std::task::Poll::Pending
    });
    soon("the body", left).await;
}

#[tokio::test]
async fn rollback_hooks_run_after_a_caller_that_went_away() {
    let db = notes::open_narrow().await;
    let (diary, done) = (Diary::default(), AtomicBool::new(false));
    let call = stops_or_not(&*db, &diary, &done, true);
    dropped_after_its_body(call, &done).await;
    eventually("the rollback hook", async || {
        diary.lines() == ["rolled back"]
    })
    .await;
    assert!(stored(&db).await.is_empty());
    note(&*db, 1).await.unwrap();
}

#[tokio::test]
async fn commit_hooks_run_although_the_caller_went_away_during_commit() {
    let db = notes::open_narrow().await;
    let (diary, done) = (Diary::default(), AtomicBool::new(false));
    let call = stops_or_not(&*db, &diary, &done, false);
    dropped_after_its_body(call, &done).await;
    eventually("the commit hook", async || diary.lines() == ["committed"]).await;
    assert_eq!(stored(&db).await, [1]);
    note(&*db, 2).await.unwrap();
}
