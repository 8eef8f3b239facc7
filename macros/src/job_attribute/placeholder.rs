//! What is written while there are mistakes.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};

use super::checks::is_attribute_of_operation;
use super::generate;
use super::options::Options;
use crate::database::{DB, Database};
use crate::function::Source;
use crate::names::Runtime;
use crate::tokens::has_ident;

/// Writes the messages, the type by which callers name the job, and the function, which nothing calls.
pub(super) fn write(
    source: &Source,
    options: &Options,
    built_in: &[Database],
    runtime: &Runtime,
    errors: &TokenStream,
) -> TokenStream {
    let attributes: Vec<_> = source
        .attributes
        .iter()
        .filter(|attribute| !is_attribute_of_operation(attribute))
        .cloned()
        .collect();
    let function = source.with_attributes(&attributes, &source.signature, &source.body);
    // In an `impl`, where a method stands, there can be no type.
    if source.signature.receiver().is_some() {
        return quote!(#errors #[allow(unused)] #function);
    }
    let type_of_job = generate::type_of_job(source, runtime);
    let chosen = options.on.iter().flat_map(|on| on.value.iter());
    let first = chosen.chain(built_in).find(|it| built_in.contains(it));
    let item = first
        .filter(|_| has_ident(source.signature.to_token_stream(), DB))
        .map(|first| first.item(&Ident::new(DB, Span::call_site()), runtime));
    let allow = quote!(#[allow(unused)]);
    // In the block, the name `DB` belongs to the function alone.
    match item {
        Some(item) => quote!(#errors #type_of_job const _: () = { #item #allow #function };),
        None => quote!(#errors #type_of_job #allow #function),
    }
}
