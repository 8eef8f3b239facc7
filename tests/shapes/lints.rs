//! Code that the lints have been told to allow works as it is written: where an `allow` may stand,
//! and operations without a finding.

use async_trait::async_trait;
use dbop::{Conn, Db, Tx, db_op, transactional};
use futures_util::{StreamExt, TryStreamExt};
use sqlx::{Executor, Sqlite};
use tokio::task::yield_now;

use crate::common::{Answer, Flaky, echo, note, notes, open};

/// Awaits something other than the transaction.
async fn elsewhere(n: i64) -> i64 {
    yield_now().await;
    n
}

// --- where an allow may stand ---------------------------------------------------------------------

#[tokio::test]
async fn an_allow_holds_above_the_attribute_below_it_and_among_its_options() {
    #[dbop::allow(foreign_await, reason = "it stands above")]
    #[transactional]
    async fn above(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut *tx, elsewhere(n).await).await?)
    }
    #[transactional]
    #[dbop::allow(foreign_await, reason = "it stands below")]
    async fn below(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut *tx, elsewhere(n).await).await?)
    }
    #[transactional(timeout = "5s", allow(foreign_await, reason = "it is an option"))]
    async fn among(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut *tx, elsewhere(n).await).await?)
    }
    let db = open().await;
    assert_eq!(above(&db, 1).await.unwrap(), 1);
    assert_eq!(below(&db, 2).await.unwrap(), 2);
    assert_eq!(among(&db, 3).await.unwrap(), 3);
}

#[tokio::test]
async fn several_allows_hold_together_wherever_they_stand() {
    /// Documented, with attributes in between.
    #[dbop::allow(foreign_await, reason = "one of four")]
    #[inline]
    #[dbop::allow(swallowed_error, reason = "one of four")]
    #[transactional(allow(unfiltered_write, reason = "one of four"))]
    #[doc(alias = "g")]
    #[dbop::allow(query_in_loop, reason = "one of four")]
    async fn f(tx: &mut Tx<'_, Sqlite>, count: i64) -> Answer<u64> {
        for n in 0..count {
            sqlx::query("INSERT INTO notes (id, text) VALUES ($1, 'a')")
                .bind(elsewhere(n).await)
                .execute(&mut *tx)
                .await?;
        }
        let lost = echo(&mut *tx, 1).await.ok().unwrap_or(0);
        assert_eq!(lost, 1);
        Ok(tx
            .execute("UPDATE notes SET text = 'b'")
            .await?
            .rows_affected())
    }
    assert_eq!(f(&open().await, 3).await.unwrap(), 3);
}

#[tokio::test]
async fn an_allow_holds_on_methods_and_on_default_bodies_of_traits() {
    struct Repo(i64);
    impl Repo {
        #[dbop::allow(foreign_await, reason = "above a method")]
        #[transactional]
        async fn above(&self, tx: &mut Tx<'_, Sqlite>) -> Answer {
            Ok(echo(&mut *tx, elsewhere(self.0).await).await?)
        }

        #[transactional]
        #[dbop::allow(foreign_await, reason = "below, in a method")]
        async fn below(&self, tx: &mut Tx<'_, Sqlite>) -> Answer {
            Ok(echo(&mut *tx, elsewhere(self.0).await).await?)
        }
    }
    trait Numbers {
        #[dbop::allow(foreign_await, reason = "above a default body")]
        #[transactional]
        async fn two(&self, tx: &mut Tx<'_, Sqlite>) -> Answer {
            Ok(echo(&mut *tx, elsewhere(2).await).await?)
        }
    }
    impl Numbers for Repo {}
    let (db, repo) = (open().await, Repo(1));
    assert_eq!(repo.above(&db).await.unwrap(), 1);
    assert_eq!(repo.below(&db).await.unwrap(), 1);
    assert_eq!(repo.two(&db).await.unwrap(), 2);
}

