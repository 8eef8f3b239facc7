//! MySQL and MariaDB: the errors that an application may meet
//! (<https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>,
//! <https://mariadb.com/docs/server/reference/error-codes/mariadb-error-code-reference>).
//!
//! Numbers up to 1800 mean the same in both. Above that each has its own, and from 4000 on one
//! number may mean different things.
//!
//! The error number decides, because the SQLSTATE says too little: it is `HY000` both for a lock
//! wait timeout (1205) and for a full disk. `Always` is right for a transactional engine such as
//! InnoDB, which rolls back the failed statement. With MyISAM and similar engines, a failed
//! statement may stay applied in part.
//!
//! Where Connector/J, Django, Rails, Spring, SQLAlchemy, diesel, sea-orm, sqlx or Vitess name a
//! number, and agree about it, the number has the same category here.

use super::class::{
    Class, ErrorKind::*, UNKNOWN, application, cancelled, data, integrity, internal, maybe_applied,
    no_effect, outcome_unknown, permission, programming, query, resource,
};

/// Classifies an error of a MySQL or MariaDB server, or of their C client (numbers from 2000), by
/// its number, its SQLSTATE and its message.
///
/// [`Retry::Always`](super::Retry::Always) is about the failed *statement*. Whether the
/// *transaction* was rolled back as well depends on the error. On a deadlock (1213) InnoDB rolls
/// back the whole transaction. On a lock wait timeout (1205) it rolls back only the statement,
/// unless `innodb_rollback_on_timeout` is set ("InnoDB Error Handling" in the MySQL manual). So
/// send ROLLBACK before you replay a transaction.
///
/// A number that is not listed gets the category of its SQLSTATE's class and is never retried.
///
/// ```
/// use dbop::{classify, Category, ErrorKind, Retry};
///
/// let class = classify::mysql(1213, "40001", "Deadlock found when trying to get lock");
/// assert_eq!((class.category, class.kind), (Category::Transient, ErrorKind::Deadlock));
/// assert_eq!(class.retry, Retry::Always);
///
/// // SIGNAL SQLSTATE '45000' is an error of the application, whatever number it has chosen.
/// assert_eq!(classify::mysql(1644, "45000", "out of stock").category, Category::Application);
/// ```
#[must_use]
pub fn mysql(errno: u16, sqlstate: &str, message: &str) -> Class {
    if sqlstate == "45000" {
        return application(Raised); // "unhandled user-defined exception", the manual's state for SIGNAL
    }
    lookup(errno, message).unwrap_or_else(|| of_class(sqlstate))
}

