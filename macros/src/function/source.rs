//! An annotated function as it was written.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::quote;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{AttrStyle, Attribute, FnArg, Signature, Token, Visibility};

use crate::lint_attributes::is_level;

/// A function whose signature is parsed and whose body is one token, so that a half-typed body
/// still expands and an editor keeps working on it.
pub(crate) struct Source {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    default: Option<Token![default]>,
    pub(crate) signature: Signature,
    pub(crate) body: Group,
    /// Each `#[session]` with the place of its parameter. The signature no longer has these
    /// attributes.
    pub(crate) marks: Vec<(usize, Attribute)>,
    /// Each `#[once(..)]` with the place of its parameter. The signature no longer has these
    /// attributes.
    pub(crate) skips: Vec<(usize, Attribute)>,
    /// Each `#[items]` with the place of its parameter. The signature no longer has these attributes.
    pub(crate) item_marks: Vec<(usize, Attribute)>,
    /// Each `#[dbop::allow(..)]`, `warn`, `deny` and `expect`. `attributes` no longer has them.
    pub(crate) levels: Vec<Attribute>,
}

impl Parse for Source {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let default = if input.peek(Token![default]) {
            Some(input.parse()?)
        } else {
            None
        };
        let first = input.span();
        let mut signature: Signature = input
            .parse()
            .map_err(|error| not_a_function(first, error))?;
        if input.peek(Token![;]) {
            return Err(syn::Error::new(
                signature.ident.span(),
                format!(
                    "`{}` has no body to run here; put the attribute on the implementation of this function",
                    signature.ident
                ),
            ));
        }
        let mut body = parse_body(input)?;
        attributes.extend(take_inner_attributes(&mut body));
        let marks = take_marks(&mut signature, "session");
        let skips = take_marks(&mut signature, "once");
        let item_marks = take_marks(&mut signature, "items");
        let levels = attributes.extract_if(.., |attribute| is_level(attribute));
        let levels = levels.collect();
        Ok(Source {
            attributes,
            visibility,
            default,
            signature,
            body,
            marks,
            skips,
            item_marks,
            levels,
        })
    }
}

impl Source {
    /// Writes the function with another signature and body.
    pub(crate) fn with(&self, signature: &Signature, body: &Group) -> TokenStream {
        self.with_attributes(&self.attributes, signature, body)
    }

    /// Writes the function with other attributes as well.
    pub(crate) fn with_attributes(
        &self,
        attributes: &[Attribute],
        signature: &Signature,
        body: &Group,
    ) -> TokenStream {
        let Source {
            visibility,
            default,
            ..
        } = self;
        quote!(#(#attributes)* #visibility #default #signature #body)
    }

    /// Returns whether the parameter at this place was marked `#[session]`.
    pub(crate) fn is_marked(&self, index: usize) -> bool {
        self.marks.iter().any(|(marked, _)| *marked == index)
    }

    /// Returns whether the parameter at this place was marked `#[once(skip)]`.
    pub(crate) fn is_skipped(&self, index: usize) -> bool {
        self.skips.iter().any(|(marked, _)| *marked == index)
    }

    /// Writes the function as the user wrote it, which is what an editor shows while there are
    /// mistakes.
    pub(crate) fn original(&self) -> TokenStream {
        self.with(&self.signature, &self.body)
    }
}

/// Writes the error for a `struct` or an `impl`, for which syn would only say that it expected
/// `fn`.
fn not_a_function(first: Span, error: syn::Error) -> syn::Error {
    if error.to_string() != "expected `fn`" {
        return error;
    }
    syn::Error::new(
        first,
        "a database operation is an `async fn`; put the attribute on each function that is one",
    )
}

/// Removes every attribute of this name from the parameters. Returns the attributes with the places
/// of their parameters.
fn take_marks(signature: &mut Signature, name: &str) -> Vec<(usize, Attribute)> {
    let mut marks = Vec::new();
    for (index, input) in signature.inputs.iter_mut().enumerate() {
        let attributes = match input {
            FnArg::Receiver(receiver) => &mut receiver.attrs,
            FnArg::Typed(parameter) => &mut parameter.attrs,
        };
        let is_mark = |attribute: &Attribute| {
            let last = attribute.path().segments.last();
            last.is_some_and(|last| last.ident == name)
        };
        marks.extend(
            attributes
                .extract_if(.., |attribute| is_mark(attribute))
                .map(|mark| (index, mark)),
        );
    }
    marks
}

/// Parses the brace group. A `macro_rules` that passes a `$body:block` on puts an invisible group
/// around the braces.
fn parse_body(input: ParseStream<'_>) -> syn::Result<Group> {
    let missing = || input.error("expected the body of the function");
    let mut token = input.step(|cursor| cursor.token_tree().ok_or_else(missing))?;
    loop {
        token = match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return Ok(group),
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                group.stream().into_iter().next().ok_or_else(missing)?
            }
            other => {
                return Err(syn::Error::new(
                    other.span(),
                    "expected the body of the function",
                ));
            }
        };
    }
}

/// Input: `{ #![allow(..)] .. }`, whose attribute belongs to the function. Output: an outer
/// attribute, and the body without the inner one.
fn take_inner_attributes(body: &mut Group) -> Vec<Attribute> {
    let split = |input: ParseStream<'_>| {
        let mut attributes = Attribute::parse_inner(input)?;
        for attribute in &mut attributes {
            attribute.style = AttrStyle::Outer;
        }
        Ok((attributes, input.parse::<TokenStream>()?))
    };
    // rustc reports a body that starts like an attribute and does not contain one.
    let Ok((attributes, rest)) = split.parse2(body.stream()) else {
        return Vec::new();
    };
    if !attributes.is_empty() {
        let span = body.span();
        *body = Group::new(Delimiter::Brace, rest);
        body.set_span(span);
    }
    attributes
}
