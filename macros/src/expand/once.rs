//! The options `once = key` and `resume = key`: make the key and the fingerprint of the arguments.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Expr;

use super::Expansion;
use super::arguments::allow_used_underscore;
use crate::function::{Argument, cfgs};
use crate::names;
use crate::spans;

impl Expansion<'_> {
    /// Returns the code that makes the key, and the code that gives the key to the call.
    ///
    /// Output:
    /// ```text
    /// let __key = OnceKey::new(type_name_of_val(&|| {}), type_name_of_val(&tx), &(id));
    /// let __key = __key.with("id", &id);
    /// ..
    /// .once(__key)
    /// ```
    pub(super) fn once(&self) -> Option<(TokenStream, TokenStream)> {
        let given = self.options.key()?;
        let key = names::key();
        let new = self.new_key(&given.value);
        let arguments = self.function.arguments.iter();
        let with = arguments
            .filter(|argument| self.is_known_by(argument))
            .map(with_argument);
        // With this span, a result that cannot be stored is reported where its type stands.
        let (first, _) = spans::ends(&self.function.output);
        let once = match self.options.once {
            Some(_) => quote_spanned!(first=> once),
            None => quote_spanned!(first=> resume),
        };
        // A name `_tx` says that the body does not read the session; the key has to.
        let session = self.function.session.as_ref();
        let allow = session.and_then(|session| allow_used_underscore(&session.parameter));
        let made = quote_spanned!(spans::generated()=> #allow let #key = #new; #(#with)*);
        Some((made, quote_spanned!(spans::generated()=> .#once(#key))))
    }

    /// Returns whether the argument is part of the fingerprint. The items are added later, and an argument
    /// by which the progress is told does not say what is to be done.
    fn is_known_by(&self, argument: &Argument) -> bool {
        let is_skipped = self.function.source.is_skipped(argument.index);
        let is_chunked = self.chunked().is_some_and(|items| items.is(argument));
        !is_skipped && !is_chunked && !self.tells_progress(argument)
    }

    /// Output: `OnceKey::new(..)` or `OnceKey::named(..)`. A name that the user chose is the whole
    /// identity of the operation. Without a name, the module path and the types tell functions of
    /// the same name apart.
    fn new_key(&self, expression: &Expr) -> TokenStream {
        let (once_key, type_name) = (self.runtime.once_key(), self.runtime.type_name_of_val());
        let (first, last) = spans::ends(expression);
        let open = quote_spanned!(first=> &);
        let value = quote_spanned!(last=> (#expression));
        if self.options.name.is_some() {
            return quote_spanned!(spans::generated()=> #once_key::named(#open #value));
        }
        // The type name of a closure contains the path of the function around it, with the type,
        // the trait and the generic arguments. The type of the scope that callers pass is one of
        // these arguments, and must make no difference.
        let scope = self
            .function
            .session
            .as_ref()
            .filter(|_| self.options.db.is_none());
        let scope = scope.map_or_else(
            || quote!(""),
            |session| {
                let name = &session.name;
                quote!(#type_name(&#name))
            },
        );
        quote_spanned!(spans::generated()=> #once_key::new(#type_name(&|| {}), #scope, #open #value))
    }
}

/// Output: `let __key = __key.with("id", &(id));`. An argument that cannot be serialized is
/// reported at its type.
fn with_argument(argument: &Argument) -> TokenStream {
    let (first, last) = spans::ends(&argument.parameter.ty);
    let (key, label, cfgs) = (names::key(), argument.label(), cfgs(&argument.parameter));
    let allow = allow_used_underscore(&argument.parameter);
    let name = &argument.name;
    let (open, value) = (quote_spanned!(first=> &), quote_spanned!(last=> (#name)));
    quote_spanned!(spans::generated()=> #(#cfgs)* #allow let #key = #key.with(#label, #open #value);)
}
