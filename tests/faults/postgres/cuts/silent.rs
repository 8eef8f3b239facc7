//! A connection that falls silent at any message of a call. Only the deadline of the call ends the
//! wait. What the call reports is true at once, and still true when the server has noticed the
//! loss. Meanwhile the pool gets its slot back.

use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::Duration;

use dbop::{Db, Outcome};
use dbop_tests::proxy::{Failure, Passed, Place, Proxy};
use dbop_tests::{Fresh, GIVEN_UP, eventually, impatient};
use futures_util::{StreamExt, stream};
use sqlx::{PgConnection, Postgres};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use super::operations::{
    idempotent_operation, idempotent_transaction, once, operation, read, read_in_transaction,
    transaction,
};
use super::{
    At, Doubt, Start, Trouble, applied, close_the_only_one, ends_opening, has_been_given_back, open,
};

/// The deadline of each call.
const DEADLINE: Duration = Duration::from_millis(500);
/// A call that takes so much longer than its deadline, and the time that `COMMIT` has after it,
/// hangs.
const NEVER: Duration = Duration::from_secs(20);
/// How often a case is tried, because on a busy machine the deadline may pass before the call comes
/// to its message.
const TRIES: u32 = 20;
/// Limits how many cases run at the same time, over all tests. A case waits most of the time.
static CASES: Semaphore = Semaphore::const_new(24);
/// Limits how many of these cases open connections and warm up at the same time, because they do
/// not wait while they do so.
static BUSY: Semaphore = Semaphore::const_new(2);

struct Bench {
    _fresh: Fresh<Postgres>,
    url: String,
    outside: Mutex<PgConnection>,
    /// The last key that was given to a call.
    key: AtomicI64,
    effect: Effect,
    start: Start,
}

/// The effect of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// The operation writes. Its effect is unknown while the doubt is not settled by an answer.
    Writes(Doubt),
    /// The operation only reads, but its `COMMIT` may not be answered.
    ReadsAndCommits,
    Reads,
}

impl Effect {
    fn doubt(self) -> Option<Doubt> {
        match self {
            Self::Writes(doubt) => Some(doubt),
            Self::ReadsAndCommits => Some(Doubt::Commit),
            Self::Reads => None,
        }
    }

    /// Returns how often the effect of a call that returns `Ok` is stored.
    fn times(self) -> i64 {
        i64::from(matches!(self, Self::Writes(_)))
    }
}

/// A handle with one connection, through a proxy of its own.
struct Way {
    proxy: Proxy,
    db: Db<Postgres>,
}

/// Where a connection falls silent, and how.
#[derive(Clone, Copy, Debug)]
struct Case {
    number: usize,
    place: Place,
    silence: Failure,
}

/// Lets the operation's connection fall silent at every message, each time on another handle.
/// Returns the number of messages.
async fn silent_everywhere(
    effect: Effect,
    start: Start,
    op: impl AsyncFn(&Db<Postgres>, i64) -> Result<(), Trouble>,
) -> usize {
    let bench = Bench::open(effect, start).await;
    let uncut = bench.uncut(&op).await;
    let messages = uncut.len();
    let cases = (0..messages).flat_map(|number| {
        [Place::Before, Place::After]
            .into_iter()
            .flat_map(move |place| {
                [Failure::Swallow, Failure::Freeze].map(|silence| Case {
                    number,
                    place,
                    silence,
                })
            })
    });
    let (bench, uncut, op) = (&bench, &*uncut, &op);
    let all = stream::iter(cases).map(|case| bench.silence(uncut, case, op));
    let lost = all
        .buffer_unordered(usize::MAX)
        .filter_map(async |lost| lost);
    let lost: Vec<_> = lost.collect().await;
    assert!(
        lost.is_empty(),
        "{} of {} times no slot was given back within {GIVEN_UP:?}: {lost:#?}",
        lost.len(),
        4 * messages,
    );
    messages
}

