//! What the body of a job says by its syntax alone: a session that is kept beyond its step, and `Self`.

use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{
    Block, Expr, ExprAssign, ExprAsync, ExprCall, ExprClosure, ExprMethodCall, FnArg, Item, Local,
    Pat, PatIdent, Path, Stmt,
};

use super::parameters::session_would_live_too_long;
use crate::errors::Errors;
use crate::function::Source;

/// Reads the body. `None` while the body is half typed, of which rustc says what is missing.
pub(super) fn block(source: &Source) -> Option<Block> {
    let body = proc_macro2::TokenTree::from(source.body.clone());
    syn::parse2(body.into()).ok()
}

/// Returns the first `Self` that does not stand in an item of the body.
pub(super) fn outer_self(source: &Source) -> Option<Ident> {
    struct Outer(Option<Ident>);
    impl<'b> Visit<'b> for Outer {
        fn visit_path(&mut self, path: &'b Path) {
            let first = path.segments.first().map(|first| &first.ident);
            if let (None, Some(first)) = (&self.0, first.filter(|first| *first == "Self")) {
                self.0 = Some(first.clone());
            }
            visit::visit_path(self, path);
        }

        fn visit_item(&mut self, _: &'b Item) {}
    }
    let mut outer = Outer(None);
    outer.visit_block(&block(source)?);
    outer.0
}

/// Reports a step whose closure puts its session into a variable of the job, as in
/// `job.write("name", async |tx| { slot = Some(tx); Ok(()) })`.
pub(super) fn check(source: &Source, database: &str, errors: &mut Errors) {
    let Some(FnArg::Typed(first)) = source.signature.inputs.first() else {
        return;
    };
    let (Pat::Ident(job), Some(body)) = (&*first.pat, block(source)) else {
        return;
    };
    let mut steps = Steps {
        job: &job.ident,
        outside: Vec::new(),
        found: Vec::new(),
    };
    steps.outside = bindings(|names| names.visit_block(&body));
    steps.visit_block(&body);
    for place in steps.found {
        errors.on(
            place,
            session_would_live_too_long(database, &job.ident.to_string()),
        );
    }
}

/// Finds the steps of a job.
struct Steps<'b> {
    job: &'b Ident,
    /// The names that the body binds outside of closures. A parameter is not among them: state may have
    /// a method such as `insert`, which gives the session back.
    outside: Vec<Ident>,
    found: Vec<Expr>,
}

impl<'b> Visit<'b> for Steps<'b> {
    fn visit_expr_method_call(&mut self, call: &'b ExprMethodCall) {
        let is_step = (call.method == "read" || call.method == "write")
            && variable(&call.receiver).is_some_and(|receiver| receiver == self.job);
        if let (true, Some(Expr::Closure(closure))) = (is_step, call.args.last()) {
            self.found.extend(kept_by(closure, &self.outside));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_item(&mut self, _: &'b Item) {}
}

/// Returns what puts the parameter of the closure into a variable outside.
fn kept_by(closure: &ExprClosure, outside: &[Ident]) -> Vec<Expr> {
    let Some(Pat::Ident(session)) = closure.inputs.first().map(untyped) else {
        return Vec::new();
    };
    let inside = bindings(|names| names.deep().visit_expr(&closure.body));
    // Under a name that is bound again, the session may be something else by then.
    if inside.contains(&session.ident) {
        return Vec::new();
    }
    let is_outside = |name: &&Ident| outside.contains(name) && !inside.contains(name);
    let mut kept = Kept {
        session: &session.ident,
        outside: outside.iter().filter(is_outside).collect(),
        found: Vec::new(),
    };
    kept.visit_expr(&closure.body);
    kept.found
}

struct Kept<'b> {
    session: &'b Ident,
    outside: Vec<&'b Ident>,
    found: Vec<Expr>,
}

impl Kept<'_> {
    /// Returns whether the place belongs to a variable outside of the closure.
    fn is_outside(&self, place: &Expr) -> bool {
        root(place).is_some_and(|root| self.outside.contains(&root))
    }

    /// Returns whether the value is the session, by itself or in a variant or a tuple.
    fn holds_session(&self, value: &Expr) -> bool {
        match value {
            Expr::Paren(paren) => self.holds_session(&paren.expr),
            Expr::Tuple(tuple) => tuple.elems.iter().any(|value| self.holds_session(value)),
            Expr::Call(ExprCall { func, args, .. }) => {
                let wraps = variable(func).is_some_and(|name| name == "Some" || name == "Ok");
                wraps && args.iter().any(|value| self.holds_session(value))
            }
            other => variable(other).is_some_and(|name| name == self.session),
        }
    }
}

