//! Walks through a body once, and tells every lint what stands there and where.

mod loops;
mod visit;

use syn::visit::Visit;
use syn::{Attribute, Expr, ExprClosure, Ident, Macro, Pat, PatType, Stmt};

use self::loops::is_chunked;
use super::calls::{async_block, callee, is_any, last, peel, root};
use super::levels::Levels;
use super::literal::Sql;
use super::names::Is;
use super::parts::{Branch, Parts};
use super::report::Reports;
use super::site::{Around, Repeats, Runs, Site};
use super::text;
use super::{Pass, Subject};
use crate::function::types;

/// Walks through the signature and, if it could be parsed, the body.
pub(super) fn walk(
    subject: &Subject<'_>,
    body: Option<&[Stmt]>,
    passes: Vec<Box<dyn Pass>>,
    levels: Levels,
) -> Reports {
    let site = Site::new(subject, levels);
    let mut walk = Walk {
        passes,
        site,
        next: None,
        on_session: None,
    };
    for pass in &mut walk.passes {
        pass.signature(subject, &mut walk.site);
    }
    for statement in body.unwrap_or_default() {
        walk.visit_stmt(statement);
    }
    walk.site.finish(body.is_some())
}

struct Walk {
    passes: Vec<Box<dyn Pass>>,
    site: Site,
    /// What the code does with the next expression; `None` means that nothing is known.
    next: Option<Around>,
    /// Whether the statement around this place runs on the session; `None` outside of a statement.
    on_session: Option<bool>,
}

impl Walk {
    fn with_names(&mut self, inner: impl FnOnce(&mut Self)) {
        self.site.names.open();
        inner(self);
        self.site.names.close();
    }

    fn with_levels(&mut self, inner: impl FnOnce(&mut Self)) {
        let mark = self.site.levels.mark();
        inner(self);
        self.site.levels.leave(mark);
    }

    fn attributes(&mut self, attributes: &[Attribute]) {
        for attribute in attributes {
            self.site.levels.enter(attribute);
        }
    }

