//! Writes the job.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, LitStr, ReturnType};

use super::checks::{On, Plan};
use super::inherent;
use super::options::Options;
use super::options_call::{check_of_discarded, job_options, limits};
use super::parameters::Parameter;
use super::step_errors;
use crate::database::{DB, Database};
use crate::function::Source;
use crate::names::{self, Runtime};
use crate::spans;

/// The end of the name of the static, where the function says the database.
const NAMED: &str = "its_database";

/// Input: `async fn send_receipt(job: &Job<Sqlite>, mailer: &Mailer, order: i64) -> R { .. }`
///
/// Output:
/// ```text
/// #[derive(Debug)]
/// enum send_receipt {}
///
/// const _: () = {
///     #[derive(Serialize, Deserialize)]
///     pub struct __Arguments { order: i64 }
///     impl JobKind for send_receipt { .. }
///     impl send_receipt { .. }
///     async fn send_receipt(job: &Job<Sqlite>, mailer: &Mailer, order: i64) -> R { .. }
///     impl RunsOn<Sqlite> for send_receipt { .. }
///     static __JOB_ON_ITS_DATABASE: JobBody<Sqlite> = JobBody::of::<send_receipt>();
///     inventory::submit! { Registration { .. } }
/// };
/// ```
///
/// A type and a function may have the same name, because they are names of different sorts. If the
/// function names `DB`, the function and what runs it stand in a block for each database.
pub(super) fn job(
    source: &Source,
    options: &Options,
    plan: &Plan,
    runtime: &Runtime,
) -> TokenStream {
    let here = spans::generated();
    let type_of_job = type_of_job(source, runtime);
    let arguments = arguments(plan, runtime);
    let kind = kind(source, options, plan, runtime);
    let enqueue = inherent::functions(source, plan, runtime);
    let bodies = bodies(source, plan, runtime);
    let discarded = options.discarded.as_ref();
    let discarded = discarded.map(|given| check_of_discarded(&given.value, runtime));
    let registration = registration(source, options, plan, runtime);
    let cfgs = source
        .attributes
        .iter()
        .filter(|it| it.path().is_ident("cfg"));
    let deprecated = source
        .attributes
        .iter()
        .any(|it| it.path().is_ident("deprecated"));
    let deprecated = deprecated.then(|| quote!(#[allow(deprecated)]));
    let block = quote_spanned! {here=>
        #(#cfgs)*
        #deprecated
        const _: () = {
            #arguments
            #kind
            #enqueue
            #bodies
            #discarded
            #registration
        };
    };
    quote!(#type_of_job #block)
}

/// Writes the type by which callers name the job.
pub(super) fn type_of_job(source: &Source, runtime: &Runtime) -> TokenStream {
    let (visibility, name) = (&source.visibility, &source.signature.ident);
    let attributes = source.attributes.iter().filter(|it| is_of_type(it));
    let debug = runtime.debug();
    quote! {
        #(#attributes)*
        #[allow(non_camel_case_types)]
        #[derive(#debug)]
        #visibility enum #name {}
    }
}

/// Returns whether an attribute of the function goes to the type as well.
fn is_of_type(attribute: &Attribute) -> bool {
    ["allow", "cfg", "deny", "deprecated", "doc", "warn"]
        .iter()
        .any(|name| attribute.path().is_ident(name))
}

/// Returns whether an attribute of the function stays with the function.
fn is_of_function(attribute: &&Attribute) -> bool {
    !["cfg", "deprecated", "doc"]
        .iter()
        .any(|name| attribute.path().is_ident(name))
}

fn arguments(plan: &Plan, runtime: &Runtime) -> TokenStream {
    let here = spans::generated();
    let (of, serde) = (names::job_arguments(), runtime.serde());
    let path: String = serde.to_string().split_whitespace().collect();
    let path = LitStr::new(&path, here);
    let fields = plan.arguments().map(|argument| {
        let (name, ty) = (&argument.name, &argument.ty);
        let stored = argument.is_discarded().then(|| {
            let stored = LitStr::new(&argument.stored(), here);
            quote_spanned!(here=> #[serde(rename = #stored)])
        });
        quote!(#stored #name: #ty)
    });
    let mut all = plan.arguments();
    let takes_discarded = match (all.next(), all.next()) {
        (Some(only), None) if only.is_discarded() => {
            let is_discarded = runtime.is_discarded();
            Some(quote_spanned!(here=> impl #is_discarded for #of {}))
        }
        _ => None,
    };
    // A schedule has nothing else to give.
    let default = plan.arguments().next().is_none().then(|| {
        let default = runtime.default();
        quote_spanned!(here=> #[derive(#default)])
    });
    quote_spanned! {here=>
        #default
        #[derive(#serde::Serialize, #serde::Deserialize)]
        #[serde(crate = #path)]
        pub struct #of { #(#fields),* }

        #takes_discarded
    }
}

fn kind(source: &Source, options: &Options, plan: &Plan, runtime: &Runtime) -> TokenStream {
    let here = spans::generated();
    let (job, kind, of) = (
        &source.signature.ident,
        runtime.job_kind(),
        names::job_arguments(),
    );
    let name = Literal::string(&plan.kind);
    let on = inherent::database(plan, runtime);
    let ty = runtime.job_options();
    let calls = job_options(options, plan, runtime);
    let limits = limits(options, plan, runtime);
    quote_spanned! {here=>
        impl #kind for #job {
            const KIND: &'static str = #name;
            type Arguments = #of;
            type On = #on;
            fn options() -> #ty {
                #calls
            }
            #limits
        }
    }
}

/// Writes the function and what runs it, for each database.
fn bodies(source: &Source, plan: &Plan, runtime: &Runtime) -> TokenStream {
    let here = spans::generated();
    let job = &source.signature.ident;
    let function = function(source, runtime);
    let body_type = runtime.job_body();
    match &plan.on {
        On::Named(database) => {
            let run = run(source, plan, &database.to_token_stream(), runtime);
            let body = names::job_body(NAMED);
            quote_spanned! {here=>
                #function
                #run
                static #body: #body_type<#database> = #body_type::of::<#job>();
            }
        }
        On::Each { built_in, .. } => {
            let each = built_in.iter().map(|database| {
                let item = database.item(&Ident::new(DB, Span::call_site()), runtime);
                let path = database.path(runtime);
                let run = run(source, plan, &path, runtime);
                let body = names::job_body(database.feature());
                quote_spanned! {here=>
                    const _: () = {
                        #item
                        #function
                        #run
                    };
                    static #body: #body_type<#path> = #body_type::of::<#job>();
                }
            });
            each.collect()
        }
    }
}

/// Writes the user's function, which only the workers call.
fn function(source: &Source, runtime: &Runtime) -> TokenStream {
    let attributes = source.attributes.iter().filter(is_of_function);
    let (signature, body) = (&source.signature, step_errors::written_out(source, runtime));
    // A job is async in any case, because its worker awaits the job.
    quote!(#(#attributes)* #[allow(clippy::unused_async)] #signature #body)
}

/// Output:
/// ```text
/// impl RunsOn<Sqlite> for send_receipt {
///     fn run(__job: Job<Sqlite>, __arguments: __Arguments) -> BoxFuture<'static, Ended> {
///         Box::pin(async move {
///             let __Arguments { order } = __arguments;
///             let __state_0 = __job.state::<Mailer>();
///             let __result = send_receipt(&__job, &__state_0, order).await;
///             Ended::of(&__job, __result)
///         })
///     }
/// }
/// ```
fn run(source: &Source, plan: &Plan, database: &TokenStream, runtime: &Runtime) -> TokenStream {
    let here = spans::generated();
    let name = &source.signature.ident;
    let (job, arguments, of) = (names::job(), names::arguments(), names::job_arguments());
    let (runs_on, job_type) = (runtime.runs_on(), runtime.job());
    let (future, ended, boxed) = (runtime.boxed_future(), runtime.ended(), runtime.boxed());
    let names = plan.arguments().map(|it| &it.name);
    let states = plan
        .parameters
        .iter()
        .enumerate()
        .filter_map(|(at, parameter)| match parameter {
            Parameter::State(ty) => {
                let state = names::state(at);
                Some(quote_spanned!(here=> let #state = #job.state::<#ty>();))
            }
            Parameter::Argument(_) => None,
        });
    let passed = plan
        .parameters
        .iter()
        .enumerate()
        .map(|(at, parameter)| match parameter {
            Parameter::State(_) => {
                let state = names::state(at);
                quote_spanned!(here=> &#state)
            }
            Parameter::Argument(argument) => argument.name.to_token_stream(),
        });
    // A result that is no `Result` is reported where its type stands, and a future that is not `Send` at
    // the name of the function.
    let (first, last) = match &source.signature.output {
        ReturnType::Type(_, output) => spans::ends(output),
        ReturnType::Default => spans::ends(name),
    };
    let result = Ident::new(&names::result().to_string(), first);
    let ended_of = spans::between(quote!(#ended::of), first, last);
    let at_name = spans::generated_at(name.span());
    let body = quote_spanned! {here=>
        let #of { #(#names),* } = #arguments;
        #(#states)*
        let #result = #name(&#job, #(#passed),*).await;
        #ended_of(&#job, #result)
    };
    let pin = spans::respan(quote!(#boxed::pin), at_name);
    let body = quote_spanned!(at_name=> #pin(async move { #body }));
    quote_spanned! {here=>
        #[allow(clippy::used_underscore_binding)]
        impl #runs_on<#database> for #name {
            fn run(#job: #job_type<#database>, #arguments: #of) -> #future<'static, #ended> {
                #body
            }
        }
    }
}

/// Writes what the workers find the job by.
fn registration(source: &Source, options: &Options, plan: &Plan, runtime: &Runtime) -> TokenStream {
    let here = spans::generated();
    let job = &source.signature.ident;
    let (submit, registration, kind) =
        (runtime.submit(), runtime.registration(), runtime.job_kind());
    let (file, line, state_type) = (runtime.file(), runtime.line(), runtime.state_type());
    let name = Literal::string(&plan.kind);
    let bodies: Vec<_> = match &plan.on {
        On::Named(_) => vec![names::job_body(NAMED)],
        On::Each { built_in, .. } => {
            let each = built_in.iter();
            each.map(|database: &Database| names::job_body(database.feature()))
                .collect()
        }
    };
    let states = plan
        .parameters
        .iter()
        .filter_map(|parameter| match parameter {
            Parameter::State(ty) => Some(ty),
            Parameter::Argument(_) => None,
        });
    let scheduled = match &options.schedule {
        Some(_) => {
            let (some, schedule_of) = (runtime.some(), runtime.schedule_of());
            quote_spanned!(here=> #some(#schedule_of::<#job>))
        }
        None => runtime.none(),
    };
    quote_spanned! {here=>
        #submit! {
            #registration {
                kind: #name,
                file: #file!(),
                line: #line!(),
                options: <#job as #kind>::options,
                bodies: &[#(&#bodies),*],
                states: &[#(#state_type::of::<#states>),*],
                scheduled: #scheduled,
            }
        }
    }
}
