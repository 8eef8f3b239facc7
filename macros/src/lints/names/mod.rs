//! Tracks what each variable stands for, at each place of the body.
//!
//! The session is `tx` and its reborrows. A value that is made from the session and not yet awaited
//! holds the session: a stream, a future, a struct. The result of an await is data and no longer
//! holds the session, unless it comes from a helper, which may have returned something that does
//! ([`holding`]). Without awaits, the name of a call shows whether its result holds the connection
//! ([`plain`]).

mod holding;
mod plain;

use syn::visit::{self, Visit};
use syn::{Expr, Ident, Pat, Path};

use super::api::Api;
use super::calls::{is_of_this_crate, last, peel, root, starts_upper};
use super::literal::Literal;

#[derive(Clone, PartialEq)]
pub(super) enum Is {
    /// A value that no lint asks about.
    Plain,
    /// The session itself.
    Session,
    /// A value that holds the session.
    Holder,
    /// The result of a helper that had the session. The result may hold the session.
    Given,
    /// An iterator over the `Result` of each row.
    Rows,
    /// The `Result` of a statement, or of a row.
    Outcome,
    /// A pool or `Db`, which has other connections.
    Pool,
    /// A connection of a driver without async.
    Blocking,
    /// A client that waits for other servers.
    Remote,
    /// Chunks of many values.
    Chunks,
    /// A closure or a future, which may run later.
    Work,
    /// A function or a module of the user's own, as an item or an import in the body shows.
    Own,
    /// A text, with every literal that it may be.
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

    /// Binds every name in the pattern to `is`.
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
        // A part of a `Result` is not a `Result`.
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

    /// Tracks assignments such as `stream = query.fetch(tx)` and `context.session = Some(tx)`.
    pub(super) fn assign(&mut self, to: &Expr, value: &Expr) {
        let is = self.kind_of(value);
        match is {
            Is::Session if variable(to).is_some() => self.set(to, Is::Session),
            Is::Session | Is::Holder => self.set(to, Is::Holder),
            Is::Given | Is::Rows => self.set(to, is),
            // The text of the variable now depends on the way to this place.
            _ => {
                if variable(to).is_some_and(|ident| matches!(self.get(ident), Some(Is::Text(_)))) {
                    self.set(to, Is::Plain);
                }
            }
        }
    }

    /// Tracks statements that store the session. `futures.push(helper(tx));` stores the session in
    /// the variable at the root, and `attach(&mut context, tx)?;` in the variable that the call may
    /// write to.
    pub(super) fn store(&mut self, statement: &Expr) {
        // Without awaits, nothing shows that a helper stores its arguments, and most helpers do
        // not.
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

    /// Returns whether the value is the name of a function, a table or another item, and not a
    /// variable.
    pub(super) fn is_item(&self, value: &Expr) -> bool {
        let Expr::Path(path) = peel(value) else {
            return false;
        };
        let kind = variable(value).and_then(|name| self.get(name));
        let is_variable = kind.is_some_and(|kind| *kind != Is::Own);
        !is_variable && last(&path.path).is_some_and(|name| !starts_upper(name))
    }

    /// Returns what the variable stands for, if the expression is only a variable or a reference to
    /// one.
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

    /// Returns what a variable stands for that is set to this value.
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

    /// Returns what the variable in the value stands for, if a plain copy of the variable stands
    /// for the same.
    fn same_kind(&self, value: &Expr) -> Is {
        match self.of_variable(value) {
            Some(kind @ (Is::Pool | Is::Remote | Is::Work)) => kind.clone(),
            _ if matches!(peel(value), Expr::Async(_) | Expr::Closure(_)) => Is::Work,
            _ => Is::Plain,
        }
    }

    /// Returns whether the path certainly leads to an item of the user's own:
    /// `crate::thread::spawn`, or `thread::spawn` behind `use crate::thread;` in the body.
    pub(super) fn is_own(&self, path: &Path) -> bool {
        let first = path.segments.first().map(|segment| &segment.ident);
        is_of_this_crate(path) || first.is_some_and(|first| self.get(first) == Some(&Is::Own))
    }
}

/// Returns the variable; `None` if the expression is more than a variable.
pub(super) fn variable(expression: &Expr) -> Option<&Ident> {
    match peel(expression) {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident(),
        _ => None,
    }
}
