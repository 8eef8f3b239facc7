//! The arguments that each attempt gets anew, and the lints that their new places would raise.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Pat, PatType, parse_quote};

use super::Expansion;
use crate::function::{Argument, cfgs, is_lint_level};
use crate::replay::BodyRuns;
use crate::tokens::{find_variable, mentions};
use crate::{names, spans};

impl Expansion<'_> {
    /// Allows the binding of an argument to be unused if the expansion uses the argument: `db =
    /// argument` reads one, and a `once` call is known by all of them.
    pub(super) fn allow_unused(&self, argument: &Argument) -> Option<syn::Attribute> {
        let db = self.options.db.as_ref();
        let is_db = db.is_some_and(|db| mentions(db.value.to_token_stream(), &argument.name));
        let is_known_by = self.options.key().is_some();
        (is_db || is_known_by || self.tells_progress(argument))
            .then(|| parse_quote!(#[allow(unused_variables)]))
    }

    /// Returns whether the option `progress` uses the argument.
    pub(super) fn tells_progress(&self, argument: &Argument) -> bool {
        let progress = self.options.progress.as_ref();
        progress
            .is_some_and(|it| find_variable(it.value.to_token_stream(), &argument.name).is_some())
    }

    /// Returns the arguments that each attempt gets anew.
    pub(super) fn replayed(&self) -> impl Iterator<Item = &Argument> {
        let arguments = self.function.arguments.iter();
        arguments.filter(|argument| self.is_replayed(argument))
    }

    /// Returns whether each attempt gets the argument anew.
    ///
    /// In `fn f(v: V) -> BoxFuture<'_, R> { let n = v.len(); Box::pin(async move { .. }) }`, code
    /// outside of the attempts reads `v`. If no other code reads `v`, the argument stays as it was
    /// written.
    ///
    /// A shared reference stays as it was written, because every attempt can read through it.
    pub(super) fn is_replayed(&self, argument: &Argument) -> bool {
        let is_chunked = self.chunked().is_some_and(|items| items.is(argument));
        if self.body_runs == BodyRuns::AtMostOnce
            || argument.is_unchanging_reference()
            || is_chunked
        {
            return false;
        }
        // Usually nothing is read there, and then the long block need not be searched.
        let around = self.function.form.body(TokenStream::new());
        let mut bindings = argument.bindings().into_iter();
        let read_around = bindings.any(|binding| mentions(around.clone(), &binding));
        !read_around
            || argument.is_named() && mentions(self.function.block.stream(), &argument.name)
    }

    pub(super) fn keep(&self, argument: &Argument) -> TokenStream {
        if argument.is_mutable_reference() {
            return TokenStream::new();
        }
        let (arg, kept, name, cfgs) = (
            self.runtime.arg(),
            names::kept(&argument.label()),
            &argument.name,
            cfgs(&argument.parameter),
        );
        let allow = allow_used_underscore(&argument.parameter);
        quote_spanned!(spans::generated()=> #(#cfgs)* #allow let mut #kept = #arg::new(#name);)
    }

    /// Output: `let __this_v = replay(&mut __kept_v, &__attempt);`. The argument of the call spans
    /// the user's type, so a type that cannot be replayed is reported there.
    ///
    /// If a lint allowed a `&mut` argument, every attempt borrows the same value.
    pub(super) fn replay(&self, argument: &Argument) -> TokenStream {
        if argument.is_mutable_reference() {
            let (value, name, cfgs) = (
                names::replayed(&argument.label()),
                &argument.name,
                cfgs(&argument.parameter),
            );
            let allow = allow_used_underscore(&argument.parameter);
            return quote_spanned!(spans::generated()=> #(#cfgs)* #allow let #value = &mut *#name;);
        }
        let cfgs: Vec<_> = cfgs(&argument.parameter).cloned().collect();
        self.replay_of(&argument.label(), &argument.parameter.ty, &cfgs)
    }

    /// Output: `let v = __this_v;`, with the user's pattern.
    pub(super) fn binding(&self, argument: &Argument, value: impl ToTokens) -> TokenStream {
        let (pattern, cfgs) = (&argument.parameter.pat, cfgs(&argument.parameter));
        // A parameter `_x` exists for its type or its drop. As a binding, the same name looks as if
        // it did nothing.
        let allow = allow_if_underscored(pattern, &quote!(clippy::no_effect_underscore_binding));
        let unused = self.allow_unused(argument);
        let levels = lint_levels(&argument.parameter);
        quote_spanned!(spans::generated()=> #(#cfgs)* #allow #unused #(#levels)* let #pattern = #value;)
    }

    pub(super) fn replay_of(
        &self,
        label: &str,
        place: impl ToTokens,
        cfgs: &[syn::Attribute],
    ) -> TokenStream {
        let (first, last) = spans::ends(place);
        let (replay, attempt, value) = (
            self.runtime.replay(),
            match self.chunked() {
                // After the last attempt, the next chunk needs the argument.
                Some(_) => names::chunk(),
                None => names::attempt(),
            },
            names::replayed(label),
        );
        let mut kept = names::kept(label);
        kept.set_span(last);
        let kept = quote_spanned!(first=> &mut #kept);
        quote_spanned!(spans::generated()=> #(#cfgs)* let #value = #replay(#kept, &#attempt);)
    }
}

/// Returns the attributes that go with the user's pattern from the signature into the body.
pub(super) fn lint_levels(parameter: &PatType) -> impl Iterator<Item = &syn::Attribute> {
    parameter
        .attrs
        .iter()
        .filter(|attribute| is_lint_level(attribute))
}

/// Allows the expansion to use an argument `_x`, which the user named so because the body does not
/// read it.
pub(super) fn allow_used_underscore(parameter: &PatType) -> Option<TokenStream> {
    allow_if_underscored(&parameter.pat, &quote!(clippy::used_underscore_binding))
}

/// Returns `#[allow(..)]` for a lint about names that start with an underscore, if the pattern is
/// such a name.
fn allow_if_underscored(pattern: &Pat, lint: &TokenStream) -> Option<TokenStream> {
    match pattern {
        Pat::Ident(pattern) if pattern.ident.to_string().starts_with('_') => {
            Some(quote!(#[allow(#lint)]))
        }
        _ => None,
    }
}
