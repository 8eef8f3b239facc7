//! Step four: turns the annotated function into a loop around its own body.

mod arguments;
mod call;
mod chunks;
mod each_database;
mod lend_self;
mod loops;
mod once;
mod operation;
mod place;
mod plain;
mod signature;
mod stream;
mod two_way;
mod without_self;

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::quote;

use crate::function::Function;
use crate::names::Runtime;
use crate::options::{Attribute, Options};
use crate::replay::BodyRuns;

/// The values that all parts of the expansion read.
struct Expansion<'a> {
    attribute: Attribute,
    function: &'a Function,
    options: &'a Options,
    runtime: &'a Runtime,
    body_runs: BodyRuns,
    /// Whether the user made mistakes, so that a placeholder takes the function's place.
    is_placeholder: bool,
}

/// Writes the function while there are mistakes. Callers see the signature as it is meant, and an
/// editor sees the user's body with all its types.
pub(crate) fn placeholder(
    attribute: Attribute,
    function: &Function,
    options: &Options,
    runtime: &Runtime,
    warnings: &TokenStream,
) -> TokenStream {
    if function.elided_bound().is_some() {
        return function.source.original();
    }
    let expansion = Expansion {
        attribute,
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
        let fake_return = runtime.fake_return();
        expansion.session_binding(session, &quote!(#fake_return()))
    });
    let block = expansion.placeholder_block();
    let database = expansion.first_database();
    let body = function.form.body(quote!(#database #session #block));
    let body = Group::new(Delimiter::Brace, quote!(#warnings #body));
    let function = function.source.with(&expansion.signature(), &body);
    // A variable that is unused for now may be used in the finished function, and braces around a
    // body of one expression are those of the body.
    quote!(#[allow(unused_braces, unused_variables)] #function)
}

/// Writes the whole function.
pub(crate) fn expand(
    attribute: Attribute,
    function: &Function,
    options: &Options,
    runtime: &Runtime,
    warnings: &TokenStream,
) -> TokenStream {
    let body_runs = BodyRuns::of(attribute, options, function);
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
    let body = match function.stream() {
        Some(streamed) => expansion.stream(streamed),
        None => function.form.body(expansion.whole_call()),
    };
    let mut body = Group::new(Delimiter::Brace, quote!(#warnings #body));
    // With generated braces, the function would count as code of another crate's macro, for which
    // rustc does not report dead code.
    body.set_span(function.source.body.span());
    let allows = expansion.allows();
    let function = function.source.with(&expansion.signature(), &body);
    quote!(#allows #function)
}

impl Expansion<'_> {
    fn whole_call(&self) -> TokenStream {
        match (
            self.databases(),
            &self.options.plain,
            &self.function.session,
        ) {
            (Some(databases), ..) => self.call_for_each(&databases),
            (_, Some(twin), Some(session)) => self.call_two_ways(session, &twin.value),
            _ => self.call(),
        }
    }

    /// Allows lints that the rewritten signature would raise and the written signature does not.
    fn allows(&self) -> TokenStream {
        // In `fn f<'a>(tx: &'a mut Tx<'_, DB>, name: &'a str)`, the lifetime `'a` names only one
        // borrow after the session has left, and looks superfluous.
        if self.function.keeps_session_lifetimes() {
            quote!(#[allow(clippy::needless_lifetimes)])
        } else {
            TokenStream::new()
        }
    }
}

#[cfg(test)]
mod tests;
