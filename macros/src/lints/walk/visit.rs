//! What the walk does at each kind of expression.

use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{
    Arm, Attribute, Block, Expr, ExprAssign, ExprAsync, ExprAwait, ExprCall, ExprClosure,
    ExprForLoop, ExprIf, ExprLet, ExprLoop, ExprMacro, ExprMatch, ExprMethodCall, ExprWhile,
    FieldValue, Ident, Item, Local, Pat, Stmt, StmtMacro, Type, UseTree,
};

use super::loops::{is_attempt, is_chunk, is_chunked, is_listed, until};
use super::{Walk, is_sync};
use crate::lints::calls::{callee, is_any, last, peel};
use crate::lints::names::Is;
use crate::lints::site::{Around, Repeats, Runs};
use crate::lints::{built, text};

impl Walk {
    /// Tells every lint about the expression, after everything inside of the expression.
    fn expression(&mut self, expression: &Expr) {
        let is_discarded = std::mem::take(&mut self.site.is_discarded);
        let around = self.next.take().unwrap_or(Around::Anything);
        self.site.around.push(around);
        let outer = self.on_session;
        self.on_session = self.runs_on_session(expression).or(outer);
        self.with_levels(|walk| {
            visit::visit_expr(walk, expression);
            walk.site.is_discarded = is_discarded;
            for pass in &mut walk.passes {
                pass.expression(expression, &mut walk.site);
            }
            walk.statements(expression);
            walk.site.is_discarded = false;
        });
        self.on_session = outer;
        self.site.around.pop();
    }

    /// Tells every lint about the SQL that this expression gives to the driver, or builds.
    fn statements(&mut self, expression: &Expr) {
        let (names, has_session) = (&self.site.names, self.site.has_session());
        let texts = text::given_to_driver(expression, names, has_session);
        let built = built::built_by(expression, names, has_session);
        for text in texts {
            self.sql(&text.read(self.on_session, self.site.dialect));
        }
        if let Some(mut sql) = built {
            sql.on_session = self.on_session;
            self.sql(&sql);
        }
    }

    /// Reads an import in the body: `use crate::workers::{thread, spawn as start};`.
    fn used(&mut self, tree: &UseTree) {
        match tree {
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.used(tree)),
            UseTree::Path(path) if is_any(&path.ident, &["crate", "self", "super"]) => {
                self.used_of_own(&path.ident, &path.tree);
            }
            UseTree::Path(_) | UseTree::Name(_) | UseTree::Rename(_) | UseTree::Glob(_) => {}
        }
    }

    fn used_of_own(&mut self, module: &Ident, tree: &UseTree) {
        let name = match tree {
            UseTree::Group(group) => {
                let trees = group.items.iter();
                return trees.for_each(|tree| self.used_of_own(module, tree));
            }
            UseTree::Path(path) => return self.used_of_own(&path.ident, &path.tree),
            UseTree::Glob(_) => return,
            UseTree::Name(name) if name.ident == "self" => module,
            UseTree::Name(name) => &name.ident,
            UseTree::Rename(name) => &name.rename,
        };
        self.site.names.bind_name(name, Is::Own);
    }

    /// Visits the value of a `let`.
    fn bound(&mut self, value: &Expr, around: Around) {
        let runs = match peel(value) {
            // Nothing shows on which thread such a closure is called.
            Expr::Closure(closure) if is_sync(closure) => Runs::OnOtherThread,
            _ => self.site.runs,
        };
        self.running(runs, |walk| {
            walk.around(around, |walk| walk.visit_expr(value));
        });
    }
}

