//! The errors of steps: a closure that uses `?`, or ends with `Ok(..)`, and does not say its error has the
//! error of the job.
//!
//! Without this, nothing fixes that type: `?` converts into it, and `job.write(..).await?` converts from
//! it.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::visit::Visit;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Expr, ExprAsync, ExprClosure, ExprMethodCall, ExprTry, FnArg, Item, Pat, ReturnType, Stmt,
    Type, parse_quote_spanned,
};

use super::kept::{block, variable};
use crate::function::Source;
use crate::names::Runtime;
use crate::spans;

/// Input: `job.write("save", async |tx| { f(tx).await?; Ok(()) })`
///
/// Output: `job.write("save", async |tx| -> Result<_, E> { f(tx).await?; Ok(()) })`
pub(super) fn written_out(source: &Source, runtime: &Runtime) -> TokenStream {
    let body = || source.body.to_token_stream();
    let (Some(FnArg::Typed(first)), ReturnType::Type(_, result)) =
        (source.signature.inputs.first(), &source.signature.output)
    else {
        return body();
    };
    let (Pat::Ident(job), Some(mut block)) = (&*first.pat, block(source)) else {
        return body();
    };
    let mut steps = Steps {
        job: &job.ident,
        result,
        runtime,
        found: false,
    };
    steps.visit_block_mut(&mut block);
    match steps.found {
        true => block.to_token_stream(),
        // The tokens as the user wrote them.
        false => body(),
    }
}

/// Writes the result into the closures of steps.
struct Steps<'b> {
    job: &'b Ident,
    /// The result of the job.
    result: &'b Type,
    runtime: &'b Runtime,
    found: bool,
}

impl VisitMut for Steps<'_> {
    fn visit_expr_method_call_mut(&mut self, call: &mut ExprMethodCall) {
        visit_mut::visit_expr_method_call_mut(self, call);
        let is_step = ["read", "call", "write"]
            .iter()
            .any(|step| call.method == step)
            && variable(&call.receiver).is_some_and(|receiver| receiver == self.job);
        let Some(Expr::Closure(closure)) = call.args.last_mut().filter(|_| is_step) else {
            return;
        };
        if matches!(closure.output, ReturnType::Default) && leaves_error_open(&closure.body) {
            let (result, job_result) = (self.runtime.std_result(), self.runtime.job_result());
            let of = self.result;
            let here = spans::generated();
            let error = quote_spanned!(here=> <#of as #job_result>::Error);
            closure.output = parse_quote_spanned!(here=> -> #result<_, #error>);
            if !matches!(*closure.body, Expr::Block(_)) {
                // Only a block may stand behind a type.
                let body = &closure.body;
                *closure.body = parse_quote_spanned!(here=> { #body });
            }
            self.found = true;
        }
    }

    fn visit_item_mut(&mut self, _: &mut Item) {}
}

/// Whether nothing in a body fixes the type of its error: the body ends with `Ok(..)` or `Err(..)`, or has
/// a `?` of its own.
fn leaves_error_open(body: &Expr) -> bool {
    struct Asks(bool);
    impl<'b> Visit<'b> for Asks {
        fn visit_expr_try(&mut self, _: &'b ExprTry) {
            self.0 = true;
        }

        fn visit_expr_async(&mut self, _: &'b ExprAsync) {}

        fn visit_expr_closure(&mut self, _: &'b ExprClosure) {}

        fn visit_item(&mut self, _: &'b Item) {}
    }
    let mut asks = Asks(false);
    asks.visit_expr(body);
    asks.0 || is_bare_result(body)
}

/// Whether an expression is `Ok(..)` or `Err(..)`, or a block that ends with one of these.
fn is_bare_result(expression: &Expr) -> bool {
    match expression {
        Expr::Block(block) => match block.block.stmts.last() {
            Some(Stmt::Expr(last, None)) => is_bare_result(last),
            _ => false,
        },
        Expr::Call(call) => variable(&call.func).is_some_and(|name| name == "Ok" || name == "Err"),
        _ => false,
    }
}
