//! Step four: the annotated function becomes a loop around its own body.

mod arguments;
mod call;
mod lend_self;
mod once;
mod operation;
mod place;
mod plain;
mod signature;

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::quote;

use crate::function::Function;
use crate::names::Runtime;
use crate::options::{Attribute, Options};
use crate::replay::BodyRuns;

/// Everything the parts of the expansion look at.
struct Expansion<'a> {
    attribute: Attribute,
    function: &'a Function,
    options: &'a Options,
    runtime: &'a Runtime,
    body_runs: BodyRuns,
    /// There are mistakes, and this takes the function's place.
    is_placeholder: bool,
}

/// The function while there are mistakes: callers see it as it is meant, and an editor sees the
/// user's body with all its types.
pub(crate) fn placeholder(
    function: &Function,
    options: &Options,
    runtime: &Runtime,
    warnings: &TokenStream,
) -> TokenStream {
    if function.elided_bound().is_some() {
        return function.source.original();
    }
    let expansion = Expansion {
        // It makes no difference here.
        attribute: Attribute::DbOp,
        function,
        options,
        runtime,
        // Parameters stay as they are.
        body_runs: BodyRuns::AtMostOnce,
        is_placeholder: true,
    };
    if function.is_plain() {
        return expansion.plain_placeholder();
    }
    let session = function.session.as_ref().map(|session| {
        let fake = runtime.fake();
        expansion.session_binding(session, &quote!(#fake()))
    });
    let block = &function.block;
    let body = function.form.body(quote!(#session #block));
    let body = Group::new(Delimiter::Brace, quote!(#warnings #body));
    let function = function.source.with(&expansion.signature(), &body);
    // What is unused for now says nothing about the finished function.
    quote!(#[allow(unused_variables)] #function)
}

/// The whole function, rewritten.
pub(crate) fn expand(
    attribute: Attribute,
    function: &Function,
    options: &Options,
    runtime: &Runtime,
    warnings: &TokenStream,
) -> TokenStream {
    let body_runs = BodyRuns::of(options, function.session.is_some());
    let expansion = Expansion {
        attribute,
        function,
        options,
        runtime,
        body_runs,
        is_placeholder: false,
    };
    if function.is_plain() {
        return expansion.plain(warnings);
    }
    let body = function.form.body(expansion.call());
    let mut body = Group::new(Delimiter::Brace, quote!(#warnings #body));
    // With braces of its own the function would count as another crate's macro code, whose dead
    // functions nobody hears of.
    body.set_span(function.source.body.span());
    let allows = expansion.allows();
    let function = function.source.with(&expansion.signature(), &body);
    quote!(#allows #function)
}

impl Expansion<'_> {
    /// Lints that the rewritten signature would raise and the written one does not.
    fn allows(&self) -> TokenStream {
        // `fn f<'a>(tx: &'a mut Tx<'_, DB>, name: &'a str)`: with the session gone, `'a` names one
        // borrow and looks superfluous.
        if self.function.keeps_session_lifetimes() {
            quote!(#[allow(clippy::needless_lifetimes)])
        } else {
            TokenStream::new()
        }
    }
}

#[cfg(test)]
mod tests;
