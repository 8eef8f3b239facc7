//! The option `on`: what a function can be that is compiled once for each database.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Expr, FnArg, GenericParam, ReceiverKind};

use crate::database::{DB, Database};
use crate::errors::Errors;
use crate::function::{Function, Session, cfgs, types};
use crate::options::{Callers, Options};
use crate::tokens::{find_ident, has_ident, is_punct};

pub(super) fn check(function: &Function, options: &Options, errors: &mut Errors) {
    let Some(on) = &options.on else { return };
    if !on.value.iter().any(|database| database.is_enabled()) {
        let names = Database::ALL.iter().filter(|(_, it)| on.value.contains(it));
        let names: Vec<_> = names.map(|(_, it)| it.feature()).collect();
        errors.at(on.key.span(), format!("dbop is built without its feature `{}`; enable the feature, or add the other database", names.join("`, `")));
    }
    let unfit = if function.is_plain() {
        Some(
            "a plain `fn` runs on the connection of one synchronous driver; make it an `async fn`, or remove `on`",
        )
    } else if function.stream().is_some() {
        Some(
            "a function that returns a stream is for one database; write one for each, or collect the rows in an `async fn`",
        )
    } else if function.session.is_none() {
        Some(
            "`on` says which databases the session is of, and this function has no session; add `conn: &mut Conn<'_, DB>`, or remove `on`",
        )
    } else {
        None
    };
    if let Some(message) = unfit {
        errors.at(on.key.span(), message);
        return;
    }
    if let Some(session) = &function.session {
        session_type(session, options, errors);
    }
    if let (Some(once), None) = (&options.once, &options.name) {
        errors.at(once.key.span(), "with `on`, a `once` operation is known by its name, because its path and types differ between databases; add `name = \"..\"`, and keep that name");
    }
    signature(function, errors);
    surroundings(function, errors);
    if on.value.len() > 1 {
        one_database(function.block.stream(), errors);
        handle(function, options, errors);
        if takes_self(function) {
            captured_self(&function.block.stream(), errors);
        }
    }
}

/// The session is `&mut Tx<'_, DB>` or `&mut Conn<'_, DB>`.
fn session_type(session: &Session, options: &Options, errors: &mut Errors) {
    let ty = &session.parameter.ty;
    if session.may_be_raw() || session.callers == Callers::Optional {
        errors.on(ty, "with `on`, the session is written `tx: &mut Tx<'_, DB>` or `conn: &mut Conn<'_, DB>`; a connection of a driver is of one database");
    } else if session.database.to_string() != DB {
        errors.on(&session.database, format!("with `on`, the database of the session is written `{DB}`, and stands for each of the databases in turn"));
    }
    if let Some(callers) = options
        .callers
        .as_ref()
        .filter(|it| it.value == Callers::Place)
    {
        errors.at(
            callers.key.span(),
            "with `on`, callers pass a scope, such as `&db` or `&mut *tx`; remove `callers`",
        );
    }
}

/// The name `DB` is an item in the body, which the rest of the signature does not see.
fn signature(function: &Function, errors: &mut Errors) {
    let signature = &function.source.signature;
    for parameter in &signature.generics.params {
        if let GenericParam::Type(parameter) = parameter
            && parameter.ident == DB
        {
            errors.on(&parameter.ident, format!("with `on`, `{DB}` is the name of the database already; remove this type parameter"));
            return;
        }
    }
    let session = function.session.as_ref().map(|session| session.index);
    for (index, input) in signature.inputs.iter().enumerate() {
        if Some(index) == session {
            continue;
        }
        if let FnArg::Typed(parameter) = input
            && let Some(cfg) = cfgs(parameter).next()
        {
            errors.on(
                cfg,
                "with `on`, an argument cannot depend on `cfg`; put the `cfg` on two functions",
            );
        }
        outside(input.to_token_stream(), errors);
    }
    outside(signature.output.to_token_stream(), errors);
    outside(signature.generics.to_token_stream(), errors);
    outside(signature.generics.where_clause.to_token_stream(), errors);
    if has_ident(function.output.to_token_stream(), "impl") {
        errors.on(&function.output, "with `on`, the result has one type for all databases; name the type in place of `impl`");
    }
}

fn outside(tokens: TokenStream, errors: &mut Errors) {
    let name = Ident::new(DB, Span::call_site());
    if let Some(found) = find_ident(tokens, &name) {
        errors.at(found.span(), format!("callers do not see `{DB}`: with `on`, the name can be used in the type of the session and in the body; use a type that both databases share"));
    }
}

