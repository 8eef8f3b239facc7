//! The connection of a plain function.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::Type;

use super::{Candidate, Session, SessionKind, written};
use crate::errors::Errors;
use crate::function::lookalike::Lookalike;
use crate::function::{Source, types};
use crate::options::Attribute;

/// Finds the connection: the parameter that is marked, or the first parameter after the receiver,
/// if its type is a `&mut` reference or has the name of a connection.
pub(crate) fn find_connection(
    attribute: Attribute,
    source: &Source,
    errors: &mut Errors,
) -> Option<Session> {
    let (signature, body) = (&source.signature, source.body.stream());
    let plain = Plain { attribute };
    super::find(&plain, attribute, signature, &body, &source.marks, errors)
}

struct Plain {
    attribute: Attribute,
}

impl SessionKind for Plain {
    const NOUN: &'static str = "connection";

    fn marked(&self, candidate: Candidate<'_>, errors: &mut Errors) -> Option<Session> {
        connection(candidate, true, errors).or_else(|| Some(owned(candidate, errors)))
    }

    fn first(&self, candidate: Candidate<'_>, errors: &mut Errors) -> Option<Session> {
        let is_owned = || {
            let is_named = is_named_connection(&candidate.parameter.ty);
            self.attribute == Attribute::Transactional && is_named
        };
        connection(candidate, false, errors)
            .or_else(|| is_owned().then(|| owned(candidate, errors)))
    }

    fn later(&self, candidate: Candidate<'_>, errors: &mut Errors) -> Option<Session> {
        let (inner, mutable) = types::reference(&candidate.parameter.ty)?;
        // Many types are called a client, so only a `&mut` one counts.
        let is_connection = is_named_connection(inner) || (mutable && is_client_of_postgres(inner));
        if is_connection && !mutable {
            errors.on(candidate.parameter, "if this is the connection, mark it with `#[session]`; a shared reference may be something else");
        }
        is_connection.then(|| Session::new(candidate, inner.to_token_stream()))
    }

    fn missing(&self, name: &Ident, receiver: &str, _: Option<&Lookalike>) -> String {
        format!(
            "`{name}` has no connection: `#[transactional]` on a plain `fn` needs one, as in `fn {name}({receiver}conn: &mut rusqlite::Connection, ..)`; or make it an `async fn` with `tx: &mut Tx<'_, Sqlite>`"
        )
    }
}

/// Reports a connection that is taken by value, and returns the connection.
fn owned(candidate: Candidate<'_>, errors: &mut Errors) -> Session {
    let ty = &candidate.parameter.ty;
    errors.on(ty, "the connection of a plain `fn` is borrowed: write `&mut`, as in `conn: &mut rusqlite::Connection`");
    Session::new(candidate, ty.to_token_stream())
}

/// Returns the connection behind a reference; `None` if the parameter is something else.
fn connection(candidate: Candidate<'_>, marked: bool, errors: &mut Errors) -> Option<Session> {
    let ty = &candidate.parameter.ty;
    let (inner, mutable) = types::reference(ty)?;
    let segment = types::last_segment(inner);
    let name = segment.map(|segment| segment.ident.to_string());
    // A `Tx` or `Conn` without a database is an alias of that name.
    let is_complete = segment.is_some_and(|segment| !segment.arguments.is_none());
    match name.as_deref() {
        Some("Tx" | "Conn") if is_complete => {
            errors.on(
                ty,
                format!("`{}` runs statements that are awaited; make this an `async fn`, or take a connection of a synchronous driver, such as `&mut rusqlite::Connection`", written(inner)),
            );
        }
        Some("Transaction" | "Savepoint") => {
            errors.on(ty, "dbop begins and commits; take the connection, `&mut rusqlite::Connection` or `&mut postgres::Client`");
        }
        Some("Connection") => {}
        // A shared reference may be a pool, so it has to be marked.
        _ if mutable || marked => {}
        _ => return None,
    }
    Some(Session::new(candidate, inner.to_token_stream()))
}

/// Returns whether the type is called a connection: `rusqlite::Connection`, `SqliteConnection`,
/// `PooledConnection<..>`.
fn is_named_connection(ty: &Type) -> bool {
    types::last_segment(ty).is_some_and(|segment| segment.ident.to_string().ends_with("Connection"))
}

/// Returns whether the type is called like `postgres::Client`.
fn is_client_of_postgres(ty: &Type) -> bool {
    types::last_segment(ty).is_some_and(|segment| segment.ident == "Client")
}
