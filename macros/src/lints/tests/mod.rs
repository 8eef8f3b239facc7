//! Tests what the lints find in code, without a compiler.

mod cases;
mod levels;
mod pages;
mod plain;
mod random;

use quote::ToTokens;
use syn::{Attribute, File, ImplItem, Item};

use crate::options;

/// The beginning of the last line of a report.
const PAGE: &str = "note: `dbop::lint::";

/// Returns the names of the lints that report something in the operations of this code, in the
/// order of the reports: errors before warnings.
fn found(code: &str) -> Vec<String> {
    let file: File = syn::parse_str(code).unwrap_or_else(|error| panic!("{error}: {code}"));
    let mut found = Vec::new();
    for item in file.items {
        match item {
            Item::Fn(mut function) => {
                if let Some(operation) = take_operation(&mut function.attrs) {
                    found.extend(reported(&operation, &function));
                }
            }
            Item::Impl(block) => {
                for item in block.items {
                    if let ImplItem::Fn(mut function) = item
                        && let Some(operation) = take_operation(&mut function.attrs)
                    {
                        found.extend(reported(&operation, &function));
                    }
                }
            }
            _ => {}
        }
    }
    found
}

fn take_operation(attributes: &mut Vec<Attribute>) -> Option<Attribute> {
    let is_operation = |attribute: &Attribute| {
        attribute.path().is_ident("db_op") || attribute.path().is_ident("transactional")
    };
    let at = attributes.iter().position(is_operation)?;
    Some(attributes.remove(at))
}

fn reported(operation: &Attribute, function: &impl ToTokens) -> Vec<String> {
    let kind = if operation.path().is_ident("db_op") {
        options::Attribute::DbOp
    } else {
        options::Attribute::Transactional
    };
    let options = match &operation.meta {
        syn::Meta::List(list) => list.tokens.clone(),
        _ => Default::default(),
    };
    let expansion = crate::expand_operation(kind, options, function.to_token_stream()).to_string();
    let mut errors = expansion
        .split("compile_error ! {")
        .skip(1)
        .filter_map(|rest| rest.split("\" }").next());
    // Any other error is a mistake in the test, or the error that the test asks for.
    if let Some(other) = errors.find(|error| !error.contains(PAGE)) {
        return vec![other.to_owned()];
    }
    let pages = expansion
        .split(PAGE)
        .skip(1)
        .filter_map(|rest| rest.split('`').next());
    pages.map(str::to_owned).collect()
}

type Find = fn(&str) -> Vec<String>;

#[track_caller]
fn all(find: Find, lint: &str, bodies: &[&str]) {
    for body in bodies {
        assert_eq!(find(body), [lint], "{body}");
    }
}

#[track_caller]
fn none(find: Find, bodies: &[&str]) {
    for body in bodies {
        assert_eq!(find(body), [] as [&str; 0], "{body}");
    }
}

/// Returns the names found in the body of `async fn f(tx: &mut Tx<'_, Sqlite>, ..)`.
fn in_transaction(body: &str) -> Vec<String> {
    found(&format!(
        "#[transactional] async fn f(tx: &mut Tx<'_, Sqlite>, pool: &Pool, client: &Client, items: &[i64]) -> R {{ {body} }}"
    ))
}

/// Returns the names found in the body of `async fn f(conn: &mut Conn<'_, Sqlite>, ..)`.
fn in_operation(body: &str) -> Vec<String> {
    found(&format!(
        "#[db_op] async fn f(conn: &mut Conn<'_, Sqlite>, pool: &Pool, client: &Client, items: &[i64]) -> R {{ {body} }}"
    ))
}
