//! Every test on PostgreSQL, and the tests that need both databases. See `on_sqlite.rs`.

mod suites {
    mod common;
    mod postgres;
    use postgres::*;

    /// `#[dbop::test]`.
    mod testing {
        mod child;
        mod children;
        mod common;
        mod postgres;
        use postgres::{TEST, forget_kept};
    }

    /// What the guide says of functions for both databases. Each of these tests runs on both.
    mod differences {
        mod asked;
        mod binding;
        mod columns;
        mod statements;
    }

    /// Plain functions. `common` holds with every driver.
    mod blocking {
        mod breaker;
        mod common;
        mod pool;
        mod shutdown;
        use dbop_tests::blocking::postgres::{
            Database, SYSTEM, Session, TAKEN_CODE, World, exec, number, open,
        };
    }
}

/// What dbop promises while something fails: callers that go away, connections that are cut,
/// servers that die.
mod faults {
    mod blocking;
    mod checker;
    mod common;
    mod postgres;
    use postgres::*;
}

/// Gives a macro the names that sqlx has for an executor and a connection of this database.
macro_rules! names {
    ($to:ident) => {
        $to!(PgExecutor, PgConnection);
    };
}

/// Functions as applications have them, annotated as they stand.
mod shapes {
    mod adoption;
    use dbop_tests::postgres::fresh_with;
    type Database = sqlx::Postgres;
}
