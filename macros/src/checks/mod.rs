//! Step three: finds options and functions that are valid on their own and wrong together. Mistakes
//! that rustc reports anyway are left to rustc.

mod chunks;
mod each_database;
mod guarded;
mod two_way;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;

use crate::errors::Errors;
use crate::function::crossing::{self, Crossing};
use crate::function::{Function, Session, Streamed, types};
use crate::options::{Attribute, Callers, Isolation, Options};
use crate::replay::BodyRuns;
use crate::tokens;

/// Reports options that contradict each other.
pub(crate) fn check_options(options: &Options, errors: &mut Errors) {
    if let (Some(_), Some(idempotent)) = (&options.read_only, &options.idempotent) {
        errors.at(
            idempotent.key.span(),
            "`read_only` already says that the operation may run again; remove `idempotent`",
        );
    }
    if let (Some(_), Some(once)) = (&options.read_only, &options.once) {
        errors.at(
            once.key.span(),
            "`read_only` writes nothing, not even the marker of a `once` operation; remove one of the two",
        );
    }
    if let (Some(_), Some(idempotent)) = (&options.once, &options.idempotent) {
        errors.at(
            idempotent.key.span(),
            "`once` already makes it safe to run again; remove `idempotent`",
        );
    }
    if let Some(deferrable) = &options.deferrable {
        let serializable = options
            .isolation
            .as_ref()
            .is_some_and(|isolation| isolation.value == Isolation::Serializable);
        if !serializable || options.read_only.is_none() {
            errors.at(deferrable.key.span(), "`deferrable` has no effect unless the transaction is also `isolation = serializable` and `read_only`; add both, or remove it");
        }
    }
}

/// Reports options that do not fit the function.
pub(crate) fn check_function(
    attribute: Attribute,
    function: &Function,
    options: &Options,
    errors: &mut Errors,
) {
    if attribute == Attribute::Guarded {
        return guarded::check(function, options, errors);
    }
    match &function.session {
        // The missing session was reported when the function was read.
        None if attribute == Attribute::Transactional => {}
        None => without_session(function, options, errors),
        Some(session) if options.db.is_none() => {
            elided_bound(function, session, errors);
            optional_without_handle(session, errors);
        }
        Some(_) => {}
    }
    once(function, options, errors);
    chunks::check(function, options, errors);
    each_database::check(function, options, errors);
    two_way::check(function, options, errors);
    if let Some(streamed) = function.stream() {
        stream(attribute, function, streamed, options, errors);
    }
    if function.is_plain() {
        plain(function, options, errors);
    } else {
        for given in [&options.in_impl, &options.in_trait_impl]
            .into_iter()
            .flatten()
        {
            errors.at(given.key.span(), format!("`{given}` says where the `_sync` function of a plain `fn` stands, and this function is async; remove the option"));
        }
    }
}

/// Checks that a function that returns a stream only reads, and that the stream may borrow its
/// session.
fn stream(
    attribute: Attribute,
    function: &Function,
    streamed: &Streamed,
    options: &Options,
    errors: &mut Errors,
) {
    let output = &function.source.signature.output;
    if attribute == Attribute::Transactional {
        errors.on(output, "`#[transactional]` commits when its function returns, and a stream is read after that; use `#[db_op(read_only)]`, or collect the rows in an `async fn`");
    } else if options.read_only.is_none() {
        errors.on(output, "whoever reads a stream may stop half-way, and what was written by then would stay; declare `#[db_op(read_only)]`, or write and collect the rows in an `async fn`");
    }
    if let Some(session) = function.session.as_ref().filter(|_| options.db.is_none())
        && streamed.is_static()
    {
        errors.on(output, format!("a stream that borrows its session cannot be `'static`; write `'_`, or the lifetime of `{}`", session.name));
    }
}

/// Checks that the receiver, the arguments and the result of a plain function can cross to another
/// thread and back.
fn plain(function: &Function, options: &Options, errors: &mut Errors) {
    let unfit = [
        options.once.as_ref().map(|given| {
            (given.key.span(), "`once` keeps its markers through sqlx; make this an `async fn` with `tx: &mut Tx<'_, DB>`, or remove it")
        }),
        options.nested.as_ref().map(|given| {
            (given.key.span(), "`nested` has no effect on a plain `fn`, which other functions join by calling its `_sync` function; remove it, and use a savepoint of the driver")
        }),
    ];
    for (place, message) in unfit.into_iter().flatten() {
        errors.at(place, message);
    }
    if let (Some(_), Some(given)) = (&options.in_trait_impl, &options.in_impl) {
        errors.at(
            given.key.span(),
            "`in_trait_impl` already says that the function is in an `impl` block; remove `in_impl`",
        );
    }
    if options.in_trait_impl.is_some() {
        self_in_text(function.block.stream(), errors);
    }
    let receiver = function.source.signature.receiver();
    if let Some(receiver) = receiver.filter(|receiver| Crossing::of_receiver(receiver).is_none()) {
        errors.on(receiver, format!("a borrow that may write {CROSSES}; take `&self` of a type that is `Clone`, or `self: Arc<Self>`"));
    }
    for argument in &function.arguments {
        if function.source.is_marked(argument.index) {
            continue;
        }
        let ty = &argument.parameter.ty;
        if argument.is_mutable_reference() {
            errors.on(ty, format!("a `&mut` argument {CROSSES}; take it by value and return it. If it is the connection, move it to the front, or mark it with `#[session]`"));
        } else if Crossing::of(ty).is_none() {
            errors.on(ty, format!("what this borrows {CROSSES}; take an owned value, or one of `&str`, `&[T]`, `&T`, `Option<&T>`, `&[&T]`"));
        }
    }
    if crossing::borrows(&function.output) {
        errors.on(&function.output, "the result comes from another thread, and cannot borrow from what the caller has; return an owned value");
    }
}

