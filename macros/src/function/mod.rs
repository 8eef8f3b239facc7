//! The model of an annotated function: what the checks and the expansion need to know, and nothing
//! about the body's inside.

pub(crate) mod crossing;
mod form;
mod lifetimes;
mod session;
pub(crate) mod types;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::visit_mut::{self, VisitMut};
use syn::{
    AttrStyle, Attribute, FnArg, Lifetime, Pat, PatType, Safety, Signature, Token, Type, Visibility,
};

pub(crate) use form::Form;
use form::Unclear;
use lifetimes::Lifetimes;
pub(crate) use session::Session;

use crate::errors::Errors;
use crate::lint_attributes::is_level;
use crate::names::{self, Runtime};
use crate::options;

/// A function whose signature is parsed and whose body is one token, so that a half-typed body
/// still expands and an editor keeps working on it.
pub(crate) struct Source {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    default: Option<Token![default]>,
    pub(crate) signature: Signature,
    pub(crate) body: Group,
    /// Where `#[session]` stood; the attributes themselves are gone from the signature.
    marks: Vec<(usize, Attribute)>,
    /// The same of `#[once(skip)]`.
    pub(crate) skips: Vec<(usize, Attribute)>,
    /// `#[dbop::allow(..)]` and its like, which are gone from the other attributes.
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
            levels,
        })
    }
}

/// A `struct` or an `impl`, for which syn would only say that it expected `fn`.
fn not_a_function(first: Span, error: syn::Error) -> syn::Error {
    if error.to_string() != "expected `fn`" {
        return error;
    }
    syn::Error::new(
        first,
        "a database operation is an `async fn`; put the attribute on each function that is one",
    )
}

/// Removes every attribute of this name from the parameters, and returns the places it stood at.
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

/// The brace group, also when `macro_rules` passes it on as a `$body:block` and so puts an
/// invisible group around it.
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

/// Input: `{ #![allow(..)] .. }`, whose attribute belongs to the function. Output: the attribute,
/// as an outer one, and the body without it.
fn take_inner_attributes(body: &mut Group) -> Vec<Attribute> {
    let split = |input: ParseStream<'_>| {
        let mut attributes = Attribute::parse_inner(input)?;
        for attribute in &mut attributes {
            attribute.style = AttrStyle::Outer;
        }
        Ok((attributes, input.parse::<TokenStream>()?))
    };
    // A body that starts like an attribute and is none is for rustc to report.
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

impl Source {
    /// The function with another signature and body.
    pub(crate) fn with(&self, signature: &Signature, body: &Group) -> TokenStream {
        self.with_attributes(&self.attributes, signature, body)
    }

    /// The function with other attributes as well.
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

    /// Whether the parameter at this place was marked `#[session]`.
    pub(crate) fn is_marked(&self, index: usize) -> bool {
        self.marks.iter().any(|(marked, _)| *marked == index)
    }

    /// Whether the parameter at this place was marked `#[once(skip)]`.
    pub(crate) fn is_skipped(&self, index: usize) -> bool {
        self.skips.iter().any(|(marked, _)| *marked == index)
    }

    /// The function as it was written, which is what an editor shows while there are errors.
    pub(crate) fn original(&self) -> TokenStream {
        self.with(&self.signature, &self.body)
    }
}

/// A parameter that is not the session.
pub(crate) struct Argument {
    /// Its place among all parameters.
    pub(crate) index: usize,
    /// Its name in the signature; the user's, unless the pattern has none.
    pub(crate) name: Ident,
    pub(crate) parameter: PatType,
}

impl Argument {
    fn new(index: usize, parameter: &PatType) -> Argument {
        let name = match &*parameter.pat {
            Pat::Ident(pattern) if pattern.subpat.is_none() => pattern.ident.clone(),
            _ => names::parameter(index),
        };
        Argument {
            index,
            name,
            parameter: parameter.clone(),
        }
    }

    /// Whether the name is the user's.
    pub(crate) fn is_named(&self) -> bool {
        matches!(&*self.parameter.pat, Pat::Ident(pattern) if pattern.subpat.is_none())
    }

    pub(crate) fn is_mutable_reference(&self) -> bool {
        types::reference(&self.parameter.ty).is_some_and(|(_, mutable)| mutable)
    }

    /// `name: &T`, which the body cannot make refer to something else.
    pub(crate) fn is_unchanging_reference(&self) -> bool {
        let plain = matches!(&*self.parameter.pat, Pat::Ident(pattern)
            if pattern.mutability.is_none() && pattern.by_ref.is_none() && pattern.subpat.is_none());
        plain && types::reference(&self.parameter.ty).is_some_and(|(_, mutable)| !mutable)
    }

    /// What tells it from all others: the user's name, or its place, which no name can be.
    pub(crate) fn label(&self) -> String {
        if self.is_named() {
            self.name.unraw().to_string()
        } else {
            self.index.to_string()
        }
    }

    /// Every name in the pattern.
    pub(crate) fn bindings(&self) -> Vec<Ident> {
        struct Bindings(Vec<Ident>);
        impl VisitMut for Bindings {
            fn visit_pat_ident_mut(&mut self, pattern: &mut syn::PatIdent) {
                self.0.push(pattern.ident.clone());
                visit_mut::visit_pat_ident_mut(self, pattern);
            }
        }
        let mut bindings = Bindings(Vec::new());
        bindings.visit_pat_mut(&mut self.parameter.pat.clone());
        bindings.0
    }
}

