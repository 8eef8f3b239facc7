//! Methods, associated functions and traits.

use std::sync::Arc;

use dbop::{BlockingDb, db_op, transactional};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;

use super::{Answer, Flaky, SqliteDb, echo, open};

#[derive(Clone)]
struct Repo {
    db: SqliteDb,
    shared: Arc<SqliteDb>,
    flaky: Flaky,
    n: i64,
}

impl Repo {
    async fn new(n: i64) -> Repo {
        let db = open().await;
        Repo {
            shared: Arc::new(db.clone()),
            db,
            flaky: Flaky::default(),
            n,
        }
    }

    #[transactional]
    fn by_reference(&self, conn: &mut Connection, m: i64) -> Answer {
        self.flaky.pass()?;
        Ok(echo(conn, self.n + m)?)
    }

    #[transactional]
    fn by_value(self, conn: &mut Connection, m: i64) -> Answer {
        self.flaky.pass()?;
        Ok(echo(conn, self.n + m)?)
    }

    #[transactional]
    fn mutable(mut self, conn: &mut Connection) -> Answer {
        self.n += 1;
        self.flaky.pass()?;
        Ok(echo(conn, self.n)?)
    }

    #[transactional]
    fn arc(self: Arc<Self>, conn: &mut Connection) -> Answer {
        self.flaky.pass()?;
        Ok(echo(conn, self.n)?)
    }

    #[transactional]
    #[expect(clippy::boxed_local, reason = "a shape")]
    fn boxed(self: Box<Self>, conn: &mut Connection) -> Answer {
        self.flaky.pass()?;
        Ok(echo(conn, self.n)?)
    }

    #[transactional]
    #[expect(clippy::needless_arbitrary_self_type, reason = "a shape")]
    fn typed(self: &Self, conn: &mut Connection) -> Answer {
        self.flaky.pass()?;
        Ok(echo(conn, self.n)?)
    }

    #[db_op(read_only)]
    fn named<'s>(&'s self, conn: &mut Connection, others: &'s [&'s str]) -> Answer {
        let n = i64::try_from(others.len()).unwrap();
        Ok(echo(conn, self.n + n)?)
    }

    #[db_op]
    fn of_self(conn: &mut Connection, one: &Self, other: Self) -> Answer<Self> {
        let n = echo(conn, one.n + other.n)?;
        Ok(Self { n, ..other })
    }

    #[db_op(in_impl)]
    fn silent(conn: &mut Connection) -> Answer {
        Ok(echo(conn, 1)?)
    }

    #[db_op(in_impl)]
    fn with_other_items(conn: &mut Connection) -> Answer {
        struct Inner;
        impl Inner {
            const N: i64 = 2;
            fn n() -> i64 {
                Self::N
            }
        }
        Ok(echo(conn, Inner::n())?)
    }

    #[db_op]
    fn by_body(conn: &mut Connection) -> Answer {
        Self::silent_sync(conn)
    }

    #[db_op]
    fn without_connection(&self, m: i64) -> Answer {
        Ok(self.n + m)
    }
}

#[tokio::test]
async fn methods() {
    let new = || Repo::new(4);
    let repo = new().await;
    assert_eq!(repo.by_reference(&repo.db, 1).await.unwrap(), 5);
    assert_eq!(repo.flaky.attempts(), 2);
    let (repo, other) = (new().await, new().await);
    assert_eq!(repo.by_value(&other.db, 1).await.unwrap(), 5);
    assert_eq!(new().await.mutable(&other.db).await.unwrap(), 5);
    assert_eq!(Arc::new(new().await).arc(&other.db).await.unwrap(), 4);
    assert_eq!(Box::new(new().await).boxed(&other.db).await.unwrap(), 4);
    assert_eq!(new().await.typed(&other.db).await.unwrap(), 4);
    assert_eq!(other.named(&other.db, &["a", "b"]).await.unwrap(), 6);
    assert_eq!(other.without_connection(1).await.unwrap(), 5);
}

#[tokio::test]
async fn associated_functions() {
    let repo = Repo::new(4).await;
    let db = &repo.db;
    let both = Repo::of_self(db, &repo, repo.clone()).await.unwrap();
    assert_eq!(both.n, 8);
    assert_eq!(Repo::silent(db).await.unwrap(), 1);
    assert_eq!(Repo::with_other_items(db).await.unwrap(), 2);
    assert_eq!(Repo::by_body(db).await.unwrap(), 1);
}

