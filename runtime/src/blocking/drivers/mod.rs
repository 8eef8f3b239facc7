//! The drivers dbop knows, each behind the feature of its name: their connections, and their errors
//! as those of operations.

use std::error::Error as StdError;
use std::fmt;

#[cfg(feature = "diesel-sqlite")]
mod diesel;
#[cfg(feature = "postgres-client")]
mod postgres;
#[cfg(feature = "rusqlite")]
mod rusqlite;

#[cfg(feature = "diesel-sqlite")]
pub(crate) use diesel::inside as inside_diesel;
#[cfg(feature = "rusqlite")]
pub(crate) use rusqlite::inside as inside_rusqlite;

/// What a driver's error says in a message of dbop's: no text of statements, and the code that the
/// database gave.
pub(crate) fn describe(
    error: &(dyn StdError + 'static),
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    #[cfg(feature = "rusqlite")]
    if let Some(error) = error.downcast_ref() {
        return rusqlite::describe(error, f);
    }
    #[cfg(feature = "postgres-client")]
    if let Some(error) = error.downcast_ref() {
        return postgres::describe(error, f);
    }
    write!(f, "{error}")
}

/// The conversions between a driver's error and `dbop::Error`, where the driver has a variant that
/// carries any error, and displays it without words of its own.
#[cfg(any(feature = "rusqlite", feature = "diesel-sqlite"))]
macro_rules! error_conversions {
    ($Error:ty, $carries:path, $classify:path) => {
        /// The `dbop::Error` that travels inside, if there is one.
        pub(crate) fn inside(error: &$Error) -> Option<&crate::error::Error> {
            match error {
                $carries(inner) => inner.downcast_ref(),
                _ => None,
            }
        }

        impl From<$Error> for crate::error::Error {
            /// Classifies the driver's error; a `dbop::Error` that travelled inside it comes out
            /// again.
            fn from(error: $Error) -> Self {
                match error {
                    $carries(inner) => match inner.downcast() {
                        Ok(inner) => *inner,
                        Err(inner) => {
                            let error = $carries(inner);
                            Self::of_driver($classify(&error), error)
                        }
                    },
                    error => Self::of_driver($classify(&error), error),
                }
            }
        }

        impl From<crate::error::Error> for $Error {
            /// Gives back a wrapped error of this driver unchanged, and wraps any other.
            fn from(error: crate::error::Error) -> Self {
                error
                    .into_driver()
                    .unwrap_or_else(|error| $carries(Box::new(error)))
            }
        }

        impl crate::db_error::DriverError for $Error {
            fn driver_cause(&self) -> crate::db_error::Cause<'_> {
                match inside(self) {
                    Some(error) => crate::db_error::Cause::Dbop(error),
                    None => crate::db_error::Cause::Class($classify(self)),
                }
            }

            fn dbop_mut(&mut self) -> Option<&mut crate::error::Error> {
                match self {
                    $carries(inner) => inner.downcast_mut(),
                    _ => None,
                }
            }
        }

        impl crate::db_error::DbError for $Error {
            fn cause(&self) -> crate::db_error::Cause<'_> {
                crate::db_error::DriverError::driver_cause(self)
            }

            fn error_mut(&mut self) -> Option<&mut crate::error::Error> {
                crate::db_error::DriverError::dbop_mut(self)
            }
        }
    };
}
#[cfg(any(feature = "rusqlite", feature = "diesel-sqlite"))]
use error_conversions;
