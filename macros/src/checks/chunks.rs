//! The option `chunk`: what a function in chunks can be, and what belongs to it.

use proc_macro2::Span;
use quote::ToTokens;

use crate::errors::Errors;
use crate::function::{Function, Items, Session, types};
use crate::options::{Callers, Options};
use crate::tokens::find_variable;

pub(super) fn check(function: &Function, options: &Options, errors: &mut Errors) {
    let Some(chunk) = &options.chunk else {
        without_chunks(function, options, errors);
        return;
    };
    if let Some(message) = unfit_form(function) {
        errors.at(chunk.key.span(), message);
        return;
    }
    for (place, message) in unfit_options(options) {
        errors.at(place, message);
    }
    if let Some(session) = &function.session {
        shared_session(session, errors);
    }
    result(function, errors);
    if let (Some(resume), None) = (&options.resume, &options.name) {
        errors.at(resume.key.span(), "the position is kept under the operation's name, by which a later version of the program finds it; add `name = \"..\"`, and keep that name");
    }
    match function.items() {
        Some(items) => items_and_progress(function, &items, options, errors),
        None => no_items(function, chunk.key.span(), errors),
    }
}

/// Reports what only a function in chunks has.
fn without_chunks(function: &Function, options: &Options, errors: &mut Errors) {
    let given = [
        options
            .resume
            .as_ref()
            .map(|given| (given.key.span(), "resume")),
        options
            .progress
            .as_ref()
            .map(|given| (given.key.span(), "progress")),
    ];
    for (place, option) in given.into_iter().flatten() {
        errors.at(place, format!("`{option}` belongs to a function in chunks; add `chunk = 500` and take the items as `&[T]`, or remove `{option}`"));
    }
    for (_, mark) in &function.source.item_marks {
        errors.on(mark, "`#[items]` marks what a function in chunks takes part by part; add `chunk = 500` to `#[transactional]`, or remove this mark");
    }
}

fn unfit_form(function: &Function) -> Option<&'static str> {
    if function.is_plain() {
        Some(
            "a plain `fn` runs in one transaction on the blocking pool; make it an `async fn` with `tx: &mut Tx<'_, DB>`, or remove `chunk`",
        )
    } else if function.form.is_returned() {
        Some(
            "a function in chunks returns a future of another type than its body; make it an `async fn`, or remove `chunk`",
        )
    } else {
        None
    }
}

fn unfit_options(options: &Options) -> impl Iterator<Item = (Span, &'static str)> {
    let given = [
        options.read_only.as_ref().map(|given| (given.key.span(), "a function in chunks commits what it writes, chunk by chunk, so it cannot be `read_only`; remove one of the two")),
        options.once.as_ref().map(|given| (given.key.span(), "the result of a `once` operation is kept whole, and a function in chunks commits part by part; write `resume` in place of `once`, and a later call goes on where this one has stopped")),
        options.nested.as_ref().map(|given| (given.key.span(), "a function in chunks begins each transaction itself and never joins one; remove `nested`")),
        options.plain.as_ref().map(|given| (given.key.span(), "a plain twin runs in one transaction; remove `plain` or `chunk`")),
    ];
    given.into_iter().flatten()
}

/// Reports a session that callers pass as a `&mut` place or as an option.
fn shared_session(session: &Session, errors: &mut Errors) {
    if !matches!(session.callers, Callers::Scope | Callers::Nothing) {
        errors.on(&session.parameter.ty, "each chunk has a transaction of its own, so callers pass a handle and no connection; write `tx: &mut Tx<'_, DB>`");
    }
}

/// Reports a body that returns a value, where the text of its type shows that. An alias is left to rustc.
fn result(function: &Function, errors: &mut Errors) {
    let written = types::last_segment(&function.output).filter(|it| it.ident == "Result");
    let value = written.and_then(|it| types::type_arguments(it).first().copied().cloned());
    let is_unit = |ty: &syn::Type| matches!(types::ungrouped(ty), syn::Type::Tuple(tuple) if tuple.elems.is_empty());
    if let Some(value) = value.filter(|value| !is_unit(value)) {
        errors.on(value, "the body of a function in chunks runs once for each chunk, and callers get a `Committed` in the end; return `Result<(), E>`, and pass on what a chunk finds by a channel or in the database");
    }
}

fn no_items(function: &Function, chunk: Span, errors: &mut Errors) {
    if let Some((_, mark)) = function.source.item_marks.first() {
        errors.on(mark, "`#[items]` marks a slice, as in `#[items] rows: &[Row]`; callers may pass a stream all the same");
        return;
    }
    let slices = function.arguments.iter();
    let mut slices = slices.filter(|it| types::slice(&it.parameter.ty).is_some());
    match slices.nth(1) {
        Some(second) => errors.on(&second.parameter.ty, "there are several slices, and one is taken in chunks; put `#[items]` before that one, or name it `items`"),
        None => errors.at(chunk, "a function in chunks takes its items as a slice, of which the body gets a part each time; add `items: &[T]`. Callers pass a slice or a stream"),
    }
}

fn items_and_progress(
    function: &Function,
    items: &Items<'_>,
    options: &Options,
    errors: &mut Errors,
) {
    for (_, again) in function.source.item_marks.iter().skip(1) {
        errors.on(again, "only one slice is taken in chunks; remove this mark");
    }
    if types::has_lifetime(items.item) {
        errors.on(items.item, "the items of a function in chunks are owned, because callers may pass a stream of them; take for example `&[String]` in place of `&[&str]`");
    }
    for (option, given) in [("resume", &options.resume), ("progress", &options.progress)] {
        let Some(given) = given else { continue };
        if let Some(used) = find_variable(given.value.to_token_stream(), &items.argument.name) {
            errors.at(
                used.span(),
                format!(
                    "`{option}` cannot use the items, which may be a stream; use another argument"
                ),
            );
        }
    }
    let Some(progress) = &options.progress else {
        return;
    };
    for argument in &function.arguments {
        let is_lent = types::reference(&argument.parameter.ty).is_some();
        if let Some(used) = find_variable(progress.value.to_token_stream(), &argument.name)
            && !is_lent
        {
            errors.at(used.span(), format!("`progress` and each chunk use `{used}`, so it cannot be moved into either; take it by reference, as in `{used}: &T`"));
        }
    }
}
