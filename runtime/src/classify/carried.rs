//! The conversions between `dbop::Error` and the error of a driver. The driver's error must have a
//! variant that holds any error, and must display that error without adding words of its own.

macro_rules! conversions {
    ($Error:ty, $carries:path, $classify:path) => {
        /// Returns the `dbop::Error` inside the driver's error. `None` if there is none.
        fn inside(error: &$Error) -> Option<&crate::error::Error> {
            match error {
                $carries(inner) => inner.downcast_ref(),
                _ => None,
            }
        }

        impl From<$Error> for crate::error::Error {
            /// Classifies the driver's error. A `dbop::Error` inside the driver's error is taken
            /// out unchanged.
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
            /// Gives back a wrapped error of this driver unchanged, and wraps any other error.
            fn from(error: crate::error::Error) -> Self {
                error
                    .into_driver()
                    .unwrap_or_else(|error| $carries(Box::new(error)))
            }
        }
    };
}
pub(super) use conversions;
