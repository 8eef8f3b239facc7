//! The drivers that dbop knows, each behind a feature of its own: their connections, and their
//! errors as the errors of operations.

#[cfg(feature = "diesel-sqlite")]
mod diesel;
#[cfg(feature = "postgres-sync")]
mod postgres;
#[cfg(feature = "rusqlite")]
mod rusqlite;

/// Makes a driver's error usable as the error of an operation. The driver's error type must have a
/// variant that can carry any error; that variant carries errors of dbop.
#[cfg(any(feature = "rusqlite", feature = "diesel-sqlite"))]
macro_rules! operation_error {
    ($Error:ty, $carries:path, $classify:path) => {
        impl crate::op::DriverError for $Error {
            fn driver_cause(&self) -> crate::op::Cause<'_> {
                if let $carries(inner) = self
                    && let Some(error) = inner.downcast_ref()
                {
                    return crate::op::Cause::Dbop(error);
                }
                crate::op::Cause::Driver($classify(self), self)
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