    fn running(&mut self, runs: Runs, inner: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.site.runs, runs);
        inner(self);
        self.site.runs = outer;
    }

    fn repeating(&mut self, repeats: Repeats, inner: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.site.repeats, repeats);
        inner(self);
        self.site.repeats = outer;
    }

    /// Visits a future that is not awaited where it is made. Such a future runs in the body if it
    /// holds the session. In a function without a session, the future has nothing that it could
    /// outlive.
    fn future(&mut self, uses_session: bool, inner: impl FnOnce(&mut Self)) {
        let runs = match self.site.runs {
            Runs::Here if !uses_session && self.site.has_session() => Runs::Later,
            runs => runs,
        };
        self.running(runs, inner);
    }

    /// Visits an expression whose value is used in this way.
    fn around(&mut self, around: Around, inner: impl FnOnce(&mut Self)) {
        let outer = self.next.replace(around);
        inner(self);
        self.next = outer;
    }

    /// Visits a future that is awaited where it is made: the block of `async { .. }.await`.
    fn awaited(&mut self, future: &Expr) {
        match (async_block(future), peel(future)) {
            (Some(block), _) => self.with_levels(|walk| {
                walk.attributes(&block.attrs);
                walk.visit_block(&block.block);
            }),
            (None, Expr::Block(block)) => self.with_names(|walk| {
                for statement in &block.block.stmts {
                    match statement {
                        Stmt::Expr(last, None) => walk.awaited(last),
                        other => walk.visit_stmt(other),
                    }
                }
            }),
            (None, other) => self.around(Around::Awaited, |walk| walk.visit_expr(other)),
        }
    }

    /// Visits the arguments of a call. `receiver` is `None` for the call of a function.
    fn arguments<'a>(
        &mut self,
        name: Option<&Ident>,
        receiver: Option<&Expr>,
        arguments: impl Iterator<Item = &'a Expr> + Clone,
    ) {
        let name = name.map_or_else(String::new, Ident::to_string);
        let names = &self.site.names;
        let on_session = receiver.is_some_and(|receiver| names.uses(receiver));
        let gets_session = receiver.is_some_and(|receiver| names.is_handle(receiver))
            || arguments.clone().any(|argument| names.is_handle(argument));
        let gets_rows = receiver.is_some_and(|receiver| names.is_rows(receiver));
        let (is_awaited, is_plain) = (self.site.is_awaited(), names.api.is_plain());
        for argument in arguments {
            let lent = match peel(argument) {
                Expr::Reference(inner) => peel(&inner.expr),
                other => other,
            };
            match (lent, closure_in(argument)) {
                (Expr::Async(_) | Expr::Closure(_), _) if is_hook(&name) => {
                    self.running(Runs::Later, |walk| walk.visit_expr(argument));
                }
                (Expr::Closure(closure), _) if is_plain && (gets_session || on_session) => {
                    let inputs = self.inputs_in_plain(&name, closure, gets_rows);
                    self.called_closure(closure, &inputs);
                }
                // The call has the session and runs the closure while the session is open.
                (Expr::Closure(closure), _) if gets_session => {
                    self.called_closure(closure, &Is::Session);
                }
                (Expr::Closure(closure), _) if on_session => {
                    self.called_closure(closure, &Is::Plain);
                }
                (_, Some(closure))
                    if is_sync(closure) && (is_awaited || self.leaves_thread(&name)) =>
                {
                    self.running(Runs::OnOtherThread, |walk| walk.visit_expr(argument));
                }
                _ => self.visit_expr(argument),
            }
        }
    }

    /// Visits a closure that is called by the function it is given to. A future that the closure
    /// returns is awaited.
    fn called_closure(&mut self, closure: &ExprClosure, inputs: &Is) {
        let repeats = self.repeats_in(*inputs == Is::Session);
        self.with_names(|walk| {
            walk.inputs(closure, inputs);
            walk.repeating(repeats, |walk| match walk.site.api().is_plain() {
                true => walk.visit_expr(&closure.body),
                false => walk.awaited(&closure.body),
            });
        });
    }

    /// Returns what a driver's call gives the closure: a row, a `Result`, or in
    /// `conn.transaction(|conn| ..)` the session again.
    fn inputs_in_plain(&self, name: &str, closure: &ExprClosure, gets_rows: bool) -> Is {
        let divides = ["savepoint", "transaction"];
        let is_session_again = |input: &Pat| {
            let name = pattern_name(input).map(|name| &name.ident);
            name.is_some_and(|name| self.site.names.get(name) == Some(&Is::Session))
        };
        if divides.iter().any(|word| name.contains(word))
            || closure.inputs.iter().any(is_session_again)
        {
            Is::Session
        } else if gets_rows && closure.inputs.len() == 1 {
            Is::Outcome
        } else {
            Is::Plain
        }
    }

    /// Returns whether a call of this name runs its closure on a thread that may block. The body of
    /// a plain function may block anyway, so there only another thread counts.
    fn leaves_thread(&self, name: &str) -> bool {
        let waits_here = ["block", "block_in_place", "call", "install", "interact"];
        may_block(name) && !(self.site.api().is_plain() && waits_here.contains(&name))
    }

    /// Returns how often the body of a closure runs. Work that savepoints undo one by one cannot be
    /// a single statement, so the loop around does not count.
    fn repeats_in(&self, is_savepoint: bool) -> Repeats {
        if is_savepoint {
            Repeats::Not
        } else {
            self.site.repeats
        }
    }

    fn inputs(&mut self, closure: &ExprClosure, unless_typed: &Is) {
        for input in &closure.inputs {
            let kind = if self.is_session_type(input) {
                &Is::Session
            } else {
                unless_typed
            };
            self.site.names.bind(input, kind);
        }
    }

    /// Returns whether the type of the input is that of a session: `tx: &mut Tx<'_, DB>`.
    fn is_session_type(&self, input: &Pat) -> bool {
        const NAMES: [&str; 4] = ["Tx", "Conn", "PgConnection", "SqliteConnection"];
        const PLAIN: [&str; 4] = ["Connection", "Savepoint", "SqliteConnection", "Transaction"];
        let Pat::Type(PatType { ty, .. }) = input else {
            return false;
        };
        let names = match self.site.api().is_plain() {
            true => &PLAIN,
            false => &NAMES,
        };
        types::reference(ty)
            .and_then(|(inner, _)| types::last_segment(inner))
            .is_some_and(|segment| is_any(&segment.ident, names))
    }

    fn macro_call(&mut self, call: &Macro) {
        let parts = Parts::of(call);
        match &parts {
            Parts::Join(futures) => futures.iter().for_each(|future| self.awaited(future)),
            Parts::Select(branches) => branches.iter().for_each(|branch| self.branch(branch)),
            Parts::Expressions(parts) => parts.iter().for_each(|part| self.visit_expr(part)),
            // Names that the statements bind belong to the block around the macro, as with `pin!`.
            Parts::Statements(statements) => {
                statements
                    .iter()
                    .for_each(|statement| self.visit_stmt(statement));
            }
            Parts::Tokens => {}
        }
        for pass in &mut self.passes {
            pass.macro_call(call, &parts, &mut self.site);
        }
    }

    fn branch(&mut self, branch: &Branch) {
        if let Some(future) = &branch.future {
            self.visit_expr(future);
        }
        self.with_names(|walk| {
            walk.site.names.bind(&branch.pattern, &Is::Plain);
            if let Some(condition) = &branch.condition {
                walk.visit_expr(condition);
            }
            walk.visit_expr(&branch.handler);
        });
    }

    fn sql(&mut self, sql: &Sql) {
        for pass in &mut self.passes {
            pass.sql(sql, &mut self.site);
        }
    }

    /// Returns whether a statement runs on the session: `query(..).execute(tx)`, `tx.execute(..)`,
    /// `Executor::execute(tx, ..)`. `None` if the expression runs no statement, or there is no
    /// session.
    fn runs_on_session(&self, expression: &Expr) -> Option<bool> {
        if !self.site.has_session() {
            return None;
        }
        let uses = |value| self.site.names.uses(value);
        match expression {
            Expr::MethodCall(call) if self.site.api().runs(&call.method) => {
                Some(self.site.names.method_uses(call))
            }
            Expr::Call(call) => {
                let name = callee(call).and_then(last);
                let runs = name.is_some_and(|name| self.site.api().runs(name));
                runs.then(|| call.args.iter().any(uses))
            }
            _ => None,
        }
    }

    /// Returns what a variable stands for that is bound to this value.
    fn kind_of(&self, pattern: &Pat, value: &Expr) -> Is {
        let kind = self.site.names.kind_of(value);
        if kind != Is::Plain {
            return kind;
        }
        if is_chunked(value, &self.site.names) {
            return Is::Chunks;
        }
        // A variable that holds a query stands for the query's text.
        let has_session = self.site.has_session();
        let query = text::given_to_driver(root(value), &self.site.names, has_session);
        let texts = if query.is_empty() {
            text::texts(value, &self.site.names)
        } else {
            query
        };
        match pattern_name(pattern) {
            Some(name) if !texts.is_empty() => {
                // The text of a `mut` variable may grow.
                let grows = name.mutability.is_some();
                let texts = texts.into_iter();
                let texts = texts.map(|text| if grows { text.and_more() } else { text });
                Is::Text(texts.collect())
            }
            _ => Is::Plain,
        }
    }

    /// Binds the names of a `let`, each name to its part of a tuple.
    fn bind(&mut self, pattern: &Pat, value: &Expr) {
        let mut bound = Vec::new();
        self.pair(pattern, value, &mut bound);
        for (pattern, kind) in bound {
            self.site.names.bind(pattern, &kind);
        }
    }

    fn pair<'a>(&self, pattern: &'a Pat, value: &Expr, bound: &mut Vec<(&'a Pat, Is)>) {
        match (pattern, peel(value)) {
            (Pat::Tuple(patterns), Expr::Tuple(values))
                if patterns.elems.len() == values.elems.len() =>
            {
                for (pattern, value) in patterns.elems.iter().zip(&values.elems) {
                    self.pair(pattern, value, bound);
                }
            }
            _ => bound.push((pattern, self.kind_of(pattern, value))),
        }
    }
}

