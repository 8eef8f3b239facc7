//! The session of an async function, and what its type says about the database.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::{Signature, Type};

use super::{Candidate, Session, SessionKind, written};
use crate::errors::Errors;
use crate::function::lookalike::Lookalike;
use crate::function::{Source, executor, types};
use crate::names::Runtime;
use crate::options::{Attribute, Callers};

/// Finds the session: the parameter that is marked, or the first one whose type names a session or
/// any executor of sqlx.
pub(crate) fn find_session(
    attribute: Attribute,
    signature: &mut Signature,
    source: &Source,
    runtime: &Runtime,
    errors: &mut Errors,
) -> Option<Session> {
    let (marks, body) = (&source.marks, source.body.stream());
    let awaited = Awaited {
        attribute,
        runtime,
        marked: !marks.is_empty(),
    };
    let is_named = |candidate: Candidate<'_>| behind_mut(&candidate.parameter.ty).is_some();
    let has_named = super::candidates(signature).any(is_named);
    let executor = if has_named {
        None
    } else {
        let marked = marks.first().map(|(index, _)| *index);
        executor::replace(attribute, signature, body.clone(), marked, runtime, errors)
    };
    let session = super::find(&awaited, attribute, signature, &body, marks, errors)?;
    Some(match executor {
        Some(executor) if executor.index == session.index => session.was(executor),
        _ => session,
    })
}

/// Returns whether the type is `&mut Tx<'_, DB>` or `&mut Conn<'_, DB>`.
pub(super) fn is_of_dbop(ty: &Type) -> bool {
    matches!(behind_mut(ty), Some(Known::Tx(_) | Known::Conn(_)))
}

/// Returns whether the type is that of a session, of sqlx's connection or of its transaction, whether or
/// not the type is behind a reference or in an `Option`.
pub(crate) fn names_session(ty: &Type) -> bool {
    let inner = types::reference(ty).map_or(ty, |(inner, _)| inner);
    known(inner).is_some() || types::optional_transaction(inner).is_some()
}

/// What a type is, if its name is the name of a session.
enum Known<'t> {
    Tx(&'t Type),
    Conn(&'t Type),
    Postgres,
    Sqlite,
    /// `Tx` or `Conn` without a database.
    Incomplete,
    /// sqlx's own transaction.
    Foreign(&'t Type),
}

fn known(ty: &Type) -> Option<Known<'_>> {
    let segment = types::last_segment(ty)?;
    let database = types::type_arguments(segment);
    match (segment.ident.to_string().as_str(), database.as_slice()) {
        ("Tx", [database]) => Some(Known::Tx(database)),
        ("Conn", [database]) => Some(Known::Conn(database)),
        ("Transaction", [database]) => Some(Known::Foreign(database)),
        ("Tx" | "Conn", []) if !segment.arguments.is_none() => Some(Known::Incomplete),
        ("PgConnection", []) => Some(Known::Postgres),
        ("SqliteConnection", []) => Some(Known::Sqlite),
        _ => None,
    }
}

/// Returns the session type behind a `&mut`, which needs no mark.
fn behind_mut(ty: &Type) -> Option<Known<'_>> {
    types::reference(ty)
        .filter(|(_, mutable)| *mutable)
        .and_then(|(inner, _)| known(inner))
}

struct Awaited<'a> {
    attribute: Attribute,
    runtime: &'a Runtime,
    marked: bool,
}

