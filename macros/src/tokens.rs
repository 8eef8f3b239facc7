//! Questions about tokens that were not parsed.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};

use crate::spans::respan;

/// Returns the first place where a name occurs in the tokens; `None` if the name does not occur.
pub(crate) fn find_ident(tokens: TokenStream, name: &Ident) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) => (ident == *name).then_some(ident),
        TokenTree::Group(group) => find_ident(group.stream(), name),
        _ => None,
    })
}

/// Writes `instead` wherever a name occurs in the tokens.
pub(crate) fn replace_ident(tokens: TokenStream, name: &str, instead: &TokenStream) -> TokenStream {
    let replaced = tokens.into_iter().map(|token| match token {
        TokenTree::Group(group) => {
            let inner = replace_ident(group.stream(), name, instead);
            let mut replaced = Group::new(group.delimiter(), inner);
            replaced.set_span(group.span());
            TokenTree::from(replaced).into()
        }
        token if is_ident(&token, name) => respan(instead.clone(), token.span()),
        token => token.into(),
    });
    replaced.collect()
}

/// Returns whether a name occurs in the tokens.
pub(crate) fn mentions(tokens: TokenStream, name: &Ident) -> bool {
    find_ident(tokens, name).is_some()
}

/// Returns whether an identifier of this name occurs in the tokens.
pub(crate) fn has_ident(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match &token {
        TokenTree::Group(group) => has_ident(group.stream(), name),
        _ => is_ident(&token, name),
    })
}

/// Returns whether the token is this identifier or keyword.
pub(crate) fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

/// Returns whether the token is this punctuation character.
pub(crate) fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}
