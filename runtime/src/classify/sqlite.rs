//! SQLite: every primary and extended result code of version 3.51
//! (<https://www.sqlite.org/rescode.html>).

use super::class::{
    Class, ErrorKind::*, UNKNOWN, application, cancelled, data, integrity, internal, no_effect,
    permission, programming, resource,
};

/// Classifies an error of SQLite by its extended result code and, where the code says too little
/// (1, 5 and 1811), by its message.
///
/// A busy or locked database is transient, because the statement has not run. An extended code that
/// is not in SQLite's table gets the category of its primary code (its low byte) and is never
/// retried.
///
/// ```
/// use dbop::{classify, Category, ErrorKind, Retry};
///
/// let busy = classify::sqlite(5, "database is locked");
/// assert_eq!((busy.category, busy.kind), (Category::Transient, ErrorKind::Lock));
/// assert_eq!(busy.retry, Retry::Always);
///
/// assert_eq!(classify::sqlite(1, "no such table: account").kind, ErrorKind::UndefinedTable);
/// assert_eq!(classify::sqlite(1, "integer overflow").kind, ErrorKind::OutOfRange);
/// ```
#[must_use]
pub fn sqlite(extended_code: i32, message: &str) -> Class {
    lookup(extended_code, message).unwrap_or_else(|| of_primary(extended_code))
}