#[tokio::test]
async fn an_allow_holds_on_statements_of_every_kind() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, mut n: i64) -> Answer {
        #[dbop::allow(foreign_await, reason = "on a binding")]
        let one = elsewhere(1).await;
        #[dbop::allow(foreign_await, reason = "on a binding that may diverge")]
        let Some(two) = Some(elsewhere(2).await) else {
            return Ok(0);
        };
        #[dbop::allow(foreign_await, reason = "on an expression")]
        elsewhere(0).await;
        n += one + two;
        #[dbop::allow(foreign_await, reason = "on a block")]
        {
            n += elsewhere(1).await;
        }
        #[dbop::allow(foreign_await, reason = "on a macro")]
        assert_eq!(elsewhere(1).await, 1);
        Ok(echo(&mut *tx, n).await?)
    }
    assert_eq!(f(&open().await, 10).await.unwrap(), 14);
}

#[tokio::test]
async fn an_allow_holds_on_tail_expressions() {
    #[transactional]
    async fn of_the_body(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        let n = echo(&mut *tx, n).await?;
        #[dbop::allow(foreign_await, reason = "at the end of the body")]
        Ok(elsewhere(n).await)
    }
    #[transactional]
    async fn of_blocks(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        let n = {
            #[dbop::allow(foreign_await, reason = "at the end of a block")]
            elsewhere(n).await
        };
        let n = if n > 0 {
            #[dbop::allow(foreign_await, reason = "at the end of a branch")]
            elsewhere(n).await
        } else {
            0
        };
        let inner = async {
            let n = echo(&mut *tx, n).await?;
            #[dbop::allow(foreign_await, reason = "at the end of an async block")]
            Answer::Ok(elsewhere(n).await)
        };
        inner.await
    }
    #[db_op]
    async fn of_a_joined_call(conn: &mut Conn<'_, Sqlite>, n: i64) -> Answer {
        #[dbop::allow(swallowed_error, reason = "the fallback is not used")]
        Ok(echo(&mut *conn, n).await.ok().unwrap_or_default())
    }
    let db = open().await;
    assert_eq!(of_the_body(&db, 1).await.unwrap(), 1);
    assert_eq!(of_blocks(&db, 2).await.unwrap(), 2);
    assert_eq!(of_a_joined_call(&db, 3).await.unwrap(), 3);
}

#[tokio::test]
async fn an_allow_holds_on_match_arms_and_on_the_whole_match() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        let n = match n {
            #[dbop::allow(foreign_await, reason = "on an arm with a block")]
            0 => {
                let n = elsewhere(10).await;
                n + 1
            }
            #[dbop::allow(foreign_await, reason = "on an arm with a guard")]
            n if n < 0 => elsewhere(-n).await,
            n => echo(&mut *tx, n).await?,
        };
        #[dbop::allow(foreign_await, reason = "on the whole match")]
        match elsewhere(n).await {
            11 => Ok(elsewhere(111).await),
            n => Ok(echo(&mut *tx, n).await?),
        }
    }
    let db = open().await;
    assert_eq!(f(&db, 0).await.unwrap(), 111);
    assert_eq!(f(&db, -3).await.unwrap(), 3);
    assert_eq!(f(&db, 4).await.unwrap(), 4);
}

#[tokio::test]
async fn an_allow_holds_on_if_if_let_and_their_branches() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        let mut sum = echo(&mut *tx, n).await?;
        #[dbop::allow(foreign_await, reason = "on `if let`")]
        if let Some(more) = Some(elsewhere(n).await) {
            sum += elsewhere(more).await;
        }
        #[dbop::allow(foreign_await, reason = "on `if`, with all that follows")]
        if elsewhere(n).await > 5 {
            sum += 100;
        } else if elsewhere(n).await > 1 {
            sum += elsewhere(10).await;
        } else {
            sum += elsewhere(1).await;
        }
        #[dbop::allow(swallowed_error, reason = "on `if let` that sees no error")]
        if let Ok(n) = echo(&mut *tx, 1000).await {
            sum += n;
        }
        Ok(sum)
    }
    let db = open().await;
    assert_eq!(f(&db, 1).await.unwrap(), 1003);
    assert_eq!(f(&db, 2).await.unwrap(), 1014);
    assert_eq!(f(&db, 6).await.unwrap(), 1112);
}

