//! The class of a failure: [`Category`], [`ErrorKind`] and [`Retry`], and the three together, [`Class`].

use std::fmt;

/// Defines an enum whose variants have names, which spans and tables show, and a list of all
/// variants.
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
            /// All variants, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$( Self::$Variant, )*];

            /// Returns the name used in spans, metrics and messages.
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
    /// The family that a failure belongs to, which tells who has to act.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Category {
        /// A conflict, a timeout or a lost connection. The same call may succeed if it is tried
        /// again, where [`Retry`] allows that.
        Transient = "transient",
        /// The data would break a constraint of the schema.
        Integrity = "integrity",
        /// The query ran, and returned fewer or more rows than were asked for.
        Query = "query",
        /// Bad SQL, a missing table or a wrong setting: the program or the schema has to change.
        Programming = "programming",
        /// A value is malformed, too large, or of the wrong type.
        Data = "data",
        /// The session may not do this.
        Permission = "permission",
        /// Something ran out: connections, disk, memory, or a limit of the database.
        Resource = "resource",
        /// It is not known whether the call took effect.
        Ambiguous = "ambiguous",
        /// Somebody asked for the call to stop.
        Cancelled = "cancelled",
        /// The database or the driver is broken, or reported something that this crate does not
        /// know.
        Internal = "internal",
        /// The application itself refused.
        Application = "application",
    }
}

names! {
    /// The precise name of a failure within its [`Category`].
    #[non_exhaustive]
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum ErrorKind {
        /// The transaction conflicts with a concurrent one, and no order of the two would do.
        Serialization = "serialization",
        /// The transaction was chosen as the victim of a deadlock.
        Deadlock = "deadlock",
        /// A lock could not be acquired in time.
        Lock = "lock",
        /// The connection could not be opened, or was lost.
        Connection = "connection",
        /// The call or the statement took longer than allowed.
        Timeout = "timeout",
        /// The server ended the session, because it was idle or its transaction lasted too long.
        SessionTimeout = "session_timeout",
        /// No connection of the pool became free in time.
        PoolExhausted = "pool_exhausted",
        /// The call has held its connection for too long, and the connection was taken back.
        Reclaimed = "reclaimed",
        /// The pool has been closed.
        PoolClosed = "pool_closed",
        /// The server accepts no more connections.
        TooManyConnections = "too_many_connections",
        /// The call was not tried, because the database could not be reached shortly before.
        CircuitOpen = "circuit_open",
        /// The server is stopping, an administrator ended the session, or the handle is
        /// [shut down](crate::Db::shutdown).
        ShuttingDown = "shutting_down",
        /// The server does not accept sessions or statements yet.
        StartingUp = "starting_up",
        /// A prepared statement or snapshot is older than the schema.
        StalePlan = "stale_plan",
        /// A value of a unique or primary key exists already.
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
        /// There is no such database, schema, type, index, statement, or other object.
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
        /// A function or a setting does not accept the argument.
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
        /// A value is longer than its place allows.
        TooLong = "too_long",
        /// A date or a time is malformed or out of range.
        InvalidDatetime = "invalid_datetime",
        /// A JSON text or path is malformed, or does not fit the document.
        InvalidJson = "invalid_json",
        /// The server did not authenticate the user.
        Authentication = "authentication",
        /// The role may not do this.
        Privilege = "privilege",
        /// A write was attempted in a transaction, on a server or to a file that is read-only.
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
        /// It is not known whether the statement or the commit completed.
        CompletionUnknown = "completion_unknown",
        /// The statement was cancelled on request.
        QueryCanceled = "query_canceled",
        /// The database does not support this, or does not support it for this sort of object.
        Unsupported = "unsupported",
        /// The key of a `once` operation was used before, with other arguments.
        KeyReused = "key_reused",
        /// Another call with the key of a `once` operation had not ended when this call had to give
        /// up. The work is that call's; this one has done nothing.
        KeyInUse = "key_in_use",
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
        /// There is more work than may run at once.
        Overloaded = "overloaded",
        /// None of the above.
        Other = "other",
    }
}

impl ErrorKind {
    /// Whether a session that reports this is over, so that nothing more can be sent on its
    /// connection.
    ///
    /// `false` does not mean that the session goes on: a server may close a connection after any
    /// error.
    ///
    /// ```
    /// use dbop::{classify, ErrorKind};
    ///
    /// assert!(classify::postgres("57P01", "").kind.ends_session());
    /// assert!(!ErrorKind::Deadlock.ends_session());
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
    /// Whether the failed statement may be run again, as far as the error alone can tell.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Retry {
        /// The failed statement had no effect, so a replay cannot apply anything twice. This says
        /// nothing about earlier statements of the same call.
        Always = "always",
        /// The failed statement may have had its effect. Replay it only if applying it twice has
        /// the same effect as applying it once.
        IfIdempotent = "if_idempotent",
        /// A replay would be wrong, or would fail in the same way.
        Never = "never",
    }
}

/// The class of a failure: its category, its kind, and whether it may be retried.
///
/// [`Category::Transient`] never comes with [`Retry::Never`]. Of the other categories, only two
/// come with anything else. An [`Ambiguous`](Category::Ambiguous) failure may be retried if the
/// call is idempotent. And some [`Resource`](Category::Resource) failures may always be retried,
/// because nothing was sent: an exhausted pool, an open circuit, and too many calls at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    /// The family of the failure, which tells who has to act.
    pub category: Category,
    /// The precise name of the failure.
    pub kind: ErrorKind,
    /// Whether the failed statement may be run again.
    pub retry: Retry,
}

impl Class {
    /// The class of a failure after which nobody knows whether the statement or the commit
    /// completed.
    pub(crate) const OUTCOME_UNKNOWN: Self = Self {
        category: Category::Ambiguous,
        kind: ErrorKind::CompletionUnknown,
        retry: Retry::IfIdempotent,
    };

    /// The class of a refusal to write, for a call that may write: its server has become a standby.
    /// The next connection finds the new primary.
    pub(crate) const DEMOTED: Self = Self {
        category: Category::Transient,
        kind: ErrorKind::ReadOnly,
        retry: Retry::Always,
    };

    /// Whether the database has ended a statement, or the pool a wait, at a limit that the next
    /// attempt would meet as well. A deadline of dbop's differs from these by what it leaves open:
    /// whether what was cut off had an effect.
    pub(crate) const fn is_own_limit(self) -> bool {
        matches!((self.kind, self.retry), (ErrorKind::Timeout, Retry::Always))
    }

    /// Whether the server ended a session because it received nothing for too long. A statement
    /// that gets this error arrived too late, and the server has not run it.
    ///
    /// The kind alone does not tell. A transaction that lasted too long has the same kind, but may
    /// end in the middle of a statement, which is why its error is [`Retry::IfIdempotent`].
    pub(crate) const fn ended_while_idle(self) -> bool {
        matches!(self.kind, ErrorKind::SessionTimeout) && !matches!(self.retry, Retry::IfIdempotent)
    }
}
