//! How an argument of a plain function gets to the thread that runs its body.

use syn::visit::{self, Visit};
use syn::{
    Lifetime, ParenthesizedGenericArguments, Receiver, ReceiverKind, Type, TypeFnPtr,
    TypeImplTrait, TypeReference, parse_quote,
};

use super::types;

/// What the call keeps of an argument, and the body is given.
pub(crate) enum Crossing {
    /// `T`: itself.
    Whole,
    /// `&T`: a copy, lent again.
    Copy(Type),
    /// `Option<&T>`
    Maybe(Type),
    /// `&[&T]`
    Each(Type),
}

impl Crossing {
    /// `None`: what it borrows would have to outlive the call.
    pub(crate) fn of(ty: &Type) -> Option<Crossing> {
        if !borrows(ty) {
            return Some(Crossing::Whole);
        }
        let (crossing, inner): (fn(Type) -> Crossing, _) = if let Some(inner) = shared(ty) {
            match types::peel(inner) {
                Type::Slice(slice) if shared(&slice.elem).is_some() => {
                    (Crossing::Each, shared(&slice.elem)?)
                }
                _ => (Crossing::Copy, inner),
            }
        } else {
            (Crossing::Maybe, shared(types::wrapped(ty, "Option")?)?)
        };
        (!borrows(inner)).then(|| crossing(inner.clone()))
    }

    /// The same of `self`.
    pub(crate) fn of_receiver(receiver: &Receiver) -> Option<Crossing> {
        match &receiver.kind {
            ReceiverKind::Value => Some(Crossing::Whole),
            ReceiverKind::Reference(_, _, None) => Some(Crossing::Copy(parse_quote!(Self))),
            ReceiverKind::Typed(_, ty) => Crossing::of(ty),
            _ => None,
        }
    }
}

/// `T` of `&T`
fn shared(ty: &Type) -> Option<&Type> {
    types::reference(ty)
        .filter(|(_, mutable)| !mutable)
        .map(|(inner, _)| inner)
}

/// Whether a value of this type may hold a borrow that ends. What a function pointer or a closure
/// takes is not held by it.
pub(crate) fn borrows(ty: &Type) -> bool {
    struct Find(bool);
    impl<'a> Visit<'a> for Find {
        fn visit_lifetime(&mut self, lifetime: &'a Lifetime) {
            self.0 |= lifetime.ident != "static";
        }

        fn visit_type_reference(&mut self, reference: &'a TypeReference) {
            self.0 |= reference.lifetime.is_none();
            visit::visit_type_reference(self, reference);
        }

        fn visit_type_fn_ptr(&mut self, _: &'a TypeFnPtr) {}

        fn visit_parenthesized_generic_arguments(&mut self, _: &'a ParenthesizedGenericArguments) {}
    }
    let mut find = Find(false);
    find.visit_type(ty);
    find.0
}

/// Whether there is an `impl Trait` in the type, which no expression can name.
pub(crate) fn has_impl(ty: &Type) -> bool {
    struct Find(bool);
    impl<'a> Visit<'a> for Find {
        fn visit_type_impl_trait(&mut self, _: &'a TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut find = Find(false);
    find.visit_type(ty);
    find.0
}
