//! The twin of a plain function: the function as it was written, beside the async one, and the call
//! of it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, FnArg, GenericParam, Ident, Meta};

use super::super::Expansion;
use super::travellers::Traveller;
use crate::names;
use crate::spans;
use crate::tokens::mentions;

impl Expansion<'_> {
    /// Writes the function as it was written, under another name.
    pub(super) fn twin(&self) -> TokenStream {
        let source = &self.function.source;
        let mut signature = source.signature.clone();
        signature.ident = names::twin(&signature.ident);
        for argument in &self.function.arguments {
            if let (Some(allow), Some(FnArg::Typed(parameter))) = (
                self.allow_unused(argument),
                signature.inputs.get_mut(argument.index),
            ) {
                parameter.attrs.insert(0, allow);
            }
        }
        let function = source.with(&signature, &self.function.block);
        let deprecated = self.deprecated();
        quote! {
            #deprecated
            // The twin may exist only for other functions that call it.
            #[allow(dead_code, unreachable_pub)]
            // An operation returns a `Result`, and an argument that is taken by value need not be
            // consumed.
            #[allow(clippy::unnecessary_wraps, clippy::needless_pass_by_value)]
            #function
        }
    }

    /// Output: `f_sync(__conn, __this_id)`, or `Self::f_sync(..)`.
    pub(super) fn call_of_twin(&self, travellers: &[Traveller<'_>]) -> TokenStream {
        let signature = &self.function.source.signature;
        let twin = names::called_twin(&signature.ident);
        let parameters = signature.generics.params.iter();
        let types: Vec<_> = parameters
            .filter_map(|parameter| match parameter {
                GenericParam::Type(parameter) => Some(&parameter.ident),
                GenericParam::Const(parameter) => Some(&parameter.ident),
                GenericParam::Lifetime(_) => None,
            })
            .collect();
        let types = (!types.is_empty()).then(|| quote!(::<#(#types),*>));
        let place = self.is_associated().then(|| quote!(Self::));
        let call = quote_spanned!(spans::generated()=> #place #twin #types);
        let session = self.function.session.as_ref();
        let mut given: Vec<_> = travellers
            .iter()
            .map(|traveller| (traveller.index, &*traveller.cfgs, self.lent(traveller)))
            .collect();
        if let Some(session) = session {
            let conn = names::connection().to_token_stream();
            given.push((session.index, &[], conn));
            given.sort_by_key(|(index, ..)| *index);
        }
        call_with(&call, spans::generated(), Vec::new(), &given)
    }

    /// Returns whether the twin is found through `Self`.
    fn is_associated(&self) -> bool {
        let source = &self.function.source;
        let this = Ident::new("Self", spans::generated());
        let nested = ["impl", "trait", "struct", "enum"];
        let has_items = || {
            let keyword = |word| Ident::new(word, spans::generated());
            let body = source.body.stream();
            nested
                .iter()
                .any(|word| mentions(body.clone(), &keyword(word)))
        };
        self.options.in_impl.is_some()
            || source.signature.receiver().is_some()
            || mentions(source.signature.to_token_stream(), &this)
            || (mentions(source.body.stream(), &this) && !has_items())
    }
}

/// Returns the call with these arguments, in parentheses of this span. If an argument exists only under a condition, the call is
/// written with and without the argument.
pub(in crate::expand) fn call_with(
    call: &TokenStream,
    span: Span,
    mut given: Vec<TokenStream>,
    rest: &[(usize, &[Attribute], TokenStream)],
) -> TokenStream {
    let Some(((_, cfgs, argument), rest)) = rest.split_first() else {
        return quote_spanned!(span=> #call(#(#given),*));
    };
    let without = given.clone();
    given.push(argument.clone());
    let with = call_with(call, span, given, rest);
    if cfgs.is_empty() {
        return with;
    }
    let without = call_with(call, span, without, rest);
    let conditions = cfgs.iter().filter_map(|cfg| match &cfg.meta {
        Meta::List(list) => Some(&list.tokens),
        _ => None,
    });
    let conditions = quote!(all(#(#conditions),*));
    quote_spanned! {spans::generated()=>
        #[cfg(#conditions)] { #with }
        #[cfg(not(#conditions))] { #without }
    }
}
