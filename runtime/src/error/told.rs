//! What those are told for whom a call was made: end users, and clients over HTTP.

use super::class::{Category, Class, ErrorKind};

impl Class {
    /// Returns a short text that may be shown to an end user. It contains no SQL, names or values.
    ///
    /// ```
    /// let class = dbop::classify::postgres("23505", "duplicate key value");
    /// assert_eq!(class.user_message(), "This already exists.");
    /// ```
    #[must_use]
    pub const fn user_message(self) -> &'static str {
        match (self.category, self.kind) {
            (_, ErrorKind::NoRows) => "Not found.",
            (_, ErrorKind::Unique) => "This already exists.",
            (_, ErrorKind::ForeignKey) => {
                "This is linked to something that is missing or still in use."
            }
            (_, ErrorKind::KeyReused) => "This key was used before, for something else.",
            (_, ErrorKind::KeyInUse) => {
                "A request with this key is still being worked on. Please try again shortly."
            }
            (_, ErrorKind::Timeout) => "This took too long. Please try again.",
            (Category::Integrity | Category::Data, _) => "Some of the data given is not valid.",
            (Category::Transient | Category::Resource, _) => {
                "The service is busy at the moment. Please try again shortly."
            }
            // It is the service, and not its user, whose credentials were refused.
            (Category::Permission, ErrorKind::Authentication) => "Something went wrong.",
            (Category::Permission, _) => "This is not allowed.",
            (Category::Ambiguous, _) => {
                "It is not certain that this was saved. Please check before trying again."
            }
            (Category::Cancelled, _) => "This was cancelled.",
            (Category::Application, _) => "This could not be done.",
            _ => "Something went wrong.",
        }
    }

    /// Returns the HTTP status that fits: 404 for missing rows, 409 for a conflict, 422 for invalid
    /// data and for a key that was used for something else, 400 for other errors of the application,
    /// 503 for what may pass, 504 for a timeout, and 500 for everything else.
    ///
    /// If the database refuses the service's credentials, that is a fault of the service, so the
    /// status is 500 and not 401 (RFC 9110, section 15).
    ///
    /// ```
    /// let class = dbop::classify::postgres("23505", "duplicate key value");
    /// assert_eq!(class.http_status(), 409);
    /// ```
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match (self.category, self.kind) {
            (_, ErrorKind::NoRows) => 404,
            (_, ErrorKind::Timeout) => 504,
            (_, ErrorKind::KeyInUse) => 409,
            (_, ErrorKind::KeyReused) => 422,
            (Category::Integrity, ErrorKind::NotNull | ErrorKind::Check) | (Category::Data, _) => {
                422
            }
            (Category::Integrity, _) => 409,
            (Category::Application, _) => 400,
            (Category::Transient | Category::Resource | Category::Cancelled, _) => 503,
            _ => 500,
        }
    }
}
