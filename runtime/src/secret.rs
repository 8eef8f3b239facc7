//! [`Secret`]: a text that is never printed.

use std::fmt;

/// A text that must not reach a log, such as a URL with a password or the token of a client.
///
/// ```
/// use dbop::Secret;
///
/// #[derive(Debug)]
/// struct Config {
///     database: Secret,
/// }
///
/// let config = Config {
///     database: Secret::from("postgres://ada:hunter2@localhost/bank"),
/// };
/// assert_eq!(format!("{config:?}"), "Config { database: Secret(..) }");
/// assert!(config.database.expose().ends_with("/bank"));
/// ```
///
/// `Debug` shows nothing of the text, not even its length. There is no `Display`, so that a secret
/// in a message does not compile, and no comparison, because `==` takes longer the more of a guess
/// is right. [`expose`](Self::expose) returns the text, and is the one word to look for in a review.
///
/// Every text becomes a `Secret` by [`From`], so methods that take an `impl Into<Secret>`, such as
/// [`DbBuilder::url`](crate::DbBuilder::url), also take a `&str` or a `String`. The memory is not
/// overwritten when a secret is dropped: the driver keeps the password for its next connection.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Returns the text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Self {
        Self(text.into().into_boxed_str())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
