//! [`Problem`]: what a client is told of a call that failed.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::{Category, Class, Error, ErrorKind, Outcome};
use crate::op::{Cause, DbError};

/// When a client may repeat a request that could not be served at the moment.
const SHORTLY: Duration = Duration::from_secs(1);
/// When a client may repeat a request while the circuit breaker is open. The breaker is open for about
/// this long the first time.
const CIRCUIT_OPEN: Duration = Duration::from_secs(5);

/// What a client is told of a request that failed: problem details of
/// [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457), in JSON.
///
/// Every error of an operation becomes a `Problem` by `?`: [`dbop::Error`](crate::Error), and every
/// type with [`DbError`].
///
/// ```
/// # use dbop::{Conn, Db, DbError, db_op};
/// # use sqlx::Sqlite;
/// use axum::Json;
/// use axum::extract::{Path, State};
/// use dbop::http::Problem;
///
/// #[derive(Debug, thiserror::Error, DbError)]
/// enum BankError {
///     #[error("account {0} is closed")]
///     #[db_error(status = 410)] // clients are shown this status and this text
///     Closed(i64),
///     #[error(transparent)]
///     Database(#[from] dbop::Error),
/// }
///
/// #[db_op(read_only)]
/// async fn balance(conn: &mut Conn<'_, Sqlite>, id: i64) -> Result<i64, BankError> {
///     let cents = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = ?");
///     Ok(cents.bind(id).fetch_one(&mut *conn).await?)
/// }
///
/// async fn show(State(db): State<Db<Sqlite>>, Path(id): Path<i64>) -> Result<Json<i64>, Problem> {
///     Ok(Json(balance(&db, id).await?))
/// }
/// ```
///
/// If there is no such account, the client gets
///
/// ```text
/// HTTP/1.1 404 Not Found
/// content-type: application/problem+json
///
/// {"type":"about:blank","title":"Not Found","status":404,"detail":"Not found.",
///  "kind":"no_rows","category":"query","outcome":"rolled_back"}
/// ```
///
/// | member | value |
/// |---|---|
/// | `type` | `about:blank`, unless [`with_type`](Self::with_type) says otherwise |
/// | `title` | the words for the status |
/// | `status` | [`own_status`](DbError::own_status), or else [`Class::http_status`](crate::Class::http_status); 503 instead of 500 for an unknown outcome if the error [is repeatable](crate::Error::is_repeatable) |
/// | `detail` | the error's `Display` if it has an `own_status`, or else [`Class::user_message`](crate::Class::user_message); where that would say to try again although the effect may stand, that it is to be looked at first |
/// | `instance` | only as [`with_instance`](Self::with_instance) says |
/// | `kind`, `category` | those of the error |
/// | `outcome` | `rolled_back`, `committed` or `unknown`: what is known about the effect; only if the error carries a [`dbop::Error`](crate::Error) of a call that has ended |
///
/// So a client is told no message of a database or a driver, no SQL and no value. What it is not told
/// is not lost: the conversion logs an error with a status from 500 as an event of level error, with
/// its `Display`.
///
/// A problem with status 429 or 503, and one of the kind [`KeyInUse`](ErrorKind::KeyInUse), has the
/// header `Retry-After` if the error [is repeatable](crate::Error::is_repeatable): a request that may
/// have had its effect is not to be repeated without thought. So a client may repeat a request that
/// reads, that is idempotent, or that has a key, until it has an answer. An error that carries no
/// [`dbop::Error`](crate::Error) of a call, such as a `sqlx::Error` or a variant of your own with a
/// status, does not tell what has become of its call; say it by
/// [`with_retry_after`](Self::with_retry_after).
///
/// What is known is about the one call that has failed. Where a handler makes several calls that write,
/// those before stay: make one `#[transactional]` of them.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<Details>);

// In a box, because results that carry a problem are moved.
#[derive(Clone, Debug, Serialize)]
struct Details {
    #[serde(rename = "type")]
    type_: Cow<'static, str>,
    title: &'static str,
    #[serde(serialize_with = "number")]
    status: StatusCode,
    detail: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    kind: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

fn number<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}

