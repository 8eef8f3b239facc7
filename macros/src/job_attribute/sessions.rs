//! Parameters that are a session or a handle, neither of which a job can take.

use quote::ToTokens;
use syn::{PathArguments, PathSegment, Type, TypeParamBound};

use crate::database::{DB, Database};
use crate::function::types;

/// What a parameter would lend to the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lent {
    /// A transaction or a connection.
    Session,
    /// A handle or a pool.
    Handle,
}

/// Returns what a parameter of this type would lend to the body. `None` if the type is neither a
/// session nor a handle, as far as its name says.
pub(super) fn lent(ty: &Type) -> Option<Lent> {
    if let Type::ImplTrait(opaque) = types::ungrouped(ty) {
        let is_scope = opaque.bounds.iter().any(|bound| match bound {
            TypeParamBound::Trait(bound) => {
                let last = bound.path.segments.last();
                last.is_some_and(|last| SCOPES.iter().any(|scope| last.ident == scope))
            }
            _ => false,
        });
        return is_scope.then_some(Lent::Session);
    }
    if types::optional_transaction(ty).is_some() {
        return Some(Lent::Session);
    }
    let (inner, is_mutable) = types::reference(ty).unwrap_or((ty, false));
    let segment = types::last_segment(inner)?;
    let has_arguments = !matches!(segment.arguments, PathArguments::None);
    match segment.ident.to_string().as_str() {
        // An application may have a `Transaction` of its own, which is no session of a database.
        "Tx" | "Conn" | "Transaction" if is_mutable || has_arguments => Some(Lent::Session),
        "PgConnection" | "SqliteConnection" => Some(Lent::Session),
        "PoolConnection" if names_database(segment) => Some(Lent::Session),
        "AnyDb" | "PgPool" | "SqlitePool" => Some(Lent::Handle),
        "Db" | "Pool" if names_database(segment) => Some(Lent::Handle),
        _ => None,
    }
}

/// Returns the database that the type of a session or of a handle names.
pub(super) fn database_in(ty: &Type) -> Option<&'static str> {
    let words = ty.to_token_stream().to_string();
    if words.split(' ').any(|word| word == DB) {
        return Some(DB);
    }
    let begins = [
        ("Pg", Database::Postgres),
        ("Postgres", Database::Postgres),
        ("Sqlite", Database::Sqlite),
    ];
    let named =
        |(start, _): &(&str, Database)| words.split(' ').any(|word| word.starts_with(start));
    let found = begins.into_iter().find(named);
    found.map(|(_, database)| database.name())
}

/// The traits of what an operation of dbop or a statement of sqlx takes.
const SCOPES: [&str; 10] = [
    "Acquire",
    "AnyScope",
    "AnySessionScope",
    "Executor",
    "PgExecutor",
    "Place",
    "Scope",
    "SessionPlace",
    "SessionScope",
    "SqliteExecutor",
];

fn names_database(segment: &PathSegment) -> bool {
    let types = types::type_arguments(segment).into_iter();
    let mut names = types.filter_map(types::last_segment);
    names.any(|name| name.ident == DB || Database::ALL.iter().any(|(known, _)| name.ident == known))
}