/// Returns the deliberate answer for a code. `None` if the code is not in the table.
#[rustfmt::skip] // a table: one line a code
pub(super) fn lookup(extended_code: i32, message: &str) -> Option<Class> {
    Some(match extended_code {
        // These are not errors: success, notices and warnings for the log, rows.
        0   => UNKNOWN, // SQLITE_OK
        256 => UNKNOWN, // SQLITE_OK_LOAD_PERMANENTLY
        512 => UNKNOWN, // SQLITE_OK_SYMLINK
        27  => UNKNOWN, // SQLITE_NOTICE
        283 => UNKNOWN, // SQLITE_NOTICE_RECOVER_WAL
        539 => UNKNOWN, // SQLITE_NOTICE_RECOVER_ROLLBACK
        795 => UNKNOWN, // SQLITE_NOTICE_RBU
        28  => UNKNOWN, // SQLITE_WARNING
        284 => UNKNOWN, // SQLITE_WARNING_AUTOINDEX
        100 => UNKNOWN, // SQLITE_ROW
        101 => UNKNOWN, // SQLITE_DONE

        // 1: there is no more specific code, so the message decides.
        1    => generic(message),             // SQLITE_ERROR
        257  => programming(UndefinedObject), // SQLITE_ERROR_MISSING_COLLSEQ
        513  => UNKNOWN,                      // SQLITE_ERROR_RETRY, internal to SQLite
        769  => programming(ObjectState),     // SQLITE_ERROR_SNAPSHOT
        1025 => internal(Configuration),      // SQLITE_ERROR_RESERVESIZE
        1281 => internal(Configuration),      // SQLITE_ERROR_KEY
        1537 => programming(Unsupported),     // SQLITE_ERROR_UNABLE

        2   => UNKNOWN,                       // SQLITE_INTERNAL
        3   => permission(Privilege),         // SQLITE_PERM
        4   => cancelled(Interrupted),        // SQLITE_ABORT
        516 => cancelled(TransactionAborted), // SQLITE_ABORT_ROLLBACK

        // 5, 6: another connection holds the lock. A COMMIT that gets 5 leaves its transaction
        // open, and nothing is written. 517 means that a transaction which has read wants to write,
        // but what it has read is no longer current. The busy timeout does not apply to 517, and
        // only a new transaction helps.
        5   => busy(message),            // SQLITE_BUSY
        261 => no_effect(Lock),          // SQLITE_BUSY_RECOVERY
        517 => no_effect(Serialization), // SQLITE_BUSY_SNAPSHOT
        773 => no_effect(Lock),          // SQLITE_BUSY_TIMEOUT
        6   => no_effect(Lock),          // SQLITE_LOCKED
        262 => no_effect(Lock),          // SQLITE_LOCKED_SHAREDCACHE
        518 => no_effect(Lock),          // SQLITE_LOCKED_VTAB

        7 => resource(OutOfMemory), // SQLITE_NOMEM

        // 8: a read-only session, or files that this process may not write.
        8    => programming(ReadOnly), // SQLITE_READONLY
        264  => permission(ReadOnly),  // SQLITE_READONLY_RECOVERY
        520  => permission(ReadOnly),  // SQLITE_READONLY_CANTLOCK
        776  => permission(ReadOnly),  // SQLITE_READONLY_ROLLBACK
        1032 => internal(ReadOnly),    // SQLITE_READONLY_DBMOVED
        1288 => permission(ReadOnly),  // SQLITE_READONLY_CANTINIT
        1544 => permission(ReadOnly),  // SQLITE_READONLY_DIRECTORY

        9 => cancelled(Interrupted), // SQLITE_INTERRUPT

        // 10: the operating system failed. At COMMIT the outcome is not known, so it is never
        // retried.
        10   => internal(Io),          // SQLITE_IOERR
        266  => internal(Io),          // SQLITE_IOERR_READ
        522  => internal(Io),          // SQLITE_IOERR_SHORT_READ
        778  => internal(Io),          // SQLITE_IOERR_WRITE
        1034 => internal(Io),          // SQLITE_IOERR_FSYNC
        1290 => internal(Io),          // SQLITE_IOERR_DIR_FSYNC
        1546 => internal(Io),          // SQLITE_IOERR_TRUNCATE
        1802 => internal(Io),          // SQLITE_IOERR_FSTAT
        2058 => internal(Io),          // SQLITE_IOERR_UNLOCK
        2314 => internal(Io),          // SQLITE_IOERR_RDLOCK
        2570 => internal(Io),          // SQLITE_IOERR_DELETE
        2826 => internal(Io),          // SQLITE_IOERR_BLOCKED
        3082 => resource(OutOfMemory), // SQLITE_IOERR_NOMEM
        3338 => internal(Io),          // SQLITE_IOERR_ACCESS
        3594 => internal(Io),          // SQLITE_IOERR_CHECKRESERVEDLOCK
        3850 => internal(Io),          // SQLITE_IOERR_LOCK
        4106 => internal(Io),          // SQLITE_IOERR_CLOSE
        4362 => internal(Io),          // SQLITE_IOERR_DIR_CLOSE
        4618 => internal(Io),          // SQLITE_IOERR_SHMOPEN
        4874 => internal(Io),          // SQLITE_IOERR_SHMSIZE
        5130 => internal(Io),          // SQLITE_IOERR_SHMLOCK
        5386 => internal(Io),          // SQLITE_IOERR_SHMMAP
        5642 => internal(Io),          // SQLITE_IOERR_SEEK
        5898 => internal(Io),          // SQLITE_IOERR_DELETE_NOENT
        6154 => internal(Io),          // SQLITE_IOERR_MMAP
        6410 => internal(Io),          // SQLITE_IOERR_GETTEMPPATH
        6666 => internal(Io),          // SQLITE_IOERR_CONVPATH
        6922 => internal(Io),          // SQLITE_IOERR_VNODE
        7178 => internal(Io),          // SQLITE_IOERR_AUTH
        7434 => internal(Io),          // SQLITE_IOERR_BEGIN_ATOMIC
        7690 => internal(Io),          // SQLITE_IOERR_COMMIT_ATOMIC
        7946 => internal(Io),          // SQLITE_IOERR_ROLLBACK_ATOMIC
        8202 => internal(Corrupt),     // SQLITE_IOERR_DATA, a wrong checksum
        8458 => internal(Corrupt),     // SQLITE_IOERR_CORRUPTFS
        8714 => internal(Io),          // SQLITE_IOERR_IN_PAGE
        8970 => internal(Io),          // SQLITE_IOERR_BADKEY
        9226 => internal(Io),          // SQLITE_IOERR_CODEC

        11  => internal(Corrupt), // SQLITE_CORRUPT
        267 => internal(Corrupt), // SQLITE_CORRUPT_VTAB
        523 => internal(Corrupt), // SQLITE_CORRUPT_SEQUENCE
        779 => internal(Corrupt), // SQLITE_CORRUPT_INDEX

        12 => programming(Unsupported), // SQLITE_NOTFOUND
        13 => resource(DiskFull),       // SQLITE_FULL

        // 14: usually a path that does not exist, or may not be opened.
        14   => programming(Configuration), // SQLITE_CANTOPEN
        270  => programming(Configuration), // SQLITE_CANTOPEN_NOTEMPDIR
        526  => programming(Configuration), // SQLITE_CANTOPEN_ISDIR
        782  => programming(Configuration), // SQLITE_CANTOPEN_FULLPATH
        1038 => programming(Configuration), // SQLITE_CANTOPEN_CONVPATH
        1294 => programming(Configuration), // SQLITE_CANTOPEN_DIRTYWAL, not used
        1550 => programming(Configuration), // SQLITE_CANTOPEN_SYMLINK

        // 15: the transaction could not begin in WAL mode, because others were faster for seconds.
        15 => no_effect(Lock),      // SQLITE_PROTOCOL
        16 => UNKNOWN,              // SQLITE_EMPTY, not used
        // 17: the schema changed each time the statement was compiled, so the statement has not
        // run.
        17 => no_effect(StalePlan), // SQLITE_SCHEMA
        18 => data(TooLong),        // SQLITE_TOOBIG

        // 19: constraints.
        19   => integrity(Constraint),       // SQLITE_CONSTRAINT
        275  => integrity(Check),            // SQLITE_CONSTRAINT_CHECK
        531  => integrity(Constraint),       // SQLITE_CONSTRAINT_COMMITHOOK
        787  => integrity(ForeignKey),       // SQLITE_CONSTRAINT_FOREIGNKEY
        1043 => integrity(Constraint),       // SQLITE_CONSTRAINT_FUNCTION
        1299 => integrity(NotNull),          // SQLITE_CONSTRAINT_NOTNULL
        1555 => integrity(Unique),           // SQLITE_CONSTRAINT_PRIMARYKEY
        1811 => constraint_trigger(message), // SQLITE_CONSTRAINT_TRIGGER
        2067 => integrity(Unique),           // SQLITE_CONSTRAINT_UNIQUE
        2323 => integrity(Constraint),       // SQLITE_CONSTRAINT_VTAB
        2579 => integrity(Unique),           // SQLITE_CONSTRAINT_ROWID
        2835 => integrity(Constraint),       // SQLITE_CONSTRAINT_PINNED
        3091 => data(TypeMismatch),          // SQLITE_CONSTRAINT_DATATYPE, in a STRICT table

        20  => data(TypeMismatch),           // SQLITE_MISMATCH
        21  => internal(Protocol),           // SQLITE_MISUSE, by the driver
        22  => resource(LimitExceeded),      // SQLITE_NOLFS
        23  => permission(Privilege),        // SQLITE_AUTH
        279 => permission(Authentication),   // SQLITE_AUTH_USER
        24  => UNKNOWN,                      // SQLITE_FORMAT, not used
        25  => programming(InvalidArgument), // SQLITE_RANGE
        26  => internal(Corrupt),            // SQLITE_NOTADB

        _ => return None,
    })
}