/// Returns the deliberate answer for a number. `None` if the number is not in the table.
#[rustfmt::skip] // a table: one line a number
pub(super) fn lookup(errno: u16, message: &str) -> Option<Class> {
    Some(match errno {
        // Conflicts between transactions.
        1213 => no_effect(Deadlock),      // ER_LOCK_DEADLOCK: the whole transaction is rolled back
        1205 => no_effect(Lock),          // ER_LOCK_WAIT_TIMEOUT: only the statement is rolled back
        3572 => no_effect(Lock),          // ER_LOCK_NOWAIT: only the statement is rolled back
        1020 => no_effect(Serialization), // ER_CHECKREAD: MariaDB's `innodb_snapshot_isolation`, the whole transaction
        3101 => no_effect(Serialization), // ER_TRANSACTION_ROLLBACK_DURING_COMMIT: group replication, the whole transaction
        1412 => no_effect(Serialization), // ER_TABLE_DEF_CHANGED: the table is newer than the snapshot
        1613 => no_effect(Timeout),       // ER_XA_RBTIMEOUT: the branch is rolled back
        1614 => no_effect(Deadlock),      // ER_XA_RBDEADLOCK: the branch is rolled back
        3058 => no_effect(Deadlock),      // ER_USER_LOCK_DEADLOCK: GET_LOCK was refused, older ones stay held
        1615 => no_effect(StalePlan),     // ER_NEED_REPREPARE: refused before it ran
        1637 => no_effect(Overloaded),    // ER_TOO_MANY_CONCURRENT_TRXS: no undo slot to begin writing with

        // Limits and cancels that may take effect in the middle of a statement. Unlike the errors
        // above, they can leave a MyISAM table changed in part. MySQL's own time limit applies only
        // to SELECT, but other servers that use its protocol may have one for all statements.
        3024 => maybe_applied(Timeout),   // ER_QUERY_TIMEOUT: `max_execution_time`
        1969 => maybe_applied(Timeout),   // ER_STATEMENT_TIMEOUT: MariaDB's `max_statement_time`
        1028 => sort_aborted(message),    // ER_FILSORT_ABORT
        1317 => cancelled(QueryCanceled), // ER_QUERY_INTERRUPTED: KILL QUERY

        // The connection cannot be made: nothing was sent.
        1040 => no_effect(TooManyConnections), // ER_CON_COUNT_ERROR
        1203 => no_effect(TooManyConnections), // ER_TOO_MANY_USER_CONNECTIONS
        1226 => user_limit(message),           // ER_USER_LIMIT_REACHED
        1047 => unknown_command(message),      // ER_UNKNOWN_COM_ERROR
        2002 => no_effect(Connection),         // CR_CONNECTION_ERROR
        2003 => no_effect(Connection),         // CR_CONN_HOST_ERROR
        2005 => unknown_host(message),         // CR_UNKNOWN_HOST
        2012 => internal(Protocol),            // CR_SERVER_HANDSHAKE_ERR
        2026 => internal(Connection),          // CR_SSL_CONNECTION_ERROR
        1043 => internal(Protocol),            // ER_HANDSHAKE_ERROR
        1129 => resource(LimitExceeded),       // ER_HOST_IS_BLOCKED: `max_connect_errors`
        1130 => permission(Authentication),    // ER_HOST_NOT_PRIVILEGED

        // The connection is lost, and the statement or the COMMIT may have run. KILL is how an
        // operator or a shutdown ends a session, like `pg_terminate_backend` of PostgreSQL.
        1053 => maybe_applied(ShuttingDown),   // ER_SERVER_SHUTDOWN
        3032 => maybe_applied(ShuttingDown),   // ER_SERVER_OFFLINE_MODE
        1152 => maybe_applied(Connection),     // ER_ABORTING_CONNECTION
        1184 => maybe_applied(Connection),     // ER_NEW_ABORTING_CONNECTION
        1154 => maybe_applied(Connection),     // ER_NET_READ_ERROR_FROM_PIPE
        1158 => maybe_applied(Connection),     // ER_NET_READ_ERROR
        1159 => maybe_applied(Connection),     // ER_NET_READ_INTERRUPTED
        1160 => maybe_applied(Connection),     // ER_NET_ERROR_ON_WRITE
        1161 => maybe_applied(Connection),     // ER_NET_WRITE_INTERRUPTED
        2006 => maybe_applied(Connection),     // CR_SERVER_GONE_ERROR
        2013 => maybe_applied(Connection),     // CR_SERVER_LOST
        2045 => maybe_applied(Connection),     // CR_SHARED_MEMORY_CONNECT_SET_ERROR
        2048 => maybe_applied(Connection),     // CR_INVALID_CONN_HANDLE
        2055 => maybe_applied(Connection),     // CR_SERVER_LOST_EXTENDED
        1927 => maybe_applied(Connection),     // ER_CONNECTION_KILLED: KILL, MariaDB
        3169 => maybe_applied(Connection),     // ER_SESSION_WAS_KILLED: KILL, MySQL
        3168 => maybe_applied(StartingUp),     // ER_SERVER_ISNT_AVAILABLE
        1297 => maybe_applied(Overloaded),     // ER_GET_TEMPORARY_ERRMSG: an NDB cluster
        4031 => client_interaction_timeout(message), // ER_CLIENT_INTERACTION_TIMEOUT, MySQL
        1155 => internal(Protocol),            // ER_NET_FCNTL_ERROR
        1156 => internal(Protocol),            // ER_NET_PACKETS_OUT_OF_ORDER
        1157 => internal(Protocol),            // ER_NET_UNCOMPRESS_ERROR
        2014 => internal(Protocol),            // CR_COMMANDS_OUT_OF_SYNC
        2027 => internal(Protocol),            // CR_MALFORMED_PACKET

        // The server cannot tell whether the transaction is committed.
        1180 => outcome_unknown(),         // ER_ERROR_DURING_COMMIT
        1401 => outcome_unknown(),         // ER_XAER_RMERR
        1181 => internal(Other),           // ER_ERROR_DURING_ROLLBACK

        // Constraints.
        1022 => integrity(Unique),     // ER_DUP_KEY
        1062 => integrity(Unique),     // ER_DUP_ENTRY
        1169 => integrity(Unique),     // ER_DUP_UNIQUE
        1586 => integrity(Unique),     // ER_DUP_ENTRY_WITH_KEY_NAME
        1569 => integrity(Unique),     // ER_DUP_ENTRY_AUTOINCREMENT_CASE
        1859 => integrity(Unique),     // ER_DUP_UNKNOWN_IN_INDEX
        1216 => integrity(ForeignKey), // ER_NO_REFERENCED_ROW
        1217 => integrity(ForeignKey), // ER_ROW_IS_REFERENCED
        1451 => integrity(ForeignKey), // ER_ROW_IS_REFERENCED_2
        1452 => integrity(ForeignKey), // ER_NO_REFERENCED_ROW_2
        1557 => integrity(ForeignKey), // ER_FOREIGN_DUPLICATE_KEY: a cascade would make a duplicate
        1761 => integrity(ForeignKey), // ER_FOREIGN_DUPLICATE_KEY_WITH_CHILD_INFO, the same
        1762 => integrity(ForeignKey), // ER_FOREIGN_DUPLICATE_KEY_WITHOUT_CHILD_INFO, the same
        1215 => integrity(ForeignKey), // ER_CANNOT_ADD_FOREIGN
        1830 => integrity(ForeignKey), // ER_FK_COLUMN_NOT_NULL
        1834 => integrity(ForeignKey), // ER_FK_CANNOT_DELETE_PARENT
        1048 => integrity(NotNull),    // ER_BAD_NULL_ERROR
        3673 => integrity(NotNull),    // ER_BAD_NULL_ERROR_NOT_IGNORED
        1364 => integrity(NotNull),    // ER_NO_DEFAULT_FOR_FIELD
        3819 => integrity(Check),      // ER_CHECK_CONSTRAINT_VIOLATED, MySQL
        4025 => constraint_failed(message), // ER_CONSTRAINT_FAILED, MariaDB
        1369 => integrity(Check),      // ER_VIEW_CHECK_FAILED
        1526 => integrity(Check),      // ER_NO_PARTITION_FOR_GIVEN_VALUE

        // Rows.
        1172 => query(MultipleRows), // ER_TOO_MANY_ROWS
        1242 => query(MultipleRows), // ER_SUBQUERY_NO_1_ROW
        1329 => query(NoRows),       // ER_SP_FETCH_NO_DATA

        // SQL and schema.
        1064 => programming(Syntax),            // ER_PARSE_ERROR
        1065 => programming(Syntax),            // ER_EMPTY_QUERY
        1149 => programming(Syntax),            // ER_SYNTAX_ERROR
        1055 => programming(Syntax),            // ER_WRONG_FIELD_WITH_GROUP
        1056 => programming(Syntax),            // ER_WRONG_GROUP_FIELD
        1111 => programming(Syntax),            // ER_INVALID_GROUP_FUNC_USE
        1140 => programming(Syntax),            // ER_MIX_OF_GROUP_FUNC_AND_FIELDS
        1136 => programming(Syntax),            // ER_WRONG_VALUE_COUNT_ON_ROW
        1222 => programming(Syntax),            // ER_WRONG_NUMBER_OF_COLUMNS_IN_SELECT
        1241 => programming(Syntax),            // ER_OPERAND_COLUMNS
        1146 => programming(UndefinedTable),    // ER_NO_SUCH_TABLE
        1051 => programming(UndefinedTable),    // ER_BAD_TABLE_ERROR
        1109 => programming(UndefinedTable),    // ER_UNKNOWN_TABLE
        1054 => programming(UndefinedColumn),   // ER_BAD_FIELD_ERROR
        1072 => programming(UndefinedColumn),   // ER_KEY_COLUMN_DOES_NOT_EXITS
        1305 => does_not_exist(message),        // ER_SP_DOES_NOT_EXIST
        1318 => programming(UndefinedFunction), // ER_SP_WRONG_NO_OF_ARGS
        1582 => programming(UndefinedFunction), // ER_WRONG_PARAMCOUNT_TO_NATIVE_FCT
        1583 => programming(UndefinedFunction), // ER_WRONG_PARAMETERS_TO_NATIVE_FCT
        1008 => programming(UndefinedObject),   // ER_DB_DROP_EXISTS
        1049 => programming(UndefinedObject),   // ER_BAD_DB_ERROR
        1091 => programming(UndefinedObject),   // ER_CANT_DROP_FIELD_OR_KEY
        1141 => programming(UndefinedObject),   // ER_NONEXISTING_GRANT
        1147 => programming(UndefinedObject),   // ER_NONEXISTING_TABLE_GRANT
        1176 => programming(UndefinedObject),   // ER_KEY_DOES_NOT_EXITS
        1243 => programming(UndefinedObject),   // ER_UNKNOWN_STMT_HANDLER
        1007 => programming(DuplicateObject),   // ER_DB_CREATE_EXISTS
        1050 => programming(DuplicateObject),   // ER_TABLE_EXISTS_ERROR
        1060 => programming(DuplicateObject),   // ER_DUP_FIELDNAME
        1061 => programming(DuplicateObject),   // ER_DUP_KEYNAME
        1066 => programming(DuplicateObject),   // ER_NONUNIQ_TABLE
        1304 => programming(DuplicateObject),   // ER_SP_ALREADY_EXISTS
        1052 => programming(AmbiguousName),     // ER_NON_UNIQ_ERROR
        1005 => cannot_create_table(message),   // ER_CANT_CREATE_TABLE
        1822 => programming(InvalidDefinition), // ER_FK_NO_INDEX_PARENT
        3780 => programming(InvalidDefinition), // ER_FK_INCOMPATIBLE_COLUMNS
        1210 => programming(InvalidArgument),   // ER_WRONG_ARGUMENTS
        1267 => programming(TypeMismatch),      // ER_CANT_AGGREGATE_2COLLATIONS
        1235 => programming(Unsupported),       // ER_NOT_SUPPORTED_YET
        1286 => programming(Unsupported),       // ER_UNKNOWN_STORAGE_ENGINE
        1289 => programming(Unsupported),       // ER_FEATURE_DISABLED
        1295 => programming(Unsupported),       // ER_UNSUPPORTED_PS
        1046 => programming(Configuration),     // ER_NO_DB_ERROR
        1193 => programming(Configuration),     // ER_UNKNOWN_SYSTEM_VARIABLE
        1231 => programming(Configuration),     // ER_WRONG_VALUE_FOR_VAR

        // Transactions.
        1099 => programming(TransactionState),   // ER_TABLE_NOT_LOCKED_FOR_WRITE
        1100 => programming(TransactionState),   // ER_TABLE_NOT_LOCKED
        1179 => programming(TransactionState),   // ER_CANT_DO_THIS_DURING_AN_TRANSACTION
        1192 => programming(TransactionState),   // ER_LOCK_OR_ACTIVE_TRANSACTION
        1399 => programming(TransactionState),   // ER_XAER_RMFAIL
        1400 => programming(TransactionState),   // ER_XAER_OUTSIDE
        1422 => programming(TransactionState),   // ER_COMMIT_NOT_ALLOWED_IN_SF_OR_TRG
        1568 => programming(TransactionState),   // ER_CANT_CHANGE_TX_CHARACTERISTICS
        1402 => programming(TransactionAborted), // ER_XA_RBROLLBACK
        1223 => programming(TransactionState),   // ER_CANT_UPDATE_WITH_READLOCK: this session's own lock
        1036 => programming(ReadOnly),           // ER_OPEN_AS_READONLY
        1290 => option_prevents(message),        // ER_OPTION_PREVENTS_STATEMENT
        1792 => programming(ReadOnly),           // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
        1836 => programming(ReadOnly),           // ER_READ_ONLY_MODE
        1874 => programming(ReadOnly),           // ER_INNODB_READ_ONLY

        // Values.
        1162 => data(TooLong),           // ER_TOO_LONG_STRING
        1406 => data(TooLong),           // ER_DATA_TOO_LONG
        1263 => data(NotNull),           // ER_WARN_NULL_TO_NOTNULL
        1264 => data(OutOfRange),        // ER_WARN_DATA_OUT_OF_RANGE
        1690 => data(OutOfRange),        // ER_DATA_OUT_OF_RANGE
        1265 => data(InvalidText),       // WARN_DATA_TRUNCATED
        1292 => truncated_value(message), // ER_TRUNCATED_WRONG_VALUE
        1300 => data(InvalidText),       // ER_INVALID_CHARACTER_STRING
        1366 => data(InvalidText),       // ER_TRUNCATED_WRONG_VALUE_FOR_FIELD
        1367 => data(InvalidText),       // ER_ILLEGAL_VALUE_FOR_TYPE
        1365 => data(DivisionByZero),    // ER_DIVISION_BY_ZERO
        1298 => data(InvalidDatetime),   // ER_UNKNOWN_TIME_ZONE
        1411 => data(InvalidDatetime),   // ER_WRONG_VALUE_FOR_TYPE
        1441 => data(InvalidDatetime),   // ER_DATETIME_FUNCTION_OVERFLOW
        3140 => data(InvalidJson),       // ER_INVALID_JSON_TEXT
        3141 => data(InvalidJson),       // ER_INVALID_JSON_TEXT_IN_PARAM
        3142 => data(InvalidJson),       // ER_INVALID_JSON_BINARY_DATA
        3143 => data(InvalidJson),       // ER_INVALID_JSON_PATH
        3144 => data(InvalidJson),       // ER_INVALID_JSON_CHARSET
        3146 => data(InvalidJson),       // ER_INVALID_TYPE_FOR_JSON
        3147 => data(InvalidJson),       // ER_INVALID_CAST_TO_JSON
        3157 => data(InvalidJson),       // ER_JSON_DOCUMENT_TOO_DEEP
        3150 => data(TooLong),           // ER_JSON_VALUE_TOO_BIG

        // Permissions.
        1044 => permission(Privilege),      // ER_DBACCESS_DENIED_ERROR
        1045 => permission(Authentication), // ER_ACCESS_DENIED_ERROR
        1095 => permission(Privilege),      // ER_KILL_DENIED_ERROR
        1142 => permission(Privilege),      // ER_TABLEACCESS_DENIED_ERROR
        1143 => permission(Privilege),      // ER_COLUMNACCESS_DENIED_ERROR
        1211 => permission(Privilege),      // ER_NO_PERMISSION_TO_CREATE_USERS
        1227 => permission(Privilege),      // ER_SPECIFIC_ACCESS_DENIED_ERROR
        1251 => permission(Authentication), // ER_NOT_SUPPORTED_AUTH_MODE
        1370 => permission(Privilege),      // ER_PROCACCESS_DENIED_ERROR
        1410 => permission(Privilege),      // ER_CANT_CREATE_USER_WITH_GRANT
        1419 => permission(Privilege),      // ER_BINLOG_CREATE_ROUTINE_NEED_SUPER
        1698 => permission(Authentication), // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
        1820 => permission(Authentication), // ER_MUST_CHANGE_PASSWORD
        1862 => permission(Authentication), // ER_MUST_CHANGE_PASSWORD_LOGIN
        3118 => permission(Authentication), // ER_ACCOUNT_HAS_BEEN_LOCKED, MySQL
        3159 => permission(Authentication), // ER_SECURE_TRANSPORT_REQUIRED

        // Resources that ran out.
        1021 => resource(DiskFull),      // ER_DISK_FULL
        1114 => resource(DiskFull),      // ER_RECORD_FILE_FULL
        1037 => resource(OutOfMemory),   // ER_OUTOFMEMORY
        1038 => resource(OutOfMemory),   // ER_OUT_OF_SORTMEMORY
        1041 => resource(OutOfMemory),   // ER_OUT_OF_RESOURCES
        1135 => resource(OutOfMemory),   // ER_CANT_CREATE_THREAD
        2008 => resource(OutOfMemory),   // CR_OUT_OF_MEMORY
        1104 => resource(LimitExceeded), // ER_TOO_BIG_SELECT
        1118 => resource(LimitExceeded), // ER_TOO_BIG_ROWSIZE
        1153 => resource(LimitExceeded), // ER_NET_PACKET_TOO_LARGE
        1206 => resource(LimitExceeded), // ER_LOCK_TABLE_FULL: the whole transaction is rolled back
        1390 => resource(LimitExceeded), // ER_PS_MANY_PARAM
        1436 => resource(LimitExceeded), // ER_STACK_OVERRUN_NEED_MORE
        1456 => resource(LimitExceeded), // ER_SP_RECURSION_LIMIT
        1461 => resource(LimitExceeded), // ER_MAX_PREPARED_STMT_COUNT_REACHED
        1467 => resource(LimitExceeded), // ER_AUTOINC_READ_FAILED
        2020 => resource(LimitExceeded), // CR_NET_PACKET_TOO_LARGE
        3170 => resource(LimitExceeded), // ER_CAPACITY_EXCEEDED

        // Files and engines.
        1016 => internal(Io),      // ER_CANT_OPEN_FILE
        1024 => internal(Io),      // ER_ERROR_ON_READ
        1026 => internal(Io),      // ER_ERROR_ON_WRITE
        1030 => internal(Io),      // ER_GET_ERRNO
        1033 => internal(Corrupt), // ER_NOT_FORM_FILE
        1034 => internal(Corrupt), // ER_NOT_KEYFILE
        1194 => internal(Corrupt), // ER_CRASHED_ON_USAGE
        1195 => internal(Corrupt), // ER_CRASHED_ON_REPAIR
        1712 => internal(Corrupt), // ER_INDEX_CORRUPT
        1105 => internal(Other),   // ER_UNKNOWN_ERROR

        1644 => application(Raised), // ER_SIGNAL_EXCEPTION

        _ => return None,
    })
}

