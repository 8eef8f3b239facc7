//! The conversions between `dbop::Error` and the error of a driver that has a variant for any error
//! and displays that error without words of its own.

macro_rules! conversions {
    ($Error:ty, $carries:path, $classify:path) => {
        /// Returns the `dbop::Error` that travels inside, if there is one.
        fn inside(error: &$Error) -> Option<&crate::error::Error> {
            match error {
                $carries(inner) => inner.downcast_ref(),
                _ => None,
            }
        }

        impl From<$Error> for crate::error::Error {
            /// Classifies the driver's error. A `dbop::Error` that travelled inside the driver's error
            /// comes out again as it was.
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
    };
}
pub(super) use conversions;
