//! Every test on SQLite. None of them needs a server.
//!
//! Each `common` has the tests that hold on every database. It takes what it has to know about its
//! database from its parent module: here from `sqlite`, and in `on_postgres.rs` from `postgres`.

/// What dbop does.
mod suites {
    mod common;
    mod sqlite;
    use sqlite::*;

    /// `#[dbop::test]`. The tests in `common` run those in `children` in a process of their own, and look
    /// at what these print and leave behind.
    mod testing {
        mod child;
        mod children;
        mod common;
        mod sqlite;
        use sqlite::{TEST, forget_kept};
    }

    /// Plain functions. `common` holds with every driver.
    mod blocking {
        mod bridge;
        mod common;
        mod counts;
        use dbop_tests::blocking::rusqlite::{
            Database, SYSTEM, Session, TAKEN_CODE, World, exec, number, open,
        };
    }
}

/// What dbop promises while something fails: callers that go away, disks that are full, processes
/// that die.
mod faults {
    mod checker;
    mod common;
    mod readme;
    #[cfg(unix)]
    mod runner;
    mod sqlite;
    use sqlite::*;
}

/// Gives a macro the names that sqlx has for an executor and a connection of this database.
macro_rules! names {
    ($to:ident) => {
        $to!(SqliteExecutor, SqliteConnection);
    };
}

/// Functions as applications have them, annotated as they stand.
mod shapes {
    mod adoption;
    use dbop_tests::sqlite::fresh_with;
    type Database = sqlx::Sqlite;
}