/// Classifies code 5. The lock of another session will be released, but an unfinished statement of
/// this session will not go away.
fn busy(message: &str) -> Class {
    let own = [
        "SQL statements in progress",
        "due to active statements",
        "due to unfinalized",
    ];
    if own.iter().any(|words| message.contains(words)) {
        programming(TransactionState)
    } else {
        no_effect(Lock)
    }
}

/// Classifies code 1811. Inside SQLite, `ON DELETE RESTRICT` and similar actions are triggers. Any
/// other trigger that fails with this code has called `RAISE`.
fn constraint_trigger(message: &str) -> Class {
    if message.contains("FOREIGN KEY constraint failed") {
        integrity(ForeignKey)
    } else {
        application(Raised)
    }
}

/// The messages of code 1; the first match decides. None of them is ever retried, so a message that
/// matches by accident changes the name of a failure, but not what is done about it.
#[rustfmt::skip] // a table: one line a message
const GENERIC: &[(&str, Class)] = &[
    ("syntax error",                         programming(Syntax)),
    ("incomplete input",                     programming(Syntax)),
    ("unrecognized token",                   programming(Syntax)),
    ("no such table",                        programming(UndefinedTable)),
    ("no such column",                       programming(UndefinedColumn)),
    ("has no column named",                  programming(UndefinedColumn)),
    ("no such function",                     programming(UndefinedFunction)),
    ("unknown function",                     programming(UndefinedFunction)),
    ("wrong number of arguments to function", programming(UndefinedFunction)),
    ("no such savepoint",                    programming(TransactionState)),
    ("no such ",                             programming(UndefinedObject)),
    ("unknown database",                     programming(UndefinedObject)),
    ("already exists",                       programming(DuplicateObject)),
    ("duplicate column name",                programming(DuplicateObject)),
    ("there is already",                     programming(DuplicateObject)),
    ("is already in use",                    programming(DuplicateObject)),
    ("ambiguous column name",                programming(AmbiguousName)),
    ("cannot start a transaction within",    programming(TransactionState)),
    ("cannot commit",                        programming(TransactionState)),
    ("cannot rollback",                      programming(TransactionState)),
    ("cannot release savepoint",             programming(TransactionState)),
    ("cannot open savepoint",                programming(TransactionState)),
    ("within a transaction",                 programming(TransactionState)),
    ("within transaction",                   programming(TransactionState)),
    ("inside a transaction",                 programming(TransactionState)),
    ("integer overflow",                     data(OutOfRange)),
    ("JSON",                                 data(InvalidJson)),
    ("string or blob too big",               data(TooLong)),
    ("too many",                             resource(LimitExceeded)),
    ("too large",                            resource(LimitExceeded)),
    ("too complex",                          resource(LimitExceeded)),
    ("at most",                              resource(LimitExceeded)),
    ("parser stack overflow",                resource(LimitExceeded)),
    ("attempt to write",                     programming(ReadOnly)),
    ("not authorized",                       permission(Privilege)),
    ("prohibited",                           permission(Privilege)),
    ("foreign key mismatch",                 programming(InvalidDefinition)),
    ("may not be",                           programming(Unsupported)),
    ("cannot modify",                        programming(Unsupported)),
    ("columns but",                          programming(Syntax)),
    ("values for",                           programming(Syntax)),
    ("misuse of",                            programming(Syntax)),
];

fn generic(message: &str) -> Class {
    GENERIC
        .iter()
        .find(|(words, _)| message.contains(words))
        .map_or(programming(Other), |(_, class)| *class)
}

/// Classifies an extended code that is not in the table by its primary code, which is the low byte.
fn of_primary(extended_code: i32) -> Class {
    match extended_code & 0xff {
        1 => programming(Other),
        3 | 23 => permission(Privilege),
        4 | 9 => cancelled(Interrupted),
        5 | 6 | 15 => internal(Lock),
        7 => resource(OutOfMemory),
        8 => programming(ReadOnly),
        10 => internal(Io),
        11 | 26 => internal(Corrupt),
        12 => programming(Unsupported),
        13 => resource(DiskFull),
        14 => programming(Configuration),
        17 => internal(StalePlan),
        18 => data(TooLong),
        19 => integrity(Constraint),
        20 => data(TypeMismatch),
        21 => internal(Protocol),
        22 => resource(LimitExceeded),
        25 => programming(InvalidArgument),
        _ => UNKNOWN,
    }
}