impl<'b> Visit<'b> for Kept<'_> {
    fn visit_expr_assign(&mut self, assign: &'b ExprAssign) {
        if self.is_outside(&assign.left) && self.holds_session(&assign.right) {
            self.found.push(Expr::Assign(assign.clone()));
        }
        visit::visit_expr_assign(self, assign);
    }

    /// Only a call whose result nobody uses counts as a call of a collection: an operation with a name
    /// such as `insert` is awaited.
    fn visit_stmt(&mut self, statement: &'b Stmt) {
        if let Stmt::Expr(Expr::MethodCall(call), Some(_)) = statement {
            let keeps = ["insert", "push", "push_back", "push_front", "replace"];
            let is_kept = keeps.iter().any(|keep| call.method == keep)
                && self.is_outside(&call.receiver)
                && call.args.iter().any(|value| self.holds_session(value));
            if is_kept {
                self.found.push(Expr::MethodCall(call.clone()));
            }
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_item(&mut self, _: &'b Item) {}
}

/// Returns the variable that the expression is.
pub(super) fn variable(expression: &Expr) -> Option<&Ident> {
    match expression {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident(),
        Expr::Paren(paren) => variable(&paren.expr),
        _ => None,
    }
}

/// Returns the variable to which a place belongs, such as `a` of `a.b[0]`.
fn root(place: &Expr) -> Option<&Ident> {
    match place {
        Expr::Field(field) => root(&field.base),
        Expr::Index(index) => root(&index.expr),
        Expr::Paren(paren) => root(&paren.expr),
        Expr::Unary(unary) => root(&unary.expr),
        other => variable(other),
    }
}

fn untyped(pattern: &Pat) -> &Pat {
    match pattern {
        Pat::Type(typed) => untyped(&typed.pat),
        other => other,
    }
}

/// Collects the names that patterns bind.
#[derive(Default)]
struct Names {
    found: Vec<Ident>,
    /// Whether patterns in closures count as well.
    is_deep: bool,
    /// Whether only `let` counts.
    in_let: usize,
}

impl Names {
    fn deep(&mut self) -> &mut Self {
        self.is_deep = true;
        self
    }
}

fn bindings(collect: impl FnOnce(&mut Names)) -> Vec<Ident> {
    let mut names = Names::default();
    collect(&mut names);
    names.found
}

impl<'b> Visit<'b> for Names {
    fn visit_pat_ident(&mut self, pattern: &'b PatIdent) {
        if self.is_deep || self.in_let > 0 {
            self.found.push(pattern.ident.clone());
        }
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_local(&mut self, local: &'b Local) {
        self.in_let += 1;
        self.visit_pat(&local.pat);
        self.in_let -= 1;
        if let Some(init) = &local.init {
            self.visit_expr(&init.expr);
            if let Some((_, diverge)) = &init.diverge {
                self.visit_expr(diverge);
            }
        }
    }

    fn visit_expr_closure(&mut self, closure: &'b ExprClosure) {
        if self.is_deep {
            visit::visit_expr_closure(self, closure);
        }
    }

    fn visit_expr_async(&mut self, block: &'b ExprAsync) {
        if self.is_deep {
            visit::visit_expr_async(self, block);
        }
    }

    fn visit_item(&mut self, _: &'b Item) {}
}