impl SessionKind for Awaited<'_> {
    const NOUN: &'static str = "session";

    /// Accepts any type with a mark. A macro sees only the name of an alias; the runtime finds the
    /// type behind the name.
    fn marked(&self, candidate: Candidate<'_>, errors: &mut Errors) -> Option<Session> {
        let named = self.first(candidate, errors);
        named.or_else(|| Some(Session::new(candidate, self.hidden_database(candidate))))
    }

    fn first(&self, candidate: Candidate<'_>, errors: &mut Errors) -> Option<Session> {
        let ty = &candidate.parameter.ty;
        if let Some(known) = behind_mut(ty) {
            return self.resolve(&known, candidate, errors);
        }
        if let Some(database) = types::optional_transaction(ty)
            && self.attribute == Attribute::Transactional
        {
            let mut session = Session::new(candidate, database.to_token_stream());
            session.callers = Callers::Optional;
            return Some(session);
        }
        let (inner, why) = match types::reference(ty) {
            Some((inner, _)) => (inner, "a shared reference cannot run statements"),
            None => (&**ty, "dbop opens and closes it, the body only borrows it"),
        };
        match known(inner)? {
            Known::Tx(database) | Known::Conn(database) => {
                errors.on(
                    ty,
                    format!("the session parameter is `&mut {}`: {why}", written(inner)),
                );
                Some(Session::new(candidate, database.to_token_stream()))
            }
            foreign @ Known::Foreign(_) => self.resolve(&foreign, candidate, errors),
            _ => None,
        }
    }

    fn later(&self, candidate: Candidate<'_>, errors: &mut Errors) -> Option<Session> {
        if types::optional_transaction(&candidate.parameter.ty).is_some() {
            return self.first(candidate, errors);
        }
        match behind_mut(&candidate.parameter.ty)? {
            Known::Incomplete | Known::Foreign(_) => None,
            known => self.resolve(&known, candidate, errors),
        }
    }

    fn missing(&self, name: &Ident, receiver: &str, lookalike: Option<&Lookalike>) -> String {
        if let Some(found) = lookalike {
            let advice = found.advice(self.attribute);
            return format!("`#[transactional]` finds no session in `{name}`; {advice}");
        }
        format!(
            "`{name}` has no session parameter: `#[transactional]` needs one, as in `fn {name}({receiver}tx: &mut Tx<'_, Sqlite>, ..)`; an alias of that type is marked with `#[session]`"
        )
    }
}

impl Awaited<'_> {
    /// Returns the database of a session whose type does not show the database.
    fn hidden_database(&self, candidate: Candidate<'_>) -> TokenStream {
        let hidden = types::with_lifetimes(&candidate.parameter.ty, "'static", false);
        let trait_path = self.runtime.session_param();
        quote!(<#hidden as #trait_path>::Database)
    }

    fn resolve(
        &self,
        known: &Known<'_>,
        candidate: Candidate<'_>,
        errors: &mut Errors,
    ) -> Option<Session> {
        let ty = &candidate.parameter.ty;
        let (database, is_tx) = match known {
            Known::Tx(database) => (database, true),
            Known::Conn(database) => (database, false),
            Known::Postgres => return Some(raw(candidate, self.runtime.postgres())),
            Known::Sqlite => return Some(raw(candidate, self.runtime.sqlite())),
            Known::Incomplete if self.marked => return None,
            // An alias of sqlx's transaction, which a `#[db_op]` runs in as it is.
            Known::Incomplete if self.attribute == Attribute::DbOp && is_named_tx(ty) => {
                return None;
            }
            Known::Incomplete => {
                errors.on(ty, "the database is missing: write for example `&mut Tx<'_, Sqlite>`, or mark an alias with `#[session]`");
                let database = self.hidden_database(candidate);
                return Some(Session::new(candidate, database));
            }
            Known::Foreign(database) if self.attribute == Attribute::Transactional => {
                let shown = written(database);
                errors.on(ty, format!("the caller has begun this transaction, so `#[transactional]` has none to begin; write `#[db_op]` to run in it as it is, or take `&mut Tx<'_, {shown}>`, for which callers may still pass sqlx's transaction"));
                return Some(Session::new(candidate, database.to_token_stream()));
            }
            Known::Foreign(_) => return None,
        };
        let shown = written(database);
        match (self.attribute, is_tx) {
            (Attribute::Transactional, false) => {
                errors.on(ty, format!("`#[transactional]` gives its body a transaction; take `tx: &mut Tx<'_, {shown}>`, or use `#[db_op]`"));
            }
            (Attribute::DbOp, true) => {
                errors.on(ty, format!("`#[db_op]` opens no transaction; use `#[transactional]`, or take `conn: &mut Conn<'_, {shown}>`"));
            }
            _ => {}
        }
        Some(Session::new(candidate, database.to_token_stream()))
    }
}

/// Returns whether the type behind `&mut` is called `Tx`.
fn is_named_tx(ty: &Type) -> bool {
    let segment = types::reference(ty).and_then(|(inner, _)| types::last_segment(inner));
    segment.is_some_and(|segment| segment.ident == "Tx")
}

/// Returns the session for a body that gets the driver's connection.
fn raw(candidate: Candidate<'_>, database: TokenStream) -> Session {
    let mut session = Session::new(candidate, database);
    session.callers = Callers::Place;
    session
}
