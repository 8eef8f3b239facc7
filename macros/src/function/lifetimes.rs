//! Removes the lifetimes that only the session parameter used from the signature.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{FnArg, GenericParam, Lifetime, Signature, Token, TypeParamBound, WherePredicate};

/// Returns every `'name` in the tokens, without the apostrophe.
fn mentioned(tokens: TokenStream) -> HashSet<String> {
    fn collect(tokens: TokenStream, found: &mut HashSet<String>) {
        let mut after_apostrophe = false;
        for token in tokens {
            match &token {
                TokenTree::Group(group) => collect(group.stream(), found),
                TokenTree::Ident(name) if after_apostrophe => {
                    found.insert(name.to_string());
                }
                _ => {}
            }
            after_apostrophe = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '\'');
        }
    }
    let mut found = HashSet::new();
    collect(tokens, &mut found);
    found
}

/// The lifetimes that the session parameter named.
pub(crate) struct Lifetimes {
    /// The lifetimes that only the session parameter used.
    unused: HashSet<String>,
    /// Whether other parts of the function use some of the lifetimes, which may now look as if they
    /// need not be named.
    pub(crate) some_remain: bool,
}

impl Lifetimes {
    /// `left`: what the session parameter was, and everything else that has left the signature
    /// with it.
    pub(crate) fn of(
        signature: &Signature,
        left: TokenStream,
        index: usize,
        body: TokenStream,
    ) -> Lifetimes {
        let named = mentioned(left);
        let declared = signature
            .generics
            .lifetimes()
            .map(|declared| declared.lifetime.ident.to_string());
        let of_session: HashSet<String> = declared
            .filter(|declared| named.contains(declared))
            .collect();
        let mut elsewhere = mentioned(body);
        for (_, input) in signature
            .inputs
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != index)
        {
            elsewhere.extend(mentioned(match input {
                FnArg::Receiver(receiver) => receiver.to_token_stream(),
                FnArg::Typed(parameter) => parameter.ty.to_token_stream(),
            }));
        }
        elsewhere.extend(mentioned(signature.output.to_token_stream()));
        elsewhere.extend(in_bounds_of_types(signature));
        let (kept, unused): (HashSet<String>, HashSet<String>) = of_session
            .into_iter()
            .partition(|name| elsewhere.contains(name));
        Lifetimes {
            unused,
            some_remain: !kept.is_empty(),
        }
    }

    /// Input: `fn f<'a, 'b: 'a, T>(..) where 'a: 'b, T: 'b`, with `'a` unused. Output: `fn f<'b,
    /// T>(..) where T: 'b`.
    pub(crate) fn remove_unused(&self, signature: &mut Signature) {
        if self.unused.is_empty() {
            return;
        }
        let generics = &mut signature.generics;
        let stays = |lifetime: &Lifetime| !self.unused.contains(&lifetime.ident.to_string());
        let mut parameters = std::mem::take(&mut generics.params);
        for parameter in &mut parameters {
            if let GenericParam::Lifetime(parameter) = parameter {
                parameter.bounds = retain(&parameter.bounds, stays);
                if parameter.bounds.is_empty() {
                    parameter.colon_token = None;
                }
            }
        }
        generics.params = retain(
            &parameters,
            |parameter| !matches!(parameter, GenericParam::Lifetime(parameter) if !stays(&parameter.lifetime)),
        );
        if generics.params.is_empty() {
            (generics.lt_token, generics.gt_token) = (None, None);
        }
        let Some(clause) = &mut generics.where_clause else {
            return;
        };
        for predicate in &mut clause.predicates {
            if let WherePredicate::Lifetime(predicate) = predicate {
                predicate.bounds = retain(&predicate.bounds, stays);
            }
        }
        clause.predicates = retain(
            &clause.predicates,
            |predicate| !matches!(predicate, WherePredicate::Lifetime(predicate) if predicate.bounds.is_empty() || !stays(&predicate.lifetime)),
        );
        if clause.predicates.is_empty() {
            generics.where_clause = None;
        }
    }
}

/// Returns the lifetimes in bounds of types, which count as used: `T: Reads<'a>` means nothing
/// without `'a`.
fn in_bounds_of_types(signature: &Signature) -> HashSet<String> {
    let bounds =
        |bounds: &Punctuated<TypeParamBound, Token![+]>| mentioned(bounds.to_token_stream());
    let mut found: HashSet<String> = signature
        .generics
        .type_params()
        .flat_map(|parameter| bounds(&parameter.bounds))
        .collect();
    for predicate in signature
        .generics
        .where_clause
        .iter()
        .flat_map(|clause| &clause.predicates)
    {
        if let WherePredicate::Type(predicate) = predicate {
            found.extend(mentioned(predicate.to_token_stream()));
        }
    }
    found
}

fn retain<T: Clone, P: Clone + Default>(
    list: &Punctuated<T, P>,
    mut keep: impl FnMut(&T) -> bool,
) -> Punctuated<T, P> {
    list.iter().filter(|item| keep(item)).cloned().collect()
}
