//! `#[job]`: functions that a worker runs later.
//!
//! [`options`] reads the options, [`parameters`] sorts what the function takes, [`checks`] finds what
//! does not fit together, [`kept`] finds a session that would outlive its step, and [`generate`] writes
//! what enqueues the job and what runs it. Everything that a job does at run time stands in the runtime
//! crate, in `src/jobs`.

mod checks;
mod generate;
mod inherent;
mod kept;
mod options;
mod options_call;
mod parameters;
mod placeholder;
mod sessions;
mod step_errors;

use proc_macro2::TokenStream;

use crate::database::Database;
use crate::errors::Errors;
use crate::names::Runtime;

/// Writes the job. With mistakes, the function is written unchanged, so that an editor keeps working on
/// the function.
pub(crate) fn expand(
    options: TokenStream,
    input: TokenStream,
    built_in: &[Database],
) -> TokenStream {
    let mut errors = Errors::default();
    let options = options::read(options, &mut errors);
    let runtime = Runtime::new(options.krate.as_ref().map(|path| &path.value));
    let Some(source) = errors.take(checks::source(input.clone())) else {
        return errors.beside(input);
    };
    let plan = checks::plan(&source, &options, built_in, &mut errors);
    match (errors.finish(), plan) {
        (Ok(()), Some(plan)) => generate::job(&source, &options, &plan, &runtime),
        (Err(errors), _) => placeholder::write(&source, &options, built_in, &runtime, &errors),
        (Ok(()), None) => unreachable!("a job without a plan has mistakes"),
    }
}

#[cfg(test)]
mod tests;
