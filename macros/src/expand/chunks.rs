//! The option `chunk`: the loop over the chunks, around the loop over the attempts of each.

use proc_macro2::{Group, Literal, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{FnArg, GenericParam, Ident, Pat, PatType, Signature, TypeParam, parse_quote};

use super::Expansion;
use super::arguments::lint_levels;
use crate::function::{Items, Session, cfgs, types};
use crate::names;
use crate::spans;

impl Expansion<'_> {
    /// Returns the items, if the function works in chunks.
    pub(super) fn chunked(&self) -> Option<Items<'_>> {
        self.options.chunk.as_ref()?;
        self.function.items()
    }

    /// Input: the loop over the attempts.
    ///
    /// Output:
    /// ```text
    /// let mut __chunks = Chunks::<_, DB, _, _, R>::transaction(&__DBOP_OP, 500, tx, items);
    /// let mut __kept_v = Arg::new(v);
    /// while let Some(mut __chunk) = __chunks.next().await {
    ///     let __chunk_items = __chunk.items();
    ///     let mut __call = __chunk.call::<R>();
    ///     while let Some(mut __attempt) = __call.begin().await { .. }
    ///     let __result = { .. __call.finish() };
    ///     __chunks.end(__result);
    /// }
    /// __chunks.finish()
    /// ```
    pub(super) fn chunk_loop(&self, items: &Items<'_>) -> TokenStream {
        let (chunks, chunk, chunk_items) = (names::chunks(), names::chunk(), names::chunk_items());
        let (call, result, some) = (names::call(), names::result(), self.runtime.some());
        let output = types::without_impl(&self.function.output);
        let kept = self
            .replayed()
            .filter(|argument| !items.is(argument))
            .map(|argument| self.keep(argument));
        let (new, attempts) = (self.new_call(), self.call_loop());
        quote_spanned! {spans::generated()=>
            #new
            #(#kept)*
            while let #some(mut #chunk) = #chunks.next().await {
                let #chunk_items = #chunk.items();
                let mut #call = #chunk.call::<#output>();
                let #result = { #attempts };
                #chunks.end(#result);
            }
            #chunks.finish()
        }
    }

    /// Output: `let mut __chunks = Chunks::<_, DB, _, _, R>::transaction(..)`, for `new_call` to end.
    pub(super) fn new_chunks(
        &self,
        items: &Items<'_>,
        session: &Session,
        scope: &TokenStream,
    ) -> TokenStream {
        let (chunks, path, operation) =
            (names::chunks(), self.runtime.chunks(), names::operation());
        let (database, name) = (&session.database, &items.argument.name);
        let output = types::without_impl(&self.function.output);
        let (first, last) = spans::ends(&self.function.output);
        let open = spans::respan(quote!(#path::<_,), first);
        let size = self.options.chunk.as_ref().map(|size| size.value);
        let size = Literal::u32_unsuffixed(size.unwrap_or(1));
        let new = match self.takes_any() {
            true => quote!(any_transaction),
            false => quote!(transaction),
        };
        let close = quote_spanned!(last=> >::#new(&#operation, #size, #scope, #name));
        let progress = self.options.progress.as_ref().map(|tell| {
            let tell = &tell.value;
            quote_spanned!(spans::generated()=> .progress(#tell))
        });
        quote_spanned!(spans::generated()=> let mut #chunks = #open #database, _, _, #output #close #progress)
    }

    /// Output: `let items: &[T] = __chunk_items;`, with the user's pattern.
    pub(super) fn chunk_binding(&self, items: &Items<'_>) -> TokenStream {
        let parameter = &items.argument.parameter;
        let (pattern, item, cfgs) = (&parameter.pat, items.item, cfgs(parameter));
        let (levels, value) = (lint_levels(parameter), names::chunk_items());
        let unused = self.allow_unused(items.argument);
        quote_spanned!(spans::generated()=> #(#cfgs)* #unused #(#levels)* let #pattern: &[#item] = #value;)
    }

    /// Input: `async fn f(tx: .., items: &[T]) -> R`
    ///
    /// Output: `async fn f<__Items>(tx: .., items: impl ChunkItems<T, R, __Items>) -> Chunked<R>`
    pub(super) fn in_chunks(&self, items: &Items<'_>, signature: &mut Signature) {
        let (kind, krate) = (names::items_kind(), self.runtime.krate());
        let (item, output) = (items.item, &self.function.output);
        let kind_parameter = GenericParam::Type(TypeParam::from(kind.clone()));
        signature.generics.params.push(kind_parameter);
        signature.generics.lt_token.get_or_insert_default();
        signature.generics.gt_token.get_or_insert_default();
        let (first, last) = spans::ends(&items.argument.parameter.ty);
        let passed = spans::respan(quote!(#krate::ChunkItems), first);
        let passed = quote_spanned!(last=> impl #passed<#item, #output, #kind>);
        for input in &mut signature.inputs {
            if let FnArg::Typed(parameter) = input
                && is_named(parameter, &items.argument.name)
            {
                parameter.ty = parse_quote!(#passed);
            }
        }
        let (first, last) = spans::ends(output);
        let chunked = spans::respan(self.runtime.chunked(), first);
        let whole = quote_spanned!(last=> -> #chunked<#output>);
        signature.output = parse_quote!(#whole);
    }

    /// Returns the block of a function with mistakes. What callers of a function in chunks get is not what
    /// its block returns, so the block then stands in a future of its own.
    pub(super) fn placeholder_block(&self) -> TokenStream {
        let block: &Group = &self.function.block;
        let Some(items) = self.chunked() else {
            return block.to_token_stream();
        };
        let (parameter, item) = (&items.argument.parameter, items.item);
        let (pattern, fake_return) = (&parameter.pat, self.runtime.fake_return());
        let output = types::without_impl(&self.function.output);
        quote_spanned! {spans::generated()=>
            let _ = async {
                let #pattern: &[#item] = #fake_return();
                if false { return #fake_return::<#output>(); }
                #block
            };
            #fake_return()
        }
    }
}

fn is_named(parameter: &PatType, name: &Ident) -> bool {
    matches!(&*parameter.pat, Pat::Ident(pattern) if pattern.ident == *name)
}
