//! Finds the SQL in a body: string literals in the places where a driver takes a statement.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Expr, ExprMethodCall, Lit, LitStr, Macro, Token};

use super::Subject;
use super::api::Api;
use super::calls::{callee, has_any, is_any, is_query, last, peel};
use super::literal::Literal;
use super::names::{Names, variable};
use crate::database::Database;
use crate::sql::{Dialect, TextForm};

/// Returns the dialect of the texts in a function, as far as the option `on` or the type of the session
/// tells, or the types of the arguments if there is no session.
pub(super) fn dialect(subject: &Subject<'_>) -> Dialect {
    match subject.options.on.as_ref().map(|on| &*on.value) {
        Some([Database::Sqlite]) => return Dialect::Sqlite,
        Some([Database::Postgres]) => return Dialect::Postgres,
        _ => {}
    }
    let of = subject.function;
    const POSTGRES: [&str; 3] = ["PgConnection", "PgPool", "Postgres"];
    const SQLITE: [&str; 3] = ["Sqlite", "SqliteConnection", "SqlitePool"];
    let session = of.session.as_ref().map(|session| &session.parameter.ty);
    let arguments = of.arguments.iter().map(|argument| &argument.parameter.ty);
    let types: TokenStream = match session {
        Some(ty) => ty.to_token_stream(),
        None => arguments.map(ToTokens::to_token_stream).collect(),
    };
    let is_postgres = has_any(types.clone(), &POSTGRES);
    let is_sqlite = has_any(types, &SQLITE);
    match (is_postgres, is_sqlite, Api::of(of)) {
        (true, false, _) | (false, false, Api::Postgres) => Dialect::Postgres,
        (false, true, _) | (false, false, Api::Rusqlite) => Dialect::Sqlite,
        _ => Dialect::Unknown,
    }
}

/// Returns the texts that this expression itself gives to the driver. Expressions inside are asked
/// separately.
pub(super) fn given_to_driver(expression: &Expr, names: &Names, has_session: bool) -> Vec<Literal> {
    match expression {
        Expr::Call(call) => {
            let Some(path) = callee(call) else {
                return Vec::new();
            };
            let Some(name) = last(path) else {
                return Vec::new();
            };
            let builds = path
                .segments
                .iter()
                .any(|segment| segment.ident == "QueryBuilder");
            if is_query(name) || name == "sql_query" || builds {
                let texts = call.args.first().map(|text| texts(text, names));
                let texts = texts.unwrap_or_default().into_iter();
                return texts
                    .map(|text| if builds { text.and_more() } else { text })
                    .collect();
            }
            // `Executor::execute(&mut *tx, "..")`
            match call.args.iter().nth(1) {
                Some(text) if names.api.takes_text(name) => texts(text, names),
                _ => Vec::new(),
            }
        }
        Expr::MethodCall(call) if names.api.sets_pragma(&call.method) => {
            let on_session = !has_session || names.uses(&call.receiver);
            pragma_set_by(call)
                .filter(|_| on_session)
                .into_iter()
                .collect()
        }
        // `tx.execute("..")`. A method of this name on another value may have nothing to do with a
        // database.
        Expr::MethodCall(call)
            if names.api.takes_text(&call.method)
                && (!has_session || names.uses(&call.receiver)) =>
        {
            let text = call.args.first();
            text.map(|text| texts(text, names)).unwrap_or_default()
        }
        Expr::Macro(call) => of_macro(&call.mac),
        _ => Vec::new(),
    }
}

/// Input: `conn.pragma_update(None, "cache_size", kib)`
///
/// Output: `PRAGMA cache_size = {value}`, at the name.
fn pragma_set_by(call: &ExprMethodCall) -> Option<Literal> {
    let text = |at: usize| match call.args.iter().nth(at).map(peel) {
        Some(Expr::Lit(lit)) => string(&lit.lit),
        _ => None,
    };
    let (name, value) = (text(1)?, text(2).map(LitStr::value));
    let value = value.unwrap_or_else(|| "{value}".to_owned());
    let statement = format!("PRAGMA {} = {value}", name.value());
    Some(Literal {
        literal: LitStr::new(&statement, name.span()),
        form: TextForm::Template,
        dialect: None,
    })
}

/// Returns the text in `query!("..", id)` or `query_as!(User, "..", id)`. sqlx joins literals with
/// `+`.
pub(super) fn of_macro(call: &Macro) -> Vec<Literal> {
    if !last(&call.path).is_some_and(is_query) {
        return Vec::new();
    }
    let arguments = Punctuated::<Expr, Token![,]>::parse_terminated;
    let Ok(arguments) = arguments.parse2(call.tokens.clone()) else {
        return Vec::new();
    };
    let text = arguments
        .iter()
        .take(2)
        .find_map(|argument| match argument {
            Expr::Lit(lit) => string(&lit.lit).map(Literal::whole),
            Expr::Binary(_) => added(argument),
            _ => None,
        });
    text.into_iter().collect()
}

/// Returns every text that the expression may stand for, each once, as far as the body tells.
pub(super) fn texts(expression: &Expr, names: &Names) -> Vec<Literal> {
    let mut found = Vec::new();
    collect(expression, names, &mut found);
    found
}

