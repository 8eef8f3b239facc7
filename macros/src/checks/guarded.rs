//! What does not fit a guarded function, which is a call of another service.

use quote::ToTokens;
use syn::{FnArg, Type};

use crate::errors::Errors;
use crate::function::{Function, names_session};
use crate::names;
use crate::options::{Options, Timeout};
use crate::tokens::has_ident;

const USE_DB_OP: &str = "a guarded function calls another service, and gets no session of a database; write `#[db_op]` for an operation on the database, and keep the two apart, so that no connection is held while the service takes its time";

/// Reports a function, or its options, that `#[guarded]` cannot be for.
pub(super) fn check(function: &Function, options: &Options, errors: &mut Errors) {
    form(function, errors);
    sessions(function, errors);
    other_attributes(function, errors);
    if let (Some(attempt), Some(Timeout::Millis(call))) = (
        &options.attempt_timeout,
        options.timeout.as_ref().map(|timeout| timeout.value),
    ) && attempt.value > call
    {
        let message = format!(
            "`attempt_timeout` ({} ms) is longer than `timeout` ({call} ms), which is the deadline of the whole call; lower the one or raise the other",
            attempt.value
        );
        errors.at(attempt.key.span(), message);
    }
}

fn form(function: &Function, errors: &mut Errors) {
    let signature = &function.source.signature;
    if function.is_plain() {
        let name = &signature.ident;
        errors.at(
            signature.fn_token.span,
            format!("a guarded function is async, because its deadline can only cut off what is awaited; write `async fn {name}`, and run code that blocks in `tokio::task::spawn_blocking`"),
        );
    } else if function.stream().is_some() {
        errors.on(
            &signature.output,
            "a guarded function has one answer, and no deadline or retry for each item of a stream; make it an `async fn` that returns all items, or guard the call that opens the stream",
        );
    }
}

/// Reports parameters that are sessions, or what sessions come from.
fn sessions(function: &Function, errors: &mut Errors) {
    let source = &function.source;
    for (_, mark) in &source.marks {
        errors.on(mark, USE_DB_OP);
    }
    for (_, mark) in &source.skips {
        errors.on(
            mark,
            "`#[once(skip)]` belongs to `#[transactional(once = key)]`; remove this mark",
        );
    }
    for (index, input) in source.signature.inputs.iter().enumerate() {
        if let FnArg::Typed(parameter) = input
            && !source.is_marked(index)
            && is_of_database(&parameter.ty)
        {
            errors.on(&parameter.ty, USE_DB_OP);
        }
    }
    let generics = &source.signature.generics;
    for given in [
        generics.params.to_token_stream(),
        generics.where_clause.to_token_stream(),
    ] {
        if EXECUTORS.iter().any(|name| has_ident(given.clone(), name)) {
            errors.on(given, USE_DB_OP);
        }
    }
}

const EXECUTORS: [&str; 2] = ["PgExecutor", "SqliteExecutor"];
const POOLS: [&str; 2] = ["PgPool", "SqlitePool"];
const DATABASES: [&str; 2] = ["Postgres", "Sqlite"];

/// Returns whether the type is a session, a connection, an executor or a pool. A pool of another library
/// may be called `Pool` as well, but names no database.
fn is_of_database(ty: &Type) -> bool {
    let tokens = ty.to_token_stream();
    let has = |name: &&str| has_ident(tokens.clone(), name);
    names_session(ty)
        || EXECUTORS.iter().any(has)
        || POOLS.iter().any(has)
        || (has(&"Pool") && DATABASES.iter().any(has))
}

/// Reports a function that is an operation or a job as well.
fn other_attributes(function: &Function, errors: &mut Errors) {
    let source = &function.source;
    let others = ["db_op", "transactional", "guarded", "job"];
    let written = source.attributes.iter().find(|attribute| {
        let last = attribute.path().segments.last();
        last.is_some_and(|last| others.iter().any(|other| last.ident == other))
    });
    let message = "a guarded function is no operation on a database and no job, and is guarded once; write two functions, of which one calls the other";
    if let Some(attribute) = written {
        errors.on(attribute, message);
    } else if has_ident(source.body.stream(), &names::operation().to_string()) {
        // The attribute above has written its loop already.
        errors.at(source.signature.ident.span(), message);
    }
}
