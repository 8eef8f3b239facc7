use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprMethodCall, Macro, Member, Token};

use super::calls::{async_block, callee, is_any, last, makes_query, peel, root, runs_statement};
use super::names::{Is, variable};
use super::parts::Parts;
use super::report::last_token;
use super::site::{Runs, Site};
use super::waits::{self, Waits};
use super::{Lint, Pass};
use crate::lint_attributes::Level;
use crate::options::Callers;

pub(super) static LINT: Lint = Lint {
    name: "foreign_await",
    level: Level::Deny,
    finds: "in `#[transactional]`: an `.await`, a `join!` or a `select!` on something other than the transaction; in a plain `fn`, a call that waits",
    message: "this waits for something other than `{session}` while the transaction holds its connection and locks",
    help: "do it before or after the transaction; see read-process-write",
    why: r#"
An open transaction holds a connection of the pool, the rows it has locked, and on SQLite the one
writer. While the transaction waits for a language model, an HTTP call or a timer, no other call gets
them: a pool of 20 is empty after 20 such calls, and the next request fails although the database is
idle. And when the transaction is replayed, the slow call is made again.

A statement that is sent to the pool from inside a transaction is worse: it is not part of the
transaction, does not see what this one wrote, stays when this one rolls back, and waits for a
second connection, which with a full pool never comes.

# Read-process-write

Read in one short operation, do the slow work without a session, and write in another. If what was
read may have changed meanwhile, check it in the statement that writes (`WHERE version = ?`). What
has to happen only if the transaction commits goes into `tx.after_commit(..)`.

# What counts as the transaction

`tx`, and values that are made from `tx` and not yet awaited: reborrows (`let t = &mut *tx`), futures and
streams (`query.fetch(&mut *tx)`), helpers that take it, closures and async blocks that use it. In
`join!` every future must use it, because the slowest one decides how long the transaction stays
open; in `select!` one future is enough. The result of a helper with `tx` may hold `tx`, so a method
call on the result is allowed (`work.users().insert(user)`). As an argument, the result counts as
data (`mail.send(&user)`).

In a plain `fn` nothing is awaited, so calls are known by their names: `std::thread::sleep`,
`std::net`, `reqwest::blocking` and `ureq`, `block_on`, a process, another connection, `.recv()` and
`.join()` of another thread. Access to files is allowed.

A queue that holds a row while its job runs (`FOR UPDATE SKIP LOCKED`), or an export that streams one
snapshot to a file, waits inside its transaction on purpose: allow it there.
"#,
    bad: r#"
use dbop::{Tx, transactional};
use sqlx::Sqlite;
# async fn ask_model(text: &str) -> String { text.to_owned() }

#[transactional]
async fn summarize(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    let text: String = sqlx::query_scalar("SELECT text FROM reports WHERE id = ?")
        .bind(id).fetch_one(&mut *tx).await?;
    let summary = ask_model(&text).await; // half a minute, with the row locked
    sqlx::query("UPDATE reports SET summary = ? WHERE id = ?")
        .bind(summary).bind(id).execute(&mut *tx).await?;
    Ok(())
}
"#,
    good: r#"
use dbop::{Conn, Db, db_op};
use sqlx::Sqlite;
# async fn ask_model(text: &str) -> String { text.to_owned() }

#[db_op(read_only)]
async fn text(conn: &mut Conn<'_, Sqlite>, id: i64) -> dbop::Result<String> {
    Ok(sqlx::query_scalar("SELECT text FROM reports WHERE id = ?").bind(id).fetch_one(&mut *conn).await?)
}

#[db_op(idempotent)]
async fn store(conn: &mut Conn<'_, Sqlite>, id: i64, summary: &str) -> dbop::Result<()> {
    sqlx::query("UPDATE reports SET summary = ? WHERE id = ?")
        .bind(summary).bind(id).execute(&mut *conn).await?;
    Ok(())
}

async fn summarize(db: &Db<Sqlite>, id: i64) -> dbop::Result<()> {
    let text = text(db, id).await?;       // read
    let summary = ask_model(&text).await; // process: no connection is held
    store(db, id, &summary).await         // write
}
"#,
    pass: |subject| {
        let pass = || match subject.function.is_plain() {
            true => Box::new(ForeignCall) as Box<dyn Pass>,
            false => Box::new(ForeignAwait),
        };
        // Where a transaction is optional, the body has a way without one, which never runs.
        let session = subject.function.session.as_ref();
        let is_optional = session.is_some_and(|session| session.callers == Callers::Optional);
        (subject.is_transaction() && !is_optional).then(pass)
    },
};

