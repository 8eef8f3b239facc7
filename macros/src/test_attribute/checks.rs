//! What does not fit together in a test: its signature, its options and its attributes.

use std::path::Path;

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::{FnArg, ItemFn, LitStr, PatType, ReturnType};

use super::argument::{self, Kind, Named};
use super::options::Options;
use crate::database::Database;
use crate::errors::Errors;
use crate::suggest;

/// How a test is run.
pub(super) struct Plan {
    pub(super) kind: Kind,
    pub(super) databases: Vec<Database>,
    /// Whether the function is compiled for each database, because its argument names `DB`.
    pub(super) for_each: bool,
}

/// Reads the function under the attribute.
pub(super) fn function(input: TokenStream) -> syn::Result<ItemFn> {
    syn::parse2(input).map_err(|error| {
        let text = format!(
            "`#[dbop::test]` stands on an `async fn` with a body, such as `async fn a_test(db: AnyDb) \
             {{ .. }}` ({error})"
        );
        syn::Error::new(error.span(), text)
    })
}

/// Returns how the test is run; `None` if there is a mistake, which `errors` then has.
pub(super) fn plan(
    function: &ItemFn,
    options: &Options,
    built_in: &[Database],
    errors: &mut Errors,
) -> Option<Plan> {
    signature(function, errors);
    attributes(function, errors);
    let folders = options.migrations.iter();
    folders
        .flat_map(|given| given.value.folders())
        .for_each(|written| folder(written, errors));
    let argument = argument(function, errors)?;
    let (kind, named) = kind(argument, errors)?;
    let databases = databases(named, argument, options, built_in, errors)?;
    if let Some(in_memory) = &options.in_memory
        && !databases.contains(&Database::Sqlite)
    {
        errors.at(
            in_memory.key.span(),
            "`in_memory` is for SQLite, and this test runs on PostgreSQL only; remove it",
        );
    }
    migrations(&databases, options, errors);
    Some(Plan {
        kind,
        databases,
        for_each: named == Named::Each,
    })
}

fn signature(function: &ItemFn, errors: &mut Errors) {
    let signature = &function.sig;
    if signature.asyncness.is_none() {
        let name = &signature.ident;
        errors.at(
            signature.fn_token.span(),
            format!("a test under `#[dbop::test]` is async; write `async fn {name}`"),
        );
    }
    if !signature.generics.params.is_empty() {
        errors.on(
            &signature.generics,
            "a test has no generics, because nobody says what they stand for; remove them",
        );
    }
}

fn attributes(function: &ItemFn, errors: &mut Errors) {
    let last = |attribute: &syn::Attribute| {
        let segment = attribute.path().segments.last();
        segment.map(|segment| segment.ident.to_string())
    };
    for attribute in &function.attrs {
        match last(attribute).as_deref() {
            Some("test") => errors.on(
                attribute,
                "`#[dbop::test]` makes the tests by itself; remove this attribute",
            ),
            Some("should_panic") if !matches!(function.sig.output, ReturnType::Default) => {
                errors.on(
                    attribute,
                    "a test that should panic returns nothing; remove its return type, and write \
                     `.unwrap()` in place of `?`",
                );
            }
            _ => {}
        }
    }
}

/// Returns the one argument.
fn argument<'f>(function: &'f ItemFn, errors: &mut Errors) -> Option<&'f PatType> {
    let name = &function.sig.ident;
    let mut inputs = function.sig.inputs.iter();
    let Some(first) = inputs.next() else {
        errors.at(
            name.span(),
            format!(
                "a test takes its database; write `async fn {name}(db: AnyDb)`, or use `#[tokio::test]` \
                 for a test without one"
            ),
        );
        return None;
    };
    if let Some(second) = inputs.next() {
        errors.on(
            second,
            "a test takes one argument, its database; make everything else in its body",
        );
        return None;
    }
    match first {
        FnArg::Typed(argument) => Some(argument),
        FnArg::Receiver(receiver) => {
            errors.on(
                receiver,
                format!(
                    "a test is no method; write `async fn {name}(db: AnyDb)` outside of the `impl`"
                ),
            );
            None
        }
    }
}

fn kind(argument: &PatType, errors: &mut Errors) -> Option<(Kind, Named)> {
    let read = argument::read(&argument.ty);
    if read.is_none() {
        errors.on(
            &argument.ty,
            "a test takes a handle or a pool by value, such as `AnyDb`, `Db<Sqlite>` or `PgPool`, or a \
             transaction, such as `&mut Tx<'_, Sqlite>`",
        );
    }
    read
}

/// Returns the databases that the test runs on.
fn databases(
    named: Named,
    argument: &PatType,
    options: &Options,
    built_in: &[Database],
    errors: &mut Errors,
) -> Option<Vec<Database>> {
    let databases = match (named, &options.on) {
        (Named::Any | Named::Each, None) => return Some(built_in.to_vec()),
        (Named::One(database), None) => vec![database],
        (Named::Unknown, None) => {
            errors.on(
                &argument.ty,
                "the type does not say which database the test runs on; add `on = [Sqlite]` or \
                 `on = [Postgres]` to `#[dbop::test]`, or name `DB` or `AnyDb`",
            );
            return None;
        }
        (Named::One(database), Some(on)) if on.value != [database] => {
            let said = suggest::list(on.value.iter().map(|each| each.name()));
            let database = database.name();
            errors.at(
                on.key.span(),
                format!(
                    "`on` says {said}, and the argument is of `{database}`; remove `on`, or take `AnyDb`"
                ),
            );
            return None;
        }
        (_, Some(on)) => on.value.clone(),
    };
    for database in &databases {
        if !built_in.contains(database) {
            let place = match &options.on {
                Some(on) => on.key.span(),
                None => argument.ty.span(),
            };
            let (name, feature) = (database.name(), database.feature());
            errors.at(
                place,
                format!(
                    "a test on `{name}` needs dbop's feature `{feature}`; enable it in Cargo.toml"
                ),
            );
        }
    }
    Some(databases)
}

/// Checks that each database has migrations, if there are any.
fn migrations(databases: &[Database], options: &Options, errors: &mut Errors) {
    let Some(migrations) = &options.migrations else {
        return;
    };
    // What was not read as a folder has been reported.
    if migrations.value.folders().next().is_none() {
        return;
    }
    for database in databases {
        if migrations.value.of(*database).is_none() {
            let (name, key) = (database.name(), database.feature());
            errors.at(
                migrations.key.span(),
                format!(
                    "`migrations` has none for `{name}`, on which this test runs as well; add `{key} = \
                     \"./migrations/{key}\"`, or name the databases by `on`"
                ),
            );
        }
    }
}

/// Checks that the folder of the migrations is there.
fn folder(written: &LitStr, errors: &mut Errors) {
    let path = written.value();
    if Path::new(&path).is_absolute() {
        errors.at(
            written.span(),
            "the path is only right on this machine; write it relative to the folder of Cargo.toml, \
             such as \"./migrations\"",
        );
        return;
    }
    let Some(package) = std::env::var_os("CARGO_MANIFEST_DIR") else {
        return;
    };
    if !Path::new(&package).join(&path).is_dir() {
        errors.at(
            written.span(),
            format!(
                "there is no folder `{path}` beside Cargo.toml; make it, or correct the path, which is \
                 relative to the folder of Cargo.toml"
            ),
        );
    }
}
