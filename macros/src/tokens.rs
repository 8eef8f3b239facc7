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

/// Returns the first place where the tokens use a variable of this name. In `done.items`, the name behind
/// the dot is that of a field.
pub(crate) fn find_variable(tokens: TokenStream, name: &Ident) -> Option<Ident> {
    let (mut dots, mut found) = (0, None);
    for token in tokens {
        let is_member = dots == 1;
        dots = match is_punct(&token, '.') {
            true => dots + 1,
            false => 0,
        };
        found = found.or(match token {
            TokenTree::Ident(ident) if !is_member && ident == *name => Some(ident),
            TokenTree::Group(group) => find_variable(group.stream(), name),
            _ => None,
        });
    }
    found
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_no_variable_and_the_end_of_a_range_is_one() {
        let uses = |text: &str| {
            let items = Ident::new("items", proc_macro2::Span::call_site());
            find_variable(text.parse().unwrap(), &items).is_some()
        };
        for text in [
            "items.len()",
            "f(&items)",
            "0..items",
            "|done| { done.items + items }",
        ] {
            assert!(uses(text), "{text}");
        }
        for text in ["done.items", "|done| bar.set(done.items)", "other.items()"] {
            assert!(!uses(text), "{text}");
        }
    }
}
