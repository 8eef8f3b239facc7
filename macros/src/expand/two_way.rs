//! The option `plain`: the choice between the function and its plain twin.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};
use syn::ExprPath;

use super::plain::call_with;
use super::{Expansion, operation};
use crate::function::{Session, cfgs, types};
use crate::{names, spans};

impl Expansion<'_> {
    /// Output, with the loop of [`Expansion::call`] in the first arm:
    /// ```text
    /// static __DBOP_OP: Op = ..;
    /// let __way = two_ways::<DB, _, _>(conn);
    /// match __way {
    ///     Way::Async(__scope) => { .. }
    ///     Way::Plain(__plain) => twin_result::<R, _>(twin_call(f_plain(&__plain, name)).await),
    ///     Way::Unfit(__error) => unfit::<DB, R>(&__DBOP_OP, __error),
    /// }
    /// ```
    ///
    /// The compiler finds the type of the twin's connection by the call of the twin.
    pub(super) fn call_two_ways(&self, session: &Session, twin: &ExprPath) -> TokenStream {
        let operation = operation::item(self.attribute, self.function, self.options, self.runtime);
        let (binding, scope, allow) = self.scope(session);
        let repeated = self.loops();
        let (two_ways, way, database) = (self.runtime.two_ways(), names::way(), &session.database);
        let ways = self.runtime.way();
        let (own, plain, error) = (self.context_scope(session), names::plain(), names::error());
        let (unfit, op) = (self.runtime.unfit(), names::operation());
        let output = types::without_impl(&self.function.output);
        let called = self.called_twin(session, twin);
        quote_spanned! {spans::generated()=>
            #operation
            #binding
            #allow let #way = #two_ways::<#database, _, _>(#scope);
            match #way {
                #ways::Async(#own) => { #repeated }
                // Whoever chooses is on the way, and need not be told to prefer the async function.
                #[allow(deprecated)]
                #ways::Plain(#plain) => #called,
                #ways::Unfit(#error) => #unfit::<#database, #output>(&#op, #error),
            }
        }
    }

    /// Output: `twin_result::<R, _>(twin_call(Self::f_plain(self, &__plain, name)).await)`. What does
    /// not fit is reported at the path of the twin, and an argument where it stands.
    fn called_twin(&self, session: &Session, twin: &ExprPath) -> TokenStream {
        let receiver = self.function.source.signature.receiver();
        let receiver =
            receiver.map(|receiver| (0, Vec::new(), receiver.self_token.to_token_stream()));
        let arguments = self.function.arguments.iter().map(|argument| {
            let cfgs = cfgs(&argument.parameter).cloned().collect();
            (argument.index, cfgs, argument.name.to_token_stream())
        });
        let mut given: Vec<_> = receiver.into_iter().chain(arguments).collect();
        let (first, last) = spans::ends(twin);
        let mut plain = names::plain();
        plain.set_span(last);
        given.push((session.index, Vec::new(), quote_spanned!(last=> &#plain)));
        given.sort_by_key(|(index, ..)| *index);
        let given: Vec<_> = given
            .iter()
            .map(|(index, cfgs, name)| (*index, cfgs.as_slice(), name.clone()))
            .collect();
        let call = call_with(&twin.to_token_stream(), last, Vec::new(), &given);
        let output = types::without_impl(&self.function.output).to_token_stream();
        let output = spans::respan(output, first);
        let awaited = spans::respan(self.runtime.twin_call(), first);
        let result = spans::respan(self.runtime.twin_result(), first);
        let awaited = quote_spanned!(last=> #awaited({ #call }).await);
        let result = quote_spanned!(first=> #result::<#output, _>);
        quote_spanned!(last=> #result(#awaited))
    }
}
