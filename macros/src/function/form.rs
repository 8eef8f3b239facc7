//! The three ways to write an async function, with the type that its future returns, and the plain
//! function.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{
    AngleBracketedGenericArguments, GenericArgument, Lifetime, PathArguments, ReturnType,
    Signature, Token, Type, TypeParamBound,
};

use super::types;
use crate::tokens::{is_ident, is_punct};

/// How the function is written.
pub(crate) enum Form {
    /// `async fn f() -> R { block }`
    Async,
    /// `fn f() -> Pin<Box<dyn Future<Output = R>>> { Box::pin(async move { block }) }`, which is
    /// what `async_trait` makes of a method, or `fn f() -> impl Future<Output = R> { async move {
    /// block } }`.
    Returned(Box<Returned>),
    /// `fn f() -> R { block }`, which runs on the blocking pool.
    Plain,
}

pub(crate) struct Returned {
    /// The lifetime that everything the future borrows must outlive; `None` if there is no bound.
    pub(crate) bound: Option<Lifetime>,
    /// The part of the body that stands around the braces of the async block.
    around: Surroundings,
}

/// Tokens with a hole where a brace group stood.
struct Surroundings {
    before: TokenStream,
    inside: Option<(Group, Box<Surroundings>)>,
    after: TokenStream,
}

/// The function returns a future, but no async block can be found in its body, or the name of the
/// type hides what the future returns.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unclear;

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
        if signature.asyncness.is_some() {
            return Ok((Form::Async, declared.cloned(), body.clone()));
        }
        let Some((output, bound)) = declared.and_then(future_output) else {
            let is_future = declared.is_some_and(mentions_future) || ends_in_boxed_async(body);
            return match is_future {
                true => Err(Unclear),
                false => Ok((Form::Plain, declared.cloned(), body.clone())),
            };
        };
        let (around, block) = Surroundings::of(body.stream()).ok_or(Unclear)?;
        Ok((
            Form::Returned(Box::new(Returned { bound, around })),
            Some(output),
            block,
        ))
    }

    /// Returns the body of the new function, with `inner` in the place of the block.
    pub(crate) fn body(&self, inner: TokenStream) -> TokenStream {
        match self {
            Form::Async | Form::Plain => inner,
            Form::Returned(returned) => returned.around.fill(inner),
        }
    }

    pub(crate) fn bound(&self) -> Option<&Lifetime> {
        match self {
            Form::Async | Form::Plain => None,
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

/// Returns whether the type is called a future: `impl TryFuture<..>` and `MyFuture<'_, R>` are,
/// `Result<Vec<FutureBooking>, E>` is not.
fn mentions_future(ty: &Type) -> bool {
    let name = types::last_segment(ty).map(|segment| segment.ident.to_string());
    if name.is_some_and(|name| name.ends_with("Result") && !name.contains("Future")) {
        return false;
    }
    fn mentions(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident.to_string().contains("Future"),
            TokenTree::Group(group) => mentions(group.stream()),
            _ => false,
        })
    }
    mentions(ty.to_token_stream())
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

/// Returns the `R` and the lifetime bound of a type that is a future of `R`.
fn future_output(ty: &Type) -> Option<(Type, Option<Lifetime>)> {
    if let Some(boxed) = types::wrapped(ty, "Pin").and_then(|pinned| types::wrapped(pinned, "Box"))
    {
        return match types::ungrouped(boxed) {
            Type::TraitObject(object) => output_of_bounds(&object.bounds),
            _ => None,
        };
    }
    if let Type::ImplTrait(opaque) = types::ungrouped(ty) {
        return output_of_bounds(&opaque.bounds);
    }
    // The aliases of the futures crate.
    let alias = types::last_segment(ty)
        .filter(|segment| segment.ident == "BoxFuture" || segment.ident == "LocalBoxFuture")?;
    let PathArguments::AngleBracketed(arguments) = &alias.arguments else {
        return None;
    };
    let lifetime = arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Lifetime(lifetime) => Some(lifetime.clone()),
        _ => None,
    });
    match types::type_arguments(alias).as_slice() {
        [output] => Some(((*output).clone(), lifetime)),
        _ => None,
    }
}

fn output_of_bounds(
    bounds: &Punctuated<TypeParamBound, Token![+]>,
) -> Option<(Type, Option<Lifetime>)> {
    let mut output = None;
    let mut lifetime = None;
    for bound in bounds {
        match bound {
            TypeParamBound::Trait(bound) => {
                let segment = bound
                    .path
                    .segments
                    .last()
                    .filter(|segment| segment.ident == "Future");
                if let Some(PathArguments::AngleBracketed(arguments)) =
                    segment.map(|segment| &segment.arguments)
                {
                    output = associated_output(arguments).or(output);
                }
            }
            TypeParamBound::Lifetime(bound) => lifetime = Some(bound.clone()),
            _ => {}
        }
    }
    Some((output?, lifetime))
}

fn associated_output(arguments: &AngleBracketedGenericArguments) -> Option<Type> {
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(associated) if associated.ident == "Output" => {
            Some(associated.ty.clone())
        }
        _ => None,
    })
}
