//! The loops in which a body waits, which a report of repeated statements names by their lines.

use proc_macro2::{Delimiter, Literal, Span, TokenStream, TokenTree};

/// Returns the lines of the loops whose bodies contain an `await`. Outside of a compiler, tokens have
/// no lines, and the list is empty.
pub(super) fn lines(body: TokenStream) -> Vec<Literal> {
    let mut lines: Vec<_> = loops(body).into_iter().filter_map(line).collect();
    lines.dedup();
    lines.into_iter().map(Literal::u32_unsuffixed).collect()
}

/// Returns where the loops that wait begin, in their order in the text.
fn loops(body: TokenStream) -> Vec<Span> {
    let (mut found, mut begun) = (Vec::new(), None);
    for token in body {
        match token {
            TokenTree::Ident(word) if word == "for" || word == "while" || word == "loop" => {
                begun = Some(word.span());
            }
            TokenTree::Group(group) => {
                let is_body = group.delimiter() == Delimiter::Brace;
                let inside = group.stream();
                if is_body
                    && let Some(begun) = begun.take()
                    && waits(inside.clone())
                {
                    found.push(begun);
                }
                found.extend(loops(inside));
            }
            _ => {}
        }
    }
    found
}

fn waits(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == "await",
        TokenTree::Group(group) => waits(group.stream()),
        _ => false,
    })
}

fn line(span: Span) -> Option<u32> {
    let span = proc_macro::is_available().then(|| span.unwrap())?;
    span.line().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_counts_if_its_body_waits() {
        let count = |text: &str| loops(text.parse().unwrap()).len();
        assert_eq!(count("for id in ids { read(id).await?; }"), 1);
        assert_eq!(
            count("loop { if done(x).await { while a { b.await } } }"),
            2
        );
        assert_eq!(
            count("for id in ids { list.push(id); } read(list).await"),
            0
        );
        assert_eq!(count("if wide { read(1).await }"), 0);
    }
}
