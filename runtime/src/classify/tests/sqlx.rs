use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;

use ::sqlx::Error;
use ::sqlx::error::{DatabaseError, ErrorKind as SqlxErrorKind};

use super::{never, transient};
use crate::classify;
use crate::error::{Category, Class, ErrorKind, Retry};

#[test]
fn no_rows_is_a_query_result_and_a_bad_value_is_data() {
    let decode = Error::Decode("bad".into());
    assert_eq!(
        classify::sqlx(&Error::RowNotFound),
        never(Category::Query, ErrorKind::NoRows)
    );
    assert_eq!(
        classify::sqlx(&decode),
        never(Category::Data, ErrorKind::Decode)
    );
}

#[test]
fn what_the_program_got_wrong_is_never_retried() {
    for (error, kind) in [
        (
            Error::ColumnNotFound("a".into()),
            ErrorKind::UndefinedColumn,
        ),
        (
            Error::ColumnIndexOutOfBounds { index: 2, len: 1 },
            ErrorKind::UndefinedColumn,
        ),
        (
            Error::TypeNotFound {
                type_name: "a".into(),
            },
            ErrorKind::UndefinedObject,
        ),
        (
            Error::InvalidArgument("a".into()),
            ErrorKind::InvalidArgument,
        ),
        (Error::Configuration("a".into()), ErrorKind::Configuration),
        (
            Error::InvalidSavePointStatement,
            ErrorKind::TransactionState,
        ),
        (Error::BeginFailed, ErrorKind::TransactionState),
    ] {
        assert_eq!(
            classify::sqlx(&error),
            never(Category::Programming, kind),
            "{error}"
        );
    }
}

#[test]
fn an_exhausted_pool_sent_nothing_and_a_closed_one_stays_closed() {
    let exhausted = Class {
        category: Category::Resource,
        kind: ErrorKind::PoolExhausted,
        retry: Retry::Always,
    };
    assert_eq!(classify::sqlx(&Error::PoolTimedOut), exhausted);
    assert_eq!(
        classify::sqlx(&Error::PoolClosed),
        never(Category::Resource, ErrorKind::PoolClosed)
    );
}

#[test]
fn a_crashed_worker_may_have_run_the_statement() {
    assert_eq!(
        classify::sqlx(&Error::WorkerCrashed),
        transient(ErrorKind::Connection, Retry::IfIdempotent)
    );
}

#[test]
fn a_protocol_or_tls_fault_is_never_retried() {
    assert_eq!(
        classify::sqlx(&Error::Protocol("?".into())),
        never(Category::Internal, ErrorKind::Protocol)
    );
    assert_eq!(
        classify::sqlx(&Error::Tls("server does not support TLS".into())),
        never(Category::Programming, ErrorKind::Configuration)
    );
    assert_eq!(
        classify::sqlx(&Error::Tls("?".into())),
        never(Category::Internal, ErrorKind::Connection)
    );
}

#[test]
fn a_refused_connect_sent_nothing_and_a_broken_connection_may_have() {
    use io::ErrorKind as E;
    let class = |kind: E| classify::sqlx(&Error::Io(kind.into()));
    for kind in [E::ConnectionRefused, E::NotFound, E::AddrNotAvailable] {
        assert_eq!(
            class(kind),
            transient(ErrorKind::Connection, Retry::Always),
            "{kind}"
        );
    }
    for kind in [
        E::UnexpectedEof,
        E::ConnectionReset,
        E::ConnectionAborted,
        E::BrokenPipe,
        E::NotConnected,
        E::TimedOut,
        E::HostUnreachable,
        E::NetworkUnreachable,
    ] {
        assert_eq!(
            class(kind),
            transient(ErrorKind::Connection, Retry::IfIdempotent),
            "{kind}"
        );
    }
    for kind in [
        E::PermissionDenied,
        E::StorageFull,
        E::OutOfMemory,
        E::InvalidData,
        E::InvalidInput,
        E::Interrupted,
        E::WouldBlock,
        E::Other,
    ] {
        assert_eq!(class(kind).retry, Retry::Never, "{kind}");
    }
}

#[test]
fn a_name_server_that_is_away_passes_and_an_unknown_host_does_not() {
    let class = |reason: &str| {
        let message = format!("failed to lookup address information: {reason}");
        classify::sqlx(&Error::Io(io::Error::other(message)))
    };
    assert_eq!(
        class("Temporary failure in name resolution"),
        transient(ErrorKind::Connection, Retry::Always)
    );
    assert_eq!(
        class("Name or service not known"),
        never(Category::Programming, ErrorKind::Configuration)
    );
}

/// An error of a database for which this crate has no table.
#[derive(Debug)]
struct Foreign(&'static str, SqlxErrorKind);

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("foreign")
    }
}

impl StdError for Foreign {}

impl DatabaseError for Foreign {
    fn message(&self) -> &'static str {
        "foreign"
    }
    fn code(&self) -> Option<Cow<'_, str>> {
        (!self.0.is_empty()).then_some(Cow::Borrowed(self.0))
    }
    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }
    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }
    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }
    fn kind(&self) -> SqlxErrorKind {
        match self.1 {
            SqlxErrorKind::UniqueViolation => SqlxErrorKind::UniqueViolation,
            _ => SqlxErrorKind::Other,
        }
    }
}