#[tokio::test]
async fn an_allow_holds_on_loops_and_inside_of_them() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, count: i64) -> Answer {
        let mut sum = 0;
        #[dbop::allow(foreign_await, query_in_loop, reason = "on `for`")]
        for n in 0..elsewhere(count).await {
            let read = sqlx::query_scalar::<_, i64>("SELECT $1").bind(n);
            sum += read.fetch_one(&mut *tx).await?;
        }
        #[dbop::allow(foreign_await, reason = "on `while`")]
        while elsewhere(sum).await > 3 {
            sum -= 1;
        }
        #[dbop::allow(foreign_await, reason = "on `while let`")]
        while let Some(n) = Some(elsewhere(sum).await).filter(|n| *n < 5) {
            sum = n + 1;
        }
        #[dbop::allow(query_in_loop, reason = "on `loop` with a label")]
        'turns: loop {
            let read = sqlx::query_scalar::<_, i64>("SELECT $1").bind(sum);
            if read.fetch_one(&mut *tx).await? > 6 {
                break 'turns;
            }
            sum += 1;
        }
        for _ in 0..2 {
            #[dbop::allow(query_in_loop, reason = "inside of a loop")]
            tx.execute("INSERT INTO notes (text) VALUES ('a')").await?;
        }
        Ok(sum)
    }
    let db = open().await;
    assert_eq!(f(&db, 4).await.unwrap(), 7);
    assert_eq!(notes(&db).await, 2);
}

#[tokio::test]
async fn an_allow_holds_inside_of_closures_hooks_and_other_expressions() {
    struct Pair {
        one: i64,
        two: i64,
    }
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Answer {
        let part = async |sp: &mut Tx<'_, Sqlite>| -> Answer {
            #[dbop::allow(foreign_await, reason = "in a savepoint")]
            let n = elsewhere(1).await;
            Ok(echo(&mut *sp, n).await?)
        };
        let one = tx.savepoint(part).await?;
        let pair = Pair {
            one,
            #[dbop::allow(foreign_await, reason = "on a field")]
            two: elsewhere(2).await,
        };
        let read = sqlx::query_scalar("SELECT 1 UNION ALL SELECT 2");
        let rows: Vec<i64> = read
            .fetch(&mut *tx)
            .and_then(async |n: i64| {
                #[dbop::allow(foreign_await, reason = "in a closure of the stream")]
                Ok(elsewhere(n).await)
            })
            .try_collect()
            .await?;
        Ok(pair.one + pair.two + rows.iter().sum::<i64>())
    }
    assert_eq!(f(&open().await).await.unwrap(), 6);
}

#[tokio::test]
async fn an_allow_lets_what_it_names_run_as_it_is_written() {
    #[transactional]
    async fn spawns(tx: &mut Tx<'_, Sqlite>) -> Answer {
        let n = echo(&mut *tx, 4).await?;
        #[dbop::allow(detached_task, foreign_await, reason = "the task is waited for here")]
        Ok(tokio::spawn(elsewhere(n)).await.expect("no panic"))
    }
    #[db_op]
    async fn blocks(conn: &mut Conn<'_, Sqlite>) -> Answer {
        #[dbop::allow(blocking_call, reason = "no time at all")]
        std::thread::sleep(std::time::Duration::ZERO);
        Ok(echo(&mut *conn, 5).await?)
    }
    #[db_op(retry = never, allow(manual_transaction, reason = "ended on every path"))]
    async fn begins_and_ends(conn: &mut Conn<'_, Sqlite>) -> Answer {
        conn.execute("BEGIN").await?;
        let id = note(&mut *conn, "a").await;
        conn.execute("COMMIT").await?;
        Ok(id?)
    }
    #[db_op]
    async fn deletes_all(conn: &mut Conn<'_, Sqlite>) -> Answer<u64> {
        #[dbop::allow(unfiltered_write, reason = "every row is meant")]
        let deleted = conn.execute("DELETE FROM notes").await?;
        Ok(deleted.rows_affected())
    }
    #[dbop::allow(
        retry_without_idempotence,
        reason = "only the connection is tried again"
    )]
    #[db_op(retry(attempts = 2))]
    async fn retried(conn: &mut Conn<'_, Sqlite>) -> Answer<u64> {
        let insert = "INSERT INTO notes (text) VALUES ('b')";
        Ok(conn.execute(insert).await?.rows_affected())
    }
    let db = open().await;
    assert_eq!(spawns(&db).await.unwrap(), 4);
    assert_eq!(blocks(&db).await.unwrap(), 5);
    assert_eq!(begins_and_ends(&db).await.unwrap(), 1);
    assert_eq!(deletes_all(&db).await.unwrap(), 1);
    assert_eq!(retried(&db).await.unwrap(), 1);
    assert_eq!(notes(&db).await, 1);
}