struct ForeignAwait;

impl Pass for ForeignAwait {
    fn expression(&mut self, expression: &Expr, site: &mut Site) {
        let (Expr::Await(awaited), Runs::Here) = (expression, site.runs) else {
            return;
        };
        if let Some(futures) = joined_futures(&awaited.base, site) {
            futures
                .iter()
                .for_each(|future| report_unless_ours(future, future, site));
        } else {
            report_unless_ours(&awaited.base, awaited, site);
        }
    }

    fn macro_call(&mut self, call: &Macro, parts: &Parts, site: &mut Site) {
        if site.runs != Runs::Here {
            return;
        }
        match parts {
            Parts::Join(futures) => futures
                .iter()
                .for_each(|future| report_unless_ours(future, future, site)),
            Parts::Select(branches) => {
                let mut futures = branches.iter().filter_map(|branch| branch.future.as_ref());
                if !futures.any(|future| is_ours(future, site)) {
                    let (path, bang) = (&call.path, &call.bang_token);
                    site.report(&LINT, quote!(#path #bang), last_token(path));
                }
            }
            Parts::Tokens if last(&call.path).is_some_and(|name| name != "macro_rules") => {
                tokens(call.tokens.clone(), site);
            }
            Parts::Tokens | Parts::Expressions(_) | Parts::Statements(_) => {}
        }
    }
}

/// Returns the arguments of `future::join(a, b)`, all of which are awaited. A function of the
/// user's own that has this name is in another module, or has an argument that is not a future.
fn joined_futures<'a>(future: &'a Expr, site: &Site) -> Option<&'a Punctuated<Expr, Token![,]>> {
    const NAMES: [&str; 8] = [
        "join",
        "join3",
        "join4",
        "join5",
        "try_join",
        "try_join3",
        "try_join4",
        "try_join5",
    ];
    const MODULES: [&str; 4] = ["future", "futures", "futures_lite", "futures_util"];
    let Expr::Call(call) = peel(future) else {
        return None;
    };
    let path = callee(call).filter(|path| !site.names.is_own(path))?;
    let mut words = path.segments.iter().rev().map(|segment| &segment.ident);
    let (name, module) = (words.next()?, words.next());
    let is_no_future = |value: &Expr| match peel(value) {
        Expr::Lit(_) => true,
        Expr::Reference(lent) if lent.mutability.is_none() => true,
        other => site.names.is_handle(other),
    };
    let joins = is_any(name, &NAMES)
        && module.is_none_or(|module| is_any(module, &MODULES))
        && call.args.len() > 1
        && !call.args.iter().any(is_no_future);
    joins.then_some(&call.args)
}

fn is_ours(future: &Expr, site: &Site) -> bool {
    site.names.waits_for_session(future) || site.names.is_given(future)
}

/// Reports at `place` unless the future uses the session.
fn report_unless_ours(future: &Expr, place: &impl ToTokens, site: &mut Site) {
    // A block that is awaited where it stands is read like the code around the block.
    if async_block(future).is_some() || is_ours(future, site) {
        return;
    }
    if let Some(other) = other_connection(future, site) {
        let point = last_token(other);
        site.report_as(&LINT, other, point, ELSEWHERE);
        return;
    }
    let hides = variable(root(future)).is_some_and(|name| site.is_session_name(name));
    let words = if hides {
        (HIDDEN, LINT.help)
    } else {
        (LINT.message, LINT.help)
    };
    let point = last_token(place);
    site.report_as(&LINT, place, point, words);
}

/// Like [`ForeignAwait`], for a plain function: looks for calls that are known to wait.
struct ForeignCall;