impl Bench {
    async fn open(effect: Effect, start: Start) -> Self {
        let (fresh, url) = open().await;
        Self {
            outside: Mutex::new(dbop_tests::postgres::outside(&fresh).await),
            _fresh: fresh,
            url,
            key: AtomicI64::new(0),
            effect,
            start,
        }
    }

    fn next_key(&self) -> i64 {
        self.key.fetch_add(1, SeqCst) + 1
    }

    async fn way(&self) -> Way {
        let proxy = Proxy::before(&self.url).await;
        let builder = Db::builder().url(&proxy.url).max_connections(1);
        let builder = builder.timeout(DEADLINE).retry_budget(0.0, 1000.0);
        let db = impatient(builder).connect().await;
        let db = db.expect("the proxy's database");
        eventually("the connection is in the pool", async || {
            db.pool().num_idle() == 1
        })
        .await;
        Way { proxy, db }
    }

    /// Opens a way on which the operation finds the connection that it is to find.
    async fn ready(&self, op: &impl AsyncFn(&Db<Postgres>, i64) -> Result<(), Trouble>) -> Way {
        let _busy = BUSY.acquire().await.expect("the semaphore is never closed");
        let way = self.way().await;
        match self.start {
            Start::Cold => close_the_only_one(&way.db, &way.proxy).await,
            Start::Warm => {
                // The operation runs once for the first time on this connection, and once as every
                // later one runs.
                for _ in 0..2 {
                    way.proxy.cut_at(usize::MAX, Place::Before);
                    self.goes_through(&way.db, op).await;
                    eventually("the connection is given back", async || {
                        has_been_given_back(&way.proxy.passed())
                    })
                    .await;
                }
            }
        }
        way
    }

    /// Makes calls until one succeeds.
    async fn goes_through(
        &self,
        db: &Db<Postgres>,
        op: &impl AsyncFn(&Db<Postgres>, i64) -> Result<(), Trouble>,
    ) {
        while timeout(NEVER, op(db, self.next_key()))
            .await
            .expect("the call hangs")
            .is_err()
        {}
    }

    /// Returns the messages of a call that is not disturbed.
    async fn uncut(
        &self,
        op: &impl AsyncFn(&Db<Postgres>, i64) -> Result<(), Trouble>,
    ) -> Vec<Passed> {
        let way = self.ready(op).await;
        way.proxy.cut_at(usize::MAX, Place::Before);
        self.goes_through(&way.db, op).await;
        eventually("the connection is given back", async || {
            has_been_given_back(&way.proxy.passed())
        })
        .await;
        let mut messages = way.proxy.passed();
        if self.start == Start::Cold {
            let opened = messages
                .iter()
                .position(|passed| ends_opening(Some(passed)));
            messages.truncate(opened.expect("the server says that it is ready") + 1);
        }
        messages
    }

    /// Tries a case until a call has come to its message. Returns what was not given back; `None`
    /// if everything was.
    async fn silence(
        &self,
        uncut: &[Passed],
        case: Case,
        op: &impl AsyncFn(&Db<Postgres>, i64) -> Result<(), Trouble>,
    ) -> Option<String> {
        let _place = CASES
            .acquire()
            .await
            .expect("the semaphore is never closed");
        for _ in 0..TRIES {
            let way = self.ready(op).await;
            if let Some(lost) = self.silence_on(&way, uncut, case, op).await {
                return lost.err();
            }
        }
        panic!("{case:?}: no call came to its message");
    }

