//! The body of a plain function in the closure that goes to the other thread.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{ToTokens, quote_spanned};

use super::super::Expansion;
use super::travellers::Traveller;
use crate::expand::without_self::without_self;
use crate::names;
use crate::spans;

impl Expansion<'_> {
    /// Returns the code in the closure, for a function beside which no twin can stand. Temporaries
    /// of the body's last expression are dropped before the arguments in every edition, because the
    /// edition of this crate decides for the braces around both.
    pub(super) fn inlined(&self, travellers: &[Traveller<'_>]) -> TokenStream {
        let session = self.function.session.as_ref().map(|session| {
            let conn = names::connection();
            self.session_binding(session, &conn.to_token_stream())
        });
        let bound = travellers.iter().map(|traveller| {
            let lent = self.lent(traveller);
            let Some(argument) = traveller.argument else {
                let (this, receiver) = (names::this(), self.function.source.signature.receiver());
                let mutability = receiver.and_then(|receiver| receiver.mutability);
                return quote_spanned!(spans::generated()=> let #mutability #this = #lent;);
            };
            self.binding(argument, lent)
        });
        let block = without_self(self.function.block.stream());
        let mut block = Group::new(Delimiter::Brace, block);
        block.set_span(self.function.block.span());
        quote_spanned!(spans::generated()=> #session #(#bound)* #block)
    }
}
