//! What a future returns and what a stream yields, by the text of its type.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{GenericArgument, Lifetime, PathArguments, Token, Type, TypeParamBound};

use super::types;

/// A trait whose values yield something.
pub(super) struct Yielding {
    /// The name of the trait.
    name: &'static str,
    /// The associated type that says what is yielded.
    associated: &'static str,
    /// The aliases of the futures crate for a boxed value.
    aliases: [&'static str; 2],
}

pub(super) const FUTURE: Yielding = Yielding {
    name: "Future",
    associated: "Output",
    aliases: ["BoxFuture", "LocalBoxFuture"],
};

pub(super) const STREAM: Yielding = Yielding {
    name: "Stream",
    associated: "Item",
    aliases: ["BoxStream", "LocalBoxStream"],
};

/// What a type yields.
pub(super) struct Yielded {
    pub(super) ty: Type,
    /// The lifetime that everything in the value must outlive; `None` if no lifetime is written.
    pub(super) bound: Option<Lifetime>,
    pub(super) shape: Shape,
}

/// How a type hides the type of its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// `impl Trait`
    Opaque,
    /// `Pin<Box<dyn Trait>>`, or an alias of that.
    Pinned,
    /// `Box<dyn Trait>`
    Boxed,
}

impl Yielding {
    /// Returns what a value of this type yields; `None` if the text does not show that it yields.
    pub(super) fn by(&self, ty: &Type) -> Option<Yielded> {
        let pinned = types::wrapped(ty, "Pin").and_then(|pinned| types::wrapped(pinned, "Box"));
        let boxed = pinned.or_else(|| types::wrapped(ty, "Box"));
        if let Some(boxed) = boxed {
            let shape = match pinned {
                Some(_) => Shape::Pinned,
                None => Shape::Boxed,
            };
            return match types::ungrouped(boxed) {
                Type::TraitObject(object) => self.by_bounds(&object.bounds, shape),
                _ => None,
            };
        }
        if let Type::ImplTrait(opaque) = types::ungrouped(ty) {
            return self.by_bounds(&opaque.bounds, Shape::Opaque);
        }
        let alias = types::last_segment(ty)
            .filter(|segment| self.aliases.iter().any(|alias| segment.ident == alias))?;
        let PathArguments::AngleBracketed(arguments) = &alias.arguments else {
            return None;
        };
        let bound = arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::Lifetime(lifetime) => Some(lifetime.clone()),
            _ => None,
        });
        match types::type_arguments(alias).as_slice() {
            [ty] => Some(Yielded {
                ty: (*ty).clone(),
                bound,
                shape: Shape::Pinned,
            }),
            _ => None,
        }
    }

    fn by_bounds(
        &self,
        bounds: &Punctuated<TypeParamBound, Token![+]>,
        shape: Shape,
    ) -> Option<Yielded> {
        let mut yielded = None;
        let mut lifetime = None;
        for bound in bounds {
            match bound {
                TypeParamBound::Trait(bound) => {
                    let segments = &bound.path.segments;
                    let segment = segments.last().filter(|segment| segment.ident == self.name);
                    let found =
                        segment.and_then(|segment| types::associated(segment, self.associated));
                    yielded = found.or(yielded);
                }
                TypeParamBound::Lifetime(bound) => lifetime = Some(bound.clone()),
                _ => {}
            }
        }
        Some(Yielded {
            ty: yielded?.clone(),
            bound: lifetime,
            shape,
        })
    }

    /// Returns whether the name of the type says that its values yield: `impl TryFuture<..>` and
    /// `MyFuture<'_, R>` are futures, `Result<Vec<FutureBooking>, E>` is not.
    pub(super) fn is_named_by(&self, ty: &Type) -> bool {
        let name = types::last_segment(ty).map(|segment| segment.ident.to_string());
        if name.is_some_and(|name| name.ends_with("Result") && !name.contains(self.name)) {
            return false;
        }
        self.is_mentioned(ty.to_token_stream())
    }

    fn is_mentioned(&self, tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident.to_string().contains(self.name),
            TokenTree::Group(group) => self.is_mentioned(group.stream()),
            _ => false,
        })
    }
}