impl Problem {
    /// Returns a problem of the application's own. `kind` is a word for programs, and `detail` a
    /// sentence for people.
    ///
    /// ```
    /// use axum::http::StatusCode;
    /// use dbop::http::Problem;
    ///
    /// let problem = Problem::new(StatusCode::FORBIDDEN, "not_owner", "This account is another's.");
    /// assert_eq!(problem.status(), 403);
    /// ```
    #[must_use]
    pub fn new(
        status: StatusCode,
        kind: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Box::new(Details {
            type_: Cow::Borrowed("about:blank"),
            title: status.canonical_reason().unwrap_or("Error"),
            status,
            detail: detail.into(),
            instance: None,
            kind: kind.into(),
            category: None,
            outcome: None,
            retry_after: None,
        }))
    }

    /// Sets the URI that names this type of problem, such as a page of the service's documentation.
    #[must_use]
    pub fn with_type(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.0.type_ = uri.into();
        self
    }

    /// Sets the URI of this occurrence, such as the path of the request.
    #[must_use]
    pub fn with_instance(mut self, uri: impl Into<String>) -> Self {
        self.0.instance = Some(uri.into());
        self
    }

    /// Sets when the client may repeat the request: the header `Retry-After`, in whole seconds,
    /// rounded up. `None` removes it.
    #[must_use]
    pub fn with_retry_after(mut self, after: impl Into<Option<Duration>>) -> Self {
        self.0.retry_after = after.into();
        self
    }

    /// Returns the HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    fn of(error: &impl DbError) -> Self {
        let class = error.class();
        let ended = match error.cause() {
            Cause::Dbop(error) => Some(error),
            Cause::Sqlx(error) => Error::inside(error),
            _ => None,
        };
        let outcome = ended.and_then(Error::outcome);
        let is_repeatable = ended.is_some_and(Error::is_repeatable);
        let (status, detail) = match error.own_status() {
            Some(status) => (status, Cow::Owned(error.to_string())),
            None => {
                let passes = class.category == Category::Ambiguous && is_repeatable;
                let status = if passes { 503 } else { class.http_status() };
                // Where others are told to try again, this client may do its work twice.
                let is_uncertain = outcome == Some(Outcome::Unknown) && !is_repeatable;
                let told = match class.category {
                    Category::Transient | Category::Resource if is_uncertain => {
                        Class::OUTCOME_UNKNOWN
                    }
                    _ => class,
                };
                (status, Cow::Borrowed(told.user_message()))
            }
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = match (status, class.kind) {
            _ if !is_repeatable => None,
            (_, ErrorKind::CircuitOpen) => Some(CIRCUIT_OPEN),
            (_, ErrorKind::KeyInUse) => Some(SHORTLY),
            (StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS, _) => Some(SHORTLY),
            _ => None,
        };
        let mut problem = Self::new(status, class.kind.as_str(), detail);
        problem.0.category = Some(class.category.as_str());
        problem.0.outcome = outcome.map(Outcome::as_str);
        problem.0.retry_after = retry_after;
        problem
    }
}

impl<E: DbError> From<E> for Problem {
    fn from(error: E) -> Self {
        let problem = Self::of(&error);
        if problem.0.status.is_server_error() {
            tracing::error!(
                target: "dbop",
                { "http.response.status_code" = problem.0.status.as_u16(), "dbop.kind" = &*problem.0.kind },
                "a request has failed: {error}"
            );
        }
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Ok(body) = serde_json::to_vec(&self) else {
            return self.0.status.into_response();
        };
        let json = HeaderValue::from_static("application/problem+json");
        let mut response = (self.0.status, [(header::CONTENT_TYPE, json)], body).into_response();
        if let Some(after) = self.0.retry_after {
            let seconds = after
                .as_secs()
                .saturating_add(u64::from(after.subsec_nanos() > 0));
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for Error {
    /// Answers with the [`Problem`] that this error makes.
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Ended, Retry};

    fn error(category: Category, kind: ErrorKind, outcome: Outcome, repeatable: bool) -> Error {
        let class = Class {
            category,
            kind,
            retry: Retry::Never,
        };
        let mut error = Error::new(class, "table accounts, value 4711");
        error.finish(Ended {
            repeatable,
            ..Ended::outermost("pay", 1, outcome)
        });
        error
    }

    #[test]
    fn a_client_is_told_to_come_back_unless_its_request_may_have_had_its_effect() {
        use {Category::*, ErrorKind::*, Outcome::*};
        for (category, kind, outcome, repeatable, status, after) in [
            (Resource, PoolExhausted, RolledBack, false, 503, Some("1")),
            (Transient, Connection, RolledBack, false, 503, Some("1")),
            (Resource, CircuitOpen, RolledBack, false, 503, Some("5")),
            (Transient, KeyInUse, RolledBack, false, 409, Some("1")),
            (Transient, Connection, Unknown, false, 503, None),
            (Transient, Connection, Unknown, true, 503, Some("1")),
            (Ambiguous, CompletionUnknown, Unknown, false, 500, None),
            (Ambiguous, CompletionUnknown, Unknown, true, 503, Some("1")),
            (Transient, Timeout, RolledBack, false, 504, None),
            (Integrity, Unique, RolledBack, false, 409, None),
        ] {
            let response = error(category, kind, outcome, repeatable).into_response();
            assert_eq!(response.status(), status, "{kind}");
            let header = response.headers().get(header::RETRY_AFTER);
            let header = header.map(|it| it.to_str().unwrap());
            assert_eq!(header, after, "{kind} {outcome}");
        }
    }

    #[test]
    fn a_client_whose_request_may_have_had_its_effect_is_told_to_look_before_it_tries_again() {
        use {Category::*, ErrorKind::*, Outcome::*};
        for (kind, outcome, repeatable, looks) in [
            (Connection, Unknown, false, true),
            (Timeout, Unknown, false, true),
            (Connection, Unknown, true, false),
            (Connection, RolledBack, false, false),
            (Timeout, RolledBack, false, false),
        ] {
            let problem = Problem::from(error(Transient, kind, outcome, repeatable));
            let says = problem.0.detail.contains("check before trying again");
            assert_eq!(says, looks, "{problem:?}");
        }
    }

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds() {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "later", "Later.");
        let problem = problem.with_retry_after(Duration::from_millis(1001));
        let response = problem.into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }

    #[test]
    fn a_problem_of_the_applications_own_says_what_it_was_given() {
        let problem = Problem::new(StatusCode::FORBIDDEN, "not_owner", "It is another's.")
            .with_type("https://shop.example/problems/not-owner")
            .with_instance("/orders/7");
        assert_eq!(
            serde_json::to_value(problem).unwrap(),
            serde_json::json!({
                "type": "https://shop.example/problems/not-owner",
                "title": "Forbidden",
                "status": 403,
                "detail": "It is another's.",
                "instance": "/orders/7",
                "kind": "not_owner",
            })
        );
    }
}