/// Classifies a limit of one account. Only the number of connections may soon be lower again,
/// because the other limits are counted by the hour.
fn user_limit(message: &str) -> Class {
    if message.contains("max_user_connections") {
        no_effect(TooManyConnections)
    } else {
        resource(LimitExceeded)
    }
}

/// Classifies a sort that was ended by a time limit or by a cancel, whose message it repeats.
fn sort_aborted(message: &str) -> Class {
    let says = |words| message.contains(words);
    if says("execution time exceeded") || says("max_statement_time exceeded") {
        maybe_applied(Timeout)
    } else {
        cancelled(QueryCanceled)
    }
}

/// Classifies a host name that could not be resolved. The number in the message is what
/// `getaddrinfo` has returned; -3 is `EAI_AGAIN` in glibc and musl.
fn unknown_host(message: &str) -> Class {
    if message.ends_with("(-3)") {
        no_effect(Connection)
    } else {
        programming(Configuration)
    }
}

fn cannot_create_table(message: &str) -> Class {
    if message.contains("errno: 150") {
        programming(InvalidDefinition) // of a foreign key
    } else {
        internal(Io)
    }
}

/// Classifies number 4031. With this number MySQL ends a session that sent nothing for too long
/// (`wait_timeout`); a statement that arrives after that is not run. MariaDB uses the number for a
/// trigger that does not exist.
fn client_interaction_timeout(message: &str) -> Class {
    if message.contains("inactivity") {
        no_effect(SessionTimeout)
    } else {
        programming(UndefinedObject)
    }
}