#[test]
fn another_database_is_read_by_its_constraint_and_its_sqlstate() {
    let class = |code, kind| classify::sqlx(&Error::from(Foreign(code, kind)));
    assert_eq!(
        class("HY000", SqlxErrorKind::UniqueViolation).kind,
        ErrorKind::Unique
    );
    assert_eq!(
        class("40001", SqlxErrorKind::Other),
        transient(ErrorKind::Serialization, Retry::Always)
    );
    for code in ["HY000", "1213", "5", ""] {
        assert_eq!(
            class(code, SqlxErrorKind::Other),
            never(Category::Internal, ErrorKind::Other)
        );
    }
}

/// What SQLite itself reports, through the driver.
#[cfg(feature = "sqlite")]
mod on_a_real_sqlite {
    use super::*;
    use ::sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

    const SCHEMA: &str = "
        CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (
            id INTEGER PRIMARY KEY,
            parent INTEGER REFERENCES parent (id) ON DELETE RESTRICT,
            name TEXT NOT NULL UNIQUE CHECK (length(name) < 5)
        );
        CREATE TABLE strictly (id INTEGER PRIMARY KEY, n INTEGER) STRICT;
        CREATE TRIGGER no_updates BEFORE UPDATE ON parent
            BEGIN SELECT RAISE(ABORT, 'parents stay'); END;
        INSERT INTO parent VALUES (1);
        INSERT INTO child VALUES (1, 1, 'a');
    ";

    fn fails(sql: &'static str) -> Class {
        let runtime = ::tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut conn = SqliteConnection::connect("sqlite::memory:")
                .await
                .expect("memory");
            conn.execute(AssertSqlSafe("PRAGMA foreign_keys = ON"))
                .await
                .expect("pragma");
            conn.execute(AssertSqlSafe(SCHEMA)).await.expect("schema");
            let error = conn
                .execute(AssertSqlSafe(sql))
                .await
                .expect_err("an error");
            classify::sqlx(&error)
        })
    }

    #[test]
    fn its_constraints_are_told_apart() {
        for (sql, kind) in [
            ("INSERT INTO parent VALUES (1)", ErrorKind::Unique),
            ("INSERT INTO child VALUES (2, 1, 'a')", ErrorKind::Unique),
            ("INSERT INTO child VALUES (2, 1, NULL)", ErrorKind::NotNull),
            (
                "INSERT INTO child VALUES (2, 1, 'abcdef')",
                ErrorKind::Check,
            ),
            (
                "INSERT INTO child VALUES (2, 9, 'b')",
                ErrorKind::ForeignKey,
            ),
            ("DELETE FROM parent", ErrorKind::ForeignKey),
        ] {
            assert_eq!(fails(sql), never(Category::Integrity, kind), "{sql}");
        }
    }

    #[test]
    fn its_other_errors_are_told_apart() {
        use Category::{Application, Data, Programming};
        for (sql, category, kind) in [
            ("SELEC 1", Programming, ErrorKind::Syntax),
            (
                "SELECT * FROM missing",
                Programming,
                ErrorKind::UndefinedTable,
            ),
            (
                "SELECT missing FROM parent",
                Programming,
                ErrorKind::UndefinedColumn,
            ),
            (
                "SELECT missing(1)",
                Programming,
                ErrorKind::UndefinedFunction,
            ),
            (
                "SELECT abs(1, 2)",
                Programming,
                ErrorKind::UndefinedFunction,
            ),
            (
                "ROLLBACK TO missing",
                Programming,
                ErrorKind::TransactionState,
            ),
            ("COMMIT", Programming, ErrorKind::TransactionState),
            ("BEGIN; BEGIN", Programming, ErrorKind::TransactionState),
            (
                "CREATE TABLE parent (id)",
                Programming,
                ErrorKind::DuplicateObject,
            ),
            (
                "SELECT id FROM parent, child",
                Programming,
                ErrorKind::AmbiguousName,
            ),
            (
                "INSERT INTO parent VALUES (1, 2)",
                Programming,
                ErrorKind::Syntax,
            ),
            (
                "PRAGMA query_only = ON; DELETE FROM child",
                Programming,
                ErrorKind::ReadOnly,
            ),
            (
                "SELECT abs(-9223372036854775808)",
                Data,
                ErrorKind::OutOfRange,
            ),
            ("SELECT json('{')", Data, ErrorKind::InvalidJson),
            (
                "SELECT json_extract('{}', 'x')",
                Data,
                ErrorKind::InvalidJson,
            ),
            ("SELECT zeroblob(2000000000)", Data, ErrorKind::TooLong),
            (
                "INSERT INTO strictly VALUES (1, 'a')",
                Data,
                ErrorKind::TypeMismatch,
            ),
            (
                "INSERT INTO parent VALUES ('a')",
                Data,
                ErrorKind::TypeMismatch,
            ),
            ("UPDATE parent SET id = 2", Application, ErrorKind::Raised),
        ] {
            assert_eq!(fails(sql), never(category, kind), "{sql}");
        }
    }
}