    /// Makes one call. Returns `None` if it did not come to its message, and otherwise what was not
    /// given back.
    async fn silence_on(
        &self,
        way: &Way,
        uncut: &[Passed],
        case: Case,
        op: &impl AsyncFn(&Db<Postgres>, i64) -> Result<(), Trouble>,
    ) -> Option<Result<(), String>> {
        let Way { proxy, db } = way;
        let key = self.next_key();
        proxy.fail_at(case.number, case.place, case.silence);
        let told = timeout(NEVER, op(db, key)).await.expect("the call hangs");
        if told.is_ok() {
            eventually("the connection is silent or idle", async || {
                proxy.was_cut().is_some() || has_been_given_back(&proxy.passed())
            })
            .await;
        }
        let cut = proxy.was_cut();
        let as_usual = cut.as_ref().is_some_and(|cut| same_kinds(cut, uncut));
        let in_doubt = match (self.effect.doubt(), self.start) {
            (None, _) => false,
            // A call that was slow may have been given up at any message.
            _ if !as_usual => true,
            (Some(doubt), Start::Warm) => {
                doubt.is_open(uncut, case.number + usize::from(case.place == Place::After))
            }
            // The call has sent its statement over a connection that was open in the end.
            (Some(Doubt::Statement), Start::Cold) => {
                case.number + 1 == uncut.len() && case.place == Place::After
            }
            (Some(Doubt::Commit), Start::Cold) => false,
        };
        let at = At(case.number, case.place, case.silence, cut.as_deref());
        self.is_true(&told, key, in_doubt, &at).await;

        let another = timeout(GIVEN_UP, self.goes_through(db, op)).await;
        proxy.let_server_notice();
        eventually("the server has noticed", async || proxy.cut_is_over()).await;
        self.is_true(&told, key, in_doubt, &at).await;
        let closed = timeout(GIVEN_UP, db.close()).await;
        let lost = match (another, closed) {
            (Err(_), _) => Err(format!("{at:?}: no other call gets a connection")),
            (_, Err(_)) => Err(format!("{at:?}: the handle is never closed")),
            _ => Ok(()),
        };
        as_usual.then_some(lost)
    }

    async fn is_true(&self, told: &Result<(), Trouble>, key: i64, in_doubt: bool, at: &At<'_>) {
        let applied = applied(&mut *self.outside.lock().await, key).await;
        let applied = applied.unwrap_or_else(|wrong| panic!("{wrong}: {at:?}"));
        match told {
            Ok(()) => {
                assert_eq!(applied, self.effect.times(), "the call said `Ok`: {at:?}");
            }
            Err(Trouble(error)) => match error.outcome().unwrap() {
                Outcome::RolledBack => assert_eq!(applied, 0, "{error}: {at:?}"),
                Outcome::Unknown => assert!(in_doubt, "{error}: {at:?}"),
                other => panic!("{other:?}, {error}: {at:?}"),
            },
        }
    }
}

/// Returns whether `messages` are of the same kinds as the first messages in `of`.
fn same_kinds(messages: &[Passed], of: &[Passed]) -> bool {
    let kind = |passed: &Passed| (passed.from, passed.message.kind);
    let first = of.iter().take(messages.len());
    messages.len() <= of.len() && messages.iter().map(kind).eq(first.map(kind))
}

at_every_message! {
    silent_everywhere:
    a_transaction_on_a_silent_connection_says_the_truth:
        transaction, Effect::Writes(Doubt::Commit), Warm, 20;
    an_idempotent_transaction_on_a_silent_connection_says_the_truth:
        idempotent_transaction, Effect::Writes(Doubt::Commit), Warm, 20;
    a_transaction_with_a_key_on_a_silent_connection_says_the_truth:
        once, Effect::Writes(Doubt::Commit), Warm, 30;
    an_operation_on_a_silent_connection_says_the_truth:
        operation, Effect::Writes(Doubt::Statement), Warm, 8;
    an_idempotent_operation_on_a_silent_connection_says_the_truth:
        idempotent_operation, Effect::Writes(Doubt::Statement), Warm, 8;
    a_read_on_a_silent_connection_ends_at_its_deadline:
        read, Effect::Reads, Warm, 8;
    a_reading_transaction_on_a_silent_connection_ends_at_its_deadline:
        read_in_transaction, Effect::ReadsAndCommits, Warm, 14;
    a_transaction_whose_connection_falls_silent_while_it_opens_has_no_effect:
        transaction, Effect::Writes(Doubt::Commit), Cold, 10;
    an_operation_whose_connection_falls_silent_while_it_opens_has_no_effect:
        operation, Effect::Writes(Doubt::Statement), Cold, 10;
    a_read_whose_connection_falls_silent_while_it_opens_ends_at_its_deadline:
        read, Effect::Reads, Cold, 10;
}
