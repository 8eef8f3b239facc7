//! The drivers dbop knows, each behind the feature of its name: their connections, and their errors
//! as those of operations.

#[cfg(feature = "diesel-sqlite")]
mod diesel;
#[cfg(feature = "postgres-client")]
mod postgres;
#[cfg(feature = "rusqlite")]
mod rusqlite;

/// Lets a driver's error be the error of an operation, where the driver has a variant that carries any
/// error.
#[cfg(any(feature = "rusqlite", feature = "diesel-sqlite"))]
macro_rules! operation_error {
    ($Error:ty, $carries:path, $classify:path) => {
        impl crate::db_error::DriverError for $Error {
            fn driver_cause(&self) -> crate::db_error::Cause<'_> {
                match self {
                    $carries(inner) if let Some(error) = inner.downcast_ref() => {
                        crate::db_error::Cause::Dbop(error)
                    }
                    error => crate::db_error::Cause::Class($classify(error)),
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
use operation_error;
