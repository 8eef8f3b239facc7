//! The body of a plain function in the closure that goes to the other thread.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};

use super::super::Expansion;
use super::travellers::Traveller;
use crate::names;
use crate::spans;

impl Expansion<'_> {
    /// Returns the code in the closure, for a function beside which no twin can stand. Temporaries
    /// of the body's last expression are dropped before the arguments in every edition, because the
    /// edition of this crate decides for the braces around both.
    pub(super) fn inlined(&self, travellers: &[Traveller<'_>]) -> TokenStream {
        let session = self.function.session.as_ref().map(|session| {
            let conn = names::connection();
            self.session_binding(session, &conn.to_token_stream())
        });
        let bound = travellers.iter().map(|traveller| {
            let lent = self.lent(traveller);
            let Some(argument) = traveller.argument else {
                let (this, receiver) = (names::this(), self.function.source.signature.receiver());
                let mutability = receiver.and_then(|receiver| receiver.mutability);
                return quote_spanned!(spans::generated()=> let #mutability #this = #lent;);
            };
            self.binding(argument, lent)
        });
        let block = without_self(self.function.block.stream());
        let mut block = Group::new(Delimiter::Brace, block);
        block.set_span(self.function.block.span());
        quote_spanned!(spans::generated()=> #session #(#bound)* #block)
    }
}

/// Gives `self` another name, because a closure that runs on another thread cannot hold the
/// caller's `self`. Items in the body have a `self` of their own, and `self::name` is the path of a
/// module.
fn without_self(tokens: TokenStream) -> TokenStream {
    let mut output = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    let mut in_item = false;
    while let Some(token) = tokens.next() {
        let next = tokens.peek();
        output.extend([match token {
            TokenTree::Ident(ident) if ident == "self" && !in_item && !is_colon(next) => {
                let mut this = names::this();
                this.set_span(spans::generated_at(ident.span()));
                TokenTree::Ident(this)
            }
            TokenTree::Ident(ident) => {
                in_item |= starts_item(&ident, next);
                TokenTree::Ident(ident)
            }
            TokenTree::Group(group) if in_item => {
                in_item = group.delimiter() != Delimiter::Brace;
                TokenTree::Group(group)
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_self(group.stream()));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            TokenTree::Punct(punct) => {
                in_item &= punct.as_char() != ';';
                TokenTree::Punct(punct)
            }
            literal => literal,
        }]);
    }
    output
}

/// Returns whether the token is half of `::`. The colon of `S { self: .. }` counts as well, which
/// nobody writes.
fn is_colon(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
}

/// Returns whether an item starts here: `fn name`, but not the type `fn(T)`.
fn starts_item(keyword: &Ident, next: Option<&TokenTree>) -> bool {
    let is_named = matches!(next, Some(TokenTree::Ident(_)));
    keyword == "impl" || keyword == "trait" || (keyword == "fn" && is_named)
}

#[cfg(test)]
mod tests {
    use super::without_self;

    #[test]
    fn self_has_another_name_but_not_in_items() {
        let renamed = |text: &str| without_self(text.parse().unwrap()).to_string();
        for (text, expected) in [
            ("self.a(|| self)", "__self . a (|| __self)"),
            ("Self::A", "Self :: A"),
            (
                "use self::a; self::b(self)",
                "use self :: a ; self :: b (__self)",
            ),
            (
                "let f: fn(u8) -> u8 = self.f;",
                "let f : fn (u8) -> u8 = __self . f ;",
            ),
            ("fn g(&self) { self } self", "fn g (& self) { self } __self"),
            (
                "impl A for B { fn g(self) { self.0 } } self.1",
                "impl A for B { fn g (self) { self . 0 } } __self . 1",
            ),
            ("vec![self]", "vec ! [__self]"),
        ] {
            assert_eq!(renamed(text), expected);
        }
    }
}