#[tokio::test]
async fn an_allow_that_a_macro_writes_holds() {
    macro_rules! make {
        ($name:ident, [$(#[$level:meta])*] $wait:expr) => {
            #[transactional]
            async fn $name(tx: &mut Tx<'_, Sqlite>) -> Answer {
                $(#[$level])*
                let n = $wait.await;
                Ok(echo(&mut *tx, n).await?)
            }
        };
    }
    make!(
        f,
        [#[dbop::allow(foreign_await, reason = "given to the macro")]]
        elsewhere(3)
    );
    assert_eq!(f(&open().await).await.unwrap(), 3);
}

// --- operations without a finding -----------------------------------------------------------------

#[tokio::test]
async fn clean_operations_under_async_trait_have_no_finding() {
    #[async_trait]
    trait Notes {
        async fn sum(&self, upto: i64) -> Answer;
        async fn store(&mut self, text: &str) -> Answer;
        async fn count(&self, into: &mut Vec<i64>) -> Answer<()>;
    }
    struct Repo {
        db: Db<Sqlite>,
        flaky: Flaky,
    }
    #[async_trait]
    impl Notes for Repo {
        #[db_op(db = self.db, read_only)]
        async fn sum(&self, conn: &mut Conn<'_, Sqlite>, upto: i64) -> Answer {
            let values = sqlx::query_scalar::<_, i64>(
                "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < $1) SELECT n FROM n",
            );
            let mut rows = values.bind(upto).fetch(&mut *conn);
            let mut sum = 0;
            while let Some(row) = rows.next().await {
                sum += row?;
            }
            Ok(sum)
        }

        #[transactional(db = self.db.clone())]
        async fn store(&mut self, tx: &mut Tx<'_, Sqlite>, text: &str) -> Answer {
            let part =
                async |sp: &mut Tx<'_, Sqlite>| -> Answer { Ok(note(&mut *sp, text).await?) };
            let id = tx.savepoint(part).await?;
            self.flaky.pass()?;
            tx.after_commit(async { yield_now().await });
            Ok(id)
        }

        #[dbop::allow(unreplayable_argument, reason = "each attempt counts")]
        #[transactional(db = self.db)]
        async fn count(&self, tx: &mut Tx<'_, Sqlite>, into: &mut Vec<i64>) -> Answer<()> {
            let query = sqlx::query_scalar("SELECT COUNT(*) FROM notes");
            into.push(query.fetch_one(&mut *tx).await?);
            self.flaky.pass()
        }
    }
    let mut repo = Repo {
        db: open().await,
        flaky: Flaky::default(),
    };
    assert_eq!(repo.sum(4).await.unwrap(), 10);
    assert_eq!(repo.store("a").await.unwrap(), 1);
    repo.flaky = Flaky::default();
    let mut counts = Vec::new();
    repo.count(&mut counts).await.unwrap();
    assert_eq!(counts, [1, 1]);
}

#[tokio::test]
async fn clean_operations_that_are_instrumented_have_no_finding() {
    #[tracing::instrument(skip_all, fields(n), err)]
    #[transactional]
    async fn above(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        let id = note(&mut *tx, "a").await?;
        let reborrowed = &mut *tx;
        Ok(echo(reborrowed, n + id).await?)
    }
    #[transactional]
    #[tracing::instrument(skip_all, fields(n), err)]
    async fn below(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        let id = note(&mut *tx, "a").await?;
        above(&mut *tx, n + id).await
    }
    #[tracing::instrument(skip(conn), ret)]
    #[db_op(idempotent)]
    async fn op_above(conn: &mut Conn<'_, Sqlite>, n: i64) -> Answer {
        yield_now().await;
        Ok(echo(&mut *conn, n).await?)
    }
    #[db_op(idempotent)]
    #[tracing::instrument(ret)]
    async fn op_below(conn: &mut Conn<'_, Sqlite>, n: i64) -> Answer {
        yield_now().await;
        op_above(&mut *conn, n).await
    }
    let db = open().await;
    assert_eq!(above(&db, 1).await.unwrap(), 2);
    assert_eq!(below(&db, 1).await.unwrap(), 6);
    assert_eq!(op_above(&db, 3).await.unwrap(), 3);
    assert_eq!(op_below(&db, 4).await.unwrap(), 4);
}

#[tokio::test]
async fn an_allow_holds_where_other_attributes_rewrite_the_body() {
    #[tracing::instrument(skip_all)]
    #[transactional]
    async fn in_the_body(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        #[dbop::allow(foreign_await, reason = "in an instrumented body")]
        let n = elsewhere(n).await;
        Ok(echo(&mut *tx, n).await?)
    }
    #[dbop::allow(foreign_await, reason = "above an instrumented operation")]
    #[tracing::instrument(skip_all)]
    #[transactional]
    async fn outermost(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut *tx, elsewhere(n).await).await?)
    }
    #[transactional]
    #[tracing::instrument(skip_all)]
    #[dbop::allow(foreign_await, reason = "below an instrumented operation")]
    async fn innermost(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut *tx, elsewhere(n).await).await?)
    }
    #[async_trait]
    trait Numbers {
        async fn get(&self, n: i64) -> Answer;
    }
    #[async_trait]
    impl Numbers for Db<Sqlite> {
        #[transactional(db = self)]
        async fn get(&self, tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
            #[dbop::allow(foreign_await, reason = "in a boxed body")]
            let n = elsewhere(n).await;
            Ok(echo(&mut *tx, n).await?)
        }
    }
    let db = open().await;
    assert_eq!(in_the_body(&db, 1).await.unwrap(), 1);
    assert_eq!(outermost(&db, 2).await.unwrap(), 2);
    assert_eq!(innermost(&db, 3).await.unwrap(), 3);
    assert_eq!(db.get(4).await.unwrap(), 4);
}

