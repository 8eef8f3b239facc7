//! [`Access`]: who may see the routes that are not for everybody.

use std::hint::black_box;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::secret::Secret;

/// The rule that says who may see the routes that are not for everybody.
#[derive(Clone, Debug)]
pub(super) enum Access {
    /// Nobody: there are no such routes.
    Off,
    /// Whoever shows this token.
    Token(Secret),
    /// Everybody.
    Open,
}

/// Whether this is the token. The time that this takes does not tell where the two differ. An empty
/// token is no secret, so nothing is equal to it.
fn is(token: &Secret, shown: &[u8]) -> bool {
    // No header has white space around its value, and a token from a file has a line break at its end.
    let token = token.expose().trim_ascii().as_bytes();
    let pairs = token.iter().zip(shown);
    let differences = pairs.fold(0, |differences, (a, b)| black_box(differences | (a ^ b)));
    !token.is_empty() && token.len() == shown.len() && differences == 0
}

impl Access {
    /// Lets a request through, or returns its answer.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Box<Response>> {
        let Self::Token(token) = self else {
            return Ok(());
        };
        let shown = headers.get(header::AUTHORIZATION);
        let shown = shown.and_then(|value| bearer(value.as_bytes()));
        match shown {
            Some(shown) if is(token, shown) => Ok(()),
            Some(_) => Err(Box::new(refused("Bearer error=\"invalid_token\""))),
            None => Err(Box::new(refused("Bearer"))),
        }
    }
}

/// Returns the token of a header `Authorization: Bearer token` (RFC 6750).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at(value.iter().position(|byte| *byte == b' ')?);
    (scheme.eq_ignore_ascii_case(b"bearer")).then(|| token.trim_ascii())
}

fn refused(challenge: &'static str) -> Response {
    let problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "This needs the header `Authorization: Bearer` with the token of this service.",
    );
    let mut response = problem.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static(challenge),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_the_token() {
        let token = Secret::from("s3cret");
        assert!(is(&token, b"s3cret"));
        for shown in ["", "s", "s3cre", "s3cret!", "S3cret", "t3cret"] {
            assert!(!is(&token, shown.as_bytes()), "{shown}");
        }
        for empty in ["", " \n"] {
            assert!(!is(&Secret::from(empty), b""));
        }
    }

    #[test]
    fn a_token_may_have_any_letters_and_come_from_a_file() {
        let access = Access::Token(Secret::from("größe €\r\n"));
        let shown = |token: &str| {
            let value = HeaderValue::from_bytes(format!("Bearer {token}").as_bytes());
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.unwrap())]);
            access.check(&headers).is_ok()
        };
        assert!(shown("größe €"));
        assert!(!shown("größe"));
    }

    #[test]
    fn a_token_is_not_displayed() {
        let access = Access::Token(Secret::from("s3cret"));
        assert!(!format!("{access:?}").contains("s3cret"));
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        assert_eq!(bearer(b"bEARER  abc "), Some(&b"abc"[..]));
        for value in ["Basic abc", "Bearer", "abc"] {
            assert_eq!(bearer(value.as_bytes()), None, "{value}");
        }
    }
}
