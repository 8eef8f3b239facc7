//! The calls by which a body runs its statements, and what they return: sqlx's calls, whose results
//! are awaited, or in a plain function the calls of a synchronous driver.

use proc_macro2::{Ident, Span};
use syn::{Expr, Path, Type};

use super::calls::{called_name, is_any, last, peel, runs_statement, starts_upper};
use super::report::last_token;
use crate::function::{Function, types};

/// The library that the calls belong to, as far as the type of the connection tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Api {
    #[default]
    Sqlx,
    Rusqlite,
    Diesel,
    Postgres,
    /// A plain function whose connection has another name, or no connection.
    Other,
}

/// A call that has ended where it stands, so that its value is the result.
#[derive(Clone, Copy)]
pub(super) struct Ended<'a> {
    /// The whole expression: `f(tx).await`, or in a plain function `f(conn)`.
    pub(super) whole: &'a Expr,
    /// The call itself: `f(tx)`.
    pub(super) call: &'a Expr,
}

impl<'a> Ended<'a> {
    /// Returns the name of the function or method; `None` if the expression is not a call.
    pub(super) fn name(&self) -> Option<&'a Ident> {
        called_name(self.call)
    }

    /// Returns the word that a warning underlines.
    pub(super) fn point(&self) -> Span {
        match (self.whole, self.call) {
            (Expr::Await(awaited), _) => awaited.await_token.span,
            (_, Expr::MethodCall(call)) => call.method.span(),
            (_, Expr::Call(call)) => last_token(&call.func),
            (whole, _) => last_token(whole),
        }
    }
}

impl Api {
    pub(super) fn of(function: &Function) -> Api {
        if !function.is_plain() {
            return Api::Sqlx;
        }
        let session = function.session.as_ref();
        session.map_or(Api::Other, |session| {
            Api::of_connection(&session.parameter.ty)
        })
    }

    /// Finds the library by the last word of the connection's type, as in `&mut
    /// rusqlite::Connection`.
    fn of_connection(ty: &Type) -> Api {
        const DIESEL: [&str; 3] = ["MysqlConnection", "PgConnection", "SqliteConnection"];
        let inner = types::reference(ty).map_or(ty, |(inner, _)| inner);
        match types::last_segment(inner).map(|segment| &segment.ident) {
            Some(name) if name == "Connection" => Api::Rusqlite,
            Some(name) if name == "Client" => Api::Postgres,
            Some(name) if is_any(name, &DIESEL) => Api::Diesel,
            _ => Api::Other,
        }
    }

    /// Returns whether the calls are those of a plain function, which awaits nothing.
    pub(super) fn is_plain(self) -> bool {
        self != Api::Sqlx
    }

    /// Returns whether a method of this name runs a statement, on a connection, on a query or on a
    /// prepared statement.
    pub(super) fn runs(self, method: &Ident) -> bool {
        if self.is_plain() {
            is_any(method, &RUN) || is_any(method, &STEP)
        } else {
            runs_statement(method)
        }
    }

    /// Returns whether a method of this name sends a statement and waits for its rows. `prepare` of
    /// the crate `postgres` waits as well, but does not count, because one prepared statement
    /// serves many calls.
    pub(super) fn waits_for_server(self, method: &Ident) -> bool {
        let name = method.to_string();
        match self.is_plain() {
            true => {
                ["query", "execute"]
                    .iter()
                    .any(|word| name.starts_with(word))
                    || is_any(method, &["batch_execute", "simple_query"])
            }
            false => runs_statement(method),
        }
    }

    /// Returns whether only methods that run statements have this name, so that the call certainly
    /// returns a `Result` and not the `Option` of a helper.
    pub(super) fn certainly_runs(self, name: &Ident) -> bool {
        if self.is_plain() {
            is_any(name, &RUN) || is_operation(name)
        } else {
            runs_statement(name)
        }
    }

    /// Returns whether a method of this name takes the text of a statement.
    pub(super) fn takes_text(self, method: &Ident) -> bool {
        if self.is_plain() {
            is_any(method, &TAKE_TEXT)
        } else {
            runs_statement(method) || method == "prepare"
        }
    }

    /// Returns whether a method of this name takes the name and the value of a pragma.
    pub(super) fn sets_pragma(self, method: &Ident) -> bool {
        self.is_plain() && is_any(method, &["pragma_update", "pragma_update_and_check"])
    }

