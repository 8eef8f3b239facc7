//! How arguments get to the thread that runs a plain function, for each attempt anew.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, PatType, Type};

use super::{Expansion, allow_if_underscored};
use crate::checks::Plan;
use crate::function::crossing::{Crossing, has_impl};
use crate::function::{cfgs, types};
use crate::names;

/// An argument, or `self`, on its way to the other thread.
pub(super) struct Traveller {
    /// Its place among all parameters.
    pub(super) index: usize,
    /// What it is called in the signature.
    pub(super) name: TokenStream,
    /// What tells it from all others.
    pub(super) label: String,
    /// Where its type stands.
    pub(super) place: TokenStream,
    pub(super) crossing: Crossing,
    pub(super) cfgs: Vec<Attribute>,
    /// `None`: it is `self`.
    pub(super) parameter: Option<PatType>,
}

impl Expansion<'_> {
    pub(super) fn travellers(&self) -> Vec<Traveller> {
        let receiver = self.function.source.signature.receiver();
        let receiver = receiver.and_then(|receiver| {
            Some(Traveller {
                index: 0,
                name: receiver.self_token.to_token_stream(),
                label: "self".to_owned(),
                place: receiver.to_token_stream(),
                crossing: Crossing::of_receiver(receiver)?,
                cfgs: Vec::new(),
                parameter: None,
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
                parameter: Some(parameter.clone()),
            })
        });
        receiver.into_iter().chain(arguments).collect()
    }

    /// Output: `let mut __kept_name = Arg::new(own(&*name));`. What cannot cross is reported where
    /// its type stands: the argument of the call spans the whole type.
    pub(super) fn pack(&self, traveller: &Traveller) -> TokenStream {
        let (name, cfgs) = (&traveller.name, &traveller.cfgs);
        let (first, last) = names::ends(&traveller.place);
        let zero = quote_spanned!(last=> 0);
        let whole = quote_spanned!(first=> (#name,).#zero);
        let lent = names::moved_to(name.clone(), last);
        let lent = quote_spanned!(first=> &*#lent);
        let owned = match traveller.crossing {
            Crossing::Whole => call(self.runtime.sent(), whole),
            Crossing::Copy(_) => call(self.runtime.own(), lent),
            Crossing::Maybe(_) => call(self.runtime.own_option(), whole),
            Crossing::Each(_) => call(self.runtime.own_each(), whole),
        };
        let allow = traveller.parameter.as_ref().and_then(|parameter| {
            let lint = quote!(clippy::used_underscore_binding);
            allow_if_underscored(&parameter.pat, &lint)
        });
        match self.plan {
            Plan::Once => {
                let value = names::replayed(&traveller.label);
                quote_spanned!(names::generated()=> #(#cfgs)* #allow let #value = #owned;)
            }
            Plan::Replayed => {
                let (arg, kept) = (self.runtime.arg(), names::kept(&traveller.label));
                quote_spanned!(names::generated()=> #(#cfgs)* #allow let mut #kept = #arg::new(#owned);)
            }
        }
    }

    /// Output: `let __this_name = replay(&mut __kept_name, &__attempt);`
    pub(super) fn unpack(&self, traveller: &Traveller) -> TokenStream {
        if self.plan == Plan::Once {
            return TokenStream::new();
        }
        let (label, place) = (&traveller.label, &traveller.place);
        self.replay_of(label, place, &traveller.cfgs)
    }

    /// What the body is given.
    pub(super) fn lent(&self, traveller: &Traveller) -> TokenStream {
        let this = names::replayed(&traveller.label);
        let lent = |lend: TokenStream, ty: &Type| {
            let ty = types::without_impl(ty);
            quote_spanned!(names::generated()=> #lend::<#ty>(&#this))
        };
        match &traveller.crossing {
            Crossing::Whole => this.to_token_stream(),
            Crossing::Copy(ty) if has_impl(ty) => quote_spanned!(names::generated()=> &#this),
            Crossing::Copy(ty) => lent(self.runtime.lend_owned(), ty),
            Crossing::Maybe(ty) if has_impl(ty) => {
                quote_spanned!(names::generated()=> #this.as_ref())
            }
            Crossing::Maybe(ty) => lent(self.runtime.lend_option(), ty),
            Crossing::Each(ty) => {
                let each = lent(self.runtime.lend_each(), ty);
                quote_spanned!(names::generated()=> &#each)
            }
        }
    }
}

fn call(function: TokenStream, argument: TokenStream) -> TokenStream {
    quote_spanned!(names::generated()=> #function(#argument))
}
