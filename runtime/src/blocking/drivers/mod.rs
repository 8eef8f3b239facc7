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
        impl crate::op::DriverError for $Error {
            fn driver_cause(&self) -> crate::op::Cause<'_> {
                match self {
                    $carries(inner) if let Some(error) = inner.downcast_ref() => {
                        crate::op::Cause::Dbop(error)
                    }
                    error => crate::op::Cause::Class($classify(error)),
                }
            }

            fn dbop_mut(&mut self) -> Option<&mut crate::error::Error> {
                match self {
                    $carries(inner) => inner.downcast_mut(),
                    _ => None,
                }
            }
        }

        impl crate::op::DbError for $Error {
            fn cause(&self) -> crate::op::Cause<'_> {
                crate::op::DriverError::driver_cause(self)
            }

            fn error_mut(&mut self) -> Option<&mut crate::error::Error> {
                crate::op::DriverError::dbop_mut(self)
            }
        }
    };
}
#[cfg(any(feature = "rusqlite", feature = "diesel-sqlite"))]
use operation_error;
