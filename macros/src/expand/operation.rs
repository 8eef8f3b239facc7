//! The static that describes an operation: its name, its place and the options that were written.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;

use super::{loops, place};
use crate::function::{Function, Session};
use crate::names::{self, Runtime};
use crate::options::{Attribute, Isolation, Options, Retry, Timeout};
use crate::spans;

/// Output: `static __DBOP_OP: Op = Op::transaction("f", "src/bank.rs", 12).timeout_ms(2000);`
pub(super) fn item(
    attribute: Attribute,
    function: &Function,
    options: &Options,
    runtime: &Runtime,
) -> TokenStream {
    let ident = &function.source.signature.ident;
    let name = options
        .name
        .as_ref()
        .map_or_else(|| ident.unraw().to_string(), |name| name.value.value());
    let (operation, op) = (names::operation(), runtime.op());
    let place = place::of_operation(ident.span(), runtime);
    let kind = match attribute {
        Attribute::DbOp => quote!(operation),
        Attribute::Transactional => quote!(transaction),
        Attribute::Guarded => quote!(guarded),
    };
    let mut settings = settings(options, runtime);
    if function.stream().is_some() {
        settings.push(quote!(stream()));
    }
    // dbop does not see the statements on a connection that it lends, so a `read_only` operation is
    // guarded from the beginning.
    let is_raw = |session: &Session| session.may_be_raw();
    let lends = !function.is_plain() && function.session.as_ref().is_some_and(is_raw);
    if lends && options.read_only.is_some() {
        settings.push(quote!(lends_connection()));
    }
    let loops = loops::lines(function.source.body.stream());
    if !loops.is_empty() {
        settings.push(quote!(loops(&[#(#loops),*])));
    }
    quote_spanned!(spans::generated()=> static #operation: #op = #op::#kind(#name, #place) #(.#settings)*;)
}

/// Returns one builder call for every option that was written.
fn settings(options: &Options, runtime: &Runtime) -> Vec<TokenStream> {
    let flag = |given: bool, call: TokenStream| given.then_some(call);
    let isolation = runtime.isolation();
    let calls = [
        flag(options.read_only.is_some(), quote!(read_only())),
        flag(options.idempotent.is_some(), quote!(idempotent())),
        options.retry.as_ref().map(|retry| match retry.value {
            Retry::Never => quote!(retry_never()),
            Retry::Parts {
                attempts,
                base_ms,
                cap_ms,
            } => {
                let attempts = attempts.map(|attempts| quote!(.retry_attempts(#attempts)));
                let base = base_ms.map(|ms| quote!(.retry_base_ms(#ms)));
                let cap = cap_ms.map(|ms| quote!(.retry_cap_ms(#ms)));
                quote!(retry() #attempts #base #cap)
            }
        }),
        options.timeout.as_ref().map(|timeout| match timeout.value {
            Timeout::Millis(millis) => quote!(timeout_ms(#millis)),
            Timeout::None => quote!(timeout_none()),
        }),
        options.max_concurrency.as_ref().map(|limit| {
            // The literal has no type, because the user may have another `usize`.
            let (calls, wait) = (
                Literal::u64_unsuffixed(limit.value.calls.into()),
                limit.value.wait,
            );
            quote!(max_concurrency(#calls, #wait))
        }),
        options.isolation.as_ref().map(|level| match level.value {
            Isolation::Serializable => quote!(isolation(#isolation::Serializable)),
            Isolation::RepeatableRead => quote!(isolation(#isolation::RepeatableRead)),
            Isolation::ReadCommitted => quote!(isolation(#isolation::ReadCommitted)),
        }),
        flag(options.deferrable.is_some(), quote!(deferrable())),
        flag(options.nested.is_some(), quote!(nested())),
        flag(options.key().is_some(), quote!(once())),
        options.breaker.as_ref().map(|breaker| {
            let name = &breaker.value;
            quote!(breaker(#name))
        }),
        options.attempt_timeout.as_ref().map(|timeout| {
            let millis = timeout.value;
            quote!(attempt_timeout_ms(#millis))
        }),
    ];
    calls.into_iter().flatten().collect()
}
