//! Makes a body give `&mut self` back, so that the next attempt has it.
//!
//! A body moves `self` only if the user wrote that, with one exception: a macro that was expanded
//! earlier may have wrapped the body in code that moves `self`. This module knows the places where
//! `async_trait` and `tracing::instrument` do.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote_spanned;

use crate::tokens::{is_ident, is_punct};

/// Input: `{ let __self = self; .. }`, which is how `async_trait` starts a body.
///
/// Output: `{ let __self = &mut *self; .. }`
///
/// Input: `{ let __tracing_instrument_future = async move { .. }; .. }`, which is what `instrument`
/// makes of a body. With `err` or `ret`, a second `async move { .. }.await` starts the first block.
///
/// Output: the input without `move`. The futures are awaited where they are made, so everything
/// that they borrow lives long enough.
pub(super) fn lend_self(block: &Group, receiver: Receiver) -> Group {
    rewritten(block, receiver, Layer::Body)
}

/// A receiver that only one attempt can take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Receiver {
    /// `&mut self`
    Mut,
    /// `self: Pin<&mut Self>`, which only the method `as_mut` can lend again.
    Pinned,
}

/// The kind of braces that the tokens stand in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    Body,
    Instrumented,
}

fn rewritten(block: &Group, receiver: Receiver, layer: Layer) -> Group {
    let tokens: Vec<TokenTree> = block.stream().into_iter().collect();
    let mut output = TokenStream::new();
    let mut rest = tokens.as_slice();
    while let [token, after @ ..] = rest {
        let before = &tokens[..tokens.len() - rest.len()];
        rest = after;
        match (token, after) {
            (_, [semicolon, ..])
                if receiver == Receiver::Mut
                    && is_ident(token, "self")
                    && is_punct(semicolon, ';')
                    && ends_in_assignment(before, "__self") =>
            {
                output.extend(quote_spanned!(token.span()=> &mut *self));
            }
            (_, [keyword, TokenTree::Group(inner), ..])
                if is_ident(token, "async")
                    && is_ident(keyword, "move")
                    && moves(before, after, layer) =>
            {
                let next = match layer {
                    Layer::Body => Layer::Instrumented,
                    Layer::Instrumented => Layer::Body,
                };
                output.extend([token.clone(), rewritten(inner, receiver, next).into()]);
                rest = &after[2..];
            }
            _ => output.extend([token.clone()]),
        }
    }
    let mut block_again = Group::new(Delimiter::Brace, output);
    block_again.set_span(block.span());
    block_again
}

/// Returns whether `async`, between these tokens, starts a block that `instrument` wrote.
fn moves(before: &[TokenTree], after: &[TokenTree], layer: Layer) -> bool {
    match layer {
        Layer::Body => ends_in_assignment(before, "__tracing_instrument_future"),
        // `match async move { .. }.await` or `let x = async move { .. }.await`, with nothing in
        // front.
        Layer::Instrumented => {
            before.len() <= 3
                && matches!(after, [_, _, dot, keyword, ..] if is_punct(dot, '.') && is_ident(keyword, "await"))
        }
    }
}

/// Returns whether the tokens end in `name =`.
fn ends_in_assignment(tokens: &[TokenTree], name: &str) -> bool {
    matches!(tokens, [.., last, equals] if is_ident(last, name) && is_punct(equals, '='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_lends(input: &str, expected: &str) {
        let block: Group = syn::parse_str(input).unwrap();
        let expected: Group = syn::parse_str(expected).unwrap();
        assert_eq!(
            lend_self(&block, Receiver::Mut).to_string(),
            expected.to_string()
        );
    }

    #[test]
    fn async_trait() {
        assert_lends(
            "{ let __self = self; let a = a; x }",
            "{ let __self = &mut *self; let a = a; x }",
        );
    }

    #[test]
    fn instrument() {
        assert_lends(
            "{ let __tracing_instrument_future = async move { let __self = self; x }; y.await }",
            "{ let __tracing_instrument_future = async { let __self = &mut *self; x }; y.await }",
        );
        assert_lends(
            "{ let __tracing_instrument_future = async move { match async move { self.n }.await { z => z } }; y.await }",
            "{ let __tracing_instrument_future = async { match async { self.n }.await { z => z } }; y.await }",
        );
    }

    #[test]
    fn a_pinned_self_is_not_reborrowed() {
        let block: Group = syn::parse_str("{ let __self = self; }").unwrap();
        assert_eq!(
            lend_self(&block, Receiver::Pinned).to_string(),
            block.to_string()
        );
    }

    #[test]
    fn what_the_user_wrote_stays() {
        let own =
            "{ let this = self; spawn(async move { self; }); let f = async move { 1 }.await; }";
        assert_lends(own, own);
    }
}
