//! Which values hold the connection of a plain function. Nothing is awaited there, so the names of
//! the calls tell.

use syn::{Expr, ExprMethodCall, Pat};

use super::{Is, Names};
use crate::lints::api::{constructs, gives_rows};
use crate::lints::calls::{callee, is_any, last, peel};

impl Names {
    /// Returns what a variable of a plain function stands for that is set to this value.
    pub(super) fn kind_in_plain(&self, value: &Expr) -> Is {
        if self.is_rows(value) {
            Is::Rows
        } else if self.is_outcome(value) {
            Is::Outcome
        } else if self.uses(value) {
            Is::Holder
        } else {
            self.same_kind(value)
        }
    }

    /// Returns what the variable of a loop over this value stands for.
    pub(in crate::lints) fn kind_of_item(&self, iterated: &Expr) -> Is {
        match self.kind_of(iterated) {
            Is::Rows => Is::Outcome,
            // A loop may go over futures that hold the session, but a list does not contain
            // connections.
            Is::Holder if self.api.is_plain() => Is::Plain,
            kind => kind,
        }
    }

    /// Returns whether the value is an iterator over the `Result` of each row:
    /// `statement.query_map(..)?`. Without the `?`, the value is the `Result` of the iterator.
    pub(in crate::lints) fn is_rows(&self, value: &Expr) -> bool {
        self.api.is_plain() && self.are_rows(value)
    }

    fn are_rows(&self, value: &Expr) -> bool {
        const SAME: [&str; 6] = ["by_ref", "into_iter", "peekable", "rev", "skip", "take"];
        match peel(value) {
            Expr::Path(_) | Expr::Reference(_) => self.of_variable(value) == Some(&Is::Rows),
            Expr::Try(tried) => self.gives_rows(&tried.expr),
            Expr::MethodCall(call) if is_any(&call.method, &["unwrap", "expect"]) => {
                self.gives_rows(&call.receiver)
            }
            // rusqlite's `mapped` turns rows into an iterator without a `Result` around it.
            Expr::MethodCall(call) if call.method == "mapped" => self.uses(&call.receiver),
            Expr::MethodCall(call) => is_any(&call.method, &SAME) && self.are_rows(&call.receiver),
            _ => false,
        }
    }

    fn gives_rows(&self, value: &Expr) -> bool {
        match peel(value) {
            Expr::MethodCall(call) if gives_rows(&call.method) => self.method_uses(call),
            Expr::MethodCall(call) => {
                let same = is_any(&call.method, &["map_err", "context", "with_context"]);
                same && self.gives_rows(&call.receiver)
            }
            _ => false,
        }
    }

    /// Returns whether the value is the next of such rows, or a variable that holds one.
    pub(in crate::lints) fn is_outcome(&self, value: &Expr) -> bool {
        match peel(value) {
            Expr::Path(_) => self.of_variable(value) == Some(&Is::Outcome),
            Expr::MethodCall(call) => call.method == "next" && self.is_rows(&call.receiver),
            _ => false,
        }
    }

    /// Returns whether the result of a call in a plain function holds the connection; `None` if the
    /// value is not the result of a call, or the function is async. Most calls return data, so the
    /// others are known by their names.
    pub(super) fn result_holds(&self, value: &Expr) -> Option<bool> {
        if !self.api.is_plain() {
            return None;
        }
        match value {
            Expr::MethodCall(call) => Some(self.method_holds(call)),
            Expr::Macro(_) => Some(false),
            Expr::Call(call) => {
                let makes = callee(call).is_some_and(constructs);
                Some(makes && call.args.iter().any(|argument| self.uses(argument)))
            }
            _ => None,
        }
    }

    fn method_holds(&self, call: &ExprMethodCall) -> bool {
        // diesel's `transaction` takes a closure and returns the closure's result.
        let is_run = call.method == "transaction" && !call.args.is_empty();
        let keeps = self.api.keeps(&call.method) && !is_run;
        keeps && self.method_uses(call)
    }
}

/// Returns whether a name in the pattern gets the whole value: `row`, or the `Some(row)` of an
/// iterator's next value.
pub(super) fn binds_whole(pattern: &Pat) -> bool {
    match pattern {
        Pat::Ident(_) => true,
        Pat::Type(typed) => binds_whole(&typed.pat),
        Pat::Paren(inner) => binds_whole(&inner.pat),
        Pat::TupleStruct(some) => {
            let is_some = last(&some.path).is_some_and(|name| name == "Some");
            is_some
                && some
                    .elems
                    .iter()
                    .all(|inner| matches!(inner, Pat::Ident(_)))
        }
        _ => false,
    }
}
