//! Gives `self` another name, for a closure that cannot hold the caller's `self`: because it runs on
//! another thread, or because only one of two closures can take a `self` that is not copied.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

use crate::{names, spans};

/// Gives `self` another name. Items in the body have a `self` of their own, and `self::name` is the
/// path of a module.
pub(super) fn without_self(tokens: TokenStream) -> TokenStream {
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
