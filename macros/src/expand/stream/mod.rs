//! A function that returns a stream: its loop stands in a future that the stream owns.

mod signature;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::visit_mut::VisitMut;
use syn::{ReturnType, Type, TypeParamBound, TypeTraitObject, parse_quote};

use super::{Expansion, operation};
use crate::function::{Shape, Streamed, types};
use crate::{names, spans};

impl Expansion<'_> {
    /// Output:
    /// ```text
    /// static __DBOP_OP: Op = ..;
    /// Box::pin(stream(move |__items| async move { .. }))
    /// ```
    /// The braces hold the loop.
    pub(super) fn stream(&self, streamed: &Streamed) -> TokenStream {
        let operation = operation::item(self.attribute, self.function, self.options, self.runtime);
        let (stream, items, repeated) = (self.runtime.stream(), names::items(), self.loops());
        let stream = quote_spanned! {spans::generated()=>
            #stream(move |#items| async move { #repeated })
        };
        let boxed = self.runtime.boxed();
        let stream = match streamed.shape {
            Shape::Opaque => stream,
            Shape::Pinned => quote_spanned!(spans::generated()=> #boxed::pin(#stream)),
            Shape::Boxed => quote_spanned!(spans::generated()=> #boxed::new(#stream)),
        };
        quote_spanned!(spans::generated()=> #operation #stream)
    }

    /// Output: `__body.run(&__items, || -> BoxStream<'_, R> { .. })`, with a closure that returns the
    /// stream of the user's block. The type is written if the block's own stream has to become a
    /// `dyn Stream`.
    pub(super) fn run_stream(
        &self,
        streamed: &Streamed,
        owned: Option<&TokenStream>,
    ) -> TokenStream {
        let (body, items, block) = (names::body(), names::items(), self.attempt());
        let ty = match (streamed.shape, &self.function.source.signature.output) {
            (Shape::Pinned | Shape::Boxed, ReturnType::Type(_, ty)) => {
                let ty = borrowed_inside(ty);
                Some(quote!(-> #ty))
            }
            _ => None,
        };
        quote_spanned!(spans::generated()=> #body.run(&#items, #owned || #ty { #block }))
    }

    /// Output: `LastItem<R>`, the result of a call that returns a stream of `R`.
    pub(super) fn last_item(&self, item: &Type) -> TokenStream {
        let last_item = self.runtime.last_item();
        quote_spanned!(spans::generated()=> #last_item<#item>)
    }
}

/// Returns the type of a stream that borrows from inside of the function.
///
/// Input: `Pin<Box<dyn Stream<Item = R> + 'a>>`. Output: `Pin<Box<dyn Stream<Item = R> + '_>>`.
fn borrowed_inside(ty: &Type) -> Type {
    struct Bound;
    impl VisitMut for Bound {
        fn visit_type_trait_object_mut(&mut self, object: &mut TypeTraitObject) {
            let is_lifetime = |bound: &TypeParamBound| matches!(bound, TypeParamBound::Lifetime(_));
            if !object.bounds.iter().any(is_lifetime) {
                object.bounds.push(parse_quote!('_));
            }
        }
    }
    let mut ty = types::with_lifetimes(ty, "'_", false);
    Bound.visit_type_mut(&mut ty);
    ty
}
