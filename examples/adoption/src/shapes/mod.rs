//! The database functions of the application, a module for each shape. The shares are those of the
//! database functions of real applications over sqlx.

pub(crate) mod atomic_operation;
pub(crate) mod extractor;
pub(crate) mod generic_executor;
pub(crate) mod handle_in_self;
pub(crate) mod mut_connection;
pub(crate) mod optional_transaction;
pub(crate) mod pool;
pub(crate) mod sqlx_transaction;
pub(crate) mod transaction_alias;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    HandleInSelf,
    GenericExecutor,
    MutConnection,
    Pool,
    TransactionAlias,
    SqlxTransaction,
    Extractor,
    AtomicOperation,
    OptionalTransaction,
}

use Shape::*;

impl Shape {
    /// Every shape, the most common one first.
    pub(crate) const ALL: [Self; 9] = [
        HandleInSelf,
        GenericExecutor,
        MutConnection,
        Pool,
        TransactionAlias,
        SqlxTransaction,
        Extractor,
        AtomicOperation,
        OptionalTransaction,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            HandleInSelf => "handle in `self`",
            GenericExecutor => "generic executor",
            MutConnection => "`&mut` connection",
            Pool => "pool",
            TransactionAlias => "own transaction alias",
            SqlxTransaction => "`&mut Transaction`",
            Extractor => "extractor",
            AtomicOperation => "`impl AtomicOperation`",
            OptionalTransaction => "`Option<&mut Transaction>`",
        }
    }

    /// Whether dbop may begin a call anew. Where the caller has opened the connection or begun the
    /// transaction, a failure may concern what the caller did before.
    pub(crate) fn is_retried(self) -> bool {
        match self {
            HandleInSelf | GenericExecutor | Pool | Extractor | OptionalTransaction => true,
            MutConnection | TransactionAlias | SqlxTransaction | AtomicOperation => false,
        }
    }

    /// The module's name, which is part of the path of its files.
    #[cfg(feature = "dbop")]
    pub(crate) fn module(self) -> &'static str {
        match self {
            HandleInSelf => "handle_in_self",
            GenericExecutor => "generic_executor",
            MutConnection => "mut_connection",
            Pool => "pool",
            TransactionAlias => "transaction_alias",
            SqlxTransaction => "sqlx_transaction",
            Extractor => "extractor",
            AtomicOperation => "atomic_operation",
            OptionalTransaction => "optional_transaction",
        }
    }

    /// Returns the number of functions, and of those that had to be changed. Each function has one
    /// attribute, and a changed function stands in its file before and after.
    pub(crate) fn functions(self) -> (usize, usize) {
        let source = self.sources().concat();
        let count = |text| source.matches(text).count();
        let functions = count("dbop::db_op") + count("dbop::transactional");
        (functions, count(" async fn ") - functions)
    }

    fn sources(self) -> &'static [&'static str] {
        match self {
            HandleInSelf => &[
                include_str!("handle_in_self/catalogue.rs"),
                include_str!("handle_in_self/desk.rs"),
            ],
            GenericExecutor => &[include_str!("generic_executor.rs")],
            MutConnection => &[include_str!("mut_connection.rs")],
            Pool => &[include_str!("pool.rs")],
            TransactionAlias => &[include_str!("transaction_alias.rs")],
            SqlxTransaction => &[include_str!("sqlx_transaction.rs")],
            Extractor => &[include_str!("extractor.rs")],
            AtomicOperation => &[include_str!("atomic_operation.rs")],
            OptionalTransaction => &[include_str!("optional_transaction.rs")],
        }
    }
}