/// Operations that name where their database is.
impl Repo {
    #[transactional(db = self.db)]
    fn in_a_field(&self, conn: &mut Connection) -> Answer {
        self.flaky.pass()?;
        Ok(echo(conn, self.n)?)
    }

    #[transactional(db = self.shared)]
    fn in_an_arc(&self, conn: &mut Connection) -> Answer {
        Ok(echo(conn, self.n)?)
    }

    #[transactional(db = &&self.db)]
    fn behind_references(&self, conn: &mut Connection) -> Answer {
        Ok(echo(conn, self.n)?)
    }

    #[transactional(db = self.handle())]
    fn in_a_temporary(&self, conn: &mut Connection) -> Answer {
        Ok(echo(conn, self.n)?)
    }

    #[transactional(db = self.db)]
    fn in_a_consumed_self(self, conn: &mut Connection) -> Answer {
        self.flaky.pass()?;
        Ok(echo(conn, self.n)?)
    }

    #[transactional(db = self.db)]
    fn in_a_shared_self(self: Arc<Self>, conn: &mut Connection) -> Answer {
        self.flaky.pass()?;
        Ok(echo(conn, self.n)?)
    }

    #[transactional(db = self.db, retry = never)]
    fn in_a_borrowed_arc(self: &Arc<Self>, conn: &mut Connection) -> Answer {
        Ok(echo(conn, self.n)?)
    }

    fn handle(&self) -> SqliteDb {
        self.db.clone()
    }
}

#[tokio::test]
async fn the_option_db() {
    #[db_op(db = db)]
    fn of_an_argument(db: SqliteDb, #[session] conn: &mut Connection, n: i64) -> Answer {
        drop(db);
        Ok(echo(conn, n)?)
    }
    #[db_op(db = db)]
    fn of_a_reference(
        db: &BlockingDb<SqliteConnectionManager>,
        #[session] conn: &mut Connection,
        n: i64,
    ) -> Answer {
        Ok(echo(conn, n)?)
    }
    let new = || Repo::new(4);
    let repo = new().await;
    assert_eq!(repo.in_a_field().await.unwrap(), 4);
    assert_eq!(repo.flaky.attempts(), 2);
    assert_eq!(repo.in_an_arc().await.unwrap(), 4);
    assert_eq!(repo.behind_references().await.unwrap(), 4);
    assert_eq!(repo.in_a_temporary().await.unwrap(), 4);
    assert_eq!(of_an_argument(repo.db.clone(), 5).await.unwrap(), 5);
    assert_eq!(of_a_reference(&repo.db, 5).await.unwrap(), 5);
    assert_eq!(Arc::new(repo).in_a_borrowed_arc().await.unwrap(), 4);
    assert_eq!(new().await.in_a_consumed_self().await.unwrap(), 4);
    assert_eq!(Arc::new(new().await).in_a_shared_self().await.unwrap(), 4);
}

trait Store {
    async fn put(&self, texts: &[&str], point: (i64, i64), _rest: Vec<i64>) -> Answer<String>;
    async fn put_arc(self: &Arc<Self>, n: i64) -> Answer;
    async fn take_arc(self: Arc<Self>, n: i64) -> Answer;
    async fn nowhere(db: &SqliteDb, n: i64) -> Answer;
    async fn pure(&self, n: i64) -> Answer;
    fn sent(&self, n: i64) -> impl Future<Output = Answer> + Send;
}

impl Store for Repo {
    #[transactional(db = self.db, in_trait_impl)]
    fn put(
        &self,
        conn: &mut Connection,
        texts: &[&str],
        (a, mut b): (i64, i64),
        _rest: Vec<i64>,
    ) -> Answer<String> {
        self.flaky.pass()?;
        if texts.is_empty() {
            return Ok(String::new());
        }
        b += a;
        let of_self = || echo(conn, self.n + b);
        let n = of_self()?;
        assert!(self.flaky.attempts() > 1, "{}", self.n);
        Ok(format!("{}{n}", texts.concat()))
    }

