//! The model of an error type.

use quote::quote;
use syn::{Data, DeriveInput, Path};

use super::cases::{CarriedError, Case};
use super::conversions::{Conversions, choose_conversions};
use super::settings;
use crate::errors::Errors;

pub(super) struct Model<'a> {
    pub(super) input: &'a DeriveInput,
    pub(super) krate: Option<Path>,
    pub(super) cases: Vec<Case<'a>>,
    pub(super) conversions: Conversions,
}

impl<'a> Model<'a> {
    /// Makes the model; `None` for a union, which has no cases.
    pub(super) fn new(input: &'a DeriveInput, errors: &mut Errors) -> Option<Model<'a>> {
        let (cases, whole) = match &input.data {
            Data::Enum(data) => {
                let whole = settings::read_settings(&input.attrs, &settings::ON_ENUM, errors);
                let cases = data.variants.iter().map(|variant| {
                    let own =
                        settings::read_settings(&variant.attrs, &settings::ON_VARIANT, errors);
                    let name = &variant.ident;
                    Case::new(quote!(Self::#name), name, &variant.fields, &own, errors)
                });
                (cases.collect(), whole)
            }
            Data::Struct(data) => {
                let whole = settings::read_settings(&input.attrs, &settings::ON_STRUCT, errors);
                (
                    vec![Case::new(
                        quote!(Self),
                        &input.ident,
                        &data.fields,
                        &whole,
                        errors,
                    )],
                    whole,
                )
            }
            Data::Union(data) => {
                errors.on(data.union_token, "`DbError` cannot be derived for a union: nothing says which field holds the error; use an enum");
                return None;
            }
        };
        let conversions = choose_conversions(input, &cases, &whole, errors);
        Some(Model {
            input,
            krate: whole.krate.map(|given| given.value),
            cases,
            conversions,
        })
    }

    /// Returns whether the user writes the conversion from this error.
    pub(super) fn is_manual(&self, kind: CarriedError) -> bool {
        self.cases
            .iter()
            .any(|case| case.no_from && case.carries(kind))
    }
}
