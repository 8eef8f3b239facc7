//! The three ways to write an async function, with the type that its future returns, the function
//! that returns a stream, and the plain function.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Lifetime, ReturnType, Signature, Type};

use super::yields::{FUTURE, STREAM, Shape, Yielded};
use crate::tokens::{is_ident, is_punct};

/// How the function is written.
pub(crate) enum Form {
    /// `async fn f() -> R { block }`
    Async,
    /// `fn f() -> Pin<Box<dyn Future<Output = R>>> { Box::pin(async move { block }) }`, which is
    /// what `async_trait` makes of a method, or `fn f() -> impl Future<Output = R> { async move {
    /// block } }`.
    Returned(Box<Returned>),
    /// `fn f() -> BoxStream<'_, R> { block }`, with any block that makes a stream.
    Stream(Streamed),
    /// `fn f() -> R { block }`, which runs on the blocking pool.
    Plain,
}

pub(crate) struct Returned {
    /// The lifetime that everything the future borrows must outlive; `None` if there is no bound.
    pub(crate) bound: Option<Lifetime>,
    /// The part of the body that stands around the braces of the async block.
    around: Surroundings,
}

/// How a function returns its stream.
pub(crate) struct Streamed {
    pub(crate) shape: Shape,
    /// The lifetime that everything in the stream must outlive; `None` if no lifetime is written.
    pub(crate) bound: Option<Lifetime>,
}

impl Streamed {
    /// Returns whether the stream may borrow nothing: `dyn Stream` in a box is `'static` where no
    /// lifetime is written.
    pub(crate) fn is_static(&self) -> bool {
        match &self.bound {
            Some(bound) => bound.ident == "static",
            None => self.shape != Shape::Opaque,
        }
    }
}

/// Tokens with a hole where a brace group stood.
struct Surroundings {
    before: TokenStream,
    inside: Option<(Group, Box<Surroundings>)>,
    after: TokenStream,
}

/// Why it is not clear how a function is written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unclear {
    /// The function returns a future, but no async block can be found in its body, or the name of
    /// the type hides what the future returns.
    Future,
    /// The name of the type hides what the stream yields.
    Stream,
    /// The function is an `async fn` and returns a stream.
    AwaitedStream,
}

impl Form {
    /// Returns the form, the type that the future returns (`None` for `()` that is not written) and
    /// the block that runs.
    pub(crate) fn of(
        signature: &Signature,
        body: &Group,
    ) -> Result<(Form, Option<Type>, Group), Unclear> {
        let declared = match &signature.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some(&**ty),
        };
        let stream = declared.and_then(|ty| STREAM.by(ty));
        if signature.asyncness.is_some() {
            return match stream {
                Some(_) => Err(Unclear::AwaitedStream),
                None => Ok((Form::Async, declared.cloned(), body.clone())),
            };
        }
        if let Some(Yielded { ty, bound, shape }) = stream {
            let form = Form::Stream(Streamed { shape, bound });
            return Ok((form, Some(ty), body.clone()));
        }
        if let Some(Yielded { ty, bound, .. }) = declared.and_then(|ty| FUTURE.by(ty)) {
            let (around, block) = Surroundings::of(body.stream()).ok_or(Unclear::Future)?;
            let returned = Returned { bound, around };
            return Ok((Form::Returned(Box::new(returned)), Some(ty), block));
        }
        if declared.is_some_and(|ty| FUTURE.is_named_by(ty)) || ends_in_boxed_async(body) {
            Err(Unclear::Future)
        } else if declared.is_some_and(|ty| STREAM.is_named_by(ty)) {
            Err(Unclear::Stream)
        } else {
            Ok((Form::Plain, declared.cloned(), body.clone()))
        }
    }

    /// Returns the body of the new function, with `inner` in the place of the block.
    pub(crate) fn body(&self, inner: TokenStream) -> TokenStream {
        match self {
            Form::Async | Form::Plain | Form::Stream(_) => inner,
            Form::Returned(returned) => returned.around.fill(inner),
        }
    }

    /// Returns whether the function is not async, and returns a future.
    pub(crate) fn is_returned(&self) -> bool {
        matches!(self, Form::Returned(_))
    }

    /// Returns the lifetime that everything in a returned future must outlive.
    pub(crate) fn bound(&self) -> Option<&Lifetime> {
        match self {
            Form::Async | Form::Plain | Form::Stream(_) => None,
            Form::Returned(returned) => returned.bound.as_ref(),
        }
    }
}

impl Surroundings {
    /// Finds the async block that the tokens end in. The block may be an argument, as in
    /// `Box::pin(async move { .. })`.
    fn of(tokens: TokenStream) -> Option<(Surroundings, Group)> {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let tail = tokens
            .iter()
            .rposition(|token| is_punct(token, ';'))
            .map_or(0, |semicolon| semicolon + 1);
        if let Some(at) = (tail..tokens.len())
            .rev()
            .find(|&at| is_async_block(&tokens[tail..=at]))
        {
            let TokenTree::Group(block) = &tokens[at] else {
                return None;
            };
            return Some((Surroundings::split(&tokens, at, None), block.clone()));
        }
        let at = (tail..tokens.len()).rev().find(|&at| matches!(&tokens[at], TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis))?;
        let TokenTree::Group(call) = &tokens[at] else {
            return None;
        };
        let (inside, block) = Surroundings::of(call.stream())?;
        Some((
            Surroundings::split(&tokens, at, Some((call.clone(), Box::new(inside)))),
            block,
        ))
    }

    fn split(
        tokens: &[TokenTree],
        at: usize,
        inside: Option<(Group, Box<Surroundings>)>,
    ) -> Surroundings {
        let stream = |tokens: &[TokenTree]| tokens.iter().cloned().collect();
        Surroundings {
            before: stream(&tokens[..at]),
            inside,
            after: stream(&tokens[at + 1..]),
        }
    }

    fn fill(&self, inner: TokenStream) -> TokenStream {
        let filled = match &self.inside {
            None => Group::new(Delimiter::Brace, inner),
            Some((call, inside)) => {
                let mut group = Group::new(call.delimiter(), inside.fill(inner));
                group.set_span(call.span());
                group
            }
        };
        let mut tokens = self.before.clone();
        filled.to_tokens(&mut tokens);
        tokens.extend(self.after.clone());
        tokens
    }
}

/// Returns whether the body ends in `Box::pin(async ..)`.
fn ends_in_boxed_async(body: &Group) -> bool {
    let tokens: Vec<_> = body.stream().into_iter().collect();
    let [.., boxed, first, second, pin, TokenTree::Group(call)] = &*tokens else {
        return false;
    };
    let starts_async = call.stream().into_iter().next();
    is_ident(boxed, "Box")
        && is_punct(first, ':')
        && is_punct(second, ':')
        && is_ident(pin, "pin")
        && starts_async.is_some_and(|token| is_ident(&token, "async"))
}

fn is_async_block(tokens: &[TokenTree]) -> bool {
    match tokens {
        [.., keyword, TokenTree::Group(block)] if is_ident(keyword, "async") => {
            block.delimiter() == Delimiter::Brace
        }
        [.., first, second, TokenTree::Group(block)]
            if is_ident(first, "async") && is_ident(second, "move") =>
        {
            block.delimiter() == Delimiter::Brace
        }
        _ => false,
    }
}
