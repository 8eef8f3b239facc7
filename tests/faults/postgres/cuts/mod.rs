//! A connection that fails at any message of a call, before or after it arrives: nothing is applied
//! twice, nothing by half, and every answer is true. Here both sides see the end of the connection;
//! in [`silent`] neither does.

/// Makes a test of each row: an operation, what its calls promise, whether they find a connection,
/// and the least number of messages. `$run` makes the connection fail at each message.
macro_rules! at_every_message {
    ($run:ident: $($name:ident: $op:ident, $promise:expr, $start:ident, $least:literal;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let messages = $run($promise, Start::$start, async |db: &Db<_>, key| {
                $op(db, key).await
            });
            let messages = messages.await;
            assert!(messages >= $least, "only {messages} messages were seen");
        }
    )*};
}

pub(crate) mod operations;
mod silent;

use std::time::Duration;

use dbop::{Db, DbError, Outcome};
use dbop_tests::proxy::{Failure, Passed, Place, Proxy, Side};
use dbop_tests::{Fresh, eventually};
use sqlx::{Connection, Executor, PgConnection, Postgres};
use tokio::time::timeout;

#[derive(Debug, thiserror::Error, DbError)]
#[error(transparent)]
pub(crate) struct Trouble(#[from] pub(crate) dbop::Error);

/// The promise of an operation, wherever its connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    /// `Ok`, and applied once. But if the client was in doubt when its connection was cut:
    /// `Unknown`, and applied once or not at all.
    OnceUnlessInDoubt(Doubt),
    /// `Ok`, and applied once.
    Once,
    /// `Ok`, and there is nothing to apply.
    Reads,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    Commit,
    Statement,
}

impl Doubt {
    /// Returns whether the client was in doubt when its connection was cut before message `cut` of
    /// these: it had sent the statement or COMMIT, and had not received the whole answer. A message
    /// that was sent over a lost connection counts as sent.
    fn is_open(self, uncut: &[Passed], cut: usize) -> bool {
        let first = |side, kind, text: &str, from: usize| {
            let is = |passed: &Passed| {
                let message = &passed.message;
                (passed.from, message.kind) == (side, kind) && message.text.starts_with(text)
            };
            from + uncut[from..]
                .iter()
                .position(is)
                .expect("the message is sent")
        };
        let (begin, execute) = match self {
            Self::Commit => {
                let commit = first(Side::Client, b'Q', "COMMIT", 0);
                (commit, commit)
            }
            Self::Statement => (
                first(Side::Client, b'B', "", 0),
                first(Side::Client, b'E', "", 0),
            ),
        };
        let answered = first(Side::Server, b'Z', "", execute);
        (begin..=answered).contains(&cut)
    }
}

/// The connection that a call finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// A connection on which the operation has run before.
    Warm,
    /// No connection. The new one is cut while it is being opened.
    Cold,
}

/// Counts every effect. The count of a key is not unique, so that a key that was applied twice, or
/// by half, shows.
pub(crate) const SCHEMA: &str = "CREATE TABLE counts (key BIGINT NOT NULL);
    CREATE TABLE effects (key BIGINT NOT NULL);
    CREATE TABLE unique_effects (key BIGINT PRIMARY KEY)";

/// Makes the role `hasty`, whose password is hashed once and not 4096 times as by default, because
/// a new connection follows every cut.
const HASTY: &str = "DO $$ BEGIN
        CREATE ROLE hasty LOGIN PASSWORD 'SCRAM-SHA-256$1:MDEyMzQ1Njc4OWFiY2RlZg==$aNbXaptnDGxp0LdTWyYG44WsMvNI/gPx1rHwHQpJAKc=:8+m539kUFZmaK154O2sEDjAmL1zHpTwvJAaUdDtNKMo=';
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO hasty";

