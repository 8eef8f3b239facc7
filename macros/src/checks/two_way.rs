//! The options `plain` and `prefer_async`: an async function and its plain twin.

use crate::errors::Errors;
use crate::function::Function;
use crate::options::{Callers, Options};

pub(super) fn check(function: &Function, options: &Options, errors: &mut Errors) {
    if let Some(plain) = &options.plain {
        let message = wrong_place(function, options);
        if let Some(message) = message {
            errors.at(plain.key.span(), message);
        } else if plain.value.path.is_ident(&function.source.signature.ident) {
            errors.on(
                &plain.value,
                "this is the async function itself; name the plain `fn` that does the same",
            );
        }
    }
    if let Some(prefers) = &options.prefer_async
        && let Some(message) = nothing_to_prefer(function, options)
    {
        errors.at(prefers.key.span(), message);
    }
}

/// Returns why this function cannot have a plain twin.
fn wrong_place(function: &Function, options: &Options) -> Option<&'static str> {
    let callers = function.session.as_ref().map(|session| session.callers);
    let message = if function.is_plain() {
        "`plain` names the plain twin of an `async fn`, and this `fn` is plain; move the option to the async function"
    } else if !cfg!(feature = "blocking") {
        "dbop is built without its feature `blocking`; enable `rusqlite`, `diesel-sqlite`, `postgres-sync` or `blocking`, or remove `plain`"
    } else if options.on.is_some() {
        "a plain twin runs on the driver of one database, and `on` is for two; write the function for one database, or remove `plain`"
    } else if function.stream().is_some() {
        "a plain `fn` cannot return a stream; collect the rows in an `async fn`, or remove `plain`"
    } else if options.once.is_some() {
        "a plain twin keeps no marker, so the effect could be applied once on each way; remove `plain` or `once`"
    } else {
        match callers {
            Some(Callers::Scope | Callers::Nothing) => return None,
            Some(Callers::Place | Callers::Optional) => {
                "with `plain`, callers pass a scope, such as `&db`; add `callers = scope`, and take the session as `&mut Conn<'_, DB>`, `&mut Tx<'_, DB>` or a `&mut` connection"
            }
            None => {
                "the handle that callers pass says whether the twin is called, and this function has no session; add `conn: &mut Conn<'_, DB>`, or remove `plain`"
            }
        }
    };
    Some(message)
}

/// Returns why nobody would be told what to prefer.
fn nothing_to_prefer(function: &Function, options: &Options) -> Option<&'static str> {
    let attributes = &function.source.attributes;
    if !function.is_plain() {
        Some(
            "`prefer_async` is for a plain `fn` that callers should leave, and this function is async; move the option to the plain `fn`",
        )
    } else if options.in_trait_impl.is_some() {
        Some(
            "callers of a trait's method are warned by the trait; put `#[deprecated(note = \"..\")]` on the method there, and remove `prefer_async`",
        )
    } else if attributes.iter().any(|it| it.path().is_ident("deprecated")) {
        Some(
            "the function is `#[deprecated]` already; name the async function in its note, and remove `prefer_async`",
        )
    } else {
        None
    }
}
