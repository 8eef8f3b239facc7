//! `&mut` arguments that a lint has been told to allow. Every attempt is lent the same value.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use dbop::{Conn, Db, Tx, db_op, transactional};
use sqlx::Sqlite;

use crate::common::{Answer, AppError, Flaky, echo, note, notes, open};

/// Fails the first two attempts of all that pass.
#[derive(Default)]
struct Twice(AtomicU32);

impl Twice {
    fn pass(&self) -> Answer<()> {
        match self.0.fetch_add(1, SeqCst) {
            0 | 1 => Err(AppError::Busy),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn every_attempt_is_lent_the_same_mutable_vector_with_what_earlier_ones_wrote() {
    #[transactional]
    #[dbop::allow(unreplayable_argument, reason = "each attempt finds what others left")]
    async fn f(tx: &mut Tx<'_, Sqlite>, seen: &mut Vec<i64>, twice: &Twice) -> Answer<usize> {
        let found = seen.len();
        seen.push(note(&mut *tx, "a").await?);
        twice.pass()?;
        Ok(found)
    }
    let db = open().await;
    let mut seen = Vec::with_capacity(8);
    seen.push(70);
    let place = seen.as_ptr();
    let found = f(&db, &mut seen, &Twice::default()).await;
    assert_eq!(found.unwrap(), 3, "of the third attempt");
    assert_eq!(
        seen,
        [70, 1, 1, 1],
        "the database was rolled back, and the argument was not"
    );
    assert_eq!(seen.as_ptr(), place, "nothing was cloned");
    assert_eq!(notes(&db).await, 1);
}

#[tokio::test]
async fn every_attempt_of_an_operation_is_lent_the_same_mutable_argument() {
    #[dbop::allow(unreplayable_argument, reason = "it counts the attempts")]
    #[db_op(idempotent)]
    async fn idempotent(conn: &mut Conn<'_, Sqlite>, count: &mut i64, flaky: &Flaky) -> Answer {
        *count += 1;
        flaky.pass()?;
        Ok(echo(&mut *conn, *count).await?)
    }
    #[db_op(
        read_only,
        allow(unreplayable_argument, reason = "it counts the attempts")
    )]
    async fn read_only(conn: &mut Conn<'_, Sqlite>, count: &mut i64, flaky: &Flaky) -> Answer {
        *count += 1;
        flaky.pass()?;
        Ok(echo(&mut *conn, *count).await?)
    }
    #[db_op(
        read_only,
        allow(unreplayable_argument, no_session, reason = "it counts the attempts")
    )]
    async fn on_a_pool(pool: &sqlx::SqlitePool, count: &mut i64, flaky: &Flaky) -> Answer {
        *count += 1;
        flaky.pass()?;
        Ok(echo(pool, *count).await?)
    }
    let (db, mut count) = (open().await, 0);
    let found = idempotent(&db, &mut count, &Flaky::default()).await;
    assert_eq!(found.unwrap(), 2);
    let found = read_only(&db, &mut count, &Flaky::default()).await;
    assert_eq!(found.unwrap(), 4);
    let found = on_a_pool(db.pool(), &mut count, &Flaky::default()).await;
    assert_eq!((found.unwrap(), count), (6, 6));
}

#[tokio::test]
async fn a_pattern_for_a_mutable_argument_is_lent_to_every_attempt() {
    #[transactional(allow(unreplayable_argument, reason = "each attempt adds to both"))]
    async fn f(
        tx: &mut Tx<'_, Sqlite>,
        (a, b): &mut (i64, i64),
        [first, .., last]: &mut [i64; 3],
        flaky: &Flaky,
    ) -> Answer {
        *a += echo(&mut *tx, 1).await?;
        *b += *a;
        std::mem::swap(first, last);
        flaky.pass()?;
        Ok(*a + *b)
    }
    let (mut pair, mut row) = ((0, 10), [1, 2, 3]);
    let found = f(&open().await, &mut pair, &mut row, &Flaky::default()).await;
    assert_eq!(found.unwrap(), 15);
    assert_eq!((pair, row), ((2, 13), [1, 2, 3]));
}