/// Classifies number 4025, which MySQL uses for a table option that is out of range.
fn constraint_failed(message: &str) -> Class {
    if message.contains("CONSTRAINT") {
        integrity(Check)
    } else {
        programming(InvalidArgument)
    }
}

/// Classifies number 1047, with which a Galera node refuses every statement until it is part of its
/// cluster.
fn unknown_command(message: &str) -> Class {
    if message.contains("WSREP") {
        no_effect(StartingUp)
    } else {
        internal(Protocol)
    }
}

fn does_not_exist(message: &str) -> Class {
    if message.starts_with("SAVEPOINT") {
        programming(TransactionState)
    } else {
        programming(UndefinedFunction)
    }
}

/// Classifies number 1290. `--read-only` and `--super-read-only` mark a replica, and other options
/// forbid a statement.
fn option_prevents(message: &str) -> Class {
    if message.contains("read-only") || message.contains("read_only") {
        programming(ReadOnly)
    } else {
        permission(Privilege)
    }
}

fn truncated_value(message: &str) -> Class {
    let says = |words| message.contains(words);
    if says("datetime value") || says("date value") || says("time value") {
        data(InvalidDatetime)
    } else {
        data(InvalidText)
    }
}

/// Classifies a number that is not in the table by the class of its SQLSTATE ("Error Message
/// Elements" in the MySQL manual). An unknown error is never replayed.
fn of_class(sqlstate: &str) -> Class {
    match sqlstate.get(..2) {
        Some("02") => query(NoRows),
        Some("08") => internal(Connection),
        Some("0A") => programming(Unsupported),
        Some("21") => query(MultipleRows),
        Some("22") => data(Other),
        Some("23") => integrity(Constraint),
        Some("25") => programming(TransactionState),
        Some("28") => permission(Authentication),
        Some("42") => programming(Other),
        Some("3D" | "3F") => programming(UndefinedObject),
        // HY000, 40, 70 and XA stand for all sorts of errors.
        _ => UNKNOWN,
    }
}
