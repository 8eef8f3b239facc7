//! How an argument of a plain function gets to the thread that runs its body.

use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{
    BoundLifetimes, GenericParam, Lifetime, ParenthesizedGenericArguments, Receiver, ReceiverKind,
    TraitBound, Type, TypeFnPtr, TypeReference,
};

use super::types;

/// What the call keeps of an argument, and what the body is given for each attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Crossing {
    /// `T`: the call keeps the value, and the body is given the value or a clone.
    Whole,
    /// `&T`: the call keeps a copy, which is lent to the body.
    Copy,
    /// `Option<&T>`: like `Copy`, for an optional reference.
    Maybe,
    /// `&[&T]`: like `Copy`, for each element.
    Each,
}

impl Crossing {
    /// Returns how a value of this type crosses. `None` means that the value cannot cross, because
    /// what it borrows would have to outlive the call.
    pub(crate) fn of(ty: &Type) -> Option<Crossing> {
        if !borrows(ty) {
            return Some(Crossing::Whole);
        }
        let (crossing, inner) = match (shared(ty), types::wrapped(ty, "Option")) {
            (Some(inner), _) => match element(inner).filter(|element| borrows(element)) {
                Some(element) => (Crossing::Each, shared(element)?),
                None => (Crossing::Copy, inner),
            },
            (None, Some(inner)) => (Crossing::Maybe, shared(inner)?),
            (None, None) => return None,
        };
        (!borrows(inner)).then_some(crossing)
    }

    /// Returns how `self` crosses; `None` means that it cannot.
    pub(crate) fn of_receiver(receiver: &Receiver) -> Option<Crossing> {
        match &receiver.kind {
            ReceiverKind::Value => Some(Crossing::Whole),
            ReceiverKind::Reference(_, _, None) => Some(Crossing::Copy),
            ReceiverKind::Typed(_, ty) => Crossing::of(ty),
            _ => None,
        }
    }
}

/// Returns the `T` of `&T`.
fn shared(ty: &Type) -> Option<&Type> {
    types::reference(ty)
        .filter(|(_, mutable)| !mutable)
        .map(|(inner, _)| inner)
}

/// Returns the `T` of `[T]`.
fn element(ty: &Type) -> Option<&Type> {
    match types::ungrouped(ty) {
        Type::Slice(slice) => Some(&slice.elem),
        _ => None,
    }
}

/// Returns whether a value of this type may hold a borrow that ends. A function pointer or a
/// closure does not hold the values that it takes.
pub(crate) fn borrows(ty: &Type) -> bool {
    let mut find = FindBorrow::default();
    find.visit_type(ty);
    find.found
}

#[derive(Default)]
struct FindBorrow<'t> {
    /// The lifetimes of `for<'a>`, which stand for any lifetime and not for one that ends.
    any: Vec<&'t Ident>,
    found: bool,
}

impl<'t> Visit<'t> for FindBorrow<'t> {
    fn visit_lifetime(&mut self, lifetime: &'t Lifetime) {
        self.found |= lifetime.ident != "static" && !self.any.contains(&&lifetime.ident);
    }

    fn visit_type_reference(&mut self, reference: &'t TypeReference) {
        self.found |= reference.lifetime.is_none();
        visit::visit_type_reference(self, reference);
    }

    fn visit_trait_bound(&mut self, bound: &'t TraitBound) {
        let outside = self.any.len();
        self.any.extend(bound.lifetimes.iter().flat_map(names));
        self.visit_path(&bound.path);
        self.any.truncate(outside);
    }

    fn visit_type_fn_ptr(&mut self, _: &'t TypeFnPtr) {}

    fn visit_parenthesized_generic_arguments(&mut self, _: &'t ParenthesizedGenericArguments) {}
}

fn names(bound: &BoundLifetimes) -> impl Iterator<Item = &Ident> {
    bound
        .lifetimes
        .iter()
        .filter_map(|parameter| match parameter {
            GenericParam::Lifetime(parameter) => Some(&parameter.lifetime.ident),
            _ => None,
        })
}