/// The attributes that decide whether a parameter exists at all.
pub(crate) fn cfgs(parameter: &PatType) -> impl Iterator<Item = &Attribute> {
    parameter
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
}

/// What lints say about a parameter is about the user's binding of it.
pub(crate) fn is_lint_level(attribute: &Attribute) -> bool {
    ["allow", "expect", "warn", "deny", "forbid"]
        .iter()
        .any(|level| attribute.path().is_ident(level))
}

pub(crate) struct Function {
    pub(crate) source: Source,
    pub(crate) form: Form,
    /// What the function, or the future it returns, returns.
    pub(crate) output: Type,
    /// The user's braces and what is between them.
    pub(crate) block: Group,
    pub(crate) session: Option<Session>,
    pub(crate) arguments: Vec<Argument>,
    lifetimes: Option<Lifetimes>,
}

impl Function {
    /// Step two of an attribute. On a mistake, the source comes back beside the errors.
    pub(crate) fn model(
        attribute: options::Attribute,
        source: Source,
        runtime: &Runtime,
        errors: &mut Errors,
    ) -> Result<Function, Box<Source>> {
        let form = Form::of(&source.signature, &source.body);
        let plain = matches!(&form, Ok((Form::Plain, ..)));
        let session = if plain {
            session::plain::find_connection(attribute, &source.signature, &source.marks, errors)
        } else {
            session::awaited::find_session(
                attribute,
                &source.signature,
                &source.marks,
                runtime,
                errors,
            )
        };
        let Some((form, output, block)) = returned(attribute, &source, form, errors) else {
            return Err(Box::new(source));
        };
        let arguments = source
            .signature
            .inputs
            .iter()
            .enumerate()
            .filter_map(|(index, input)| match input {
                FnArg::Typed(parameter)
                    if session
                        .as_ref()
                        .is_none_or(|session| session.index != index) =>
                {
                    Some(Argument::new(index, parameter))
                }
                _ => None,
            });
        let arguments = arguments.collect();
        let lifetimes = session.as_ref().map(|session| {
            Lifetimes::of(
                &source.signature,
                &session.parameter.ty,
                session.index,
                source.body.stream(),
            )
        });
        Ok(Function {
            source,
            form,
            output,
            block,
            session,
            arguments,
            lifetimes,
        })
    }

    /// Whether the body is not async, and runs on the blocking pool.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.form, Form::Plain)
    }

    /// The signature without the lifetimes that only the session parameter used.
    pub(crate) fn signature_without_session_lifetimes(&self) -> Signature {
        let mut signature = self.source.signature.clone();
        if let Some(lifetimes) = &self.lifetimes {
            lifetimes.remove_unused(&mut signature);
        }
        signature
    }

    /// The `'_` of `fn f(conn: &mut PgConnection) -> BoxFuture<'_, R>`, which no parameter but the
    /// session gives a meaning.
    pub(crate) fn elided_bound(&self) -> Option<&Lifetime> {
        let has_self = self.source.signature.receiver().is_some();
        let bound = self.form.bound().filter(|bound| bound.ident == "_");
        bound.filter(|_| !has_self && self.session.is_some())
    }

    /// Whether a lifetime that tied the session to something else stays behind.
    pub(crate) fn keeps_session_lifetimes(&self) -> bool {
        self.lifetimes
            .as_ref()
            .is_some_and(|lifetimes| lifetimes.some_remain)
    }
}

/// The form and return type of a function that can fail.
fn returned(
    attribute: options::Attribute,
    source: &Source,
    form: Result<(Form, Option<Type>, Group), Unclear>,
    errors: &mut Errors,
) -> Option<(Form, Type, Group)> {
    let (signature, attribute) = (&source.signature, attribute.name());
    if let Some(constness) = &signature.constness {
        errors.on(constness, format!("{attribute} on a `const fn`: a database call cannot run at compile time; remove `const`"));
        return None;
    }
    let Ok((form, output, block)) = form else {
        errors.on(&signature.output, format!("{attribute} finds no async block to run, or not what it is a future of; return `impl Future<Output = ..>` or `Pin<Box<dyn Future<Output = ..>>>` and end the body in `async move {{ .. }}` or `Box::pin(async move {{ .. }})`, or make it an `async fn`"));
        return None;
    };
    if let (Form::Plain, Safety::Unsafe(keyword)) = (&form, &signature.safety) {
        errors.on(keyword, format!("{attribute} on an `unsafe fn`: its body would run on another thread, where nobody vouches for it; make it safe"));
        return None;
    }
    match output {
        Some(output) if !is_unit(&output) => Some((form, output, block)),
        unit => {
            let place = unit.map_or_else(
                || signature.ident.to_token_stream(),
                ToTokens::into_token_stream,
            );
            errors.on(place, format!("`{}` returns nothing, but a database call can fail; return `Result<(), E>`, where `E` is `dbop::Error`, `sqlx::Error` or an error that derives `DbError`", signature.ident));
            None
        }
    }
}

fn is_unit(ty: &Type) -> bool {
    matches!(types::ungrouped(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}

#[cfg(test)]
mod tests;
