//! `#[derive(DbError)]`, in the same steps as an attribute. The options are read while the model is
//! made, because they stand on parts of the type.

mod cases;
mod conversions;
mod expand;
mod model;
mod settings;

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::errors::Errors;
use crate::names::Runtime;

/// Writes the impls. They are written when there are mistakes as well: otherwise every use of the
/// type would report one more.
pub(crate) fn derive(input: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let input = errors.take(syn::parse2::<DeriveInput>(input));
    let model = input
        .as_ref()
        .and_then(|input| model::Model::new(input, &mut errors));
    let impls = model.map(|model| expand::impls(&model, &Runtime::new(model.krate.as_ref())));
    errors.finish().err().into_iter().chain(impls).collect()
}

#[cfg(test)]
mod tests;