impl<'ast> Visit<'ast> for Walk {
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        self.site.levels.enter(attribute);
    }

    fn visit_block(&mut self, block: &'ast Block) {
        self.with_names(|walk| {
            block
                .stmts
                .iter()
                .for_each(|statement| walk.visit_stmt(statement))
        });
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        self.with_levels(|walk| match statement {
            Stmt::Expr(expression, end) => {
                walk.site.is_discarded = end.is_some();
                walk.visit_expr(expression);
                walk.site.names.store(expression);
            }
            other => visit::visit_stmt(walk, other),
        });
    }

    fn visit_stmt_macro(&mut self, statement: &'ast StmtMacro) {
        self.attributes(&statement.attrs);
        self.macro_call(&statement.mac);
        for text in text::of_macro(&statement.mac) {
            self.sql(&text.read(self.on_session, self.site.dialect));
        }
    }

    /// Remembers the name of an item. The body of a function inside belongs to that function.
    fn visit_item(&mut self, item: &'ast Item) {
        let names = &mut self.site.names;
        let mut text = |name, value| {
            let texts = text::texts(value, names);
            names.bind_name(name, Is::Text(texts));
        };
        match item {
            Item::Const(item) => text(&item.ident, &item.expr),
            Item::Static(item) => text(&item.ident, &item.expr),
            Item::Fn(item) => names.bind_name(&item.sig.ident, Is::Own),
            Item::Mod(item) => names.bind_name(&item.ident, Is::Own),
            Item::Use(item) if item.leading_colon.is_none() => self.used(&item.tree),
            _ => {}
        }
    }

    fn visit_local(&mut self, local: &'ast Local) {
        self.attributes(&local.attrs);
        let Some(init) = &local.init else {
            self.site.names.bind(&local.pat, &Is::Plain);
            return;
        };
        let around = match &init.diverge {
            Some(_) => Around::LetElse,
            None => Around::Anything,
        };
        self.bound(&init.expr, around);
        if let Some((_, diverge)) = &init.diverge {
            self.visit_expr(diverge);
        }
        for pass in &mut self.passes {
            pass.binding(local, &mut self.site);
        }
        // With any other pattern, the variables that are bound hold the session.
        if let Pat::Wild(_) = local.pat {
            self.site.names.store(&init.expr);
        }
        self.bind(&local.pat, &init.expr);
    }

    fn visit_expr(&mut self, expression: &'ast Expr) {
        if !matches!(expression, Expr::Paren(_) | Expr::Group(_)) {
            return self.expression(expression);
        }
        // A value in parentheses is the value itself.
        self.with_levels(|walk| visit::visit_expr(walk, expression));
    }

    fn visit_expr_await(&mut self, expression: &'ast ExprAwait) {
        self.attributes(&expression.attrs);
        self.awaited(&expression.base);
    }

    fn visit_expr_async(&mut self, expression: &'ast ExprAsync) {
        self.attributes(&expression.attrs);
        let uses = self
            .site
            .names
            .is_mentioned(expression.block.to_token_stream());
        self.future(uses, |walk| walk.visit_block(&expression.block));
    }

    fn visit_expr_closure(&mut self, closure: &'ast ExprClosure) {
        self.attributes(&closure.attrs);
        self.with_names(|walk| {
            walk.inputs(closure, &Is::Plain);
            let is_plain = walk.site.api().is_plain();
            let is_session = |input| walk.is_session_type(input);
            let is_savepoint = !is_plain && closure.inputs.iter().any(is_session);
            if is_savepoint || closure.asyncness.is_some() {
                let mentions = walk.site.names.is_mentioned(closure.body.to_token_stream());
                let repeats = walk.repeats_in(is_savepoint);
                walk.repeating(repeats, |walk| {
                    walk.future(mentions || is_savepoint, |walk| walk.awaited(&closure.body));
                });
            } else {
                walk.visit_expr(&closure.body);
            }
        });
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        self.attributes(&call.attrs);
        self.around(Around::Receiver(call.method.clone()), |walk| {
            walk.visit_expr(&call.receiver);
        });
        self.arguments(Some(&call.method), Some(&call.receiver), call.args.iter());
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        self.attributes(&call.attrs);
        self.visit_expr(&call.func);
        self.arguments(callee(call).and_then(last), None, call.args.iter());
    }

    fn visit_field_value(&mut self, field: &'ast FieldValue) {
        self.with_levels(|walk| visit::visit_field_value(walk, field));
    }

    fn visit_expr_macro(&mut self, call: &'ast ExprMacro) {
        self.attributes(&call.attrs);
        self.macro_call(&call.mac);
    }

    fn visit_expr_assign(&mut self, assignment: &'ast ExprAssign) {
        visit::visit_expr_assign(self, assignment);
        self.site.names.assign(&assignment.left, &assignment.right);
    }

    fn visit_expr_let(&mut self, condition: &'ast ExprLet) {
        self.visit_expr(&condition.expr);
        let kind = self.site.names.kind_of(&condition.expr);
        self.site.names.bind(&condition.pat, &kind);
    }

    fn visit_expr_if(&mut self, branches: &'ast ExprIf) {
        self.attributes(&branches.attrs);
        // Names that `if let` binds exist only in the first branch.
        self.with_names(|walk| {
            walk.visit_expr(&branches.cond);
            walk.visit_block(&branches.then_branch);
        });
        if let Some((_, other)) = &branches.else_branch {
            self.visit_expr(other);
        }
    }

    fn visit_expr_while(&mut self, each: &'ast ExprWhile) {
        self.attributes(&each.attrs);
        self.with_names(|walk| {
            let is_chunked = matches!(&*each.cond, Expr::Let(bound) if is_chunk(&bound.pat));
            let repeats = if is_chunked {
                Repeats::EachChunk
            } else {
                until(&each.body)
            };
            walk.repeating(repeats, |walk| {
                walk.visit_expr(&each.cond);
                walk.visit_block(&each.body);
            });
        });
    }

    fn visit_expr_loop(&mut self, each: &'ast ExprLoop) {
        self.attributes(&each.attrs);
        self.repeating(until(&each.body), |walk| walk.visit_block(&each.body));
    }

    fn visit_expr_for_loop(&mut self, each: &'ast ExprForLoop) {
        self.attributes(&each.attrs);
        self.visit_expr(&each.expr);
        let is_chunked = is_chunked(&each.expr, &self.site.names) || is_chunk(&each.pat);
        let repeats = if is_chunked {
            Repeats::EachChunk
        } else if is_listed(&each.expr) || is_attempt(&each.pat) {
            self.site.repeats
        } else {
            Repeats::Each
        };
        self.with_names(|walk| {
            let kind = walk.site.names.kind_of_item(&each.expr);
            walk.site.names.bind(&each.pat, &kind);
            walk.repeating(repeats, |walk| walk.visit_block(&each.body));
        });
    }

    fn visit_expr_match(&mut self, arms: &'ast ExprMatch) {
        self.attributes(&arms.attrs);
        self.visit_expr(&arms.expr);
        let kind = self.site.names.kind_of(&arms.expr);
        for arm in &arms.arms {
            self.with_levels(|walk| {
                walk.with_names(|walk| {
                    walk.site.names.bind(&arm.pat, &kind);
                    walk.visit_arm(arm);
                });
            });
        }
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        self.attributes(&arm.attrs);
        if let Pat::Guard(pattern) = &arm.pat {
            self.visit_expr(&pattern.guard);
        }
        self.visit_expr(&arm.body);
    }

    fn visit_pat(&mut self, _: &'ast Pat) {}

    fn visit_type(&mut self, _: &'ast Type) {}
}
