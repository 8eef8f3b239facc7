//! The signature that callers see.

use proc_macro2::Ident;
use quote::{quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::{FnArg, Pat, PatIdent, PatType, Signature, Type};

use super::Expansion;
use crate::function::{Argument, Session, is_lint_level, types};
use crate::spans;

impl Expansion<'_> {
    /// Input: `fn f<'t>(&self, tx: &'t mut Tx<'_, DB>, mut v: V, (a, b): (A, B)) -> R`
    ///
    /// Output: `fn f(&self, tx: impl Scope<DB>, v: V, __3: (A, B)) -> R`
    pub(super) fn signature(&self) -> Signature {
        let mut signature = self.function.signature_without_session_lifetimes();
        let inputs = std::mem::take(&mut signature.inputs)
            .into_iter()
            .enumerate();
        signature.inputs = inputs
            .filter_map(|(index, input)| self.parameter(index, input))
            .collect::<Punctuated<_, _>>();
        if self.function.is_plain() {
            types::remove_precise_captures(&mut signature.output);
        }
        signature
    }

    fn parameter(&self, index: usize, input: FnArg) -> Option<FnArg> {
        if let Some(session) = self
            .function
            .session
            .as_ref()
            .filter(|session| session.index == index)
        {
            return self
                .options
                .db
                .is_none()
                .then(|| self.scope_parameter(session));
        }
        let argument = self
            .function
            .arguments
            .iter()
            .find(|argument| argument.index == index);
        let is_bound_inside =
            |argument: &&Argument| self.function.is_plain() || self.is_replayed(argument);
        match argument.filter(is_bound_inside) {
            // The user's pattern moves into the body, where each attempt binds a new value to the
            // pattern.
            Some(argument) => Some(FnArg::Typed(renamed(&argument.parameter, &argument.name))),
            None => Some(input),
        }
    }

    /// Input: `tx: &mut Tx<'_, DB>`. Output: `tx: impl Scope<DB>`, whose mistakes are reported
    /// where the user's type stands.
    fn scope_parameter(&self, session: &Session) -> FnArg {
        let (scope, database) = (self.runtime.scope(), &session.database);
        let (first, last) = spans::ends(&session.parameter.ty);
        if self.function.is_plain() {
            return FnArg::Typed(self.db_parameter(session));
        }
        let scope = spans::respan(quote!(impl #scope <), first);
        let close = quote_spanned!(last=> >);
        // A future with a lifetime bound must not hold a scope that may live shorter.
        let bound = self.function.form.bound().map(|bound| quote!(+ #bound));
        let mut parameter = renamed(&session.parameter, &session.name);
        parameter.ty = Box::new(Type::Verbatim(quote!(#scope #database #close #bound)));
        FnArg::Typed(parameter)
    }
}

/// Returns the parameter with a plain name in place of its pattern.
pub(super) fn renamed(parameter: &PatType, name: &Ident) -> PatType {
    let mut parameter = parameter.clone();
    parameter
        .attrs
        .retain(|attribute| !is_lint_level(attribute));
    parameter.pat = Box::new(Pat::Ident(PatIdent {
        attrs: Vec::new(),
        by_ref: None,
        mutability: None,
        ident: name.clone(),
        subpat: None,
    }));
    parameter
}
