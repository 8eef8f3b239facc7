//! What each variable stands for, at each place of the body.
//!
//! The session is `tx` and its reborrows. A value that is made of it and not yet awaited holds it: a
//! stream, a future, a struct. What an await gave is data, and says nothing about the session any
//! more; unless it came from a helper, which may have given back something that holds it. Without
//! awaits it is the call that shows which it is ([`plain`]).

mod plain;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{Block, Expr, ExprCall, ExprMethodCall, Ident, Pat, Path, Stmt};

use super::api::Api;
use super::calls::{
    awaited_name, callee, has_any, is_any, is_of_this_crate, last, peel, root, runs_statement,
};
use super::literal::Literal;
use super::parts::Parts;

#[derive(Clone, PartialEq)]
pub(super) enum Is {
    /// Anything that is no concern of a lint.
    Plain,
    /// The session itself.
    Session,
    /// A value that holds the session.
    Holder,
    /// What a helper gave that had the session; it may hold it.
    Given,
    /// An iterator over the `Result` of each row.
    Rows,
    /// The `Result` of a statement, or of a row.
    Outcome,
    /// A pool or `Db`, which has other connections.
    Pool,
    /// A connection without async.
    Blocking,
    /// A client that waits for other servers.
    Remote,
    /// Chunks of many things.
    Chunks,
    /// A closure or a future, which somebody may run later.
    Work,
    /// A function or a module of the user's own, as the body says.
    Own,
    /// A text, where the body says which.
    Text(Vec<Literal>),
}

struct Name {
    ident: String,
    is: Is,
}

/// The scopes around one place, the innermost last.
pub(super) struct Names {
    pub(super) api: Api,
    scopes: Vec<Vec<Name>>,
}

impl Names {
    pub(super) fn new(api: Api) -> Names {
        Names {
            api,
            scopes: Vec::new(),
        }
    }

    pub(super) fn open(&mut self) {
        self.scopes.push(Vec::new());
    }

    pub(super) fn close(&mut self) {
        self.scopes.pop();
    }

    /// Everything the pattern binds stands for this.
    pub(super) fn bind(&mut self, pattern: &Pat, is: &Is) {
        struct Bound<'a>(Vec<&'a Ident>);
        impl<'a> Visit<'a> for Bound<'a> {
            fn visit_pat_ident(&mut self, pattern: &'a syn::PatIdent) {
                self.0.push(&pattern.ident);
                visit::visit_pat_ident(self, pattern);
            }

