//! What the environment says, beside the variables of dbop.

use std::env::{self, VarError};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use uuid::Uuid;

use crate::http::Token;

/// | variable | default | meaning |
/// |---|---|---|
/// | `HOST` | `127.0.0.1` | the address at which the service listens; `0.0.0.0` for all |
/// | `PORT` | `3000` | the port; 0 for any that is free |
/// | `ADMIN_TOKEN` | a new one at each start, which is printed | what administrators show, at least 16 characters |
/// | `DATABASE_URL` and others | `sqlite:interviews.sqlite?mode=rwc` | the database, as dbop's guide says |
#[derive(Debug)]
pub struct Settings {
    pub address: SocketAddr,
    pub token: Token,
    /// Whether nobody knows the token yet.
    pub token_is_new: bool,
}

impl Settings {
    /// # Errors
    ///
    /// The error names the variable, and what would be valid. It does not show the token.
    pub fn from_env() -> Result<Self, String> {
        let host = parsed::<IpAddr>("HOST", "127.0.0.1", "an IP address, such as 0.0.0.0")?;
        let port = parsed::<u16>("PORT", "3000", "a port from 0 to 65535")?;
        let token = text("ADMIN_TOKEN")?;
        Ok(Self {
            address: SocketAddr::new(host, port),
            token_is_new: token.is_none(),
            token: Token::new(token.unwrap_or_else(|| Uuid::new_v4().to_string()))
                .map_err(|why| format!("ADMIN_TOKEN: {why}"))?,
        })
    }
}

fn text(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(text) => Ok(Some(text)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is no text")),
    }
}

fn parsed<T: FromStr>(name: &str, default: &str, valid: &str) -> Result<T, String> {
    let text = text(name)?.unwrap_or_else(|| default.to_owned());
    let value = text.parse();
    value.map_err(|_| format!("{name} is `{text}`; expected {valid}"))
}