#[tokio::test]
async fn functions_of_macros_that_wait_only_for_the_session_have_no_finding() {
    macro_rules! make {
        ($name:ident, $tx:ident, $n:ident, $body:block) => {
            #[transactional]
            async fn $name($tx: &mut Tx<'_, Sqlite>, $n: i64) -> Answer $body
        };
    }
    macro_rules! of_parts {
        ($name:ident, $read:expr, $($write:literal),*) => {
            #[transactional]
            async fn $name(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
                $(sqlx::query($write).execute(&mut *tx).await?;)*
                let found: i64 = $read.bind(n).fetch_one(&mut *tx).await?;
                let more = ($read).bind(n).fetch_one(&mut *tx);
                Ok(found + more.await?)
            }
        };
    }
    macro_rules! on {
        ($session:expr) => {
            echo($session, 1).await?
        };
    }
    make!(by_block, session, n, {
        let id = note(&mut *session, "a").await?;
        Ok(echo(&mut *session, n + id).await?)
    });
    of_parts!(
        by_expressions,
        sqlx::query_scalar::<_, i64>("SELECT $1"),
        "INSERT INTO notes (text) VALUES ('a')",
        "UPDATE notes SET text = 'b' WHERE true",
        "DELETE FROM notes WHERE id = 0"
    );
    #[transactional]
    async fn around_a_macro(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        Ok(on!(&mut *tx) + n)
    }
    let db = open().await;
    assert_eq!(by_block(&db, 1).await.unwrap(), 2);
    assert_eq!(by_expressions(&db, 2).await.unwrap(), 4);
    assert_eq!(around_a_macro(&db, 3).await.unwrap(), 4);
    assert_eq!(notes(&db).await, 2);
}
