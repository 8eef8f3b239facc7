//! [`IdempotencyKey`]: the key that a client gives a request which it may repeat.

use std::fmt;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use super::problem::Problem;

const HEADER: &str = "idempotency-key";

/// The most characters that a key may have.
const LONGEST: usize = 255;

/// The key that a client gives a request which it may repeat, from the header `Idempotency-Key`
/// ([draft-ietf-httpapi-idempotency-key-header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)).
/// If this key is the key of a [`once`](crate::guide::once) operation, the work takes effect once,
/// however often the request arrives.
///
/// ```
/// # use dbop::{Db, Tx, transactional};
/// # use sqlx::Sqlite;
/// use axum::Json;
/// use axum::extract::State;
/// use dbop::http::{IdempotencyKey, Problem};
///
/// # #[cfg(feature = "once")]
/// #[transactional(once = key.of(user), name = "orders.pay")]
/// async fn pay(
///     tx: &mut Tx<'_, Sqlite>,
///     key: &IdempotencyKey,
///     user: i64,
///     cents: i64,
/// ) -> dbop::Result<i64> {
///     let insert = "INSERT INTO payments (payer, cents) VALUES (?, ?) RETURNING id";
///     Ok(sqlx::query_scalar(insert).bind(user).bind(cents).fetch_one(&mut *tx).await?)
/// }
///
/// # #[cfg(feature = "once")]
/// async fn post_payment(
///     State(db): State<Db<Sqlite>>,
///     key: IdempotencyKey,
///     Json(cents): Json<i64>,
/// ) -> Result<Json<i64>, Problem> {
///     let user = 7; // whoever is logged in
///     Ok(Json(pay(&db, &key, user, cents).await?))
/// }
/// ```
///
/// | the request | its answer |
/// |---|---|
/// | without the header | 400; take `Option<IdempotencyKey>` where a key is not required |
/// | with a header that is no key, or with two | 400 |
/// | the first with its key | what the operation returns |
/// | a later one | the same, and nothing is done |
/// | one that arrives meanwhile | the same, as soon as it is there; if the operation's deadline passes first, 409 and `Retry-After` |
/// | one with the same key and another body | 422, as soon as the first one has committed |
///
/// The draft writes a key as a string in quotes, `"8e03978e-40d5-43dd-bc93-6894a57f9324"`. Many clients
/// leave the quotes out, which is the same key. A key has from 1 to 255 characters of ASCII that can be
/// seen; inside quotes, spaces as well, and `\"` and `\\` for the two that would end it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Returns the key without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a key for this client's requests alone: clients do not know which keys others have
    /// used. `owner` is whoever makes the request, such as the number of the user. Keys of two owners
    /// are never equal, whatever characters there are in either.
    #[must_use]
    pub fn of(&self, owner: impl fmt::Display) -> String {
        let owner = owner.to_string();
        format!("{}:{owner}/{}", owner.len(), self.0)
    }

    /// Reads the key; `None` if there is none.
    fn read(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(HEADER).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => match parse(value) {
                Some(key) => Ok(Some(Self(key))),
                None => Err(invalid()),
            },
            (Some(_), Some(_)) => Err(invalid()),
        }
    }
}

/// Reads a string of structured fields (RFC 9651), or one without quotes.
fn parse(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?.trim_matches([' ', '\t']);
    let key = match text.strip_prefix('"') {
        Some(quoted) => unescape(quoted)?,
        None => {
            let of_key = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | ',' | ';');
            text.chars().all(of_key).then(|| text.to_owned())?
        }
    };
    (1..=LONGEST).contains(&key.len()).then_some(key)
}

/// Reads what follows the opening quote. `None` if the string does not end with a quote, or contains
/// what no string may contain.
fn unescape(quoted: &str) -> Option<String> {
    let mut key = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return chars.as_str().is_empty().then_some(key),
            '\\' => key.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            c if c == ' ' || c.is_ascii_graphic() => key.push(c),
            _ => return None,
        }
    }
}

fn missing() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "idempotency_key_missing",
        "This request needs the header Idempotency-Key, with a new value for each piece of work.",
    )
}

fn invalid() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "idempotency_key_invalid",
        "The header Idempotency-Key must be there once, and have from 1 to 255 characters of ASCII in \
         double quotes.",
    )
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(&parts.headers)?.ok_or_else(missing)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        Self::read(&parts.headers)
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &'static str) -> Option<String> {
        parse(&HeaderValue::from_bytes(text.as_bytes()).unwrap())
    }

    #[test]
    fn a_key_is_the_same_with_and_without_quotes() {
        for text in ["\"8e03-97\"", "8e03-97", "  \"8e03-97\"\t"] {
            assert_eq!(key(text).as_deref(), Some("8e03-97"), "{text}");
        }
        assert_eq!(key(r#""a \"b\" \\ c""#).as_deref(), Some(r#"a "b" \ c"#));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "\"\"",
            "\"",
            "\"open",
            "\"a\" b",
            "\"a\", \"b\"",
            "a,b",
            "a b",
            "\"a\\n\"",
            "\"\\",
            "\"a\";x=1",
            "caf\u{e9}",
            "\"caf\u{e9}\"",
            "\"a\tb\"",
        ] {
            assert_eq!(key(text), None, "{text}");
        }
        assert!(parse(&HeaderValue::from_str(&"k".repeat(255)).unwrap()).is_some());
        assert!(parse(&HeaderValue::from_str(&"k".repeat(256)).unwrap()).is_none());
    }

    #[test]
    fn keys_of_two_owners_are_never_equal() {
        let key = |text: &str| IdempotencyKey(text.to_owned());
        assert_eq!(key("k").of(7), key("k").of(7));
        assert_ne!(key("k").of(7), key("k").of(8));
        assert_ne!(key("b/k").of("a"), key("k").of("a/b"));
        assert_ne!(key("k").of("1:a/"), key("a/k").of("1:"));
    }
}
