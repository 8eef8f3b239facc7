//! Writes the functions that enqueue a job.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};

use super::checks::{On, Plan};
use crate::function::Source;
use crate::names::{self, Runtime};
use crate::spans;

/// Output:
/// ```text
/// impl send_receipt {
///     pub fn new(order: i64) -> NewJob<send_receipt, Sqlite> { .. }
///     pub async fn enqueue(scope: impl Scope<Sqlite>, order: i64) -> Result<Enqueued> { .. }
///     pub async fn enqueue_many(scope: impl Scope<Sqlite>, jobs: ..) -> Result<Vec<Enqueued>> { .. }
/// }
/// ```
pub(super) fn functions(source: &Source, plan: &Plan, runtime: &Runtime) -> TokenStream {
    let here = spans::generated();
    let (job, visibility) = (&source.signature.ident, &source.visibility);
    let on = database(plan, runtime);
    let passed = match &plan.on {
        On::Each { any: true, .. } => runtime.any_scope(),
        _ => {
            let scope = runtime.scope();
            quote_spanned!(here=> #scope<#on>)
        }
    };
    let (scope, jobs) = (names::enqueue_scope(), names::jobs());
    let (new_job, of) = (runtime.new_job(), names::job_arguments());
    let (result, enqueued, iterator) = (runtime.result(), runtime.enqueued(), runtime.iterable());
    let vec = quote_spanned!(here=> ::std::vec::Vec);
    let names: Vec<_> = plan.arguments().map(|it| &it.name).collect();
    let types: Vec<_> = plan.arguments().map(|it| &it.ty).collect();
    // A function that is not called is not dead, because the others may be.
    quote_spanned! {here=>
        #[allow(
            dead_code,
            clippy::new_ret_no_self,
            clippy::too_many_arguments,
            clippy::used_underscore_binding
        )]
        impl #job {
            /// Returns a job with these arguments, for `NewJob::enqueue` with options of its own.
            #visibility fn new(#(#names: #types),*) -> #new_job<#job, #on> {
                #new_job::<#job, #on>::of(#of { #(#names),* })
            }

            /// Enqueues a job with these arguments: in the caller's transaction, or in one of its own
            /// if `scope` is a handle.
            ///
            /// # Errors
            ///
            /// Fails as a database operation fails, and if an argument cannot be stored.
            #visibility async fn enqueue(
                #scope: impl #passed,
                #(#names: #types),*
            ) -> #result<#enqueued> {
                Self::new(#(#names),*).enqueue(#scope).await
            }

            /// Enqueues many jobs at once, all or none.
            ///
            /// # Errors
            ///
            /// Fails as a database operation fails, and if an argument cannot be stored.
            #visibility async fn enqueue_many(
                #scope: impl #passed,
                #jobs: impl #iterator<Item = #new_job<#job, #on>>,
            ) -> #result<#vec<#enqueued>> {
                #new_job::<#job, #on>::enqueue_many(#scope, #jobs).await
            }
        }
    }
}

/// Returns the type that stands for the database of a job.
pub(super) fn database(plan: &Plan, runtime: &Runtime) -> TokenStream {
    match &plan.on {
        On::Named(ty) => ty.to_token_stream(),
        On::Each { any: true, .. } => runtime.either_database(),
        On::Each { built_in, .. } => {
            let only = built_in.first();
            only.map_or_else(TokenStream::new, |only| only.path(runtime))
        }
    }
}
