//! Which values are the session, hold the session, or came from a helper and may hold it.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Block, Expr, ExprCall, ExprMethodCall, Stmt};

use super::{Is, Names, variable};
use crate::lints::calls::{
    called_name, callee, ends_with, has_any, is_any, last, peel, runs_statement,
};
use crate::lints::parts::Parts;

impl Names {
    /// Returns whether the value is the session itself: `tx`, `&mut *tx`, `tx.conn()`,
    /// `tx.begin().await?`.
    pub(in crate::lints) fn is_handle(&self, value: &Expr) -> bool {
        match value {
            Expr::Path(_) => variable(value).is_some_and(|ident| self.is_session(ident)),
            Expr::Reference(inner) => self.is_handle(&inner.expr),
            Expr::Unary(inner) => self.is_handle(&inner.expr),
            Expr::Paren(inner) => self.is_handle(&inner.expr),
            Expr::Group(inner) => self.is_handle(&inner.expr),
            Expr::Try(inner) => self.is_handle(&inner.expr),
            Expr::Await(awaited) => match peel(&awaited.base) {
                Expr::MethodCall(call) => {
                    call.method.to_string().starts_with("begin") && self.is_handle(&call.receiver)
                }
                _ => false,
            },
            Expr::MethodCall(call) => gives_itself(call) && self.is_handle(&call.receiver),
            _ => false,
        }
    }

    /// Returns whether an await of the value waits for the session, or for nothing at all.
    pub(in crate::lints) fn waits_for_session(&self, value: &Expr) -> bool {
        let waits_for_nothing = match peel(value) {
            Expr::Async(block) => !has_await(&block.block),
            Expr::Call(call) => is_ready(call),
            _ => false,
        };
        waits_for_nothing || self.uses(value)
    }

    /// Returns whether the value comes from something that a helper with the session returned:
    /// `unit_of_work.users().insert(user)`.
    pub(in crate::lints) fn is_given(&self, value: &Expr) -> bool {
        match peel(value) {
            Expr::Await(awaited) => {
                let called = called_name(peel(&awaited.base));
                called.is_some_and(|name| !runs_statement(name)) && self.uses(&awaited.base)
            }
            Expr::Path(_) => {
                variable(value).is_some_and(|ident| matches!(self.get(ident), Some(Is::Given)))
            }
            // The closure does other work for each value that the helper returned.
            Expr::MethodCall(call) if call.args.iter().any(is_closure) => false,
            // `tx.users()` may hold `tx`, and `tx.depth()` does not.
            Expr::MethodCall(call) => {
                self.is_given(&call.receiver)
                    || call.args.is_empty() && !gives_itself(call) && self.is_handle(&call.receiver)
            }
            Expr::Match(arms) => {
                self.is_given(&arms.expr) || arms.arms.iter().any(|arm| self.is_given(&arm.body))
            }
            Expr::If(branches) => {
                let other = branches.else_branch.as_ref();
                self.block_gives(&branches.then_branch)
                    || other.is_some_and(|(_, other)| self.is_given(other))
            }
            Expr::Block(block) => self.block_gives(&block.block),
            Expr::Call(call) if call.args.len() == 1 => {
                let name = callee(call).and_then(last);
                name.is_some_and(|name| name == "Some" || name == "Ok")
                    && self.is_given(&call.args[0])
            }
            Expr::Field(field) => self.is_given(&field.base),
            Expr::Try(tried) => self.is_given(&tried.expr),
            Expr::Reference(inner) => self.is_given(&inner.expr),
            Expr::Unary(inner) => self.is_given(&inner.expr),
            _ => false,
        }
    }

