//! What a stream borrows, in the signature that callers see: everything that is passed, as the
//! future of an async function does.
//!
//! The body runs when the stream is polled. So an argument that the body only reads before it
//! returns its stream has to live for as long as that stream, too.

use proc_macro2::Span;
use quote::quote_spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{
    FnArg, GenericParam, Lifetime, LifetimeParam, ParenthesizedGenericArguments, ReceiverKind,
    ReturnType, Signature, Type, TypeFnPtr, TypeImplTrait, TypeParamBound, TypeReference,
    WherePredicate, parse_quote,
};

use crate::expand::Expansion;
use crate::function::{Shape, Streamed, types};
use crate::{names, spans};

impl Expansion<'_> {
    /// Input: `fn f<T>(&self, conn: impl Scope<DB> + '__stream, name: &str) -> BoxStream<'_, R>`
    ///
    /// Output: `fn f<'__stream, T>(&'__stream self, conn: impl Scope<DB> + '__stream, name:
    /// &'__stream str) -> BoxStream<'__stream, R> where T: '__stream`
    ///
    /// An `impl Stream` without a lifetime needs no bounds. It is said to capture each lifetime,
    /// which it would not do by itself before edition 2024.
    pub(in crate::expand) fn lend_to_stream(&self, streamed: &Streamed, signature: &mut Signature) {
        if streamed.is_static() {
            return;
        }
        let lifetime = lifetime(streamed);
        let mut name = NameElided {
            lifetime: &lifetime,
            used: false,
        };
        name.visit_signature(signature);
        if outlived(streamed).is_some() {
            bound_types(signature, &lifetime);
        }
        let is_new = streamed
            .bound
            .as_ref()
            .is_none_or(|bound| bound.ident == "_");
        if is_new && (name.used || streamed.bound.is_some()) {
            let declared = GenericParam::Lifetime(LifetimeParam::new(lifetime));
            signature.generics.params.insert(0, declared);
        }
        if streamed.shape == Shape::Opaque {
            types::remove_precise_captures(&mut signature.output);
            self.capture_lifetimes(signature);
        }
    }

    /// Input: `impl Stream<Item = R>`. Output: `impl Stream<Item = R> + Captures<'a>`, for each
    /// lifetime of the signature.
    fn capture_lifetimes(&self, signature: &mut Signature) {
        let ReturnType::Type(_, output) = &mut signature.output else {
            return;
        };
        let Some(opaque) = opaque(output) else { return };
        let captures = self.runtime.captures();
        for declared in signature.generics.lifetimes() {
            let lifetime = &declared.lifetime;
            let captured = quote_spanned!(spans::generated()=> #captures<#lifetime>);
            opaque.bounds.push(parse_quote!(#captured));
        }
    }
}

/// Returns the lifetime that everything in the stream must outlive; `None` if nothing must.
fn outlived(streamed: &Streamed) -> Option<Lifetime> {
    let borrows = streamed.bound.is_some() && !streamed.is_static();
    borrows.then(|| lifetime(streamed))
}

/// Returns the lifetime for which the stream borrows: the one that the user named, or a new one.
fn lifetime(streamed: &Streamed) -> Lifetime {
    let named = streamed.bound.as_ref().filter(|bound| bound.ident != "_");
    named.cloned().unwrap_or_else(names::stream_lifetime)
}

/// Bounds every type parameter of the function, and every `impl Trait` argument.
fn bound_types(signature: &mut Signature, lifetime: &Lifetime) {
    for input in &mut signature.inputs {
        if let FnArg::Typed(parameter) = input
            && let Some(opaque) = opaque(&mut parameter.ty)
        {
            opaque
                .bounds
                .push(TypeParamBound::Lifetime(lifetime.clone()));
        }
    }
    let mut elsewhere: Vec<WherePredicate> = Vec::new();
    for declared in signature.generics.type_params_mut() {
        let ty = &declared.ident;
        // Clippy wants all bounds of a parameter in one place.
        if declared.bounds.is_empty() {
            elsewhere.push(parse_quote!(#ty: #lifetime));
        } else {
            let bound = TypeParamBound::Lifetime(lifetime.clone());
            declared.bounds.push(bound);
        }
    }
    if !elsewhere.is_empty() {
        let clause = signature.generics.make_where_clause();
        clause.predicates.extend(elsewhere);
    }
}

fn opaque(ty: &mut Type) -> Option<&mut TypeImplTrait> {
    match ty {
        Type::Group(group) => opaque(&mut group.elem),
        Type::Paren(paren) => opaque(&mut paren.elem),
        Type::ImplTrait(opaque) => Some(opaque),
        _ => None,
    }
}

/// Gives each lifetime that is left out a name.
struct NameElided<'a> {
    lifetime: &'a Lifetime,
    used: bool,
}

impl NameElided<'_> {
    fn visit_signature(&mut self, signature: &mut Signature) {
        for input in &mut signature.inputs {
            match input {
                FnArg::Receiver(receiver) => match &mut receiver.kind {
                    ReceiverKind::Reference(and, lifetime, _) => {
                        self.name(lifetime, and.spans[0]);
                    }
                    ReceiverKind::Typed(_, ty) => self.visit_type_mut(ty),
                    _ => {}
                },
                FnArg::Typed(parameter) => self.visit_type_mut(&mut parameter.ty),
            }
        }
        self.visit_return_type_mut(&mut signature.output);
    }

    /// Names the lifetime of a reference.
    fn name(&mut self, lifetime: &mut Option<Lifetime>, span: Span) {
        match lifetime {
            Some(lifetime) => self.visit_lifetime_mut(lifetime),
            None => {
                let mut named = self.lifetime.clone();
                named.set_span(spans::generated_at(span));
                *lifetime = Some(named);
                self.used = true;
            }
        }
    }
}

impl VisitMut for NameElided<'_> {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident == "_" {
            *lifetime = self.lifetime.clone();
            self.used = true;
        }
    }

    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        self.name(&mut reference.lifetime, reference.and_token.spans[0]);
        visit_mut::visit_type_mut(self, &mut reference.elem);
    }

    // What a function takes is not what the stream borrows.
    fn visit_type_fn_ptr_mut(&mut self, _: &mut TypeFnPtr) {}

    fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut ParenthesizedGenericArguments) {
    }
}