    /// Returns the call that has ended where this expression has its value; `None` if there is no
    /// such call.
    pub(super) fn ended(self, expression: &Expr) -> Option<Ended<'_>> {
        let whole = expression;
        let call = match expression {
            Expr::Await(awaited) if !self.is_plain() => peel(&awaited.base),
            Expr::Call(_) | Expr::MethodCall(_) if self.is_plain() => whole,
            _ => return None,
        };
        Some(Ended { whole, call })
    }

    /// Returns how a part of a transaction is written that may fail alone, for messages.
    pub(super) fn savepoint(self) -> &'static str {
        match self {
            Api::Sqlx => "`{session}.savepoint(..)`",
            Api::Rusqlite => "a savepoint of the driver, `{session}.savepoint()`",
            Api::Diesel => "`{session}.transaction(|{session}| ..)`, which is a savepoint here",
            Api::Postgres => "a savepoint, between the statements `SAVEPOINT` and `ROLLBACK TO`",
            Api::Other => "a savepoint of the driver",
        }
    }

    /// Returns whether a method of this name returns something that still uses the receiver or the
    /// arguments: a prepared statement, rows, a savepoint, or an adapter of an iterator.
    pub(super) fn keeps(self, method: &Ident) -> bool {
        // The client of PostgreSQL has read all rows when `query` returns.
        let is_read = self == Api::Postgres && method == "query";
        !is_read && (is_any(method, &OPEN) || is_any(method, &ADAPT) || gives_rows(method))
    }
}

/// Methods of rusqlite, diesel and `postgres` that run a statement, or have one prepared.
const RUN: [&str; 33] = [
    "batch_execute",
    "copy_in",
    "copy_out",
    "execute",
    "execute_batch",
    "execute_typed",
    "get_result",
    "get_results",
    "load_iter",
    "pragma_query",
    "pragma_query_value",
    "pragma_update",
    "pragma_update_and_check",
    "prepare",
    "prepare_cached",
    "prepare_typed",
    "prepare_with_flags",
    "query",
    "query_and_then",
    "query_map",
    "query_one",
    "query_opt",
    "query_raw",
    "query_row",
    "query_row_and_then",
    "query_typed",
    "query_typed_one",
    "query_typed_opt",
    "query_typed_raw",
    "raw_execute",
    "raw_query",
    "save_changes",
    "simple_query",
];

/// Like [`RUN`], but under names that helpers have as well.
const STEP: [&str; 5] = ["exists", "first", "insert", "load", "next"];

const TAKE_TEXT: [&str; 23] = [
    "batch_execute",
    "copy_in",
    "copy_out",
    "execute",
    "execute_batch",
    "execute_typed",
    "prepare",
    "prepare_cached",
    "prepare_typed",
    "prepare_with_flags",
    "query",
    "query_map",
    "query_one",
    "query_opt",
    "query_raw",
    "query_row",
    "query_row_and_then",
    "query_typed",
    "query_typed_one",
    "query_typed_opt",
    "query_typed_raw",
    "simple_query",
    "sql_query",
];

/// Methods that return a statement, a savepoint or a stream of data.
const OPEN: [&str; 17] = [
    "blob_open",
    "build_transaction",
    "copy_in",
    "copy_out",
    "prepare",
    "prepare_cached",
    "prepare_typed",
    "prepare_with_flags",
    "query",
    "query_raw",
    "raw_query",
    "savepoint",
    "savepoint_with_name",
    "start",
    "transaction",
    "transaction_with_behavior",
    "unchecked_transaction",
];

const ADAPT: [&str; 26] = [
    "and_then",
    "as_mut",
    "as_ref",
    "borrow_mut",
    "by_ref",
    "chain",
    "context",
    "deref_mut",
    "enumerate",
    "expect",
    "filter",
    "filter_map",
    "flatten",
    "inspect_err",
    "into_iter",
    "iter",
    "iter_mut",
    "map",
    "map_err",
    "or_else",
    "peekable",
    "rev",
    "skip",
    "take",
    "unwrap",
    "with_context",
];

/// Returns whether the method returns an iterator over the `Result` of each row.
pub(super) fn gives_rows(method: &Ident) -> bool {
    is_any(
        method,
        &["load_iter", "mapped", "query_and_then", "query_map"],
    )
}

/// Returns whether the name is that of a plain function that dbop has kept under a name with
/// `_sync`.
fn is_operation(name: &Ident) -> bool {
    name.to_string().ends_with("_sync")
}

/// Returns whether the function makes a value from its arguments: `Repo::new(conn)`, `Repo(conn)`.
/// Any other function returns data.
pub(super) fn constructs(path: &Path) -> bool {
    const NAMES: [&str; 5] = ["attach", "from", "new", "open", "wrap"];
    last(path).is_some_and(|name| {
        let is_of_type = path.segments.len() > 1;
        let makes = is_any(name, &NAMES) || name.to_string().starts_with("with_");
        starts_upper(name) || is_of_type && makes
    })
}
