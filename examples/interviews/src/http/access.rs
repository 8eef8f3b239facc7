//! Who may use the routes of administrators.

use std::fmt;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use dbop::http::Problem;

/// The token that administrators show, which is never displayed.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// # Errors
    ///
    /// Fails if the token is shorter than 16 characters, because it could be guessed.
    pub fn new(token: impl Into<String>) -> Result<Self, &'static str> {
        let token = token.into();
        if token.trim() == token && token.len() >= 16 {
            Ok(Self(token))
        } else {
            Err("a token has at least 16 characters, and no white space around it")
        }
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the request shows this token. The time that this takes does not tell where two tokens
    /// differ.
    fn is_shown(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(header::AUTHORIZATION);
        let shown = shown.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        shown.is_some_and(|shown| {
            let pairs = self.0.as_bytes().iter().zip(shown);
            let differences = pairs.fold(0, |differences, (a, b)| differences | (a ^ b));
            shown.len() == self.0.len() && differences == 0
        })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Lets a request with the token through.
pub(super) async fn administrators(
    State(token): State<Token>,
    request: Request,
    next: Next,
) -> Response {
    if token.is_shown(request.headers()) {
        return next.run(request).await;
    }
    let detail = "This needs the header `Authorization: Bearer` with the token of administrators.";
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail);
    let mut response = problem.into_response();
    let headers = response.headers_mut();
    headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_shown() {
        let token = Token::new("0123456789abcdef").expect("long enough");
        for (value, is_shown) in [
            ("Bearer 0123456789abcdef", true),
            ("Bearer 0123456789abcde", false),
            ("Bearer 0123456789abcdefg", false),
            ("Bearer 0123456789abcdeF", false),
            ("Basic 0123456789abcdef", false),
            ("Bearer ", false),
            ("", false),
        ] {
            let value = HeaderValue::from_static(value);
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.clone())]);
            assert_eq!(token.is_shown(&headers), is_shown, "{value:?}");
        }
        assert!(!token.is_shown(&HeaderMap::new()));
    }

    #[test]
    fn a_token_that_can_be_guessed_is_refused_and_no_token_is_displayed() {
        for bad in ["", "short", "0123456789abcde", " 0123456789abcdef"] {
            assert!(Token::new(bad).is_err(), "{bad}");
        }
        let token = Token::new("0123456789abcdef").expect("long enough");
        assert!(!format!("{token:?}").contains("0123"));
    }
}