            fn visit_expr(&mut self, _: &'a Expr) {}
        }
        let mut bound = Bound(Vec::new());
        bound.visit_pat(pattern);
        // A part of a `Result` is none.
        let is_part = *is == Is::Outcome && !plain::binds_whole(pattern);
        let is = if is_part { &Is::Plain } else { is };
        for ident in bound.0 {
            // `let (tx, id) = insert(tx).await?;`
            let is_session_again = *is == Is::Given && self.is_session(ident);
            let is = if is_session_again {
                Is::Session
            } else {
                is.clone()
            };
            self.bind_name(ident, is);
        }
    }

    pub(super) fn bind_name(&mut self, ident: &Ident, is: Is) {
        let name = Name {
            ident: ident.to_string(),
            is,
        };
        match self.scopes.last_mut() {
            Some(scope) => scope.push(name),
            None => self.scopes.push(vec![name]),
        }
    }

    /// `stream = query.fetch(tx)` and `context.session = Some(tx)`.
    pub(super) fn assign(&mut self, to: &Expr, value: &Expr) {
        let is = self.kind_of(value);
        match is {
            Is::Session if variable(to).is_some() => self.set(to, Is::Session),
            Is::Session | Is::Holder => self.set(to, Is::Holder),
            Is::Given | Is::Rows => self.set(to, is),
            // Which text it is depends on the way here.
            _ => {
                if variable(to).is_some_and(|ident| matches!(self.get(ident), Some(Is::Text(_)))) {
                    self.set(to, Is::Plain);
                }
            }
        }
    }

    /// `futures.push(helper(tx));` keeps the session in the variable at the root, `attach(&mut
    /// context, tx)?;` in the one it may write to.
    pub(super) fn store(&mut self, statement: &Expr) {
        // Without an await nothing shows that a helper keeps what it is given, and most do not.
        if self.api.is_plain() {
            return;
        }
        match peel(statement) {
            Expr::Try(tried) => self.store(&tried.expr),
            Expr::MethodCall(call) if call.method == "unwrap" || call.method == "expect" => {
                self.store(&call.receiver);
            }
            Expr::MethodCall(call) => {
                let is_given = call.args.iter().any(|argument| self.uses(argument));
                if is_given && !self.uses(&call.receiver) {
                    self.set(&call.receiver, Is::Holder);
                }
            }
            Expr::Call(call) if call.args.iter().any(|argument| self.is_handle(argument)) => {
                for argument in &call.args {
                    if let Expr::Reference(lent) = argument
                        && lent.mutability.is_some()
                        && !self.uses(argument)
                    {
                        self.set(&lent.expr, Is::Holder);
                    }
                }
            }
            _ => {}
        }
    }

    fn set(&mut self, to: &Expr, is: Is) {
        let Some(ident) = variable(root(to)) else {
            return;
        };
        let ident = ident.to_string();
        let mut names = self.scopes.iter_mut().flatten().rev();
        if let Some(name) = names.find(|name| name.ident == ident) {
            name.is = is;
        }
    }

    pub(super) fn get(&self, ident: &Ident) -> Option<&Is> {
        let ident = ident.to_string();
        let mut names = self.scopes.iter().flatten().rev();
        names.find(|name| name.ident == ident).map(|name| &name.is)
    }

    fn is_session(&self, ident: &Ident) -> bool {
        matches!(self.get(ident), Some(Is::Session))
    }

    fn holds_session(&self, ident: &Ident) -> bool {
        matches!(self.get(ident), Some(Is::Session | Is::Holder | Is::Rows))
    }

    /// What the variable stands for, when the expression is no more than one, or a reference to it.
    pub(super) fn of_variable(&self, expression: &Expr) -> Option<&Is> {
        match peel(expression) {
            Expr::Reference(inner) => self.of_variable(&inner.expr),
            Expr::Unary(inner) => self.of_variable(&inner.expr),
            other => variable(other).and_then(|ident| self.get(ident)),
        }
    }

    pub(super) fn texts(&self, ident: &Ident) -> &[Literal] {
        match self.get(ident) {
            Some(Is::Text(texts)) => texts,
            _ => &[],
        }
    }

    /// What a variable stands for that is set to this value.
    pub(super) fn kind_of(&self, value: &Expr) -> Is {
        if self.is_handle(value) {
            Is::Session
        } else if self.api.is_plain() {
            self.kind_in_plain(value)
        } else if self.is_given(value) {
            Is::Given
        } else if self.waits_for_session(value) {
            Is::Holder
        } else {
            self.same_kind(value)
        }
    }

    /// What the variable stands for that the value is, of those that pass it on by name only.
    fn same_kind(&self, value: &Expr) -> Is {
        match self.of_variable(value) {
            Some(kind @ (Is::Pool | Is::Remote | Is::Work)) => kind.clone(),
            _ if matches!(peel(value), Expr::Async(_) | Expr::Closure(_)) => Is::Work,
            _ => Is::Plain,
        }
    }

    /// Whether the path certainly leads to something of the user's own: `crate::thread::spawn`, and
    /// `thread::spawn` behind `use crate::thread;` in the body.
    pub(super) fn is_own(&self, path: &Path) -> bool {
        let first = path.segments.first().map(|segment| &segment.ident);
        is_of_this_crate(path) || first.is_some_and(|first| self.get(first) == Some(&Is::Own))
    }

    /// The session itself: `tx`, `&mut *tx`, `tx.conn()`, `tx.begin().await?`.
    pub(super) fn is_handle(&self, value: &Expr) -> bool {
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

    /// Whether to await the value is to wait for the session, or for nothing at all.
    pub(super) fn waits_for_session(&self, value: &Expr) -> bool {
        let waits_for_nothing = match peel(value) {
            Expr::Async(block) => !has_await(&block.block),
            Expr::Call(call) => is_ready(call),
            _ => false,
        };
        waits_for_nothing || self.uses(value)
    }

    /// Whether the value comes from something that a helper with the session gave:
    /// `unit_of_work.users().insert(user)`.
    pub(super) fn is_given(&self, value: &Expr) -> bool {
        match peel(value) {
            Expr::Await(awaited) => {
                let called = awaited_name(awaited);
                called.is_some_and(|name| !runs_statement(name)) && self.uses(&awaited.base)
            }
            Expr::Path(_) => {
                variable(value).is_some_and(|ident| matches!(self.get(ident), Some(Is::Given)))
            }
            // Other work, for each thing that was given.
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

    /// Whether the value holds the session.
    pub(super) fn uses(&self, value: &Expr) -> bool {
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
            Expr::MethodCall(call) => {
                self.uses(&call.receiver) || call.args.iter().any(|argument| self.uses(argument))
            }
            Expr::Macro(call) => self.macro_uses(&call.mac),
            Expr::Block(block) => self.block_uses(&block.block),
            Expr::Unsafe(block) => self.block_uses(&block.block),
            Expr::If(branches) => {
                let other = branches.else_branch.as_ref();
                self.block_uses(&branches.then_branch)
                    || other.is_some_and(|(_, other)| self.uses(other))
            }
            Expr::Match(arms) => arms.arms.iter().any(|arm| self.uses(&arm.body)),
            // Of what a helper gave, `&mut guard` is no data.
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

    fn block_gives(&self, block: &Block) -> bool {
        matches!(block.stmts.last(), Some(Stmt::Expr(last, None)) if self.is_given(last))
    }

    fn macro_uses(&self, call: &syn::Macro) -> bool {
        const TEXT: [&str; 3] = ["format", "format_args", "matches"];
        if last(&call.path).is_some_and(|name| is_any(name, &TEXT)) {
            return false;
        }
        match Parts::of(call) {
            // What they give was awaited inside.
            Parts::Join(_) | Parts::Select(_) => false,
            Parts::Expressions(parts) => parts.iter().any(|part| self.uses(part)),
            Parts::Statements(_) | Parts::Tokens => self.is_mentioned(call.tokens.clone()),
        }
    }

    /// What a block gives. Names bound in it are not known here, so a block that awaits nothing
    /// counts as a whole.
    fn block_uses(&self, block: &Block) -> bool {
        match block.stmts.last() {
            Some(Stmt::Expr(last, None)) => {
                let is_future = !self.api.is_plain() && !has_await(block);
                self.uses(last) || (is_future && self.is_mentioned(block.to_token_stream()))
            }
            _ => false,
        }
    }

    /// Whether a variable that holds the session occurs in the tokens.
    pub(super) fn is_mentioned(&self, tokens: TokenStream) -> bool {
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

/// `tx.conn()`
fn gives_itself(call: &ExprMethodCall) -> bool {
    const NAMES: [&str; 5] = ["as_mut", "borrow_mut", "by_ref", "conn", "deref_mut"];
    call.args.is_empty() && is_any(&call.method, &NAMES)
}

fn is_closure(argument: &Expr) -> bool {
    matches!(peel(argument), Expr::Closure(_))
}

/// The variable, when the expression is no more than one.
pub(super) fn variable(expression: &Expr) -> Option<&Ident> {
    match peel(expression) {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident(),
        _ => None,
    }
}

/// `std::future::ready(..)`, `tokio::task::yield_now()`: others get a turn, and that is all.
fn is_ready(call: &ExprCall) -> bool {
    const NAMES: [(&str, &str); 5] = [
        ("task", "consume_budget"),
        ("future", "err"),
        ("future", "ok"),
        ("future", "ready"),
        ("task", "yield_now"),
    ];
    let mut words = callee(call)
        .into_iter()
        .flat_map(|path| path.segments.iter().rev());
    let name = words.next().map(|segment| &segment.ident);
    let module = words.next().map(|segment| &segment.ident);
    NAMES.iter().any(|(of, known)| {
        name.is_some_and(|name| name == known) && module.is_some_and(|module| module == of)
    })
}

/// Whether something in the block is awaited.
fn has_await(block: &Block) -> bool {
    const WORDS: [&str; 4] = ["await", "join", "try_join", "select"];
    has_any(block.to_token_stream(), &WORDS)
}
