//! What the type of a test's argument says: the databases of the test, and how the test is run.

use syn::{PathSegment, Type};

use crate::database::{DB, Database};
use crate::function::types;

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
    match types::reference(ty) {
        Some((inner, is_mutable)) => {
            let segment = types::last_segment(inner)?;
            let is_transaction = is_mutable && segment.ident == "Tx";
            is_transaction.then(|| (Kind::Transaction, inside(segment)))
        }
        None if matches!(types::ungrouped(ty), Type::Path(_)) => {
            let named = types::last_segment(ty).map_or(Named::Unknown, of_handle);
            Some((Kind::Handle, named))
        }
        None => None,
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
    let types = types::type_arguments(segment).into_iter();
    let mut named = types.filter_map(types::last_segment).filter_map(|segment| {
        if segment.ident == DB {
            return Some(Named::Each);
        }
        let found = Database::ALL.iter().find(|(name, _)| segment.ident == name);
        found.map(|(_, database)| Named::One(*database))
    });
    named.next().unwrap_or(Named::Unknown)
}
