//! The loop around the body of an async function.

use proc_macro2::{Group, Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, ReceiverKind};

use super::arguments::{allow_used_underscore, lint_levels};
use super::lend_self::{Receiver, lend_self};
use super::{Expansion, operation};
use crate::function::{Session, cfgs, types};
use crate::options::Attribute;
use crate::replay::BodyRuns;
use crate::{names, spans};

impl Expansion<'_> {
    /// Input: the user's block.
    ///
    /// Output:
    /// ```text
    /// static __DBOP_OP: Op = ..;
    /// let mut __call = Call::<_, DB, R>::transaction(&__DBOP_OP, tx);
    /// let mut __kept_v = Arg::new(v);
    /// while let Some(mut __attempt) = __call.begin().await {
    ///     let __this_v = replay(&mut __kept_v, &__attempt);
    ///     let __body = __attempt.body();
    ///     let mut __session = __attempt.tx();
    ///     let __result = __body.run(async { .. }).await;
    ///     __attempt.end(__result).await;
    /// }
    /// __call.finish()
    /// ```
    pub(super) fn call(&self) -> TokenStream {
        let (call, attempt, body, result) = (
            names::call(),
            names::attempt(),
            names::body(),
            names::result(),
        );
        let some = self.runtime.some();
        let operation = operation::item(self.attribute, self.function, self.options, self.runtime);
        let traits = self.function.session.iter().flat_map(|it| &it.traits);
        let new = self.new_call();
        let (kept, replayed): (Vec<_>, Vec<_>) = self
            .replayed()
            .map(|argument| (self.keep(argument), self.replay(argument)))
            .unzip();
        let (lent_from, mutable) = match (&self.function.session, self.attribute) {
            (None, _) => (None, None),
            (Some(_), Attribute::Transactional) => {
                (Some(Self::session_from("tx")), Some(quote!(mut)))
            }
            (Some(_), Attribute::DbOp) => (Some(Self::session_from("conn")), Some(quote!(mut))),
        };
        let repeat = match self.body_runs {
            BodyRuns::AtMostOnce => quote!(if),
            BodyRuns::OncePerAttempt => quote!(while),
        };
        // A block that runs once owns the arguments, as the written function did. If the block
        // borrowed an argument of type `T`, a future that is `Send` would need `T: Sync`. With the
        // option `db`, the handle may borrow from an argument, so the block cannot take the
        // arguments.
        let owned = (self.body_runs == BodyRuns::AtMostOnce && self.options.db.is_none())
            .then(|| quote!(move));
        let block = self.attempt();
        quote_spanned! {spans::generated()=>
            #(#[allow(unused_imports)] use #traits as _;)*
            #operation
            #new
            #(#kept)*
            #repeat let #some(#mutable #attempt) = #call.begin().await {
                #(#replayed)*
                let #body = #attempt.body();
                #lent_from
                let #result = #body.run(async #owned { #block }).await;
                #attempt.end(#result).await;
            }
            #call.finish()
        }
    }

    /// Input: the user's block.
    ///
    /// Output:
    /// ```text
    /// let tx: &mut Tx<'_, DB> = lend(&mut __session);
    /// let mut v = __this_v;
    /// if false { return fake_return::<R>(); }
    /// match () { () => { .. } }
    /// ```
    ///
    /// The `return` tells the compiler the type of the async block before the compiler sees the
    /// first `?`. Because `fake_return` is an ordinary function, no code counts as unreachable. The
    /// `match` drops temporaries of the block's last expression before the arguments, as a function
    /// does; before edition 2024, a plain block would keep the temporaries longer than `v`.
    pub(super) fn attempt(&self) -> TokenStream {
        let lent = self.function.session.as_ref().map(|session| {
            let (lend, source) = (self.runtime.lend(), names::session());
            self.session_binding(session, &quote!(#lend(&mut #source)))
        });
        let bound = self
            .replayed()
            .map(|argument| self.binding(argument, names::replayed(&argument.label())));
        let block = self.block();
        // With these spans, "return type inferred to be .. here" points at the user's return type.
        let (first, last) = spans::ends(&self.function.output);
        let (fake_return, output) = (
            spans::respan(self.runtime.fake_return(), last),
            types::without_impl(&self.function.output),
        );
        let inferred = quote_spanned!(last=> #fake_return::<#output>());
        let inferred = quote_spanned!(first=> return #inferred;);
        quote_spanned! {spans::generated()=>
            #lent
            #(#bound)*
            if false { #inferred }
            match () { () => #block }
        }
    }

    /// Binds the session to the user's own pattern and type.
    pub(super) fn session_binding(&self, session: &Session, value: &TokenStream) -> TokenStream {
        let (pattern, cfgs) = (&session.parameter.pat, cfgs(&session.parameter));
        let levels = lint_levels(&session.parameter);
        let ty = types::with_lifetimes(&session.parameter.ty, "'_", true);
        quote_spanned!(spans::generated()=> #(#cfgs)* #(#levels)* let #pattern: #ty = #value;)
    }

    /// Returns the user's block. If another attempt may need `&mut self`, the block gives the
    /// borrow back.
    pub(super) fn block(&self) -> Group {
        let block = &self.function.block;
        let receiver = match self
            .function
            .source
            .signature
            .receiver()
            .map(|receiver| &receiver.kind)
        {
            Some(ReceiverKind::Reference(_, _, Some(_))) => Receiver::Mut,
            Some(ReceiverKind::Typed(_, ty)) if types::wrapped(ty, "Pin").is_some() => {
                Receiver::Pinned
            }
            _ => return block.clone(),
        };
        match self.body_runs {
            BodyRuns::OncePerAttempt => lend_self(block, receiver),
            BodyRuns::AtMostOnce => block.clone(),
        }
    }

    pub(super) fn new_call(&self) -> TokenStream {
        let (call, operation) = (names::call(), names::operation());
        let output = types::without_impl(&self.function.output);
        // With these spans, a return type that an operation cannot have is reported where the type
        // stands.
        let (first, last) = spans::ends(&self.function.output);
        let (key, once) = self.once().unzip();
        let Some(session) = &self.function.session else {
            let unscoped = self.runtime.unscoped();
            let (open, close) = (
                spans::respan(quote!(#unscoped::<), first),
                quote_spanned!(last=> >::new(&#operation)),
            );
            return quote_spanned!(spans::generated()=> let mut #call = #open #output #close;);
        };
        if self.function.is_plain() {
            return self.new_plain_call(session);
        }
        let (path, database) = (self.runtime.call(), &session.database);
        let open = spans::respan(quote!(#path::<_,), first);
        let (db, scope, allow) = match &self.options.db {
            Some(db) => self.scope_of(&db.value),
            // A name `_tx` says that the body does not read the session; the expansion has to.
            None => (
                None,
                session.name.to_token_stream(),
                allow_used_underscore(&session.parameter),
            ),
        };
        let close = match self.attribute {
            Attribute::DbOp => quote_spanned!(last=> >::operation(&#operation, #scope)),
            Attribute::Transactional => quote_spanned!(last=> >::transaction(&#operation, #scope)),
        };
        quote_spanned!(spans::generated()=> #key #db #allow let mut #call = #open #database, #output #close #once;)
    }

    /// Input: `db = self.db`. Output: `let __db = &(self.db);`, and the scope that the call gets.
    /// The reference keeps a temporary, as in `db = self.db.clone()`, for the whole call. The
    /// method call finds the handle behind any number of references.
    pub(super) fn scope_of(
        &self,
        expression: &Expr,
    ) -> (Option<TokenStream>, TokenStream, Option<TokenStream>) {
        let (db, as_scope) = (names::db(), self.runtime.as_scope());
        let binding = quote_spanned!(spans::generated()=> let #db = &(#expression););
        // An expression that is not a handle is reported where it stands: a message about a call
        // underlines everything from the path to the parentheses.
        let (first, last) = spans::ends(expression);
        let identity = spans::respan(self.runtime.identity(), first);
        let method = quote_spanned!(last=> as_scope);
        let scope = quote_spanned!(spans::generated()=> { use #as_scope as _; #db.#method() });
        (
            Some(binding),
            quote_spanned!(last=> #identity(#scope)),
            None,
        )
    }

    pub(super) fn session_from(method: &str) -> TokenStream {
        let (session, attempt, method) = (
            names::session(),
            names::attempt(),
            Ident::new(method, spans::generated()),
        );
        quote_spanned!(spans::generated()=> let mut #session = #attempt.#method();)
    }
}
