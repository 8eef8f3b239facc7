//! SQLite: transactions that the database ends, and savepoints.

use dbop_tests::Trouble;

macro_rules! ends {
    ($driver:ident) => {
        mod $driver {
            use dbop::{Category, ErrorKind, Outcome, db_op, transactional};
            use dbop_tests::blocking::$driver::{Session, World, exec, number, open};

            use super::*;

            async fn narrow() -> World {
                let world = open(|builder| builder.max_connections(1)).await;
                marks(&world).await.unwrap();
                world
            }

            /// Creates a temporary table, which only this connection can see.
            #[db_op]
            fn marks(conn: &mut Session) -> dbop::Result<()> {
                exec(conn, "CREATE TEMP TABLE mark (id INTEGER)")
            }

            #[db_op(read_only)]
            fn sees_the_mark(conn: &mut Session) -> dbop::Result<i64> {
                number(conn, "SELECT count(*) FROM mark")
            }

            #[transactional]
            fn runs(conn: &mut Session, n: i64, sql: &str, hide: bool) -> dbop::Result<()> {
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
                let ended = exec(conn, sql);
                exec(
                    conn,
                    &format!("INSERT INTO notes VALUES ({n} + 1000, {n} + 1000)"),
                )?;
                if hide { Ok(()) } else { ended }
            }

            /// Checks that the pool still has the same connection, and that it is clean.
            async fn goes_on(world: &World, n: i64) {
                runs(world, n, "SELECT 1", false).await.unwrap();
                assert_eq!(world.rows(n).await, 1);
                assert_eq!(sees_the_mark(world).await.unwrap(), 0);
            }

            #[tokio::test]
            async fn a_transaction_that_sqlite_has_ended_is_not_believed_and_costs_no_connection() {
                let world = narrow().await;
                world
                    .run(
                        "CREATE TRIGGER refuse BEFORE DELETE ON notes
                    BEGIN SELECT RAISE(ROLLBACK, 'kept'); END",
                    )
                    .await;
                let conflict = "INSERT OR ROLLBACK INTO notes SELECT id, n FROM notes LIMIT 1";
                for (n, sql) in [(1, conflict), (3, "DELETE FROM notes")] {
                    // The statement after the rollback committed by itself, and dbop cannot undo
                    // it.
                    let error = runs(&world, n, sql, true).await.unwrap_err();
                    assert_eq!(error.category(), Category::Programming, "{sql}: {error}");
                    assert_eq!(error.kind(), ErrorKind::TransactionState, "{sql}: {error}");
                    assert_eq!(error.outcome().unwrap(), Outcome::Unknown, "{sql}");
                    assert_eq!((world.rows(n).await, world.rows(n + 1000).await), (0, 1));
                    goes_on(&world, 100 + n).await;
                    let error = runs(&world, n + 1, sql, false).await.unwrap_err();
                    assert_eq!(error.outcome().unwrap(), Outcome::Unknown, "{sql}: {error}");
                    assert_eq!(world.rows(n + 1).await, 0);
                    goes_on(&world, 200 + n).await;
                }
            }

            #[transactional]
            fn fills(conn: &mut Session, n: i64, most: i64) -> dbop::Result<()> {
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
                exec(conn, &format!("PRAGMA max_page_count = {most}"))?;
                exec(
                    conn,
                    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5000)
                        INSERT INTO notes SELECT x + 10000, x + 10000 FROM c",
                )
            }

            #[tokio::test]
            async fn a_full_file_stores_exactly_the_rows_that_calls_said_ok_for() {
                let world = narrow().await;
                let mut seen = [0, 0];
                for most in (10..60).step_by(5) {
                    let ended = fills(&world, most, most).await;
                    let rows = world.rows(most).await;
                    match ended {
                        Ok(()) => assert_eq!(rows, 1),
                        Err(error) => {
                            assert_eq!(rows, 0, "{error}");
                            let kind = error.kind();
                            assert!(
                                matches!(kind, ErrorKind::DiskFull | ErrorKind::Unique),
                                "{error}"
                            );
                            assert_ne!(error.outcome().unwrap(), Outcome::Committed);
                        }
                    }
                    seen[usize::from(rows == 1)] += 1;
                    assert_eq!(sees_the_mark(&world).await.unwrap(), 0);
                }
                assert!(seen[0] > 0, "the file was never full: {seen:?}");
                let whole = "SELECT count(*) FROM notes WHERE n >= 10000";
                assert!([0, 5000].contains(&world.seen(whole).await));
            }

            #[transactional]
            fn breaks_a_deferred_key(conn: &mut Session, n: i64) -> dbop::Result<()> {
                exec(conn, "INSERT INTO children VALUES (1, 99)")?;
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))
            }

            #[tokio::test]
            async fn a_constraint_that_fails_at_commit_rolls_back() {
                let world = narrow().await;
                world
                    .run(
                        "CREATE TABLE children (id INTEGER PRIMARY KEY,
                    parent BIGINT REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED)",
                    )
                    .await;
                #[db_op]
                fn enforces(conn: &mut Session) -> dbop::Result<()> {
                    exec(conn, "PRAGMA foreign_keys = ON")
                }
                enforces(&world).await.unwrap();
                let error = breaks_a_deferred_key(&world, 1).await.unwrap_err();
                assert_eq!(
                    (error.kind(), error.outcome().unwrap(), error.attempts()),
                    (ErrorKind::ForeignKey, Outcome::RolledBack, 1),
                    "{error}"
                );
                assert_eq!(world.rows(1).await, 0);
                goes_on(&world, 2).await;
            }

            #[transactional]
            fn leaves_a_savepoint(conn: &mut Session, n: i64, refuse: bool) -> Result<(), Trouble> {
                exec(conn, "SAVEPOINT mine")?;
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
                if refuse {
                    Err(Trouble::Refused)
                } else {
                    Ok(())
                }
            }

            #[tokio::test]
            async fn a_savepoint_by_its_text_is_part_of_the_transaction() {
                let world = narrow().await;
                leaves_a_savepoint(&world, 1, false).await.unwrap();
                leaves_a_savepoint(&world, 2, true)
                    .await
                    .unwrap_err()
                    .to_string();
                assert_eq!((world.rows(1).await, world.rows(2).await), (1, 0));
                goes_on(&world, 3).await;
            }
        }
    };
}

ends!(rusqlite);
ends!(diesel);
