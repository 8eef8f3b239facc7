//! Which parameter is the session, and what its type says about the database.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{FnArg, Ident, Pat, PatType, Signature, Type};

use super::types;
use crate::errors::Errors;
use crate::names::{self, Runtime};
use crate::options::Attribute;

/// The parameter whose type callers do not see.
pub(crate) struct Session {
    /// Its place among all parameters, the receiver included.
    pub(crate) index: usize,
    /// Its name in the signature.
    pub(crate) name: Ident,
    pub(crate) parameter: PatType,
    /// The tokens of the database type `DB`, or of a plain function's connection.
    pub(crate) database: TokenStream,
}

impl Session {
    /// Whether the body gets the driver's connection, or a type that may stand for it.
    pub(crate) fn may_be_raw(&self) -> bool {
        !matches!(
            unmarked(&self.parameter.ty),
            Some(Known::Tx(_) | Known::Conn(_))
        )
    }
}

/// What a type is when its name is one of those a session has.
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

/// The type a session is behind, when the type is `&mut` one of those that need no mark.
fn unmarked(ty: &Type) -> Option<Known<'_>> {
    types::reference(ty)
        .filter(|(_, mutable)| *mutable)
        .and_then(|(inner, _)| known(inner))
}

/// The parameters that are not the receiver, each with its place among all.
pub(super) fn typed(signature: &Signature) -> impl Iterator<Item = (usize, &PatType)> {
    let inputs = signature.inputs.iter().enumerate();
    inputs.filter_map(|(index, input)| match input {
        FnArg::Typed(parameter) => Some((index, parameter)),
        FnArg::Receiver(_) => None,
    })
}

/// Finds the session parameter; every way to get it wrong is an error that shows the right one.
pub(crate) fn find(
    attribute: Attribute,
    signature: &Signature,
    marks: &[(usize, syn::Attribute)],
    runtime: &Runtime,
    errors: &mut Errors,
) -> Option<Session> {
    for (_, again) in marks.iter().skip(1) {
        errors.on(
            again,
            "only one parameter can be the session; remove this `#[session]`",
        );
    }
    let mut typed = typed(signature);
    let mut search = Search {
        attribute,
        runtime,
        errors,
        marked: !marks.is_empty(),
    };
    if let Some((index, mark)) = marks.first() {
        let Some((index, parameter)) = typed.find(|(candidate, _)| candidate == index) else {
            search.errors.on(mark, "a receiver cannot be the session; mark a parameter, or write `db = self.field` in the attribute");
            return None;
        };
        return search.marked(index, parameter);
    }
    typed
        .next()
        .and_then(|(index, parameter)| search.parameter(index, parameter))
        .or_else(|| search.later(typed).or_else(|| search.missing(signature)))
}

struct Search<'a> {
    attribute: Attribute,
    runtime: &'a Runtime,
    errors: &'a mut Errors,
    marked: bool,
}

