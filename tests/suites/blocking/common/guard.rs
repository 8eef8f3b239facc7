//! `read_only`, and the errors that a database returns.

use dbop::{Category, ErrorKind, Outcome, db_op, transactional};

use super::{Session, exec, insert, narrow, number};

#[db_op(read_only)]
#[dbop::allow(write_in_read_only, reason = "the database is to refuse it")]
fn sneaks(conn: &mut Session, n: i64) -> dbop::Result<()> {
    insert(conn, n)
}

#[transactional(read_only)]
#[dbop::allow(write_in_read_only, reason = "the database is to refuse it")]
fn sneaks_in_a_transaction(conn: &mut Session, n: i64) -> dbop::Result<()> {
    insert(conn, n)
}

#[db_op]
fn writes(conn: &mut Session, n: i64) -> dbop::Result<()> {
    insert(conn, n)
}

#[transactional]
fn writes_in_a_transaction(conn: &mut Session, n: i64) -> dbop::Result<()> {
    insert(conn, n)
}

#[db_op(read_only)]
fn reads(conn: &mut Session) -> dbop::Result<i64> {
    number(conn, "SELECT count(*) FROM notes")
}

#[transactional(read_only)]
fn reads_in_a_transaction(conn: &mut Session) -> dbop::Result<i64> {
    number(conn, "SELECT count(*) FROM notes")
}

#[tokio::test]
async fn the_database_refuses_a_write_of_a_read_only_call_and_takes_the_next_callers() {
    let world = narrow().await;
    for error in [
        sneaks(&world, 1).await.unwrap_err(),
        sneaks_in_a_transaction(&world, 1).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
        assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
    }
    assert_eq!(world.rows(1).await, 0);
    writes(&world, 2).await.unwrap();
    writes_in_a_transaction(&world, 2).await.unwrap();
    assert_eq!(world.rows(2).await, 2);
    assert_eq!(reads(&world).await.unwrap(), 2);
    assert_eq!(reads_in_a_transaction(&world).await.unwrap(), 2);
    writes(&world, 3).await.unwrap();
}

#[db_op]
fn runs(conn: &mut Session, sql: &str) -> dbop::Result<()> {
    exec(conn, sql)
}

#[transactional]
fn runs_in_a_transaction(conn: &mut Session, sql: &str) -> dbop::Result<()> {
    exec(conn, sql)
}

#[tokio::test]
async fn each_constraint_has_its_kind_and_rolls_back() {
    let world = narrow().await;
    for sql in [
        "CREATE TABLE parents (id INTEGER PRIMARY KEY, code INTEGER UNIQUE)",
        "CREATE TABLE children (id INTEGER PRIMARY KEY,
            parent INTEGER NOT NULL REFERENCES parents (id) ON DELETE RESTRICT,
            age INTEGER CHECK (age > 0))",
        "INSERT INTO parents VALUES (1, 1)",
        "INSERT INTO children VALUES (1, 1, 1)",
    ] {
        runs(&world, sql).await.unwrap();
    }
    if super::SYSTEM == "sqlite" {
        runs(&world, "PRAGMA foreign_keys = ON").await.unwrap();
    }
    for (sql, kind) in [
        ("INSERT INTO parents VALUES (1, 2)", ErrorKind::Unique),
        ("INSERT INTO parents VALUES (2, 1)", ErrorKind::Unique),
        (
            "INSERT INTO children VALUES (2, 7, 1)",
            ErrorKind::ForeignKey,
        ),
        ("DELETE FROM parents WHERE id = 1", ErrorKind::ForeignKey),
        (
            "INSERT INTO children VALUES (2, NULL, 1)",
            ErrorKind::NotNull,
        ),
        ("INSERT INTO children VALUES (2, 1, 0)", ErrorKind::Check),
    ] {
        let error = runs_in_a_transaction(&world, sql).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{sql}: {error}");
        assert_eq!(error.category(), Category::Integrity, "{sql}");
        assert_eq!(error.outcome().unwrap(), Outcome::RolledBack, "{sql}");
        assert_eq!(error.attempts(), 1, "{sql}");
        let error = runs(&world, sql).await.unwrap_err();
        assert_eq!(error.outcome().unwrap(), Outcome::Unknown, "{sql}");
    }
    for (sql, kind) in [
        ("SELEC 1", ErrorKind::Syntax),
        ("SELECT absent FROM notes", ErrorKind::UndefinedColumn),
        ("SELECT * FROM nowhere", ErrorKind::UndefinedTable),
    ] {
        let error = runs_in_a_transaction(&world, sql).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{sql}: {error}");
        assert_eq!(error.category(), Category::Programming, "{sql}");
    }
}

#[tokio::test]
async fn the_words_for_a_user_hold_no_names_and_those_for_a_log_no_statement() {
    let world = narrow().await;
    let sql = "INSERT INTO notes VALUES ('very secret', nonsense(), @)";
    let error = runs(&world, sql).await.unwrap_err();
    for words in [error.to_string(), error.user_message().to_owned()] {
        assert!(!words.contains("very secret"), "{words}");
    }
    assert!(error.to_string().starts_with("`runs`: "), "{error}");
}
