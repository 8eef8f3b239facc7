//! Which parameter of a plain function is the connection.

use quote::ToTokens;
use syn::{PatType, Signature, Type};

use super::session::{Session, session, source, typed};
use super::types;
use crate::errors::Errors;
use crate::options::Attribute;

/// Finds the connection: the first parameter after the receiver, if it is a `&mut` reference or
/// names a connection, or the one that is marked.
pub(crate) fn find(
    attribute: Attribute,
    signature: &Signature,
    marks: &[(usize, syn::Attribute)],
    errors: &mut Errors,
) -> Option<Session> {
    for (_, again) in marks.iter().skip(1) {
        errors.on(
            again,
            "only one parameter can be the connection; remove this `#[session]`",
        );
    }
    let mut typed = typed(signature);
    if let Some((index, mark)) = marks.first() {
        let Some((index, parameter)) = typed.find(|(candidate, _)| candidate == index) else {
            errors.on(mark, "a receiver cannot be the connection; mark a parameter, or write `db = self.field` in the attribute");
            return None;
        };
        return connection(index, parameter, true, errors);
    }
    if let Some((index, parameter)) = typed.next() {
        if let Some(found) = connection(index, parameter, false, errors) {
            return Some(found);
        }
        if attribute == Attribute::Transactional && is_named_connection(&parameter.ty) {
            errors.on(&parameter.ty, BORROWED);
            return Some(found(index, parameter, &parameter.ty));
        }
    }
    if let Some(later) = later(typed, errors) {
        return Some(later);
    }
    if attribute == Attribute::Transactional {
        let name = &signature.ident;
        let receiver = signature.receiver().map_or("", |_| "&self, ");
        errors.at(
            name.span(),
            format!("`{name}` has no connection: `#[transactional]` on a plain `fn` needs one, as in `fn {name}({receiver}conn: &mut rusqlite::Connection, ..)`; or make it an `async fn` with `tx: &mut Tx<'_, Sqlite>`"),
        );
    }
    None
}

const BORROWED: &str = "the connection of a plain `fn` is borrowed: write `&mut`, as in `conn: &mut rusqlite::Connection`";

/// `None`: the parameter is something else. A wrong one is reported, and is the connection all the
/// same: it is clear which parameter was meant.
fn connection(
    index: usize,
    parameter: &PatType,
    marked: bool,
    errors: &mut Errors,
) -> Option<Session> {
    let (inner, mutable) = match types::reference(&parameter.ty) {
        Some(found) => found,
        None if marked => {
            errors.on(&parameter.ty, BORROWED);
            return Some(found(index, parameter, &parameter.ty));
        }
        None => return None,
    };
    let segment = types::last_segment(inner);
    let name = segment.map(|segment| segment.ident.to_string());
    // Without its database it is an alias of that name.
    let is_complete = segment.is_some_and(|segment| !segment.arguments.is_none());
    match name.as_deref() {
        Some("Tx" | "Conn") if is_complete => {
            errors.on(
                &parameter.ty,
                format!("`{}` runs statements that are awaited; make this an `async fn`, or take a connection of a synchronous driver, such as `&mut rusqlite::Connection`", source(inner)),
            );
        }
        Some("Transaction" | "Savepoint") => {
            errors.on(&parameter.ty, "dbop begins and commits; take the connection, `&mut rusqlite::Connection` or `&mut postgres::Client`");
        }
        Some("Connection") => {}
        // A pool that functions share is no connection; it has to be marked.
        _ if mutable || marked => {}
        _ => return None,
    }
    Some(found(index, parameter, inner))
}

/// One that is not the first parameter.
fn later<'p>(
    mut later: impl Iterator<Item = (usize, &'p PatType)>,
    errors: &mut Errors,
) -> Option<Session> {
    let (index, parameter, inner) = later.find_map(|(index, parameter)| {
        let (inner, mutable) = types::reference(&parameter.ty)?;
        // Many things are called a client.
        let is_connection = is_named_connection(inner) || (mutable && is_client(inner));
        is_connection.then_some((index, parameter, inner))
    })?;
    errors.on(parameter, "the connection is the first parameter; move this one to the front, or mark it with `#[session]`");
    Some(found(index, parameter, inner))
}

/// `rusqlite::Connection`, `SqliteConnection`, `PooledConnection<..>`
fn is_named_connection(ty: &Type) -> bool {
    types::last_segment(ty).is_some_and(|segment| segment.ident.to_string().ends_with("Connection"))
}

/// `postgres::Client`
fn is_client(ty: &Type) -> bool {
    types::last_segment(ty).is_some_and(|segment| segment.ident == "Client")
}

fn found(index: usize, parameter: &PatType, connection: &Type) -> Session {
    session(index, parameter, connection.to_token_stream())
}