impl Search<'_> {
    /// With a mark, any type may be the session: an alias hides its name from a macro, and the
    /// runtime resolves it.
    fn marked(&mut self, index: usize, parameter: &PatType) -> Option<Session> {
        self.parameter(index, parameter)
            .or_else(|| Some(session(index, parameter, self.hidden_database(parameter))))
    }

    /// The database of a type that does not show it.
    fn hidden_database(&self, parameter: &PatType) -> TokenStream {
        let hidden = types::with_lifetimes(&parameter.ty, "'static", false);
        let trait_path = self.runtime.session_param();
        quote!(<#hidden as #trait_path>::Database)
    }

    /// `None`: the type is none that names a session.
    ///
    /// A wrong one is reported, and is a session all the same: it is clear which parameter was
    /// meant, so callers see it as one.
    fn parameter(&mut self, index: usize, parameter: &PatType) -> Option<Session> {
        if let Some(known) = unmarked(&parameter.ty) {
            return self.resolve(&known, index, parameter);
        }
        let (inner, why) = match types::reference(&parameter.ty) {
            Some((inner, _)) => (inner, "a shared reference cannot run statements"),
            None => (
                &*parameter.ty,
                "dbop opens and closes it, the body only borrows it",
            ),
        };
        match known(inner)? {
            Known::Tx(database) | Known::Conn(database) => {
                self.reject(
                    parameter,
                    &format!("the session parameter is `&mut {}`: {why}", source(inner)),
                );
                Some(session(index, parameter, database.to_token_stream()))
            }
            foreign @ Known::Foreign(_) => self.resolve(&foreign, index, parameter),
            _ => None,
        }
    }

    fn resolve(&mut self, known: &Known<'_>, index: usize, parameter: &PatType) -> Option<Session> {
        let (database, shown, is_tx) = match known {
            Known::Tx(database) => (database.to_token_stream(), source(database), true),
            Known::Conn(database) => (database.to_token_stream(), source(database), false),
            Known::Postgres => (self.runtime.postgres(), "Postgres".to_owned(), false),
            Known::Sqlite => (self.runtime.sqlite(), "Sqlite".to_owned(), false),
            Known::Incomplete if self.marked => return None,
            Known::Incomplete => {
                self.reject(parameter, "the database is missing: write for example `&mut Tx<'_, Sqlite>`, or mark an alias with `#[session]`");
                return Some(session(index, parameter, self.hidden_database(parameter)));
            }
            Known::Foreign(database) if self.attribute == Attribute::Transactional => {
                let shown = source(database);
                self.reject(parameter, &format!("`#[transactional]` begins and commits by itself; take `&mut Tx<'_, {shown}>` in place of sqlx's transaction"));
                return Some(session(index, parameter, database.to_token_stream()));
            }
            Known::Foreign(_) => return None,
        };
        match (self.attribute, is_tx) {
            (Attribute::Transactional, false) => {
                self.reject(parameter, &format!("`#[transactional]` gives its body a transaction; take `tx: &mut Tx<'_, {shown}>`, or use `#[db_op]`"));
            }
            (Attribute::DbOp, true) => {
                self.reject(parameter, &format!("`#[db_op]` opens no transaction; use `#[transactional]`, or take `conn: &mut Conn<'_, {shown}>`"));
            }
            _ => {}
        }
        Some(session(index, parameter, database))
    }

    fn reject(&mut self, parameter: &PatType, message: &str) {
        self.errors.on(&parameter.ty, message);
    }

    /// A session that is not the first parameter.
    fn later<'p>(
        &mut self,
        mut later: impl Iterator<Item = (usize, &'p PatType)>,
    ) -> Option<Session> {
        let (index, parameter, database) = later.find_map(|(index, parameter)| {
            let database = match unmarked(&parameter.ty)? {
                Known::Tx(database) | Known::Conn(database) => database.to_token_stream(),
                Known::Postgres => self.runtime.postgres(),
                Known::Sqlite => self.runtime.sqlite(),
                Known::Incomplete | Known::Foreign(_) => return None,
            };
            Some((index, parameter, database))
        })?;
        self.errors.on(parameter, "the session is the first parameter; move this one to the front, or mark it with `#[session]`");
        Some(session(index, parameter, database))
    }

    /// No session at all, which is fine for `#[db_op]`.
    fn missing(&mut self, signature: &Signature) -> Option<Session> {
        if self.attribute == Attribute::Transactional {
            let name = &signature.ident;
            let receiver = signature.receiver().map_or("", |_| "&self, ");
            self.errors.at(
                name.span(),
                format!("`{name}` has no session parameter: `#[transactional]` needs one, as in `fn {name}({receiver}tx: &mut Tx<'_, Sqlite>, ..)`; an alias of that type is marked with `#[session]`"),
            );
        }
        None
    }
}

pub(super) fn session(index: usize, parameter: &PatType, database: TokenStream) -> Session {
    let name = match &*parameter.pat {
        Pat::Ident(pattern) => pattern.ident.clone(),
        _ => names::unnamed_session(),
    };
    Session {
        index,
        name,
        parameter: parameter.clone(),
        database,
    }
}

/// A type as one would write it; token streams print with spaces around everything.
pub(super) fn source(ty: &Type) -> String {
    ty.to_token_stream()
        .to_string()
        .replace(" < ", "<")
        .replace(" <", "<")
        .replace("< ", "<")
        .replace(" >", ">")
        .replace(" ,", ",")
        .replace(" :: ", "::")
        .replace("& ", "&")
}