/// Reports texts such as `format!("{self}")`: on the other thread, `self` has another name.
fn self_in_text(tokens: TokenStream, errors: &mut Errors) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => self_in_text(group.stream(), errors),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.contains("{self}") || text.contains("{self:") {
                    errors.at(literal.span(), "with `in_trait_impl`, a text cannot name `self`; pass it, as in `format!(\"{}\", self)`");
                }
            }
            _ => {}
        }
    }
}

const CROSSES: &str = "cannot cross to the blocking pool, where the body of a plain `fn` runs";

/// Checks the option `once` and the marks `#[once(skip)]`. The key is made before the body runs,
/// from the arguments as callers give them.
fn once(function: &Function, options: &Options, errors: &mut Errors) {
    for (index, mark) in &function.source.skips {
        let is_argument = function
            .arguments
            .iter()
            .any(|argument| argument.index == *index);
        let is_skip = mark.parse_args::<Ident>().is_ok_and(|word| word == "skip");
        if !is_skip {
            errors.on(mark, "`#[once(skip)]` leaves an argument out of the fingerprint; no other word is valid in `#[once(..)]`");
        } else if !is_argument {
            errors.on(
                mark,
                "the session and `self` are not part of the fingerprint; remove this mark",
            );
        } else if options.key().is_none() {
            errors.on(mark, "there is no fingerprint to leave it out of; write `#[transactional(once = key)]`, or remove this mark");
        }
    }
    let Some(key) = options.key() else { return };
    for argument in &function.arguments {
        let ty = &argument.parameter.ty;
        let of = types::reference(ty).map_or(&**ty, |(inner, _)| inner);
        if types::wrapped(of, "HashSet").is_some() && !function.source.is_skipped(argument.index) {
            errors.on(ty, "the order of a `HashSet` differs each time, so equal arguments could not be recognized; take a `BTreeSet`, or put `#[once(skip)]` before the argument");
        }
    }
    let never = BodyRuns::of(Attribute::Transactional, options, function) == BodyRuns::AtMostOnce;
    for argument in function
        .arguments
        .iter()
        .filter(|argument| !argument.is_named())
    {
        let bindings = argument.bindings();
        let mut used = bindings
            .iter()
            .filter_map(|name| tokens::find_ident(key.value.to_token_stream(), name));
        if let Some(used) = used.next() {
            errors.at(used.span(), format!("the key is made before this argument is taken apart; name the argument, write for example `argument.{used}` here, and take it apart in the body"));
        } else if never && !function.source.is_skipped(argument.index) {
            errors.on(&argument.parameter.pat, "with `once` and `retry = never`, an argument cannot be taken apart here; name it, and take it apart in the body");
        }
    }
}

fn without_session(function: &Function, options: &Options, errors: &mut Errors) {
    let (session, parameter) = match function.is_plain() {
        true => ("connection", "conn: &mut rusqlite::Connection"),
        false => ("session parameter", "conn: &mut Conn<'_, DB>"),
    };
    if let Some(retry) = options.undeclared_retry() {
        errors.at(retry.key.span(), format!("without a {session} dbop cannot know what a failed attempt applied; declare `idempotent` or `read_only`, or remove `retry`"));
    }
    if let Some(db) = &options.db {
        errors.at(db.key.span(), format!("`db` says where the {session} comes from, and this function has none; add `{parameter}`, or remove `db`"));
    }
}

/// Reports `tx: Option<&mut Transaction<'_, DB>>` without the option that says where the transaction
/// comes from if there is none.
fn optional_without_handle(session: &Session, errors: &mut Errors) {
    if session.callers == Callers::Optional {
        let name = &session.name;
        errors.on(&session.parameter.ty, format!("where `{name}` is `None`, dbop begins a transaction; say where, as in `db = self.pool`, or `db = pool` for a parameter"));
    }
}

/// Reports a bound `'_` that would lose its meaning. In `fn f(conn: &mut PgConnection) ->
/// BoxFuture<'_, R>`, the `'_` is the lifetime of the parameter whose type the expansion replaces.
fn elided_bound(function: &Function, session: &Session, errors: &mut Errors) {
    if let Some(bound) = function.elided_bound() {
        let name = &session.name;
        errors.at(bound.span(), format!("this `'_` stands for the lifetime of `{name}`, whose type callers do not see; name it, as in `fn f<'a>({name}: &'a mut ..) -> .. + 'a`, or write an `async fn`"));
    }
}
