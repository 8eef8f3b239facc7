//! The loop around the body of an async function.

use proc_macro2::{Group, Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, ReceiverKind};

use super::arguments::{allow_used_underscore, lint_levels};
use super::lend_self::{Receiver, lend_self};
use super::{Expansion, operation};
use crate::function::{Session, cfgs, types};
use crate::options::{Attribute, Callers};
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
        let operation = operation::item(self.attribute, self.function, self.options, self.runtime);
        let repeated = self.loops();
        quote_spanned!(spans::generated()=> #operation #repeated)
    }

    /// Writes the loops, without the static before them: that over the attempts, and around it that over
    /// the chunks, if the function has any.
    pub(super) fn loops(&self) -> TokenStream {
        match self.chunked() {
            Some(chunked) => self.chunk_loop(&chunked),
            None => {
                let kept = self.replayed().map(|argument| self.keep(argument));
                let (new, attempts) = (self.new_call(), self.call_loop());
                quote_spanned!(spans::generated()=> #new #(#kept)* #attempts)
            }
        }
    }

    /// Writes the loop over the attempts. For a stream, the lines in its middle are
    /// ```text
    ///     let (__body, mut __session) = __attempt.stream();
    ///     let __session = &mut __session;
    ///     let __result = __body.run(&__items, || { .. }).await;
    /// ```
    pub(super) fn call_loop(&self) -> TokenStream {
        let (call, attempt, result) = (names::call(), names::attempt(), names::result());
        let some = self.runtime.some();
        let traits = self.function.session.iter().flat_map(|it| &it.traits);
        let replayed = self.replayed().map(|argument| self.replay(argument));
        let streamed = self.function.stream();
        let lends = streamed.is_some() || self.function.session.is_some();
        let mutable = lends.then(|| quote!(mut));
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
        let lent = self.lent_by_attempt();
        let running = match streamed {
            Some(streamed) => self.run_stream(streamed, owned.as_ref()),
            None => {
                let (body, block) = (names::body(), self.attempt());
                quote_spanned!(spans::generated()=> #body.run(async #owned { #block }))
            }
        };
        quote_spanned! {spans::generated()=>
            #(#[allow(unused_imports)] use #traits as _;)*
            #repeat let #some(#mutable #attempt) = #call.begin().await {
                #(#replayed)*
                #lent
                let #result = #running.await;
                #attempt.end(#result).await;
            }
            #call.finish()
        }
    }

    /// Takes what runs the body, and the session, out of the attempt.
    fn lent_by_attempt(&self) -> TokenStream {
        let (attempt, body, session) = (names::attempt(), names::body(), names::session());
        let has_session = self.function.session.is_some();
        if self.function.stream().is_some() {
            return match has_session {
                true => quote_spanned! {spans::generated()=>
                    let (#body, mut #session) = #attempt.stream();
                    let #session = &mut #session;
                },
                false => quote_spanned!(spans::generated()=> let #body = #attempt.stream();),
            };
        }
        let lent = has_session.then(|| match self.attribute {
            Attribute::Transactional => Self::session_from("tx"),
            Attribute::DbOp | Attribute::Guarded => Self::session_from("conn"),
        });
        quote_spanned!(spans::generated()=> let #body = #attempt.body(); #lent)
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
        let session = self.function.session.as_ref();
        let optional = session.filter(|session| session.callers == Callers::Optional);
        let lent = session.map(|session| self.lend_session(session));
        let bound = self.function.arguments.iter().filter_map(|argument| {
            if let Some(chunked) = self.chunked()
                && chunked.is(argument)
            {
                return Some(self.chunk_binding(&chunked));
            }
            match self.is_replayed(argument) {
                true => Some(self.binding(argument, names::replayed(&argument.label()))),
                false => self.binding_in_loop(argument),
            }
        });
        let block = self.block();
        let inferred = self.inferred_result();
        let attempt = quote_spanned! {spans::generated()=>
            #lent
            #(#bound)*
            #inferred
            match () { () => #block }
        };
        match optional {
            Some(session) => self.inside_sqlx(session, &attempt),
            None => attempt,
        }
    }

    fn lend_session(&self, session: &Session) -> TokenStream {
        if session.callers == Callers::Optional {
            let (some, transaction) = (self.runtime.some(), names::transaction());
            return self.session_binding(session, &quote!(#some(#transaction)));
        }
        let (lend, source) = (self.runtime.lend(), names::session());
        let source = match self.function.stream() {
            Some(_) => source.into_token_stream(),
            None => quote!(&mut #source),
        };
        self.session_binding(session, &quote!(#lend(#source)))
    }

    /// Output: `__session.with_sqlx(async |__tx: &mut Transaction<'_, DB>| -> R { .. }).await`
    fn inside_sqlx(&self, session: &Session, attempt: &TokenStream) -> TokenStream {
        let (source, transaction) = (names::session(), names::transaction());
        let (sqlx_transaction, database) = (self.runtime.sqlx_transaction(), &session.database);
        let output = types::without_impl(&self.function.output);
        quote_spanned! {spans::generated()=>
            #source.with_sqlx(async |#transaction: &mut #sqlx_transaction<'_, #database>| -> #output {
                #attempt
            }).await
        }
    }

    /// Output: `if false { return fake_return::<R>(); }`. Nothing for a stream, whose items the
    /// closure around the block is known to yield.
    fn inferred_result(&self) -> Option<TokenStream> {
        if self.function.stream().is_some() {
            return None;
        }
        // With these spans, "return type inferred to be .. here" points at the user's return type.
        let (first, last) = spans::ends(&self.function.output);
        let (fake_return, output) = (
            spans::respan(self.runtime.fake_return(), last),
            types::without_impl(&self.function.output),
        );
        let inferred = quote_spanned!(last=> #fake_return::<#output>());
        let inferred = quote_spanned!(first=> return #inferred;);
        Some(quote_spanned!(spans::generated()=> if false { #inferred }))
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
        let is_stream = self.function.stream().is_some();
        // With these spans, a return type that an operation cannot have is reported where the type
        // stands.
        let (first, last) = spans::ends(&self.function.output);
        let (key, once) = self.once().unzip();
        let Some(session) = &self.function.session else {
            let call_of = match self.attribute {
                Attribute::Guarded => self.runtime.guarded(),
                Attribute::DbOp | Attribute::Transactional => self.runtime.unscoped(),
            };
            let open = spans::respan(quote!(#call_of::<), first);
            let (output, close) = match is_stream {
                true => (
                    self.last_item(&output),
                    quote_spanned!(last=> >::stream(&#operation)),
                ),
                false => (
                    output.into_token_stream(),
                    quote_spanned!(last=> >::new(&#operation)),
                ),
            };
            return quote_spanned!(spans::generated()=> let mut #call = #open #output #close;);
        };
        if self.function.is_plain() {
            return self.new_plain_call(session);
        }
        let (path, database) = (self.runtime.call(), &session.database);
        let open = spans::respan(quote!(#path::<_,), first);
        let (db, scope, allow) = match self.is_choice() {
            true => (None, self.context_scope(session), None),
            false => self.scope(session),
        };
        let scope = match session.callers {
            Callers::Optional => {
                let (lent_or, name) = (self.runtime.lent_or(), &session.name);
                quote_spanned!(spans::generated()=> #lent_or(#name, #scope))
            }
            _ => scope,
        };
        let new = match self.attribute {
            _ if is_stream => quote_spanned!(last=> stream),
            Attribute::DbOp if self.takes_any() => quote_spanned!(last=> any_operation),
            Attribute::DbOp | Attribute::Guarded => quote_spanned!(last=> operation),
            Attribute::Transactional if self.takes_any() => quote_spanned!(last=> any_transaction),
            Attribute::Transactional => quote_spanned!(last=> transaction),
        };
        if let Some(chunked) = self.chunked() {
            let new_chunks = self.new_chunks(&chunked, session, &scope);
            return quote_spanned!(spans::generated()=> #key #db #allow #new_chunks #once;);
        }
        let close = quote_spanned!(last=> >::#new(&#operation, #scope));
        let output = match is_stream {
            true => self.last_item(&output),
            false => output.into_token_stream(),
        };
        quote_spanned!(spans::generated()=> #key #db #allow let mut #call = #open #database, #output #close #once;)
    }

    /// Returns what makes the scope, the scope that the call gets, and the lints that the call allows.
    pub(super) fn scope(
        &self,
        session: &Session,
    ) -> (Option<TokenStream>, TokenStream, Option<TokenStream>) {
        match &self.options.db {
            Some(db) => self.scope_of(&db.value),
            // A name `_tx` says that the body does not read the session; the expansion has to.
            None => (
                None,
                session.name.to_token_stream(),
                allow_used_underscore(&session.parameter),
            ),
        }
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