    #[db_op(db = self.db, in_trait_impl)]
    fn put_arc(self: &Arc<Self>, conn: &mut Connection, n: i64) -> Answer {
        struct Inner(i64);
        impl Inner {
            fn n(&self) -> i64 {
                self.0
            }
        }
        use self::super::echo as again;
        let this: &Arc<Self> = self;
        let read: fn(&Connection, i64) -> rusqlite::Result<i64> = again;
        read(conn, self.n)?;
        Ok(echo(conn, Inner(this.n).n() + n)?)
    }

    #[db_op(db = self.db, in_trait_impl)]
    fn take_arc(self: Arc<Self>, conn: &mut Connection, n: i64) -> Answer {
        Ok(echo(conn, self.n + n)?)
    }

    #[db_op(db = db, in_trait_impl)]
    fn nowhere(db: &SqliteDb, #[session] conn: &mut Connection, n: i64) -> Answer {
        Ok(echo(conn, n)?)
    }

    #[db_op(in_trait_impl)]
    fn pure(&self, n: i64) -> Answer {
        Ok(self.n + n)
    }

    #[db_op(db = self.db, in_trait_impl)]
    fn sent(&self, conn: &mut Connection, n: i64) -> Answer {
        Ok(echo(conn, self.n + n)?)
    }
}

#[tokio::test]
async fn trait_implementations() {
    let repo = Repo::new(4).await;
    let put = repo.put(&["a", "b"], (1, 2), Vec::new());
    assert_eq!(put.await.unwrap(), "ab7");
    assert_eq!(repo.put(&[], (1, 2), Vec::new()).await.unwrap(), "");
    assert_eq!(repo.pure(1).await.unwrap(), 5);
    assert_eq!(Repo::nowhere(&repo.db, 2).await.unwrap(), 2);
    let sent = {
        let repo = repo.clone();
        tokio::spawn(async move { repo.sent(3).await })
    };
    assert_eq!(sent.await.unwrap().unwrap(), 7);
    let repo = Arc::new(repo);
    assert_eq!(repo.put_arc(1).await.unwrap(), 5);
    assert_eq!(repo.take_arc(2).await.unwrap(), 6);
}

trait Scoped {
    fn on(
        &self,
        db: &BlockingDb<impl dbop::blocking::Manager<Connection = Connection>>,
        n: i64,
    ) -> impl Future<Output = Answer>;
}

impl Scoped for Repo {
    #[db_op(in_trait_impl)]
    fn on(&self, conn: &mut Connection, n: i64) -> Answer {
        Ok(echo(conn, self.n + n)?)
    }
}

trait WithDefaults: Clone + Send + Sync + 'static {
    fn n(&self) -> i64;

    #[db_op]
    fn provided(&self, conn: &mut Connection, m: i64) -> Answer {
        Ok(echo(conn, self.n() + m)?)
    }

    #[db_op]
    fn associated(conn: &mut Connection, one: Self) -> Answer {
        one.provided_sync(conn, 10)
    }

    #[db_op(in_trait_impl)]
    fn alone(&self, conn: &mut Connection) -> Answer {
        self.provided_sync(conn, 20)
    }
}

impl WithDefaults for Repo {
    fn n(&self) -> i64 {
        self.n
    }
}

#[tokio::test]
async fn traits() {
    let repo = Repo::new(4).await;
    assert_eq!(repo.on(&repo.db, 1).await.unwrap(), 5);
    assert_eq!(repo.provided(&repo.db, 1).await.unwrap(), 5);
    assert_eq!(repo.alone(&repo.db).await.unwrap(), 24);
    let (other, db) = (repo.clone(), &repo.db);
    assert_eq!(Repo::associated(db, other).await.unwrap(), 14);
}

/// An `Arc` is enough, because the value it points to is not copied.
#[tokio::test]
async fn a_type_without_clone_behind_an_arc() {
    struct Whole(i64);
    impl Whole {
        #[transactional]
        fn f(self: &Arc<Self>, conn: &mut Connection, other: &Arc<Self>) -> Answer {
            Ok(echo(conn, self.0 + other.0)?)
        }
    }
    let (db, whole) = (open().await, Arc::new(Whole(2)));
    assert_eq!(whole.f(&db, &whole).await.unwrap(), 4);
}
