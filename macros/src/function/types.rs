//! Questions about types that syntax alone can answer.

use syn::visit_mut::{self, VisitMut};
use syn::{
    GenericArgument, Lifetime, ParenthesizedGenericArguments, PathArguments, PathSegment,
    ReturnType, Type, TypeFnPtr, TypeImplTrait, TypeParamBound, TypeReference,
};

/// Removes parentheses from the type, and the invisible groups that `macro_rules` puts around a
/// `$ty`.
pub(crate) fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        other => other,
    }
}

/// Returns the `T` of `&T` or `&mut T`, and whether the reference is `mut`.
pub(crate) fn reference(ty: &Type) -> Option<(&Type, bool)> {
    match ungrouped(ty) {
        Type::Reference(reference) => {
            Some((ungrouped(&reference.elem), reference.mutability.is_some()))
        }
        _ => None,
    }
}

/// Returns the `T` of `&[T]`.
pub(crate) fn slice(ty: &Type) -> Option<&Type> {
    match reference(ty)? {
        (Type::Slice(slice), false) => Some(&slice.elem),
        _ => None,
    }
}

/// Returns the `DB` of `Option<&mut Transaction<'_, DB>>`.
pub(crate) fn optional_transaction(ty: &Type) -> Option<&Type> {
    let (inner, _) = wrapped(ty, "Option").and_then(reference)?;
    let segment = last_segment(inner).filter(|segment| segment.ident == "Transaction")?;
    match type_arguments(segment).as_slice() {
        [database] => Some(database),
        _ => None,
    }
}

/// Returns the `'a` of `&'a mut T`.
pub(crate) fn lifetime(ty: &Type) -> Option<&Lifetime> {
    match ungrouped(ty) {
        Type::Reference(reference) => reference.lifetime.as_ref(),
        _ => None,
    }
}

/// Returns the `Tx<'_, Sqlite>` of `dbop::Tx<'_, Sqlite>`.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ungrouped(ty) {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        _ => None,
    }
}

/// Returns the `T` of `Name = T` between the angle brackets.
pub(crate) fn associated<'t>(segment: &'t PathSegment, name: &str) -> Option<&'t Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(associated) if associated.ident == name => Some(&associated.ty),
        _ => None,
    })
}

/// Returns the types between the angle brackets, without lifetimes and constants.
pub(crate) fn type_arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

/// Returns the one type argument of a path that ends in `name`, such as the `Inner` of
/// `Pin<Inner>`.
pub(crate) fn wrapped<'t>(ty: &'t Type, name: &str) -> Option<&'t Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == name)?;
    match type_arguments(segment).as_slice() {
        [inner] => Some(inner),
        _ => None,
    }
}

/// Returns the type with `_` in place of every `impl Trait`, so that the type can be named inside a
/// body.
pub(crate) fn without_impl(ty: &Type) -> Type {
    struct Infer;
    impl VisitMut for Infer {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if let Type::ImplTrait(_) = ty {
                *ty = Type::Infer(syn::TypeInfer {
                    attrs: Vec::new(),
                    underscore_token: <syn::Token![_]>::default(),
                });
            }
            visit_mut::visit_type_mut(self, ty);
        }
    }
    let mut ty = ty.clone();
    Infer.visit_type_mut(&mut ty);
    ty
}

/// Removes `use<..>` from `impl Trait + use<..>`. A `use<..>` would have to name the type parameter
/// that takes the place of the connection, which has no name.
pub(crate) fn remove_precise_captures(output: &mut ReturnType) {
    struct Remove;
    impl VisitMut for Remove {
        fn visit_type_impl_trait_mut(&mut self, opaque: &mut TypeImplTrait) {
            let bounds = std::mem::take(&mut opaque.bounds).into_iter();
            opaque.bounds = bounds
                .filter(|bound| !matches!(bound, TypeParamBound::PreciseCapture(_)))
                .collect();
            visit_mut::visit_type_impl_trait_mut(self, opaque);
        }
    }
    Remove.visit_return_type_mut(output);
}

/// Returns the type with every lifetime replaced, elided lifetimes included.
pub(crate) fn with_lifetimes(ty: &Type, replacement: &str, keep_static: bool) -> Type {
    struct Replace<'a>(&'a str, bool);
    impl VisitMut for Replace<'_> {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if !(self.1 && lifetime.ident == "static") {
                *lifetime = Lifetime::new(self.0, lifetime.span());
            }
        }

        fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
            // `&'_ mut T` means the same as `&mut T`.
            if reference.lifetime.is_none() && self.0 != "'_" {
                reference.lifetime = Some(Lifetime::new(self.0, reference.and_token.spans[0]));
            }
            visit_mut::visit_type_reference_mut(self, reference);
        }
    }
    let mut ty = ty.clone();
    Replace(replacement, keep_static).visit_type_mut(&mut ty);
    ty
}

/// Returns whether the type names a lifetime other than `'static`, or is a reference.
pub(crate) fn has_lifetime(ty: &Type) -> bool {
    struct Find(bool);
    impl VisitMut for Find {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            self.0 |= lifetime.ident != "static";
        }

        fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
            self.0 |= reference.lifetime.is_none();
            visit_mut::visit_type_reference_mut(self, reference);
        }
    }
    let mut find = Find(false);
    find.visit_type_mut(&mut ty.clone());
    find.0
}

/// Returns the first `&mut` (or `&`, if `shared` is set) that a value of this type may hold. A
/// function pointer or a closure does not hold the values that it takes.
pub(crate) fn find_reference(ty: &Type, shared: bool) -> Option<TypeReference> {
    struct FindReference {
        shared: bool,
        found: Option<TypeReference>,
    }
    impl VisitMut for FindReference {
        fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
            if self.found.is_none() && (self.shared || reference.mutability.is_some()) {
                self.found = Some(reference.clone());
            }
            visit_mut::visit_type_reference_mut(self, reference);
        }

        fn visit_type_fn_ptr_mut(&mut self, _: &mut TypeFnPtr) {}

        fn visit_parenthesized_generic_arguments_mut(
            &mut self,
            _: &mut ParenthesizedGenericArguments,
        ) {
        }
    }
    let mut find = FindReference {
        shared,
        found: None,
    };
    find.visit_type_mut(&mut ty.clone());
    find.found
}
