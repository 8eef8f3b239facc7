//! Removes the attributes of dbop from a body, whether the body can be parsed or not: rustc does
//! not accept attribute macros on statements.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::Meta;

use crate::lint_attributes::Level;
use crate::tokens::{is_ident, is_punct};

/// Returns whether the tokens contain an attribute that sets a level.
pub(super) fn has_levels(tokens: TokenStream) -> bool {
    let tokens: Vec<_> = tokens.into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Group(group) => has_levels(group.stream()),
        _ => length_of_level(&tokens[at..]).is_some(),
    })
}

/// Removes the attributes that set levels.
///
/// Input: `{ #[dbop::allow(foreign_await)] let a = b.await; #[dbop::allow(..)] #[db_op] fn f() {}
/// }`
///
/// Output: `{ let a = b.await; #[dbop::allow(..)] #[db_op] fn f() {} }`. A function inside is an
/// operation of its own and keeps its attributes.
pub(super) fn without_levels(block: &Group) -> Group {
    if !has_levels(block.stream()) {
        return block.clone();
    }
    let tokens: Vec<_> = block.stream().into_iter().collect();
    let mut kept = TokenStream::new();
    let mut rest = tokens.as_slice();
    while let [token, after @ ..] = rest {
        if let Some(length) = length_of_level(rest).filter(|_| !stands_at_function(rest)) {
            rest = &rest[length..];
            continue;
        }
        rest = after;
        match token {
            TokenTree::Group(group) => kept.extend([TokenTree::from(without_levels(group))]),
            _ => kept.extend([token.clone()]),
        }
        if is_ident(token, "fn") && matches!(after, [TokenTree::Ident(_), ..]) {
            let end = after.iter().position(is_body);
            let (function, behind) = after.split_at(end.map_or(after.len(), |end| end + 1));
            kept.extend(function.iter().cloned());
            rest = behind;
        }
    }
    let mut block_again = Group::new(block.delimiter(), kept);
    block_again.set_span(block.span());
    block_again
}

/// Returns how many tokens `#[dbop::allow(..)]` or `#![dbop::allow(..)]` takes; `None` if no such
/// attribute stands here.
fn length_of_level(tokens: &[TokenTree]) -> Option<usize> {
    let (group, length) = match tokens {
        [hash, TokenTree::Group(group), ..] if is_punct(hash, '#') => (group, 2),
        [hash, bang, TokenTree::Group(group), ..] if is_punct(hash, '#') && is_punct(bang, '!') => {
            (group, 3)
        }
        _ => return None,
    };
    let meta = syn::parse2::<Meta>(group.stream()).ok()?;
    Level::of(&meta).map(|_| length)
}

/// Returns whether a function follows: `#[..] #[..] pub(crate) async fn name`.
fn stands_at_function(mut tokens: &[TokenTree]) -> bool {
    const BEFORE: [&str; 6] = ["async", "const", "default", "extern", "pub", "unsafe"];
    loop {
        match tokens {
            [hash, TokenTree::Group(_), rest @ ..] if is_punct(hash, '#') => {
                tokens = rest;
            }
            [token, TokenTree::Ident(_), ..] if is_ident(token, "fn") => return true,
            [token, TokenTree::Group(of), rest @ ..]
                if is_ident(token, "pub") && of.delimiter() == Delimiter::Parenthesis =>
            {
                tokens = rest;
            }
            [token, rest @ ..]
                if BEFORE.iter().any(|word| is_ident(token, word))
                    || matches!(token, TokenTree::Literal(_)) =>
            {
                tokens = rest;
            }
            _ => return false,
        }
    }
}

fn is_body(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}
