//! Statements that diesel's functions build: `diesel::delete(users).filter(..).execute(conn)`.

use quote::ToTokens;
use syn::{Expr, ExprCall, ExprMethodCall, Path};

use super::api::Api;
use super::calls::{callee, is_any, last, peel, root, starts_with};
use super::literal::Sql;
use super::names::Names;
use super::report::last_token;
use crate::sql::Statement;

/// Returns the statement that this expression builds or runs in a plain function; `None` if there
/// is no such statement.
///
/// A path such as `diesel::delete` says by itself that something is written. A short `delete` says
/// so only at the beginning of a chain that runs on a connection of diesel. Whether there is a
/// filter is known only there as well.
pub(super) fn built_by(expression: &Expr, names: &Names, has_session: bool) -> Option<Sql> {
    if !names.api.is_plain() {
        return None;
    }
    match expression {
        Expr::Call(call) => {
            let path = callee(call).filter(|path| is_diesels(path))?;
            let writes = Some(changing_keyword(path)?);
            let unfiltered = None;
            Some(sql(path, writes, unfiltered))
        }
        Expr::MethodCall(run) if runs(run, names, has_session) => {
            let Expr::Call(call) = root(&run.receiver) else {
                return None;
            };
            let path = callee(call)?;
            let (keyword, is_told) = (changing_keyword(path)?, is_diesels(path));
            if !is_told && (names.api != Api::Diesel || path.get_ident().is_none()) {
                return None;
            }
            let may_filter = keyword == "UPDATE" || keyword == "DELETE";
            let unfiltered = may_filter && is_table(call, names) && keeps_all(&run.receiver);
            let writes = (!is_told).then_some(keyword);
            Some(sql(path, writes, unfiltered.then_some(keyword)))
        }
        _ => None,
    }
}

fn sql(path: &Path, writes: Option<&'static str>, unfiltered: Option<&'static str>) -> Sql {
    let statement = Statement {
        writes,
        unfiltered,
        ..Statement::default()
    };
    Sql {
        place: path.to_token_stream(),
        point: last_token(path),
        statements: vec![statement],
        on_session: None,
        is_built: true,
        is_for_one: false,
    }
}

/// Returns whether the function is certainly diesel's: `diesel::delete`, `dsl::delete`, or a name
/// that only diesel has.
fn is_diesels(path: &Path) -> bool {
    const OWN: [&str; 3] = ["insert_into", "insert_or_ignore_into", "replace_into"];
    let module = path.segments.iter().rev().nth(1);
    let of_diesel = starts_with(path, &["diesel"]) && path.segments.len() > 1;
    let of_dsl = module.is_some_and(|module| module.ident == "dsl");
    of_diesel || of_dsl || path.get_ident().is_some_and(|name| is_any(name, &OWN))
}

fn changing_keyword(path: &Path) -> Option<&'static str> {
    match last(path)?.to_string().as_str() {
        "insert_into" | "insert_or_ignore_into" => Some("INSERT"),
        "replace_into" => Some("REPLACE"),
        "update" => Some("UPDATE"),
        "delete" => Some("DELETE"),
        _ => None,
    }
}

/// Returns whether the call is `..execute(conn)` or the like.
fn runs(call: &ExprMethodCall, names: &Names, has_session: bool) -> bool {
    let is_given = |conn: &Expr| !has_session || names.uses(conn);
    call.args.len() == 1 && names.api.runs(&call.method) && is_given(&call.args[0])
}

/// Returns whether the call means all rows of a table: `users`, `users::table`,
/// `users::dsl::users`. A variable may hold a part of the rows, and so may the result of a
/// function.
fn is_table(call: &ExprCall, names: &Names) -> bool {
    call.args.len() == 1 && names.is_item(&call.args[0])
}

/// Returns whether no call of the chain can have left rows out. An unknown call may be a filter.
fn keeps_all(chain: &Expr) -> bool {
    match peel(chain) {
        Expr::MethodCall(call) => {
            is_any(&call.method, &["into_boxed", "returning", "set"]) && keeps_all(&call.receiver)
        }
        Expr::Call(_) => true,
        _ => false,
    }
}