/// Opens a new database with these tables. Returns it together with the URL for the role `hasty`.
pub(crate) async fn open() -> (Fresh<Postgres>, String) {
    let fresh = dbop_tests::postgres::fresh_with(|builder| builder.max_connections(1)).await;
    for sql in [SCHEMA, Db::<Postgres>::ONCE_SCHEMA, HASTY] {
        fresh.pool().execute(sql).await.expect("the schema");
    }
    let (_, place) = fresh.url.rsplit_once('@').expect("a user in the URL");
    let hasty = format!("postgres://hasty:hasty@{place}");
    (fresh, hasty)
}

struct Bench {
    _fresh: Fresh<Postgres>,
    proxy: Proxy,
    outside: PgConnection,
    /// The key of the last call.
    key: i64,
    /// The messages of the last call that was not cut.
    uncut: Vec<Passed>,
}

/// Cuts the operation's connection at every message in turn, until the operation has run without
/// meeting the cut. Returns the number of messages.
async fn cut_everywhere(
    promise: Promise,
    start: Start,
    op: impl AsyncFn(&Db<Postgres>, i64) -> Result<(), Trouble>,
) -> usize {
    let mut bench = Bench::open().await;
    for number in 0.. {
        let mut cuts = 0;
        // This handle serves both places only, so that nothing it has learned about the server
        // lasts longer.
        let mut db = bench.connect().await;
        for place in [Place::Before, Place::After] {
            match start {
                Start::Warm => bench.warm(promise, &db, &op).await,
                Start::Cold => db = bench.connect_without_connections().await,
            }
            let cut = bench.call(promise, &db, &op, number, place).await;
            cuts += u32::from(cut.is_some());
            if start == Start::Cold && cut.is_some_and(|cut| ends_opening(cut.last())) {
                return number + 1;
            }
        }
        db.close().await;
        match cuts {
            0 => return number,
            2 => {}
            _ => panic!("message {number} came in one run, but not in another"),
        }
    }
    unreachable!("a call has an end")
}

/// Closes the only connection of the pool.
async fn close_the_only_one(db: &Db<Postgres>, proxy: &Proxy) {
    let conn = db
        .pool()
        .acquire()
        .await
        .expect("the pool has a connection");
    proxy.cut_at(usize::MAX, Place::Before);
    conn.detach().close().await.expect("the connection is idle");
    eventually("the proxy has seen the last of it", async || {
        let passed = proxy.passed();
        passed.last().is_some_and(|last| last.message.kind == b'X')
    })
    .await;
}

/// Returns whether the connection is open after this message.
fn ends_opening(last: Option<&Passed>) -> bool {
    last.is_some_and(|last| (last.from, last.message.kind) == (Side::Server, b'Z'))
}

impl Bench {
    async fn open() -> Self {
        let (fresh, hasty) = open().await;
        Self {
            proxy: Proxy::before(&hasty).await,
            outside: dbop_tests::postgres::outside(&fresh).await,
            _fresh: fresh,
            key: 0,
            uncut: Vec::new(),
        }
    }

    /// Opens a handle with one connection, whose retry budget suffices for every cut.
    async fn connect(&self) -> Db<Postgres> {
        let builder = Db::builder().url(&self.proxy.url).max_connections(1);
        let builder = builder.retry_budget(0.0, 1000.0);
        let db = builder.connect().await.expect("the proxy's database");
        eventually("the connection is in the pool", async || {
            db.pool().num_idle() == 1
        })
        .await;
        db
    }

    async fn connect_without_connections(&self) -> Db<Postgres> {
        let db = self.connect().await;
        close_the_only_one(&db, &self.proxy).await;
        db
    }

    /// Runs the operation on this connection once for the first time, and once as every later one
    /// runs.
    async fn warm(
        &mut self,
        promise: Promise,
        db: &Db<Postgres>,
        op: &impl AsyncFn(&Db<Postgres>, i64) -> Result<(), Trouble>,
    ) {
        for _ in 0..2 {
            let cut = self.call(promise, db, op, usize::MAX, Place::Before).await;
            assert!(cut.is_none());
        }
        self.uncut = self.proxy.passed();
    }

