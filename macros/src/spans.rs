//! The spans of generated tokens: how their names resolve, and which of the user's tokens a message
//! underlines.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::ToTokens;

/// Returns the span of generated tokens that stand for nothing the user wrote.
pub(crate) fn generated() -> Span {
    Span::mixed_site()
}

/// Returns a span that reports at `place` and resolves like generated code.
pub(crate) fn generated_at(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}

/// Returns the spans of the first and the last token. Generated tokens that stand for these tokens
/// in messages take the two spans, because a message underlines everything from the first to the
/// last.
pub(crate) fn ends(tokens: impl ToTokens) -> (Span, Span) {
    let mut spans = tokens
        .into_token_stream()
        .into_iter()
        .map(|token| generated_at(token.span()));
    let first = spans.next().unwrap_or_else(generated);
    (first, spans.last().unwrap_or(first))
}

/// Gives all tokens the same span.
pub(crate) fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            if let TokenTree::Group(group) = &token {
                let mut inner = Group::new(group.delimiter(), respan(group.stream(), span));
                inner.set_span(span);
                return inner.into();
            }
            token.set_span(span);
            token
        })
        .collect()
}

/// Gives the tokens spans with which a message underlines everything from `first` to `last`.
pub(crate) fn between(tokens: TokenStream, first: Span, last: Span) -> TokenStream {
    let mut tokens: Vec<_> = respan(tokens, first).into_iter().collect();
    if let Some(token) = tokens.last_mut() {
        token.set_span(last);
    }
    tokens.into_iter().collect()
}
