//! sqlx: the errors of the driver itself, and how the errors of a database are found in them.

use std::error::Error as StdError;
use std::io;

use ::sqlx::Error;
use ::sqlx::error::{DatabaseError, ErrorKind as SqlxErrorKind};
use ::sqlx::migrate::MigrateError;

use crate::error::SharedError;

use super::class::{
    Category, Class, ErrorKind::*, Retry, UNKNOWN, data, integrity, internal, maybe_applied,
    no_effect, permission, programming, query, resource,
};
use super::postgres::postgres;

/// Classifies an error of sqlx: an error of the database by its code, and any other error by its
/// variant.
///
/// ```
/// use dbop::{classify, Category, ErrorKind, Retry};
///
/// let class = classify::sqlx(&sqlx::Error::RowNotFound);
/// assert_eq!((class.category, class.kind), (Category::Query, ErrorKind::NoRows));
/// assert_eq!(class.retry, Retry::Never);
///
/// let class = classify::sqlx(&sqlx::Error::PoolTimedOut);
/// assert_eq!((class.category, class.kind), (Category::Resource, ErrorKind::PoolExhausted));
/// ```
#[must_use]
pub fn sqlx(error: &Error) -> Class {
    // An error of dbop inside a `sqlx::Error` knows more than the error around it.
    if let Some(error) = crate::error::Error::inside(error) {
        return error.class();
    }
    if let Some(error) = SharedError::inside(error) {
        return error.class();
    }
    match error {
        Error::Database(error) => database(&**error),
        Error::Io(error) => io(error),
        Error::RowNotFound => query(NoRows),

        // The pool. A timed-out acquire has sent nothing.
        Error::PoolTimedOut => Class {
            category: Category::Resource,
            kind: PoolExhausted,
            retry: Retry::Always,
        },
        Error::PoolClosed => resource(PoolClosed),

        // The connection's SQLite thread is gone, perhaps in the middle of a statement. The next
        // connection has a thread of its own.
        Error::WorkerCrashed => maybe_applied(Connection),
        // A certificate or a setting is wrong. A connection that was not negotiated is not retried.
        Error::Tls(error) if is_unsupported(&**error) => programming(Configuration),
        Error::Tls(_) => internal(Connection),
        // The two sides are out of step, so it is not known what the server has done.
        Error::Protocol(_) => internal(Protocol),

        // Values.
        Error::Encode(_) => data(Encode),
        Error::Decode(_) | Error::ColumnDecode { .. } => data(Decode),

        // The program.
        Error::ColumnNotFound(_) | Error::ColumnIndexOutOfBounds { .. } => {
            programming(UndefinedColumn)
        }
        Error::TypeNotFound { .. } => programming(UndefinedObject),
        Error::InvalidArgument(_) => programming(InvalidArgument),
        Error::Configuration(_) => programming(Configuration),
        Error::InvalidSavePointStatement | Error::BeginFailed => programming(TransactionState),

        Error::Migrate(error) => migrate(error),

        // `AnyDriverError`, `ConfigFile`, and variants that sqlx may add.
        _ => UNKNOWN,
    }
}

/// Classifies an error of migrations: by the error of the migration that has failed, or else as a
/// set of migrations that does not fit the database.
fn migrate(error: &MigrateError) -> Class {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => sqlx(error),
        MigrateError::Source(_) => programming(Configuration),
        _ => programming(ObjectState),
    }
}

/// Whether there is no TLS at one of the two ends. sqlx has no variant for that, only these texts.
fn is_unsupported(error: &(dyn StdError + 'static)) -> bool {
    let text = error.to_string();
    text.contains("built without TLS support") || text.contains("does not support TLS")
}

/// Classifies an error of a database. The driver's type tells which database, and so what the code
/// means. For other databases, the constraint that sqlx has recognized decides, or else a code of
/// five characters, which is a SQLSTATE.
fn database(error: &(dyn DatabaseError + 'static)) -> Class {
    #[cfg(feature = "postgres")]
    if let Some(error) = error.try_downcast_ref::<::sqlx::postgres::PgDatabaseError>() {
        return postgres(error.code(), error.message());
    }
    #[cfg(feature = "sqlite")]
    if let Some(error) = error.try_downcast_ref::<::sqlx::sqlite::SqliteError>() {
        // `code()` is the extended result code in decimal.
        let code = error.code().and_then(|code| code.parse().ok());
        return code.map_or(UNKNOWN, |code| super::sqlite(code, error.message()));
    }
    match error.kind() {
        SqlxErrorKind::UniqueViolation => integrity(Unique),
        SqlxErrorKind::ForeignKeyViolation => integrity(ForeignKey),
        SqlxErrorKind::NotNullViolation => integrity(NotNull),
        SqlxErrorKind::CheckViolation => integrity(Check),
        SqlxErrorKind::ExclusionViolation => integrity(Exclusion),
        _ => match error.code() {
            Some(state) if state.len() == 5 => postgres(&state, error.message()),
            _ => UNKNOWN,
        },
    }
}

/// Classifies an error of a socket or a file.
///
/// `connect(2)` reports a refused connection, a missing socket and a used-up port range before
/// anything is sent. An unreachable host is also reported for established connections (`tcp(7)`),
/// so it does not prove that nothing was sent.
pub(super) fn io(error: &io::Error) -> Class {
    use io::ErrorKind as E;
    match error.kind() {
        E::ConnectionRefused | E::NotFound | E::AddrNotAvailable => no_effect(Connection),
        E::UnexpectedEof
        | E::ConnectionReset
        | E::ConnectionAborted
        | E::BrokenPipe
        | E::NotConnected
        | E::WriteZero
        | E::TimedOut
        | E::HostUnreachable
        | E::NetworkUnreachable
        | E::NetworkDown => maybe_applied(Connection),
        E::PermissionDenied => permission(Privilege),
        E::StorageFull | E::QuotaExceeded => resource(DiskFull),
        E::OutOfMemory => resource(OutOfMemory),
        E::InvalidData => internal(Protocol),
        _ => lookup_failure(error),
    }
}

/// Classifies an error whose `SqlxErrorKind` says nothing. A host name that cannot be resolved has no
/// `SqlxErrorKind` of its own, only the messages of std and of the C library (`EAI_AGAIN` in glibc and
/// musl). Any other failure is not known here.
fn lookup_failure(error: &io::Error) -> Class {
    let message = error.to_string();
    if !message.contains("failed to lookup address information") {
        internal(Io)
    } else if message.contains("Temporary failure") || message.contains("Try again") {
        no_effect(Connection)
    } else {
        programming(Configuration)
    }
}

// These conversions are here and not beside the types, because they classify errors.

impl From<Error> for crate::error::Error {
    /// Classifies the driver's error. A `dbop::Error` inside the driver's error is taken out
    /// unchanged.
    fn from(error: Error) -> Self {
        Self::take_from(error).unwrap_or_else(|error| Self::of_sqlx(sqlx(&error), error))
    }
}

impl SharedError {
    /// Copies an error, so that it can be reported more than once.
    pub(crate) fn of(error: &Error) -> Self {
        if let Some(shared) = Self::inside(error) {
            return shared.clone();
        }
        let message = match (
            error.as_database_error(),
            crate::error::Error::inside(error),
        ) {
            (Some(database), _) => database.message().to_owned(),
            (None, Some(own)) => own.message(),
            (None, None) => error.to_string(),
        };
        Self::new(sqlx(error), message, error)
    }
}