    /// Returns whether the value holds the session.
    pub(in crate::lints) fn uses(&self, value: &Expr) -> bool {
        if let Some(holds) = self.result_holds(value) {
            return holds;
        }
        match value {
            Expr::Path(_) => variable(value).is_some_and(|ident| self.holds_session(ident)),
            Expr::Await(_) => self.is_handle(value),
            Expr::Async(block) => self.is_mentioned(block.block.to_token_stream()),
            Expr::Closure(closure) => self.is_mentioned(closure.body.to_token_stream()),
            Expr::Call(call) => {
                self.uses(&call.func) || call.args.iter().any(|argument| self.uses(argument))
            }
            Expr::MethodCall(call) if gives_itself(call) && self.is_given(&call.receiver) => true,
            Expr::MethodCall(call) => self.method_uses(call),
            Expr::Macro(call) => self.macro_uses(&call.mac),
            Expr::Block(block) => self.block_uses(&block.block),
            Expr::Unsafe(block) => self.block_uses(&block.block),
            Expr::If(branches) => {
                let other = branches.else_branch.as_ref();
                self.block_uses(&branches.then_branch)
                    || other.is_some_and(|(_, other)| self.uses(other))
            }
            Expr::Match(arms) => arms.arms.iter().any(|arm| self.uses(&arm.body)),
            // A `&mut guard` to a value that a helper returned may hold the session.
            Expr::Reference(inner) => {
                let is_lent = inner.mutability.is_some() && self.is_given(&inner.expr);
                is_lent || self.uses(&inner.expr)
            }
            Expr::Unary(inner) => self.uses(&inner.expr),
            Expr::Paren(inner) => self.uses(&inner.expr),
            Expr::Group(inner) => self.uses(&inner.expr),
            Expr::Cast(inner) => self.uses(&inner.expr),
            Expr::Try(inner) => self.uses(&inner.expr),
            Expr::Field(inner) => self.uses(&inner.base),
            Expr::Index(inner) => self.uses(&inner.expr),
            Expr::Array(array) => array.elems.iter().any(|element| self.uses(element)),
            Expr::Tuple(tuple) => tuple.elems.iter().any(|element| self.uses(element)),
            Expr::Struct(value) => value.fields.iter().any(|field| self.uses(&field.expr)),
            _ => false,
        }
    }

    /// Returns whether the receiver or an argument of the call holds the session.
    pub(in crate::lints) fn method_uses(&self, call: &ExprMethodCall) -> bool {
        self.uses(&call.receiver) || call.args.iter().any(|argument| self.uses(argument))
    }

    fn block_gives(&self, block: &Block) -> bool {
        matches!(block.stmts.last(), Some(Stmt::Expr(last, None)) if self.is_given(last))
    }

    fn macro_uses(&self, call: &syn::Macro) -> bool {
        const TEXT: [&str; 3] = ["format", "format_args", "matches"];
        if last(&call.path).is_some_and(|name| is_any(name, &TEXT)) {
            return false;
        }
        match Parts::of(call) {
            // The futures were awaited inside of the macro.
            Parts::Join(_) | Parts::Select(_) => false,
            Parts::Expressions(parts) => parts.iter().any(|part| self.uses(part)),
            Parts::Statements(_) | Parts::Tokens => self.is_mentioned(call.tokens.clone()),
        }
    }

    /// Returns whether the value of a block holds the session. Names that are bound in the block
    /// are unknown here, so all of a block that awaits nothing counts.
    fn block_uses(&self, block: &Block) -> bool {
        match block.stmts.last() {
            Some(Stmt::Expr(last, None)) => {
                let is_future = !self.api.is_plain() && !has_await(block);
                self.uses(last) || (is_future && self.is_mentioned(block.to_token_stream()))
            }
            _ => false,
        }
    }

    /// Returns whether a variable that holds the session occurs in the tokens.
    pub(in crate::lints) fn is_mentioned(&self, tokens: TokenStream) -> bool {
        let mut after_dot = false;
        tokens.into_iter().any(|token| {
            let is_field = std::mem::replace(
                &mut after_dot,
                matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '.'),
            );
            match token {
                TokenTree::Ident(ident) => !is_field && self.holds_session(&ident),
                TokenTree::Group(group) => self.is_mentioned(group.stream()),
                _ => false,
            }
        })
    }
}

/// Returns whether the method returns its receiver, as `tx.conn()` does.
fn gives_itself(call: &ExprMethodCall) -> bool {
    const NAMES: [&str; 5] = ["as_mut", "borrow_mut", "by_ref", "conn", "deref_mut"];
    call.args.is_empty() && is_any(&call.method, &NAMES)
}

fn is_closure(argument: &Expr) -> bool {
    matches!(peel(argument), Expr::Closure(_))
}

/// Returns whether the future does no more than give other tasks a turn: `std::future::ready(..)`,
/// `tokio::task::yield_now()`.
fn is_ready(call: &ExprCall) -> bool {
    const NAMES: [[&str; 2]; 5] = [
        ["task", "consume_budget"],
        ["future", "err"],
        ["future", "ok"],
        ["future", "ready"],
        ["task", "yield_now"],
    ];
    callee(call).is_some_and(|path| NAMES.iter().any(|words| ends_with(path, words)))
}

/// Returns whether something in the block is awaited.
fn has_await(block: &Block) -> bool {
    const WORDS: [&str; 4] = ["await", "join", "try_join", "select"];
    has_any(block.to_token_stream(), &WORDS)
}
