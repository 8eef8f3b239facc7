//! `#[dbop::test]`: tests with a database of their own.
//!
//! [`options`] reads the options, [`argument`] finds the database in the type of the argument,
//! [`checks`] finds what does not fit together, and [`generate`] writes a module with one test for each
//! database beside the function. Everything that a test does at run time stands in the runtime crate, in
//! `src/testing`.

mod argument;
mod checks;
mod generate;
mod options;

use proc_macro2::TokenStream;
use quote::quote;
use syn::ItemFn;

use crate::database::Database;
use crate::errors::Errors;
use crate::names::Runtime;

/// Writes the tests. With mistakes, only the function is written, so that an editor keeps working on it.
pub(crate) fn expand(
    options: TokenStream,
    input: TokenStream,
    built_in: &[Database],
) -> TokenStream {
    let mut errors = Errors::default();
    let options = options::read(options, &mut errors);
    let Some(function) = errors.take(checks::function(input.clone())) else {
        return errors.beside(input);
    };
    let plan = checks::plan(&function, &options, built_in, &mut errors);
    match (errors.finish(), plan) {
        (Ok(()), Some(plan)) => {
            let runtime = Runtime::new(options.krate.as_ref().map(|path| &path.value));
            generate::tests(&function, &options, &plan, &runtime)
        }
        (Err(errors), _) => unused(&function, &errors),
        (Ok(()), None) => unreachable!("a test without a plan has mistakes"),
    }
}

/// Writes the messages and the function, which nothing calls.
fn unused(function: &ItemFn, errors: &TokenStream) -> TokenStream {
    quote!(#errors #[allow(unused)] #function)
}

#[cfg(test)]
mod tests;
