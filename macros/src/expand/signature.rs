//! The signature that callers see.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::{
    FnArg, GenericParam, Generics, Pat, PatIdent, PatType, Receiver, Signature, Token, parse_quote,
};

use super::Expansion;
use crate::function::{Argument, Session, is_lint_level, types};
use crate::options::{Attribute, Callers};
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
        if let Some(session) = &self.function.session {
            self.bind_generic(session, &mut signature.generics);
        }
        if let Some(items) = self.chunked() {
            self.in_chunks(&items, &mut signature);
        }
        if self.returns_chosen() {
            self.return_chosen(&mut signature);
        }
        if let Some(streamed) = self.function.stream() {
            self.lend_to_stream(streamed, &mut signature);
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
            return match session.callers {
                Callers::Nothing => None,
                Callers::Optional => Some(FnArg::Typed(renamed(&session.parameter, &session.name))),
                Callers::Scope | Callers::Place => Some(self.scope_parameter(session)),
            };
        }
        let argument = self
            .function
            .arguments
            .iter()
            .find(|argument| argument.index == index);
        let is_bound_inside = |argument: &&Argument| {
            self.function.is_plain()
                || self.is_replayed(argument)
                || self.is_choice()
                || self.chunked().is_some_and(|items| items.is(argument))
        };
        match argument.filter(is_bound_inside) {
            // The user's pattern moves into the body, where each attempt binds a new value to the
            // pattern.
            Some(argument) => Some(FnArg::Typed(renamed(&argument.parameter, &argument.name))),
            None => Some(match input {
                FnArg::Receiver(receiver) => FnArg::Receiver(self.receiver(receiver)),
                other => other,
            }),
        }
    }

    /// Removes the `mut` of `mut self` if the body gets `self` under another name.
    fn receiver(&self, mut receiver: Receiver) -> Receiver {
        if self.is_chosen() {
            receiver.mutability = None;
        }
        receiver
    }

    /// Input: `tx: &mut Tx<'_, DB>`. Output: `tx: impl Scope<DB>`, or for `conn: &mut PgConnection`
    /// the output `conn: &mut impl SessionPlace<DB>`. Mistakes are reported where the user's type
    /// stands.
    fn scope_parameter(&self, session: &Session) -> FnArg {
        if self.function.is_plain() {
            return FnArg::Typed(self.db_parameter(session));
        }
        let (first, last) = spans::ends(&session.parameter.ty);
        let passed = match &session.generic {
            Some(generic) => generic.to_token_stream(),
            None => {
                let role = spans::respan(self.role(session), first);
                quote_spanned!(last=> impl #role)
            }
        };
        let passed = match session.callers {
            Callers::Place => {
                let lifetime = types::lifetime(&session.parameter.ty);
                quote_spanned!(first=> &#lifetime mut #passed)
            }
            _ => passed,
        };
        let mut parameter = renamed(&session.parameter, &session.name);
        parameter.ty = parse_quote!(#passed);
        FnArg::Typed(parameter)
    }

    /// The bounds of what callers pass, as in `Scope<DB> + 'a`.
    fn role(&self, session: &Session) -> TokenStream {
        let krate = self.runtime.krate();
        let database = match self.databases().as_deref() {
            Some([only]) => only.path(self.runtime),
            _ => session.database.clone(),
        };
        if let Some(items) = self.chunked() {
            let item = items.item;
            return match self.takes_any() {
                true => quote!(#krate::AnyChunkScope<#item>),
                false => quote!(#krate::ChunkScope<#database, #item>),
            };
        }
        let role = match (session.callers, self.attribute) {
            (_, Attribute::DbOp) if self.takes_any() => quote!(AnySessionScope),
            (_, Attribute::Transactional) if self.takes_any() => quote!(AnyScope),
            (_, Attribute::DbOp) if self.options.plain.is_some() => {
                quote!(TwoWaySessionScope<#database>)
            }
            (_, Attribute::Transactional) if self.options.plain.is_some() => {
                quote!(TwoWayScope<#database>)
            }
            (Callers::Place, Attribute::DbOp | Attribute::Guarded) => {
                quote!(SessionPlace<#database>)
            }
            (Callers::Place, Attribute::Transactional) => quote!(Place<#database>),
            (_, Attribute::DbOp | Attribute::Guarded) => quote!(SessionScope<#database>),
            (_, Attribute::Transactional) => quote!(Scope<#database>),
        };
        // A future with a lifetime bound must not hold a scope that may live shorter. (For a stream,
        // all arguments get the bound.)
        let bound = self.function.form.bound();
        let bound = bound.filter(|_| session.callers == Callers::Scope);
        let bound = bound.map(|bound| quote!(+ #bound));
        quote!(#krate::#role #bound)
    }

    /// Input: `fn f<E>(executor: E)`. Output: `fn f<E: Scope<DB>>(executor: E)`, or `fn f()` if
    /// callers pass nothing.
    fn bind_generic(&self, session: &Session, generics: &mut Generics) {
        let Some(generic) = &session.generic else {
            return;
        };
        let is_it = |parameter: &GenericParam| matches!(parameter, GenericParam::Type(parameter) if parameter.ident == *generic);
        if session.callers == Callers::Nothing {
            let others = std::mem::take(&mut generics.params).into_iter();
            generics.params = others.filter(|parameter| !is_it(parameter)).collect();
            if generics.params.is_empty() {
                (generics.lt_token, generics.gt_token) = (None, None);
            }
        }
        for parameter in generics.type_params_mut() {
            if parameter.ident == *generic {
                let role = self.role(session);
                parameter.colon_token = Some(Token![:](spans::generated()));
                parameter.bounds = parse_quote!(#role);
            }
        }
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
