//! Which parameter of a plain function is the connection.

use quote::ToTokens;
use syn::{FnArg, PatType, Signature, Type};

use super::session::{Session, session, source};
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
    let mut typed = signature
        .inputs
        .iter()
        .enumerate()
        .filter_map(|(index, input)| match input {
            FnArg::Typed(parameter) => Some((index, parameter)),
            FnArg::Receiver(_) => None,
        });
    if let Some((index, mark)) = marks.first() {
        let Some((index, parameter)) = typed.find(|(candidate, _)| candidate == index) else {
            errors.on(mark, "a receiver cannot be the connection; mark a parameter, or write `db = self.field` in the attribute");
            return None;
        };
        return connection(index, parameter, true, errors);
    }
    let first = typed.next();
    if let Some((index, parameter)) = first
        && let Some(found) = connection(index, parameter, false, errors)
    {
        return Some(found);
    }
    if attribute == Attribute::Transactional && errors.is_empty() {
        let name = &signature.ident;
        let receiver = signature.receiver().map_or("", |_| "&self, ");
        errors.at(
            name.span(),
            format!("`{name}` has no connection: `#[transactional]` on a plain `fn` needs one, as in `fn {name}({receiver}conn: &mut rusqlite::Connection, ..)`; or make it an `async fn` with `tx: &mut Tx<'_, Sqlite>`"),
        );
    }
    None
}

/// `None`: the parameter is something else.
fn connection(
    index: usize,
    parameter: &PatType,
    marked: bool,
    errors: &mut Errors,
) -> Option<Session> {
    let (inner, mutable) = match types::reference(&parameter.ty) {
        Some(found) => found,
        None if marked => {
            errors.on(&parameter.ty, "the connection of a plain `fn` is borrowed: write `&mut`, as in `conn: &mut rusqlite::Connection`");
            return None;
        }
        None => return None,
    };
    let name = types::last_segment(inner).map(|segment| segment.ident.to_string());
    match name.as_deref() {
        Some("Tx" | "Conn") => {
            errors.on(
                &parameter.ty,
                format!("`{}` runs statements that are awaited; make this an `async fn`, or take a connection of a synchronous driver, such as `&mut rusqlite::Connection`", source(inner)),
            );
            None
        }
        Some("Transaction") => {
            errors.on(&parameter.ty, "dbop begins and commits; take the connection, `&mut rusqlite::Connection` or `&mut postgres::Client`");
            None
        }
        Some("Connection") => Some(found(index, parameter, inner)),
        // A pool that functions share is no connection; it has to be marked.
        _ if mutable || marked => Some(found(index, parameter, inner)),
        _ => None,
    }
}

fn found(index: usize, parameter: &PatType, connection: &Type) -> Session {
    session(index, parameter, connection.to_token_stream())
}