#[tokio::test]
async fn a_method_is_lent_its_mutable_argument_for_every_attempt() {
    struct Repo {
        db: Db<Sqlite>,
        flaky: Flaky,
        calls: i64,
    }
    impl Repo {
        #[transactional]
        #[dbop::allow(unreplayable_argument, reason = "each attempt leaves a line")]
        async fn shared(&self, tx: &mut Tx<'_, Sqlite>, lines: &mut Vec<String>) -> Answer<()> {
            let id = note(&mut *tx, "a").await?;
            lines.push(format!("{} {id}", lines.len()));
            self.flaky.pass()
        }

        #[dbop::allow(unreplayable_argument, reason = "each attempt leaves a line")]
        #[transactional(db = self.db)]
        async fn of_itself(&self, tx: &mut Tx<'_, Sqlite>, lines: &mut Vec<String>) -> Answer<()> {
            let id = note(&mut *tx, "a").await?;
            lines.push(format!("{} {id}", lines.len()));
            self.flaky.pass()
        }

        #[dbop::allow(unreplayable_argument, reason = "each attempt counts")]
        #[transactional(db = self.db.clone())]
        async fn exclusive(&mut self, tx: &mut Tx<'_, Sqlite>, count: &mut i64) -> Answer {
            self.calls += 1;
            *count += echo(&mut *tx, self.calls).await?;
            self.flaky.pass()?;
            Ok(*count)
        }
    }
    let mut repo = Repo {
        db: open().await,
        flaky: Flaky::default(),
        calls: 0,
    };
    let mut lines = Vec::new();
    repo.shared(&repo.db, &mut lines).await.unwrap();
    assert_eq!(lines, ["0 1", "1 1"]);
    repo.flaky = Flaky::default();
    repo.of_itself(&mut lines).await.unwrap();
    assert_eq!(lines, ["0 1", "1 1", "2 2", "3 2"]);
    repo.flaky = Flaky::default();
    let mut count = 0;
    assert_eq!(repo.exclusive(&mut count).await.unwrap(), 3);
    assert_eq!((repo.calls, count, notes(&repo.db).await), (2, 3, 2));
}

#[tokio::test]
async fn mutable_arguments_of_every_type_are_lent_to_every_attempt() {
    #[allow(clippy::too_many_arguments)]
    #[transactional]
    #[dbop::allow(unreplayable_argument, reason = "each attempt adds one to each")]
    async fn f<'a, T: Extend<i64> + Send + ?Sized>(
        tx: &mut Tx<'_, Sqlite>,
        named: &'a mut Vec<&'a str>,
        mut slice: &mut [i64],
        generic: &mut T,
        anything: &mut (impl FnMut(i64) + Send),
        dynamic: &mut (dyn std::fmt::Write + Send),
        owned: Vec<i64>,
        flaky: &Flaky,
    ) -> Answer<usize> {
        let n = echo(&mut *tx, 1).await?;
        named.push("a");
        slice[0] += n;
        slice = &mut slice[1..];
        slice[0] += n;
        generic.extend(owned);
        anything(n);
        dynamic.write_char('c').expect("a string");
        flaky.pass()?;
        Ok(named.len())
    }
    let (mut named, mut slice, mut list) = (vec!["b"], [0, 0], Vec::new());
    let (mut sum, mut dynamic) = (0, String::new());
    let found = f(
        &open().await,
        &mut named,
        &mut slice,
        &mut list,
        &mut |n| sum += n,
        &mut dynamic,
        vec![5, 6],
        &Flaky::default(),
    )
    .await;
    assert_eq!(found.unwrap(), 3);
    assert_eq!((slice, list, sum), ([2, 2], vec![5, 6, 5, 6], 2));
    assert_eq!(dynamic, "cc");
}

#[tokio::test]
async fn a_joined_call_is_lent_the_mutable_argument_of_the_call_around_it() {
    #[transactional(allow(unreplayable_argument, reason = "it counts the attempts"))]
    async fn inner(tx: &mut Tx<'_, Sqlite>, count: &mut i64, flaky: &Flaky) -> Answer {
        *count += echo(&mut *tx, 1).await?;
        flaky.pass()?;
        Ok(*count)
    }
    #[transactional(allow(unreplayable_argument, reason = "it counts the attempts"))]
    async fn outer(tx: &mut Tx<'_, Sqlite>, count: &mut i64, flaky: &Flaky) -> Answer {
        *count += 10;
        inner(&mut *tx, count, flaky).await
    }
    let mut count = 0;
    let found = outer(&open().await, &mut count, &Flaky::default()).await;
    assert_eq!((found.unwrap(), count), (22, 22));
}

#[tokio::test]
async fn a_future_that_is_lent_a_mutable_argument_can_be_sent_to_another_task() {
    #[transactional(allow(unreplayable_argument, reason = "it counts the attempts"))]
    async fn f(tx: &mut Tx<'_, Sqlite>, count: &mut i64, flaky: &Flaky) -> Answer {
        *count += echo(&mut *tx, 1).await?;
        flaky.pass()?;
        Ok(*count)
    }
    let db = open().await;
    let task = tokio::spawn(async move {
        let mut count = 0;
        f(&db, &mut count, &Flaky::default()).await
    });
    assert_eq!(task.await.unwrap().unwrap(), 2);
}