/// Both copies of the async block would take what stands before it.
fn surroundings(function: &Function, errors: &mut Errors) {
    let around = function.form.body(TokenStream::new());
    let is_end = |token: &TokenTree| is_punct(token, ';');
    if let Some(end) = around.into_iter().find(is_end) {
        errors.at(end.span(), "with `on`, the async block is the whole body, because it is compiled for each database; move what stands before it into it");
    }
}

/// A body that takes `self` cannot borrow the handle from `self`. The body of one database needs only
/// some fields of `self`, but the closures of two cannot share the fields.
fn handle(function: &Function, options: &Options, errors: &mut Errors) {
    let Some(db) = &options.db else { return };
    if takes_self(function) && is_field_of_self(&db.value) {
        let place = db.value.to_token_stream();
        errors.on(&db.value, format!("with `on`, the body takes `self` as a whole, and the handle cannot be borrowed from `self`; write `db = {place}.clone()`, which is another handle to the same pools", place = place.to_string().replace(' ', "")));
    }
}

/// Returns whether the body moves `self`, because a copy is impossible.
fn takes_self(function: &Function) -> bool {
    match function.source.signature.receiver().map(|it| &it.kind) {
        None | Some(ReceiverKind::Reference(_, _, None)) => false,
        Some(ReceiverKind::Typed(_, ty)) => types::reference(ty).is_none_or(|(_, mutable)| mutable),
        Some(_) => true,
    }
}

/// A moved `self` gets another name, which a text such as `format!("{self}")` does not follow.
fn captured_self(tokens: &TokenStream, errors: &mut Errors) {
    let mut is_macro = false;
    for token in tokens.clone() {
        if let TokenTree::Group(group) = &token {
            let literals = group.stream().into_iter().filter_map(|token| match token {
                TokenTree::Literal(literal) if is_macro => Some(literal),
                _ => None,
            });
            for literal in literals.filter(|it| captures_self(&it.to_string())) {
                errors.at(literal.span(), "with `on`, a text cannot name a `self` that the body takes; write `{}` in place of `{self}`, and `self` behind the text");
            }
            captured_self(&group.stream(), errors);
        }
        is_macro = is_punct(&token, '!');
    }
}

fn captures_self(text: &str) -> bool {
    let text = text.replace("{{", "");
    text.contains("{self}") || text.contains("{self:")
}

fn is_field_of_self(expression: &Expr) -> bool {
    match expression {
        Expr::Field(field) => is_field_of_self(&field.base),
        Expr::Path(path) => path.path.is_ident("self"),
        _ => false,
    }
}

/// Reports what can only be compiled for one database.
fn one_database(tokens: TokenStream, errors: &mut Errors) {
    const MACROS: [&str; 9] = [
        "query",
        "query_as",
        "query_as_unchecked",
        "query_file",
        "query_file_as",
        "query_file_scalar",
        "query_scalar",
        "query_scalar_unchecked",
        "query_unchecked",
    ];
    const TYPES: [(&str, &str, &str); 6] = [
        (
            "PgConnection",
            "Postgres",
            "<DB as sqlx::Database>::Connection",
        ),
        (
            "SqliteConnection",
            "SQLite",
            "<DB as sqlx::Database>::Connection",
        ),
        ("PgPool", "Postgres", "sqlx::Pool<DB>"),
        ("SqlitePool", "SQLite", "sqlx::Pool<DB>"),
        ("PgRow", "Postgres", "<DB as sqlx::Database>::Row"),
        ("SqliteRow", "SQLite", "<DB as sqlx::Database>::Row"),
    ];
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match &token {
            TokenTree::Group(group) => one_database(group.stream(), errors),
            TokenTree::Ident(name) => {
                let text = name.to_string();
                let is_macro = tokens.peek().is_some_and(|next| is_punct(next, '!'));
                if is_macro && MACROS.contains(&&*text) {
                    let function = text.trim_end_matches("_unchecked");
                    errors.at(name.span(), format!("`{text}!` checks its text against one database, and this body is compiled for each; write `sqlx::{function}(..)` and `.bind(..)`"));
                }
                let of = TYPES.iter().find(|(name, ..)| text == *name);
                if let Some((_, database, instead)) = of {
                    errors.at(name.span(), format!("`{text}` is a type of {database}, and this body is compiled for each database; write `{instead}`"));
                }
            }
            _ => {}
        }
    }
}
