//! Sends the arguments to the thread that runs a plain function, for each attempt anew.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};
use syn::Attribute;

use super::Expansion;
use crate::expand::arguments::allow_used_underscore;
use crate::function::crossing::Crossing;
use crate::function::{Argument, cfgs};
use crate::names;
use crate::replay::BodyRuns;
use crate::spans;

/// An argument, or `self`, on its way to the other thread.
pub(super) struct Traveller<'a> {
    /// The place among all parameters.
    pub(super) index: usize,
    /// The name in the signature.
    pub(super) name: TokenStream,
    /// The part of generated names that tells this argument from all others.
    pub(super) label: String,
    /// The tokens of the type, at which messages point.
    pub(super) place: TokenStream,
    pub(super) crossing: Crossing,
    pub(super) cfgs: Vec<Attribute>,
    /// The argument; `None` for `self`.
    pub(super) argument: Option<&'a Argument>,
}

impl Expansion<'_> {
    pub(super) fn travellers(&self) -> Vec<Traveller<'_>> {
        let receiver = self.function.source.signature.receiver();
        let receiver = receiver.and_then(|receiver| {
            Some(Traveller {
                index: 0,
                name: receiver.self_token.to_token_stream(),
                label: "self".to_owned(),
                place: receiver.to_token_stream(),
                crossing: Crossing::of_receiver(receiver)?,
                cfgs: Vec::new(),
                argument: None,
            })
        });
        let arguments = self.function.arguments.iter().filter_map(|argument| {
            let parameter = &argument.parameter;
            Some(Traveller {
                index: argument.index,
                name: argument.name.to_token_stream(),
                label: argument.label(),
                place: parameter.ty.to_token_stream(),
                crossing: Crossing::of(&parameter.ty)?,
                cfgs: cfgs(parameter).cloned().collect(),
                argument: Some(argument),
            })
        });
        receiver.into_iter().chain(arguments).collect()
    }

    /// Output: `let mut __kept_name = Arg::new(own(&*name));`. The argument of the call spans the
    /// user's type, so an argument that cannot cross is reported there.
    pub(super) fn pack(&self, traveller: &Traveller<'_>) -> TokenStream {
        let (name, cfgs) = (&traveller.name, &traveller.cfgs);
        let (first, last) = spans::ends(&traveller.place);
        let zero = quote_spanned!(last=> 0);
        let whole = quote_spanned!(first=> (#name,).#zero);
        let lent = quote_spanned!(first=> (&*#name,).#zero);
        let owned = match traveller.crossing {
            Crossing::Whole => call(self.runtime.sent(), whole),
            Crossing::Copy => call(self.runtime.own(), lent),
            Crossing::Maybe => call(self.runtime.own_option(), whole),
            Crossing::Each => call(self.runtime.own_each(), whole),
        };
        let allow = traveller
            .argument
            .and_then(|argument| allow_used_underscore(&argument.parameter));
        match self.body_runs {
            BodyRuns::AtMostOnce => {
                let value = names::replayed(&traveller.label);
                quote_spanned!(spans::generated()=> #(#cfgs)* #allow let #value = #owned;)
            }
            BodyRuns::OncePerAttempt => {
                let (arg, kept) = (self.runtime.arg(), names::kept(&traveller.label));
                quote_spanned!(spans::generated()=> #(#cfgs)* #allow let mut #kept = #arg::new(#owned);)
            }
        }
    }

    /// Output: `let __this_name = replay(&mut __kept_name, &__attempt);`. The output is empty if
    /// the body runs at most once.
    pub(super) fn unpack(&self, traveller: &Traveller<'_>) -> TokenStream {
        if self.body_runs == BodyRuns::AtMostOnce {
            return TokenStream::new();
        }
        let (label, place) = (&traveller.label, &traveller.place);
        self.replay_of(label, place, &traveller.cfgs)
    }

    /// Output: `lend_owned(&__this_name)`, the expression that the body is given.
    pub(super) fn lent(&self, traveller: &Traveller<'_>) -> TokenStream {
        let this = names::replayed(&traveller.label);
        let lent = |lend: TokenStream| call(lend, quote_spanned!(spans::generated()=> &#this));
        match traveller.crossing {
            Crossing::Whole => this.to_token_stream(),
            Crossing::Copy => lent(self.runtime.lend_owned()),
            Crossing::Maybe => lent(self.runtime.lend_option()),
            Crossing::Each => {
                let each = lent(self.runtime.lend_each());
                quote_spanned!(spans::generated()=> &#each)
            }
        }
    }
}

fn call(function: TokenStream, argument: TokenStream) -> TokenStream {
    quote_spanned!(spans::generated()=> #function(#argument))
}
