//! Writes the impls: `DbError`, and the conversions that neither the user nor another derive
//! writes.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Generics, Index, Member, parse_quote};

use super::cases::{CarriedError, Carrier, Case};
use super::conversions::Conversions;
use super::model::Model;
use crate::names::{self, Runtime};
use crate::spans;

pub(super) fn impls(model: &Model<'_>, runtime: &Runtime) -> TokenStream {
    let impls = Impls { model, runtime };
    let (trait_impl, conversions) = (impls.trait_impl(), impls.conversions());
    let (drivers, chunks) = (impls.drivers_conversions(), impls.chunks_conversion());
    quote!(#trait_impl #(#conversions)* #(#drivers)* #chunks)
}

struct Impls<'a> {
    model: &'a Model<'a>,
    runtime: &'a Runtime,
}

impl Impls<'_> {
    /// Output:
    /// ```text
    /// impl DbError for BankError {
    ///     fn cause(&self) -> Cause<'_> {
    ///         match self {
    ///             Self::Database(error) => Cause::Dbop(error),
    ///             Self::InsufficientFunds { .. } => Cause::Category(Category::Application),
    ///         }
    ///     }
    /// }
    /// ```
    fn trait_impl(&self) -> TokenStream {
        let (db_error, cause) = (self.runtime.db_error(), self.runtime.cause());
        let generics = self.generics_with_supertraits();
        let (impl_generics, _, where_clause) = generics.split_for_impl();
        let (_, type_generics, _) = self.model.input.generics.split_for_impl();
        let name = &self.model.input.ident;
        let arms = self.model.cases.iter().map(|case| self.cause_of(case));
        let (error_mut, own_status) = (self.error_mut(), self.own_status());
        let retry_after = self.retry_after();
        // A reference to an enum without variants has no patterns; a match on the enum itself needs
        // none.
        let matched = if self.model.cases.is_empty() {
            quote!(*self)
        } else {
            quote!(self)
        };
        quote! {
            #[automatically_derived]
            impl #impl_generics #db_error for #name #type_generics #where_clause {
                fn cause(&self) -> #cause<'_> {
                    match #matched { #(#arms)* }
                }
                #error_mut
                #own_status
                #retry_after
            }
        }
    }

    /// Returns the generics with the supertraits as bounds. With type parameters, `Display` may
    /// hold for some types only, and then `DbError` holds for the same types.
    fn generics_with_supertraits(&self) -> Generics {
        let mut generics = self.model.input.generics.clone();
        if generics.type_params().next().is_some() {
            let (display, from, error) = (
                self.runtime.display(),
                self.runtime.from(),
                self.runtime.dbop_error(),
            );
            generics
                .make_where_clause()
                .predicates
                .push(parse_quote!(Self: #display + #from<#error>));
        }
        generics
    }

    fn cause_of(&self, case: &Case<'_>) -> TokenStream {
        let (path, cause) = (&case.path, self.runtime.cause());
        match &case.carrier {
            Some(carrier) => {
                let (pattern, error) = (pattern(case, carrier), names::error());
                let forward = match carrier.kind {
                    CarriedError::Dbop => quote!(#cause::Dbop(#error)),
                    CarriedError::Sqlx => quote!(#cause::Sqlx(#error)),
                    CarriedError::Driver => {
                        let lent = if carrier.boxed {
                            quote!(&**#error)
                        } else {
                            error.to_token_stream()
                        };
                        self.of_driver(carrier, "driver_cause", lent)
                    }
                };
                quote!(#pattern => #forward,)
            }
            None => {
                let category =
                    Ident::new(case.category.unwrap_or("Application"), spans::generated());
                let categories = self.runtime.category();
                quote!(#path { .. } => #cause::Category(#categories::#category),)
            }
        }
    }

    /// Output: `DriverError::driver_cause(error)`. A type that is not a driver's error is reported
    /// where the type stands.
    fn of_driver(&self, carrier: &Carrier<'_>, method: &str, error: TokenStream) -> TokenStream {
        let (first, last) = spans::ends(carrier.ty);
        let path = spans::respan(self.runtime.driver_error(), first);
        let (method, error) = (
            Ident::new(method, first),
            spans::between(error, first, last),
        );
        quote_spanned!(last=> #path::#method(#error))
    }

    /// Returns the method that lends the `dbop::Error`; `None` for a type that does not carry one,
    /// neither directly nor inside a driver's error.
    fn error_mut(&self) -> Option<TokenStream> {
        let carriers = self.model.cases.iter().filter_map(|case| {
            Some((
                case,
                case.carrier
                    .as_ref()
                    .filter(|carrier| carrier.kind != CarriedError::Sqlx)?,
            ))
        });
        let (some, none, error) = (self.runtime.some(), self.runtime.none(), names::error());
        let arms: Vec<_> = carriers
            .map(|(case, carrier)| {
                let pattern = pattern(case, carrier);
                let lent = if carrier.boxed {
                    quote!(&mut **#error)
                } else {
                    error.to_token_stream()
                };
                if carrier.kind == CarriedError::Driver {
                    let inside = self.of_driver(carrier, "dbop_mut", lent);
                    return quote!(#pattern => #inside,);
                }
                quote!(#pattern => #some(#lent),)
            })
            .collect();
        if arms.is_empty() {
            return None;
        }
        let others = (arms.len() < self.model.cases.len()).then(|| quote!(_ => #none,));
        let (option, dbop_error) = (self.runtime.option(), self.runtime.dbop_error());
        Some(quote! {
            fn error_mut(&mut self) -> #option<&mut #dbop_error> {
                match self { #(#arms)* #others }
            }
        })
    }

    /// Returns the method that says with which status clients are told; `None` if no case has one.
    fn own_status(&self) -> Option<TokenStream> {
        let (some, none, option) = (
            self.runtime.some(),
            self.runtime.none(),
            self.runtime.option(),
        );
        let cases = &self.model.cases;
        let arms: Vec<_> = cases
            .iter()
            .filter_map(|case| {
                let (path, status) = (&case.path, case.status?);
                Some(quote!(#path { .. } => #some(#status),))
            })
            .collect();
        if arms.is_empty() {
            return None;
        }
        let others = (arms.len() < cases.len()).then(|| quote!(_ => #none,));
        Some(quote! {
            fn own_status(&self) -> #option<u16> {
                match self { #(#arms)* #others }
            }
        })
    }

    /// Returns the method that says how long a service asks to be left alone; `None` if no case says
    /// that. A field of a type other than `Duration` and `Option<Duration>` is reported where the type
    /// stands.
    fn retry_after(&self) -> Option<TokenStream> {
        let (from, option, error) = (self.runtime.from(), self.runtime.option(), names::error());
        let (duration, none) = (self.runtime.duration(), self.runtime.none());
        let cases = &self.model.cases;
        let arms: Vec<_> = cases
            .iter()
            .filter_map(|case| {
                let (path, (member, ty)) = (&case.path, case.retry_after.as_ref()?);
                let (first, last) = spans::ends(ty);
                let from = spans::respan(from.clone(), first);
                let told = quote_spanned!(last=> #from::from(*#error));
                Some(quote!(#path { #member: #error, .. } => #told,))
            })
            .collect();
        if arms.is_empty() {
            return None;
        }
        let others = (arms.len() < cases.len()).then(|| quote!(_ => #none,));
        Some(quote! {
            fn retry_after(&self) -> #option<#duration> {
                match self { #(#arms)* #others }
            }
        })
    }

    fn conversions(&self) -> Vec<TokenStream> {
        let error = names::error();
        match &self.model.conversions {
            Conversions::Manual => Vec::new(),
            // The mistake was reported. Without placeholders, every operation with this error would
            // report one more.
            Conversions::Missing => self.placeholders(&CarriedError::BOTH),
            // A bare `Error` is most likely sqlx's, and a second impl for `sqlx::Error` would be
            // one more mistake.
            Conversions::Unclear => self.placeholders(&[CarriedError::Dbop]),
            Conversions::Function(function) => {
                let (from, dbop_error) = (self.runtime.from(), self.runtime.dbop_error());
                let sqlx = quote!(#function(<#dbop_error as #from<_>>::from(#error)));
                vec![
                    self.conversion(&self.source(CarriedError::Dbop), &quote!(#function(#error))),
                    self.conversion(&self.source(CarriedError::Sqlx), &sqlx),
                ]
            }
            Conversions::Carriers { dbop, sqlx } => {
                let own = [
                    (CarriedError::Dbop, dbop.or(*sqlx)),
                    (CarriedError::Sqlx, sqlx.or(*dbop)),
                ];
                own.into_iter()
                    .filter_map(|(kind, case)| self.through(kind, &self.model.cases[case?]))
                    .collect()
            }
            Conversions::Driver(at) => {
                let case = &self.model.cases[*at];
                let both = CarriedError::BOTH.iter();
                both.filter_map(|&kind| self.through(kind, case)).collect()
            }
        }
    }

    /// Returns the conversions from errors of synchronous drivers that `#[from]` does not write.
    fn drivers_conversions(&self) -> Vec<TokenStream> {
        if let Conversions::Manual = self.model.conversions {
            return Vec::new();
        }
        let cases = self.model.cases.iter();
        let carriers: Vec<_> = cases
            .filter(|case| case.can_be_made(CarriedError::Driver))
            .filter_map(|case| Some((case, case.carrier.as_ref()?)))
            .collect();
        let source = |carrier: &Carrier<'_>| carrier.ty.to_token_stream().to_string();
        let is_only = |carrier: &Carrier<'_>| {
            let same = carriers
                .iter()
                .filter(|(_, other)| source(other) == source(carrier));
            same.count() == 1
        };
        let mut conversions = Vec::new();
        for (case, carrier) in &carriers {
            if is_only(carrier) && (!carrier.has_from || carrier.boxed) {
                let value = self.made(case, carrier, names::error().to_token_stream());
                conversions.push(self.conversion(&carrier.ty.to_token_stream(), &value));
            }
        }
        conversions
    }

    /// Output: `impl<__Error> From<ChunkError<__Error>> for BankError where Self: From<__Error> { .. }`, by
    /// which `?` takes the error out of that of a function in chunks.
    fn chunks_conversion(&self) -> Option<TokenStream> {
        if let Conversions::Manual = self.model.conversions {
            return None;
        }
        let (chunk_error, error) = (self.runtime.chunk_error(), names::error());
        let (from, inner, name) = (
            self.runtime.from(),
            names::inner_error(),
            &self.model.input.ident,
        );
        let mut generics = self.model.input.generics.clone();
        generics.params.push(parse_quote!(#inner));
        let clause = generics.make_where_clause();
        clause.predicates.push(parse_quote!(Self: #from<#inner>));
        let (impl_generics, _, where_clause) = generics.split_for_impl();
        let (_, type_generics, _) = self.model.input.generics.split_for_impl();
        Some(quote! {
            #[automatically_derived]
            impl #impl_generics #from<#chunk_error<#inner>> for #name #type_generics #where_clause {
                fn from(#error: #chunk_error<#inner>) -> Self { #from::from(#error.error) }
            }
        })
    }

    /// Returns conversions that are never called.
    fn placeholders(&self, kinds: &[CarriedError]) -> Vec<TokenStream> {
        let (fake_return, error) = (self.runtime.fake_return(), names::error());
        let missing = kinds.iter().filter(|&&kind| !self.has_from(kind));
        missing
            .map(|&kind| {
                self.conversion(
                    &self.source(kind),
                    &quote!({ let _ = #error; #fake_return() }),
                )
            })
            .collect()
    }

    /// Returns whether `#[from]` on a field makes the conversion from this error.
    fn has_from(&self, kind: CarriedError) -> bool {
        let mut carriers = self
            .model
            .cases
            .iter()
            .filter_map(|case| case.carrier.as_ref());
        carriers.any(|carrier| carrier.kind == kind && carrier.has_from && !carrier.boxed)
    }

    fn through(&self, kind: CarriedError, case: &Case<'_>) -> Option<TokenStream> {
        if self.model.is_manual(kind) || self.has_from(kind) {
            return None;
        }
        let carrier = case.carrier.as_ref()?;
        let (error, ty, from) = (names::error(), carrier.ty, self.runtime.from());
        let dbop_error = self.runtime.dbop_error();
        let converted = match (carrier.kind, kind) {
            (of, kind) if of == kind => error.to_token_stream(),
            (CarriedError::Driver, CarriedError::Sqlx) => {
                quote!(<#ty as #from<_>>::from(<#dbop_error as #from<_>>::from(#error)))
            }
            _ => quote!(<#ty as #from<_>>::from(#error)),
        };
        let value = self.made(case, carrier, converted);
        Some(self.conversion(&self.source(kind), &value))
    }

    /// Output: `Self::Database(error)`
    fn made(&self, case: &Case<'_>, carrier: &Carrier<'_>, error: TokenStream) -> TokenStream {
        let (path, boxed) = (&case.path, self.runtime.boxed());
        let value = if carrier.boxed {
            quote!(#boxed::new(#error))
        } else {
            error
        };
        match &carrier.member {
            Member::Named(field) => quote!(#path { #field: #value }),
            Member::Unnamed(_) => quote!(#path(#value)),
        }
    }

    fn source(&self, kind: CarriedError) -> TokenStream {
        match kind {
            CarriedError::Sqlx => self.runtime.sqlx_error(),
            CarriedError::Dbop | CarriedError::Driver => self.runtime.dbop_error(),
        }
    }

    /// Output: `impl From<dbop::Error> for BankError { fn from(error: dbop::Error) -> Self { .. }
    /// }`
    fn conversion(&self, source: &TokenStream, body: &TokenStream) -> TokenStream {
        let (name, from, error) = (&self.model.input.ident, self.runtime.from(), names::error());
        let (impl_generics, type_generics, where_clause) =
            self.model.input.generics.split_for_impl();
        quote! {
            #[automatically_derived]
            impl #impl_generics #from<#source> for #name #type_generics #where_clause {
                fn from(#error: #source) -> Self { #body }
            }
        }
    }
}

/// `Self::Database(error)`, `Self::Query { source: error, .. }`, `Self::Both(_, error)`
fn pattern(case: &Case<'_>, carrier: &Carrier<'_>) -> TokenStream {
    let (path, error) = (&case.path, names::error());
    match &carrier.member {
        Member::Named(field) => {
            let rest = (case.fields.len() > 1).then(|| quote!(, ..));
            quote!(#path { #field: #error #rest })
        }
        Member::Unnamed(Index { index, .. }) => {
            let before = (0..*index).map(|_| quote!(_,));
            let rest = (*index as usize + 1 < case.fields.len()).then(|| quote!(, ..));
            quote!(#path(#(#before)* #error #rest))
        }
    }
}
