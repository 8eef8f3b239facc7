//! Writes what the options say, as calls of the runtime.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::{Expr, Path};

use super::checks::Plan;
use super::options::{Arguments, Options, Schedule, Unique};
use crate::names::{self, Runtime};
use crate::spans;

fn number(value: impl Into<u64>) -> Literal {
    Literal::u64_unsuffixed(value.into())
}

/// Output: `JobOptions::new().queue("mail").max_attempts(5)`
pub(super) fn job_options(options: &Options, plan: &Plan, runtime: &Runtime) -> TokenStream {
    let here = spans::generated();
    let start = runtime.job_options();
    let mut call = quote_spanned!(here=> #start::new());
    let mut add = |method: &str, arguments: TokenStream| {
        let method = Ident::new(method, here);
        call.extend(quote_spanned!(here=> .#method(#arguments)));
    };
    if let Some(given) = &options.queue {
        add("queue", given.value.to_token_stream());
    }
    let numbers = [
        (
            "priority",
            options.priority.as_ref().map(|it| number(it.value)),
        ),
        (
            "max_attempts",
            options.max_attempts.as_ref().map(|it| number(it.value)),
        ),
        (
            "timeout_ms",
            options.timeout.as_ref().map(|it| number(it.value)),
        ),
        (
            "delay_ms",
            options.delay.as_ref().map(|it| number(it.value)),
        ),
    ];
    for (method, value) in numbers {
        if let Some(value) = value {
            add(method, value.to_token_stream());
        }
    }
    if let Some(given) = &options.unique {
        add("unique", unique(&given.value, plan, runtime));
    }
    if let Some(given) = &options.backoff {
        let (base, max) = (number(given.value.base), number(given.value.max));
        add("backoff_ms", quote_spanned!(here=> #base, #max));
    }
    if let Some(given) = &options.schedule {
        add("schedule", schedule(&given.value, runtime));
    }
    if let Some(given) = &options.discarded {
        let (job, kind) = (&given.value, runtime.job_kind());
        add(
            "discarded",
            quote_spanned!(here=> <#job as #kind>::KIND, <#job as #kind>::options),
        );
    }
    if options.idempotent.is_some() {
        add("idempotent", TokenStream::new());
    }
    call
}

/// Output: `"0 3 * * *", Some("Europe/Berlin")`
fn schedule(schedule: &Schedule, runtime: &Runtime) -> TokenStream {
    let here = spans::generated();
    let cron = &schedule.cron;
    let zone = match &schedule.time_zone {
        Some(zone) => {
            let some = runtime.some();
            quote_spanned!(here=> #some(#zone))
        }
        None => runtime.none(),
    };
    quote_spanned!(here=> #cron, #zone)
}

/// Output: `Unique::new().arguments(&["customer_id"]).period_ms(3600000)`
fn unique(unique: &Unique, plan: &Plan, runtime: &Runtime) -> TokenStream {
    let here = spans::generated();
    let start = runtime.unique();
    let arguments = match &unique.arguments {
        Arguments::None => None,
        Arguments::All => Some(quote_spanned!(here=> .all_arguments())),
        Arguments::These(names) => {
            let is_named = |stored: &Ident| names.iter().any(|name| name.unraw() == stored.unraw());
            let named = plan.arguments().filter(|it| is_named(&it.name));
            let stored = named.map(|it| it.stored());
            Some(quote_spanned!(here=> .arguments(&[#(#stored),*])))
        }
    };
    let period = unique.period.map(|period| {
        let period = number(period);
        quote_spanned!(here=> .period_ms(#period))
    });
    let queue = unique.queue.then(|| quote_spanned!(here=> .queue()));
    let states = unique.states.as_ref().map(|states| {
        let state = runtime.job_state();
        let states = states.iter().map(|state| Ident::new(state, here));
        quote_spanned!(here=> .states(&[#(#state::#states),*]))
    });
    quote_spanned!(here=> #start::new() #arguments #period #queue #states)
}

/// Output: the functions `concurrency` and `rate`, if there are such options.
pub(super) fn limits(options: &Options, plan: &Plan, runtime: &Runtime) -> TokenStream {
    let here = spans::generated();
    let concurrency = options.concurrency.as_ref().map(|given| {
        let (limit, ty) = (number(given.value.limit), runtime.concurrency());
        let values = quote_spanned!(here=> #limit);
        limit_of(
            "concurrency",
            &ty,
            &values,
            given.value.key.as_ref(),
            plan,
            runtime,
        )
    });
    let rate = options.rate.as_ref().map(|given| {
        let (limit, per) = (number(given.value.limit), number(given.value.per));
        let values = quote_spanned!(here=> #limit, #per);
        let ty = runtime.rate();
        limit_of(
            "rate",
            &ty,
            &values,
            given.value.key.as_ref(),
            plan,
            runtime,
        )
    });
    quote_spanned!(here=> #concurrency #rate)
}

fn limit_of(
    function: &str,
    ty: &TokenStream,
    values: &TokenStream,
    key: Option<&Expr>,
    plan: &Plan,
    runtime: &Runtime,
) -> TokenStream {
    let here = spans::generated();
    let function = Ident::new(function, here);
    let (of, arguments) = (names::job_arguments(), names::arguments());
    let (option, some, limit_key) = (runtime.option(), runtime.some(), runtime.limit_key());
    let (binding, limit) = match key {
        None => (None, quote_spanned!(here=> of_kind(#values))),
        Some(key) => {
            let names = plan.arguments().map(|it| &it.name);
            // A key that is no text is reported where the key stands.
            let borrowed = quote_spanned!(spans::ends(key).0=> &(#key));
            (
                Some(quote_spanned!(here=> let #of { #(#names),* } = #arguments;)),
                quote_spanned!(here=> new(#values, #limit_key(#borrowed))),
            )
        }
    };
    // The key is about some of the arguments only.
    quote_spanned! {here=>
        #[allow(unused_variables, clippy::used_underscore_binding)]
        fn #function(#arguments: &#of) -> #option<#ty> {
            #binding
            #some(#ty::#limit)
        }
    }
}

/// Output: a check that the job of the option `discarded` takes what there is for it.
pub(super) fn check_of_discarded(job: &Path, runtime: &Runtime) -> TokenStream {
    let (first, last) = spans::ends(job);
    let takes = spans::respan(runtime.takes_discarded(), first);
    let check = quote_spanned!(last=> #takes::<#job>());
    quote_spanned!(spans::generated()=> const _: fn() = || #check;)
}