fn collect(expression: &Expr, names: &Names, found: &mut Vec<Literal>) {
    // If there are more texts, the choice depends on more than this function.
    const MOST: usize = 16;
    let mut add = |texts: &[Literal]| {
        for text in texts {
            if found.len() < MOST && !found.contains(text) {
                found.push(text.clone());
            }
        }
    };
    match peel(expression) {
        Expr::Lit(lit) => add(string(&lit.lit).map(Literal::whole).as_slice()),
        Expr::Path(_) => {
            if let Some(name) = variable(expression) {
                add(names.texts(name));
            }
        }
        Expr::Binary(_) => add(added(expression).as_slice()),
        Expr::Macro(call) => add(&of_text_macro(&call.mac)),
        Expr::Reference(inner) => collect(&inner.expr, names, found),
        Expr::If(branches) => {
            of_block(&branches.then_branch, names, found);
            if let Some((_, other)) = &branches.else_branch {
                collect(other, names, found);
            }
        }
        Expr::Match(arms) => {
            for arm in &arms.arms {
                collect(&arm.body, names, found);
            }
        }
        Expr::Block(block) => of_block(&block.block, names, found),
        other => {
            if let Some(inner) = converted(other) {
                collect(inner, names, found);
            }
        }
    }
}

/// Returns the text inside of a call that leaves the text as it is: `AssertSqlSafe(..)`,
/// `String::from(..)`, `..to_owned()`.
fn converted(expression: &Expr) -> Option<&Expr> {
    const TYPES: [&str; 5] = ["Arc", "Box", "Cow", "SqlStr", "String"];
    const METHODS: [&str; 7] = [
        "as_ref",
        "as_str",
        "clone",
        "into",
        "to_owned",
        "to_string",
        "trim",
    ];
    match expression {
        Expr::MethodCall(call) if call.args.is_empty() => {
            let keeps = is_any(&call.method, &METHODS);
            keeps.then_some(&*call.receiver)
        }
        Expr::Call(call) if call.args.len() == 1 => {
            let path = callee(call)?;
            let of = path.segments.iter().rev().nth(1);
            let of_text = of.is_some_and(|of| is_any(&of.ident, &TYPES));
            let keeps = of_text || last(path)? == "AssertSqlSafe";
            keeps.then(|| &call.args[0])
        }
        _ => None,
    }
}

fn of_block(block: &syn::Block, names: &Names, found: &mut Vec<Literal>) {
    if let [syn::Stmt::Expr(only, None)] = block.stmts.as_slice() {
        collect(only, names, found);
    }
}

/// Returns the texts of `format!("..", table)`, `concat!("..", "..")`, `dbop::sql!(sqlite = "..",
/// postgres = "..")` or the like.
fn of_text_macro(call: &Macro) -> Vec<Literal> {
    match last(&call.path) {
        Some(name) if name == "sql" => each_database(call),
        _ => one_text(call).into_iter().collect(),
    }
}

/// Input: `sql!(sqlite = "..", postgres = "..")`. Output: both texts, each with its dialect.
fn each_database(call: &Macro) -> Vec<Literal> {
    let arm = |input: syn::parse::ParseStream<'_>| {
        let database: Ident = input.parse()?;
        input.parse::<Token![=]>()?;
        Ok((database, input.parse::<Expr>()?))
    };
    let arms = |input: syn::parse::ParseStream<'_>| {
        Punctuated::<_, Token![,]>::parse_terminated_with(input, arm)
    };
    let Ok(arms) = arms.parse2(call.tokens.clone()) else {
        return Vec::new();
    };
    let read = |(database, text): &(Ident, Expr)| {
        let text = match text {
            Expr::Lit(lit) => Literal::whole(string(&lit.lit)?),
            Expr::Macro(call) => one_text(&call.mac)?,
            _ => return None,
        };
        let dialect = match database == "sqlite" {
            true => Dialect::Sqlite,
            false => Dialect::Postgres,
        };
        Some(text.of(dialect))
    };
    arms.iter().filter_map(read).collect()
}

fn one_text(call: &Macro) -> Option<Literal> {
    let name = last(&call.path)?;
    let arguments = Punctuated::<LitStr, Token![,]>::parse_terminated;
    if name == "concat" {
        let parts = arguments.parse2(call.tokens.clone()).ok()?;
        return concatenated(parts.iter().cloned());
    }
    let first = |input: syn::parse::ParseStream<'_>| {
        let first: LitStr = input.parse()?;
        input.parse::<proc_macro2::TokenStream>()?;
        Ok(first)
    };
    let form = if name == "format" || name == "formatdoc" {
        TextForm::Template
    } else if name == "indoc" {
        TextForm::Whole
    } else {
        return None;
    };
    let literal = first.parse2(call.tokens.clone()).ok()?;
    Some(Literal {
        literal,
        form,
        dialect: None,
    })
}

/// Returns the sum `"SELECT .. " + "FROM .."`. Only the beginning is known if something else is
/// added.
fn added(expression: &Expr) -> Option<Literal> {
    fn parts(expression: &Expr, into: &mut Vec<LitStr>) -> bool {
        match peel(expression) {
            Expr::Binary(sum) if matches!(sum.op, syn::BinOp::Add(_)) => {
                parts(&sum.left, into) && parts(&sum.right, into)
            }
            Expr::Lit(lit) => string(&lit.lit)
                .map(|text| into.push(text.clone()))
                .is_some(),
            other => converted(other).is_some_and(|inner| parts(inner, into)),
        }
    }
    let mut found = Vec::new();
    let complete = parts(expression, &mut found);
    let text = concatenated(found.into_iter())?;
    Some(if complete { text } else { text.and_more() })
}

fn concatenated(mut parts: impl Iterator<Item = LitStr>) -> Option<Literal> {
    let first = parts.next()?;
    let rest: String = parts.map(|part| part.value()).collect();
    let literal = LitStr::new(&(first.value() + &rest), first.span());
    Some(Literal::whole(&literal))
}

fn string(literal: &Lit) -> Option<&LitStr> {
    match literal {
        Lit::Str(text) => Some(text),
        _ => None,
    }
}
