//! Step four: the annotated function becomes a loop around its own body.

mod lend_self;
mod once;
mod operation;
mod place;
mod plain;

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::{Expr, FnArg, Ident, Pat, PatIdent, PatType, ReceiverKind, Signature, Type, parse_quote};

use self::lend_self::{Receiver, lend_self};
use crate::function::{Argument, Function, Session, cfgs, is_lint_level, types};
use crate::names::{self, Runtime};
use crate::options::{Attribute, Options};
use crate::replay::BodyRuns;
use crate::spans;
use crate::tokens::mentions;

/// Everything the parts of the expansion look at.
struct Expansion<'a> {
    attribute: Attribute,
    function: &'a Function,
    options: &'a Options,
    runtime: &'a Runtime,
    body_runs: BodyRuns,
    /// There are mistakes, and this takes the function's place.
    is_placeholder: bool,
}

/// The function while there are mistakes: callers see it as it is meant, and an editor sees the
/// user's body with all its types.
pub(crate) fn placeholder(
    function: &Function,
    options: &Options,
    runtime: &Runtime,
    warnings: &TokenStream,
) -> TokenStream {
    if function.elided_bound().is_some() {
        return function.source.original();
    }
    let expansion = Expansion {
        // It makes no difference here.
        attribute: Attribute::DbOp,
        function,
        options,
        runtime,
        // Parameters stay as they are.
        body_runs: BodyRuns::AtMostOnce,
        is_placeholder: true,
    };
    if function.is_plain() {
        return expansion.plain_placeholder();
    }
    let session = function.session.as_ref().map(|session| {
        let fake = runtime.fake();
        expansion.session_binding(session, &quote!(#fake()))
    });
    let block = &function.block;
    let body = function.form.body(quote!(#session #block));
    let body = Group::new(Delimiter::Brace, quote!(#warnings #body));
    let function = function.source.with(&expansion.signature(), &body);
    // What is unused for now says nothing about the finished function.
    quote!(#[allow(unused_variables)] #function)
}

/// The whole function, rewritten.
pub(crate) fn expand(
    attribute: Attribute,
    function: &Function,
    options: &Options,
    runtime: &Runtime,
    warnings: &TokenStream,
) -> TokenStream {
    let body_runs = BodyRuns::of(options, function.session.is_some());
    let expansion = Expansion {
        attribute,
        function,
        options,
        runtime,
        body_runs,
        is_placeholder: false,
    };
    if function.is_plain() {
        return expansion.plain(warnings);
    }
    let body = function.form.body(expansion.call());
    let mut body = Group::new(Delimiter::Brace, quote!(#warnings #body));
    // With braces of its own the function would count as another crate's macro code, whose dead
    // functions nobody hears of.
    body.set_span(function.source.body.span());
    let allows = expansion.allows();
    let function = function.source.with(&expansion.signature(), &body);
    quote!(#allows #function)
}

impl Expansion<'_> {
    /// Lints that the rewritten signature would raise and the written one does not.
    fn allows(&self) -> TokenStream {
        // `fn f<'a>(tx: &'a mut Tx<'_, DB>, name: &'a str)`: with the session gone, `'a` names one
        // borrow and looks superfluous.
        if self.function.keeps_session_lifetimes() {
            quote!(#[allow(clippy::needless_lifetimes)])
        } else {
            TokenStream::new()
        }
    }

    /// Input: `fn f<'t>(&self, tx: &'t mut Tx<'_, DB>, mut v: V, (a, b): (A, B)) -> R`
    ///
    /// Output: `fn f(&self, tx: impl Scope<DB>, v: V, __3: (A, B)) -> R`
    fn signature(&self) -> Signature {
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
            // The user's pattern moves into the body, where each attempt binds it anew.
            Some(argument) => Some(FnArg::Typed(renamed(&argument.parameter, &argument.name))),
            None => Some(input),
        }
    }

    /// Input: `tx: &mut Tx<'_, DB>`. Output: `tx: impl Scope<DB>`, which reports where the user's
    /// type stands.
    fn scope_parameter(&self, session: &Session) -> FnArg {
        let (scope, database) = (self.runtime.scope(), &session.database);
        let (first, last) = spans::ends(&session.parameter.ty);
        if self.function.is_plain() {
            return FnArg::Typed(self.db_parameter(session));
        }
        let scope = spans::respan(quote!(impl #scope <), first);
        let close = quote_spanned!(last=> >);
        // A future with a lifetime bound must not hold a scope that may be shorter-lived.
        let bound = self.function.form.bound().map(|bound| quote!(+ #bound));
        let mut parameter = renamed(&session.parameter, &session.name);
        parameter.ty = Box::new(Type::Verbatim(quote!(#scope #database #close #bound)));
        FnArg::Typed(parameter)
    }

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
    fn call(&self) -> TokenStream {
        let (call, attempt, body, result) = (
            names::call(),
            names::attempt(),
            names::body(),
            names::result(),
        );
        let some = self.runtime.some();
        let operation = operation::item(self.attribute, self.function, self.options, self.runtime);
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
        // A block that runs once owns the arguments, as the function did: a borrowed `T` asks for
        // `T: Sync` where a future is to be `Send`. What `db` borrows from cannot be moved.
        let owned = (self.body_runs == BodyRuns::AtMostOnce && self.options.db.is_none())
            .then(|| quote!(move));
        let block = self.attempt();
        quote_spanned! {spans::generated()=>
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
    /// if false { return fake::<R>(); }
    /// match () { () => { .. } }
    /// ```
    ///
    /// The `return` tells the compiler the type of the async block before it sees the first `?`; as
    /// `fake` is a function like any other, nothing counts as unreachable. The `match` drops
    /// temporaries of the block's last expression before the arguments, as a function does: before
    /// edition 2024 a plain block would keep them longer than `v`.
    fn attempt(&self) -> TokenStream {
        let lent = self.function.session.as_ref().map(|session| {
            let (lend, source) = (self.runtime.lend(), names::session());
            self.session_binding(session, &quote!(#lend(&mut #source)))
        });
        let bound = self.replayed().map(|argument| {
            let (pattern, value, cfgs) = (
                &argument.parameter.pat,
                names::replayed(&argument.label()),
                cfgs(&argument.parameter),
            );
            // A parameter `_x` is there for its type or its drop; as a binding it looks as if it
            // did nothing.
            let allow =
                allow_if_underscored(pattern, &quote!(clippy::no_effect_underscore_binding));
            let unused = self.allow_unused(argument);
            let levels = lint_levels(&argument.parameter);
            quote_spanned!(spans::generated()=> #(#cfgs)* #allow #unused #(#levels)* let #pattern = #value;)
        });
        let block = self.block();
        // "return type inferred to be .. here" then points at the user's return type.
        let (first, last) = spans::ends(&self.function.output);
        let (fake, output) = (
            spans::respan(self.runtime.fake(), last),
            types::without_impl(&self.function.output),
        );
        let inferred = quote_spanned!(last=> #fake::<#output>());
        let inferred = quote_spanned!(first=> return #inferred;);
        quote_spanned! {spans::generated()=>
            #lent
            #(#bound)*
            if false { #inferred }
            match () { () => #block }
        }
    }

    /// The user's own pattern and type.
    fn session_binding(&self, session: &Session, value: &TokenStream) -> TokenStream {
        let (pattern, cfgs) = (&session.parameter.pat, cfgs(&session.parameter));
        let levels = lint_levels(&session.parameter);
        let ty = types::with_lifetimes(&session.parameter.ty, "'_", true);
        quote_spanned!(spans::generated()=> #(#cfgs)* #(#levels)* let #pattern: #ty = #value;)
    }

    /// The user's block, which gives `&mut self` back when another attempt may need it.
    fn block(&self) -> Group {
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

    fn new_call(&self) -> TokenStream {
        let (call, operation) = (names::call(), names::operation());
        let output = types::without_impl(&self.function.output);
        // A return type that no operation can have is reported where it stands.
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
            // The user named it `_tx` because the body does not read it; the expansion has to.
            None => (
                None,
                session.name.to_token_stream(),
                allow_if_underscored(
                    &session.parameter.pat,
                    &quote!(clippy::used_underscore_binding),
                ),
            ),
        };
        let close = match self.attribute {
            Attribute::DbOp => quote_spanned!(last=> >::operation(&#operation, #scope)),
            Attribute::Transactional => quote_spanned!(last=> >::transaction(&#operation, #scope)),
        };
        quote_spanned!(spans::generated()=> #key #db #allow let mut #call = #open #database, #output #close #once;)
    }

    /// An argument that `db = argument` reads is in use, even when the body does not read it; so is
    /// one by which a `once` call is known.
    fn allow_unused(&self, argument: &Argument) -> Option<syn::Attribute> {
        let db = self.options.db.as_ref();
        let is_db = db.is_some_and(|db| mentions(db.value.to_token_stream(), &argument.name));
        let is_known_by = self.options.once.is_some();
        (is_db || is_known_by).then(|| parse_quote!(#[allow(unused_variables)]))
    }

    /// Input: `db = self.db`. Output: `let __db = &(self.db);` and what the call gets. The
    /// reference keeps a temporary, as in `db = self.db.clone()`, for the whole call; the method
    /// call finds the handle behind any number of references.
    fn scope_of(
        &self,
        expression: &Expr,
    ) -> (Option<TokenStream>, TokenStream, Option<TokenStream>) {
        let (db, as_scope) = (names::db(), self.runtime.as_scope());
        let binding = quote_spanned!(spans::generated()=> let #db = &(#expression););
        // What holds no session is reported where it is named: a call reaches from its path to its
        // parentheses.
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

    fn session_from(method: &str) -> TokenStream {
        let (session, attempt, method) = (
            names::session(),
            names::attempt(),
            Ident::new(method, spans::generated()),
        );
        quote_spanned!(spans::generated()=> let mut #session = #attempt.#method();)
    }

    /// The arguments that each attempt gets anew.
    fn replayed(&self) -> impl Iterator<Item = &Argument> {
        let arguments = self.function.arguments.iter();
        arguments.filter(|argument| self.is_replayed(argument))
    }

    /// In `fn f(v: V) -> BoxFuture<'_, R> { let n = v.len(); Box::pin(async move { .. }) }`, code
    /// outside of the attempts reads `v`. If that is all, `v` stays as it was written.
    ///
    /// A shared reference can be read by each attempt as it is.
    fn is_replayed(&self, argument: &Argument) -> bool {
        if self.body_runs == BodyRuns::AtMostOnce || argument.is_unchanging_reference() {
            return false;
        }
        // Usually there is none; the block is long, and is not searched for nothing.
        let around = self.function.form.body(TokenStream::new());
        let mut bindings = argument.bindings().into_iter();
        let read_around = bindings.any(|binding| mentions(around.clone(), &binding));
        !read_around
            || argument.is_named() && mentions(self.function.block.stream(), &argument.name)
    }

    fn keep(&self, argument: &Argument) -> TokenStream {
        if argument.is_mutable_reference() {
            return TokenStream::new();
        }
        let (arg, kept, name, cfgs) = (
            self.runtime.arg(),
            names::kept(&argument.label()),
            &argument.name,
            cfgs(&argument.parameter),
        );
        let allow = allow_used_underscore(argument);
        quote_spanned!(spans::generated()=> #(#cfgs)* #allow let mut #kept = #arg::new(#name);)
    }

    /// A type that cannot be replayed is reported where it stands: the argument of the call spans
    /// the whole type.
    ///
    /// Where a lint allowed a `&mut` argument, every attempt borrows the same one.
    fn replay(&self, argument: &Argument) -> TokenStream {
        if argument.is_mutable_reference() {
            let (value, name, cfgs) = (
                names::replayed(&argument.label()),
                &argument.name,
                cfgs(&argument.parameter),
            );
            let allow = allow_used_underscore(argument);
            return quote_spanned!(spans::generated()=> #(#cfgs)* #allow let #value = &mut *#name;);
        }
        let cfgs: Vec<_> = cfgs(&argument.parameter).cloned().collect();
        self.replay_of(&argument.label(), &argument.parameter.ty, &cfgs)
    }

    fn replay_of(&self, label: &str, place: impl ToTokens, cfgs: &[syn::Attribute]) -> TokenStream {
        let (first, last) = spans::ends(place);
        let (replay, attempt, value) = (
            self.runtime.replay(),
            names::attempt(),
            names::replayed(label),
        );
        let mut kept = names::kept(label);
        kept.set_span(last);
        let kept = quote_spanned!(first=> &mut #kept);
        quote_spanned!(spans::generated()=> #(#cfgs)* let #value = #replay(#kept, &#attempt);)
    }
}

/// The attributes that go with the user's pattern from the signature into the body.
fn lint_levels(parameter: &PatType) -> impl Iterator<Item = &syn::Attribute> {
    parameter
        .attrs
        .iter()
        .filter(|attribute| is_lint_level(attribute))
}

/// The parameter under another pattern: one plain name.
fn renamed(parameter: &PatType, name: &Ident) -> PatType {
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

/// As for the session: named `_x` because the body does not read it.
fn allow_used_underscore(argument: &Argument) -> Option<TokenStream> {
    let lint = quote!(clippy::used_underscore_binding);
    allow_if_underscored(&argument.parameter.pat, &lint)
}

/// `#[allow(..)]` for a lint about names that start with an underscore.
fn allow_if_underscored(pattern: &Pat, lint: &TokenStream) -> Option<TokenStream> {
    match pattern {
        Pat::Ident(pattern) if pattern.ident.to_string().starts_with('_') => {
            Some(quote!(#[allow(#lint)]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