/// Returns whether the method takes a hook that runs when the transaction is over.
fn is_hook(name: &str) -> bool {
    const NAMES: [&str; 5] = [
        "after_commit",
        "after_rollback",
        "on_commit",
        "on_rollback",
        "on_unknown",
    ];
    NAMES.contains(&name)
}

/// Returns whether a call of this name runs its closure on a thread that may block.
fn may_block(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "block",
        "block_in_place",
        "call",
        "install",
        "interact",
        "scope",
        "spawn",
        "unblock",
    ];
    NAMES.contains(&name) || name.starts_with("spawn_blocking")
}

/// Returns whether the closure returns no future, as far as the text shows.
fn is_sync(closure: &ExprClosure) -> bool {
    closure.asyncness.is_none() && !matches!(peel(&closure.body), Expr::Async(_))
}

/// Returns the closure that an argument is, or that its block ends in.
fn closure_in(argument: &Expr) -> Option<&ExprClosure> {
    match peel(argument) {
        Expr::Closure(closure) => Some(closure),
        Expr::Block(block) => match block.block.stmts.last() {
            Some(Stmt::Expr(last, None)) => closure_in(last),
            _ => None,
        },
        _ => None,
    }
}

fn pattern_name(pattern: &Pat) -> Option<&syn::PatIdent> {
    match pattern {
        Pat::Ident(name) => Some(name),
        Pat::Type(typed) => pattern_name(&typed.pat),
        _ => None,
    }
}
