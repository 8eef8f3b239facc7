//! What the type of a test's argument says: the databases of the test, and how the test is run.

use syn::{GenericArgument, PathArguments, PathSegment, Type};

use crate::database::{DB, Database};

/// What a test takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A handle or a pool, by value.
    Handle,
    /// A transaction that is rolled back at the end.
    Transaction,
}

/// The databases that a type names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// `AnyDb`, a handle to whichever of them there is.
    Any,
    /// `DB`, which stands for each of them in turn.
    Each,
    One(Database),
    /// None, as with an alias.
    Unknown,
}

/// Reads the type of an argument. `None` if a test cannot take it.
pub(super) fn read(ty: &Type) -> Option<(Kind, Named)> {
    match ty {
        Type::Reference(reference) => {
            let segment = last_segment(&reference.elem)?;
            let is_transaction = reference.mutability.is_some() && segment.ident == "Tx";
            is_transaction.then(|| (Kind::Transaction, inside(segment)))
        }
        Type::Path(_) => last_segment(ty).map(|segment| (Kind::Handle, of_handle(segment))),
        Type::Group(group) => read(&group.elem),
        Type::Paren(paren) => read(&paren.elem),
        _ => None,
    }
}

fn of_handle(segment: &PathSegment) -> Named {
    match segment.ident.to_string().as_str() {
        "AnyDb" => Named::Any,
        "SqlitePool" => Named::One(Database::Sqlite),
        "PgPool" => Named::One(Database::Postgres),
        "Db" | "Pool" => inside(segment),
        _ => Named::Unknown,
    }
}

/// Returns the database in `<'_, Sqlite>`.
fn inside(segment: &PathSegment) -> Named {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return Named::Unknown;
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => last_segment(ty),
        _ => None,
    });
    let mut named = types.filter_map(|segment| {
        if segment.ident == DB {
            return Some(Named::Each);
        }
        let found = Database::ALL.iter().find(|(name, _)| segment.ident == name);
        found.map(|(_, database)| Named::One(*database))
    });
    named.next().unwrap_or(Named::Unknown)
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}
