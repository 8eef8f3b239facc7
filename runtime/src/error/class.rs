//! What a failure is called: [`Category`], [`Kind`], [`Retry`], and the three together, [`Class`].

use std::fmt;

/// An enum of names: the variants, their words in spans and tables, and the list of all of them.
macro_rules! names {
    (
        $(#[$attribute:meta])*
        pub enum $Name:ident {
            $( $(#[$doc:meta])* $Variant:ident = $word:literal, )*
        }
    ) => {
        $(#[$attribute])*
        pub enum $Name {
            $( $(#[$doc])* $Variant, )*
        }

        impl $Name {
            /// All of them, in the order of their declaration.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$( Self::$Variant, )*];

            /// The name used in spans, metrics and messages.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$Variant => $word, )*
                }
            }
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

names! {
    /// The family a failure belongs to: who has to act.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Category {
        /// The same call may succeed if it is tried again: a conflict, a timeout, a lost connection
        /// (if [`Retry`] allows it).
        Transient = "transient",
        /// The data would break a constraint of the schema.
        Integrity = "integrity",
        /// The query ran, and found fewer or more rows than asked for.
        Query = "query",
        /// The program or the schema has to change: bad SQL, a missing table, a wrong setting.
        Programming = "programming",
        /// A value is malformed, too large, or of the wrong type.
        Data = "data",
        /// The session may not do this.
        Permission = "permission",
        /// Something ran out: connections, disk, memory, or a limit of the database.
        Resource = "resource",
        /// Whether it took effect is not known.
        Ambiguous = "ambiguous",
        /// Somebody asked for it to stop.
        Cancelled = "cancelled",
        /// The database or the driver is broken, or said something this crate does not know.
        Internal = "internal",
        /// The application itself said no.
        Application = "application",
    }
}

names! {
    /// The finer name of a failure within its [`Category`].
    #[non_exhaustive]
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Kind {
        /// The transaction conflicts with a concurrent one and cannot be put in an order with it.
        Serialization = "serialization",
        /// The transaction was chosen as the victim of a deadlock.
        Deadlock = "deadlock",
        /// A lock could not be had in time.
        Lock = "lock",
        /// The connection could not be made, or was lost.
        Connection = "connection",
        /// It took longer than allowed.
        Timeout = "timeout",
        /// The server ended the session, for idling or for a transaction that lasted too long.
        SessionTimeout = "session_timeout",
        /// No connection of the pool became free in time.
        PoolExhausted = "pool_exhausted",
        /// The pool has been closed.
        PoolClosed = "pool_closed",
        /// The server accepts no further connection.
        TooManyConnections = "too_many_connections",
        /// Not tried, because the database could not be reached lately.
        CircuitOpen = "circuit_open",
        /// The server is stopping, or an administrator ended the session.
        ShuttingDown = "shutting_down",
        /// The server does not accept sessions or statements yet.
        StartingUp = "starting_up",
        /// A prepared statement or snapshot is older than the schema.
        StalePlan = "stale_plan",
        /// A unique or primary key is taken.
        Unique = "unique",
        /// A referenced row is missing, or the row is still referenced.
        ForeignKey = "foreign_key",
        /// A column that needs a value got none.
        NotNull = "not_null",
        /// A check, or a view's check option, is violated.
        Check = "check",
        /// An exclusion constraint is violated.
        Exclusion = "exclusion",
        /// Another constraint is violated, or one that the database does not name.
        Constraint = "constraint",
        /// There is no such row.
        NoRows = "no_rows",
        /// There is more than one such row.
        MultipleRows = "multiple_rows",
        /// The statement is not valid SQL, or uses a clause wrongly.
        Syntax = "syntax",
        /// There is no such table.
        UndefinedTable = "undefined_table",
        /// There is no such column.
        UndefinedColumn = "undefined_column",
        /// There is no such function, or none for these arguments.
        UndefinedFunction = "undefined_function",
        /// There is no such object of another sort: database, schema, type, index, statement.
        UndefinedObject = "undefined_object",
        /// The object exists already.
        DuplicateObject = "duplicate_object",
        /// The name fits more than one thing.
        AmbiguousName = "ambiguous_name",
        /// The definition of an object is not valid.
        InvalidDefinition = "invalid_definition",
        /// The object is not in a state in which this can be done.
        ObjectState = "object_state",
        /// The types do not fit together.
        TypeMismatch = "type_mismatch",
        /// An argument is outside of what the function or setting takes.
        InvalidArgument = "invalid_argument",
        /// A value could not be written in the database's format.
        Encode = "encode",
        /// A value could not be read as the Rust type.
        Decode = "decode",
        /// A text is not valid for its type or its encoding.
        InvalidText = "invalid_text",
        /// A number or an index is out of range.
        OutOfRange = "out_of_range",
        /// A division by zero.
        DivisionByZero = "division_by_zero",
        /// A value is longer than its place.
        TooLong = "too_long",
        /// A date or a time is malformed or out of range.
        InvalidDatetime = "invalid_datetime",
        /// A JSON text or path is malformed, or does not fit the document.
        InvalidJson = "invalid_json",
        /// The server does not know who this is.
        Authentication = "authentication",
        /// The role may not do this.
        Privilege = "privilege",
        /// A write in a transaction, on a server or to a file that can only be read.
        ReadOnly = "read_only",
        /// The disk, the quota or the table is full.
        DiskFull = "disk_full",
        /// Memory ran out.
        OutOfMemory = "out_of_memory",
        /// A limit of the database or of its configuration is reached.
        LimitExceeded = "limit_exceeded",
        /// Stored data is damaged.
        Corrupt = "corrupt",
        /// Reading or writing a file failed.
        Io = "io",
        /// The statement does not fit the state of the transaction.
        TransactionState = "transaction_state",
        /// The transaction has already failed and can only be rolled back.
        TransactionAborted = "transaction_aborted",
        /// The open transaction does not give the isolation asked for.
        Isolation = "isolation",
        /// The transaction was marked to be rolled back.
        RollbackOnly = "rollback_only",
        /// Whether the statement or the commit completed is not known.
        CompletionUnknown = "completion_unknown",
        /// The statement was cancelled on request.
        QueryCanceled = "query_canceled",
        /// The database does not support this, or not for this sort of object.
        Unsupported = "unsupported",
        /// The key of a `once` operation was used before, with other arguments.
        KeyReused = "key_reused",
        /// A setting, an address or a path is wrong.
        Configuration = "configuration",
        /// The two sides of the connection disagree about the protocol.
        Protocol = "protocol",
        /// The work was interrupted from within the process, or by the operator.
        Interrupted = "interrupted",
        /// A foreign data wrapper, or the server behind it, failed.
        ForeignServer = "foreign_server",
        /// A trigger or a stored routine raised the error on purpose.
        Raised = "raised",
        /// The application's own error.
        Application = "application",
        /// There is more work than is admitted at once.
        Overloaded = "overloaded",
        /// None of the above.
        Other = "other",
    }
}

impl Kind {
    /// Whether a session that reports this is over: nothing more can be sent on its connection.
    ///
    /// The opposite does not hold: a server may close the connection after any error.
    ///
    /// ```
    /// use dbop::{classify, Kind};
    ///
    /// assert!(classify::postgres("57P01", "").kind.ends_session());
    /// assert!(!Kind::Deadlock.ends_session());
    /// ```
    #[must_use]
    pub const fn ends_session(self) -> bool {
        matches!(
            self,
            Self::Connection | Self::ShuttingDown | Self::SessionTimeout
        )
    }
}

names! {
    /// Whether what failed may be done again, as far as the error alone can tell.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Retry {
        /// The failed statement had no effect: a replay of it cannot apply anything twice. What
        /// came before it in the same call is another matter.
        Always = "always",
        /// The failed statement may have had its effect: replay it only if applying it twice is
        /// the same as applying it once.
        IfIdempotent = "if_idempotent",
        /// A replay is wrong, or would fail in the same way.
        Never = "never",
    }
}

/// The answer of a classification.
///
/// [`Category::Transient`] and [`Retry::Never`] never come together. Of all other categories only
/// two answers are not `Never`: an [`Ambiguous`](Category::Ambiguous) outcome may be retried if
/// idempotent, and an exhausted pool is a [`Resource`](Category::Resource) although asking it again
/// does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    /// Who has to act.
    pub category: Category,
    /// What it was.
    pub kind: Kind,
    /// Whether it may be done again.
    pub retry: Retry,
}

impl Class {
    /// Whether the server ended a session because nothing came over it for too long. The statement
    /// that is answered with this arrived too late: the server has not run it.
    ///
    /// The kind alone does not tell: a transaction that lasted too long may end in the middle of a
    /// statement, which is why such a statement is [`Retry::IfIdempotent`].
    pub(crate) const fn ended_while_idle(self) -> bool {
        matches!(self.kind, Kind::SessionTimeout) && !matches!(self.retry, Retry::IfIdempotent)
    }
}