    /// Runs the operation with its connection cut at this message, and checks what became of it.
    /// Returns the messages up to the cut; `None` if the cut was not met.
    async fn call(
        &mut self,
        promise: Promise,
        db: &Db<Postgres>,
        op: &impl AsyncFn(&Db<Postgres>, i64) -> Result<(), Trouble>,
        number: usize,
        place: Place,
    ) -> Option<Vec<Passed>> {
        self.key += 1;
        self.proxy.cut_at(number, place);
        let limit = Duration::from_secs(20);
        let told = timeout(limit, op(db, self.key))
            .await
            .expect("the call hangs");
        eventually(
            "the call's connection is idle or gone",
            async || match self.proxy.was_cut() {
                Some(_) => self.proxy.cut_is_over(),
                None => has_been_given_back(&self.proxy.passed()),
            },
        )
        .await;
        let cut = self.proxy.was_cut();
        let at = At(number, place, Failure::Closed, cut.as_deref());
        let applied = applied(&mut self.outside, self.key).await;
        let applied = applied.unwrap_or_else(|wrong| panic!("{wrong}: {at:?}"));
        let in_doubt = match promise {
            Promise::OnceUnlessInDoubt(doubt) if cut.is_some() => {
                doubt.is_open(&self.uncut, number + usize::from(place == Place::After))
            }
            _ => false,
        };
        check(promise, in_doubt, told, applied, &at);
        cut
    }
}

/// Returns how often the call with this key has been applied, or what is wrong with its effects.
async fn applied(outside: &mut PgConnection, key: i64) -> Result<i64, String> {
    let rows = "SELECT (SELECT count(*) FROM effects WHERE key = $1)
        + (SELECT count(*) FROM unique_effects WHERE key = $1),
        (SELECT count(*) FROM counts WHERE key = $1)";
    let rows = sqlx::query_as::<_, (i64, i64)>(rows).bind(key);
    let rows = rows.fetch_one(outside).await;
    match rows.expect("two numbers") {
        (effects, counted) if effects != counted => Err(format!(
            "half of it was applied, {effects} effects and {counted} counts"
        )),
        (effects @ 0..=1, _) => Ok(effects),
        (effects, _) => Err(format!("applied {effects} times")),
    }
}

/// Returns whether sqlx has tried the connection on its way back to the pool, with a `Sync` that is
/// answered by `ReadyForQuery`.
pub(crate) fn has_been_given_back(messages: &[Passed]) -> bool {
    let kinds: Vec<_> = messages
        .iter()
        .map(|passed| (passed.from, passed.message.kind))
        .collect();
    kinds.ends_with(&[
        (Side::Server, b'Z'),
        (Side::Client, b'S'),
        (Side::Server, b'Z'),
    ])
}

/// Where and how the connection was to fail, and the messages if it did.
struct At<'a>(usize, Place, Failure, Option<&'a [Passed]>);

impl std::fmt::Debug for At<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(number, place, failure, messages) = self;
        write!(f, "{failure:?} {place:?} message {number} of")?;
        for passed in messages.unwrap_or_default() {
            let side = match passed.from {
                Side::Client => '>',
                Side::Server => '<',
            };
            write!(f, " {side}{}", char::from(passed.message.kind))?;
        }
        Ok(())
    }
}

fn check(promise: Promise, in_doubt: bool, told: Result<(), Trouble>, applied: i64, at: &At<'_>) {
    match told {
        Ok(()) if !in_doubt => {
            let expected = i64::from(promise != Promise::Reads);
            assert_eq!(applied, expected, "the call said `Ok`: {at:?}");
        }
        Err(Trouble(error)) if in_doubt => {
            assert_eq!(
                error.outcome().unwrap(),
                Outcome::Unknown,
                "{error}, {at:?}"
            );
        }
        told => panic!("the answer was lost: {in_doubt}, but {told:?} was said, {at:?}"),
    }
}
