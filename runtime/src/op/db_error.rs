//! [`DbError`]: what dbop needs from an operation's error type.

use std::error::Error as StdError;
use std::fmt::Display;
use std::time::Duration;

use crate::classify;
use crate::error::{Category, Class, Error, ErrorKind, Retry};

/// The error type of an operation. It can carry a failure of the database, and can say which
/// failure it carries.
///
/// Derive this trait ([`derive(DbError)`](macro@crate::DbError)) for an error enum. It is
/// implemented for [`dbop::Error`](Error) and `sqlx::Error`, and for `anyhow::Error` and
/// `eyre::Report` with the features `anyhow` and `eyre`.
///
/// ```
/// # #[derive(Debug)] struct Io(dbop::Error);
/// # impl std::fmt::Display for Io { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.fmt(f) } }
/// impl From<dbop::Error> for Io {
///     fn from(error: dbop::Error) -> Self {
///         Io(error)
///     }
/// }
/// impl dbop::DbError for Io {
///     fn cause(&self) -> dbop::Cause<'_> {
///         dbop::Cause::Dbop(&self.0)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a database operation",
    label = "does not implement `dbop::DbError`",
    note = "derive `dbop::DbError` for an error enum of your own, with a variant that carries `dbop::Error` or `sqlx::Error`",
    note = "or return `dbop::Error`, `sqlx::Error`, or (with dbop's feature for it) `anyhow::Error`, `eyre::Report`, `rusqlite::Error` or `diesel::result::Error`"
)]
pub trait DbError: From<Error> + Display {
    /// Returns the error of the database that this error carries, or what else caused it.
    fn cause(&self) -> Cause<'_>;

    /// Returns the [`Error`] inside, so that the call can write its operation, its attempts and its
    /// outcome there. `None`, which is the default, if there is none.
    fn error_mut(&mut self) -> Option<&mut Error> {
        None
    }

    /// Returns the HTTP status that the application has given this error, as the derive does for
    /// `#[db_error(status = 402)]`. The error is then meant for clients, who are also shown its
    /// `Display`. `None`, which is the default, leaves both to the category: see
    /// [`Class::http_status`] and [`Class::user_message`].
    fn own_status(&self) -> Option<u16> {
        None
    }

    /// Returns how long the service, whose answer this error is, asks to be left alone, as the header
    /// `Retry-After` of HTTP does. The next attempt of a call under `#[guarded]` waits for that long, and
    /// its own back-off after that. `None`, which is the default, if the error does not say. The
    /// derive returns the field with `#[db_error(retry_after)]`.
    fn retry_after(&self) -> Option<Duration> {
        None
    }

    /// Returns the category, the kind and the retry of this error. The default takes them from
    /// [`cause`](Self::cause).
    fn class(&self) -> Class {
        match self.cause() {
            Cause::Dbop(error) => error.class(),
            Cause::Sqlx(error) => classify::sqlx(error),
            Cause::Class(class) | Cause::Driver(class, _) => class,
            Cause::Category(category) => Class {
                category,
                kind: match category {
                    Category::Application => ErrorKind::Application,
                    _ => ErrorKind::Other,
                },
                retry: match category {
                    Category::Transient => Retry::IfIdempotent,
                    _ => Retry::Never,
                },
            },
        }
    }
}

/// The cause of an operation's error, as returned by [`DbError::cause`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause<'a> {
    /// The error carries an error of dbop.
    Dbop(&'a Error),
    /// The error carries an error of sqlx.
    Sqlx(&'a sqlx::Error),
    /// The error carries an error of another driver, which has this class. Spans then lack the code
    /// that the database gave.
    Class(Class),
    /// The error carries this error of `rusqlite`, diesel or `postgres`, which has this class. Spans
    /// also get the code of the database from it, unless it is diesel's, which has none.
    Driver(Class, &'a (dyn StdError + Send + Sync + 'static)),
    /// The error is the application's own, of this category.
    Category(Category),
}

/// An error of a synchronous driver inside an operation's error. `#[derive(DbError)]` requires this
/// trait of the field that carries such an error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the error of a driver that dbop knows",
    label = "not the error of a driver",
    note = "those are `rusqlite::Error`, `diesel::result::Error` and `postgres::Error`, each with dbop's feature `rusqlite`, `diesel-sqlite` or `postgres-sync`; an error of something else needs no `#[db_error(driver)]`, and a variant `Database(#[from] dbop::Error)` beside it"
)]
pub trait DriverError {
    #[doc(hidden)]
    fn driver_cause(&self) -> Cause<'_>;

    #[doc(hidden)]
    fn dbop_mut(&mut self) -> Option<&mut Error> {
        None
    }
}

impl DbError for Error {
    fn cause(&self) -> Cause<'_> {
        Cause::Dbop(self)
    }

    fn error_mut(&mut self) -> Option<&mut Error> {
        Some(self)
    }
}

impl DbError for sqlx::Error {
    fn cause(&self) -> Cause<'_> {
        Cause::Sqlx(self)
    }

    fn error_mut(&mut self) -> Option<&mut Error> {
        Error::inside_mut(self)
    }
}

#[cfg(feature = "anyhow")]
impl DbError for anyhow::Error {
    fn cause(&self) -> Cause<'_> {
        self.chain()
            .find_map(of_source)
            .unwrap_or(Cause::Category(Category::Application))
    }

    fn error_mut(&mut self) -> Option<&mut Error> {
        self.downcast_mut()
    }
}

#[cfg(feature = "eyre")]
impl DbError for eyre::Report {
    fn cause(&self) -> Cause<'_> {
        self.chain()
            .find_map(of_source)
            .unwrap_or(Cause::Category(Category::Application))
    }

    fn error_mut(&mut self) -> Option<&mut Error> {
        self.downcast_mut()
    }
}

#[cfg(any(feature = "anyhow", feature = "eyre"))]
fn of_source<'a>(source: &'a (dyn std::error::Error + 'static)) -> Option<Cause<'a>> {
    let dbop = source.downcast_ref().map(Cause::Dbop);
    dbop.or_else(|| source.downcast_ref().map(Cause::Sqlx))
}

#[cfg(all(test, feature = "rusqlite"))]
mod tests {
    use super::*;
    use crate::op::ReportedError;

    /// An error type for which `DbError` is written by hand.
    #[derive(Debug)]
    struct Failed(rusqlite::Error);

    impl Display for Failed {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.fmt(f)
        }
    }

    impl From<Error> for Failed {
        fn from(error: Error) -> Self {
            Self(error.into())
        }
    }

    impl DbError for Failed {
        fn cause(&self) -> Cause<'_> {
            Cause::Driver(classify::rusqlite(&self.0), &self.0)
        }
    }

    #[test]
    fn an_error_type_written_by_hand_passes_the_drivers_class_and_code_on() {
        let locked = rusqlite::ffi::Error::new(5);
        let failed = Failed(rusqlite::Error::SqliteFailure(locked, None));
        assert_eq!(failed.class().kind, ErrorKind::Lock);
        assert_eq!(failed.status_code().as_deref(), Some("5"));
    }
}