impl Pass for ForeignCall {
    fn expression(&mut self, expression: &Expr, site: &mut Site) {
        if site.runs != Runs::Here {
            return;
        }
        match expression {
            Expr::Call(call) => {
                let Some(path) = callee(call) else { return };
                let is_ours = call.args.iter().any(|argument| site.names.uses(argument));
                if !is_ours && waits::function_in_plain(path).is_some_and(takes_long) {
                    site.report_as(&LINT, path, last_token(path), (LINT.message, OUTSIDE));
                }
            }
            Expr::MethodCall(call) => {
                let point = call.method.span();
                let is_ours = site.names.method_uses(call);
                let is_remote = site.names.of_variable(root(&call.receiver)) == Some(&Is::Remote);
                let waits = waits::method_in_plain(call, is_remote);
                if opens_other(call, site) {
                    let help = "run it on `{session}`";
                    site.report_as(&LINT, call, point, (ELSEWHERE.0, help));
                } else if !is_ours && waits.is_some_and(takes_long) {
                    site.report_as(&LINT, &call.method, point, (LINT.message, OUTSIDE));
                }
            }
            _ => {}
        }
    }
}

const OUTSIDE: &str =
    "do it before this function is called or after it has returned; see read-process-write";

/// Returns whether the wait is long. A file is read about as fast as a row.
fn takes_long(waits: Waits) -> bool {
    waits != Waits::File
}

/// Returns whether the call is `pool.get()?` or the like, which waits for another connection.
fn opens_other(call: &ExprMethodCall, site: &Site) -> bool {
    let opens = match call.method.to_string().as_str() {
        "acquire" | "get" | "get_conn" => call.args.is_empty(),
        "get_timeout" => true,
        _ => false,
    };
    opens && is_pool(&call.receiver, site)
}

const ELSEWHERE: (&str, &str) = (
    "this runs on another connection: it is not part of the transaction, and waits for a second connection while the transaction holds its own and its locks",
    "run it on the transaction, with `&mut *{session}`",
);

const HIDDEN: &str = "this `{session}` hides the transaction, which holds its connection and locks while something else is waited for";

/// Returns the pool that the call is given or made on: `query(..).execute(&self.pool)`,
/// `names(db)`, `pool.fetch_one(..)`.
fn other_connection<'a>(future: &'a Expr, site: &Site) -> Option<&'a Expr> {
    match peel(future) {
        Expr::MethodCall(call) => {
            let is_statement = runs_statement(&call.method) && makes_query(root(&call.receiver));
            let executor = call.args.first().filter(|_| is_statement);
            let mut given = call.args.iter().chain([&*call.receiver]);
            executor.or_else(|| given.find(|value| is_pool(value, site)))
        }
        Expr::Call(call) => call.args.iter().find(|value| is_pool(value, site)),
        _ => None,
    }
}

fn is_pool(value: &Expr, site: &Site) -> bool {
    match peel(value) {
        Expr::Reference(inner) => is_pool(&inner.expr, site),
        Expr::Field(field) => {
            matches!(&field.member, Member::Named(name) if name == "db" || name == "pool")
        }
        Expr::MethodCall(call) => call.method == "pool" && call.args.is_empty(),
        other => site.names.of_variable(other) == Some(&Is::Pool),
    }
}

/// Searches tokens that cannot be read as Rust for `.await`. The operand is everything in front,
/// back to a token that ends an expression.
fn tokens(stream: TokenStream, site: &mut Site) {
    let mut operand = TokenStream::new();
    let mut after_dot = false;
    for token in stream {
        match &token {
            TokenTree::Ident(word)
                if after_dot && word == "await" && !site.names.is_mentioned(operand.clone()) =>
            {
                let place: TokenStream = [operand.clone(), token.to_token_stream()]
                    .into_iter()
                    .collect();
                let point: Span = word.span();
                site.report(&LINT, place, point);
            }
            TokenTree::Punct(punct) if matches!(punct.as_char(), ';' | ',' | '=' | '>' | '|') => {
                operand = TokenStream::new();
                after_dot = false;
                continue;
            }
            TokenTree::Group(group) => tokens(group.stream(), site),
            _ => {}
        }
        after_dot = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '.');
        operand.extend([token]);
    }
}
