//! The option `on`: the loop around the body, once for each database.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Pat, Receiver, ReceiverKind, ReturnType, Signature, parse_quote_spanned};

use super::Expansion;
use super::arguments::allow_used_underscore;
use super::operation;
use super::without_self::without_self;
use crate::database::Database;
use crate::function::{Argument, Session, is_lint_level};
use crate::tokens::has_ident;
use crate::{names, spans};

impl Expansion<'_> {
    /// Returns the databases of the option `on`.
    pub(super) fn databases(&self) -> Option<Vec<Database>> {
        self.options.on.as_ref().map(|on| on.value.clone())
    }

    /// Returns whether the type of what callers pass leaves the database open.
    pub(super) fn takes_any(&self) -> bool {
        self.databases()
            .is_some_and(|databases| databases.len() > 1)
    }

    /// Returns whether the body is compiled for two databases.
    pub(super) fn is_chosen(&self) -> bool {
        let databases = self.databases().unwrap_or_default();
        !self.is_placeholder && databases.iter().filter(|it| it.is_enabled()).count() > 1
    }

    /// Returns whether the function returns the chosen future as it is. An `async fn` around that future
    /// would be one more level of types and one more state for each joined call.
    ///
    /// With the option `db`, the function is async, because its future keeps what that expression
    /// makes. It is also async with an attribute such as `#[tracing::instrument]` or `#[must_use]`,
    /// which means something else for a function that is not async.
    pub(super) fn returns_chosen(&self) -> bool {
        let mut attributes = self.function.source.attributes.iter();
        self.is_chosen()
            && self.options.db.is_none()
            && !self.function.form.is_returned()
            && attributes.all(means_the_same_without_async)
    }

    /// Input: `async fn f() -> R`. Output: `fn f() -> impl Future<Output = R>`
    pub(super) fn return_chosen(&self, signature: &mut Signature) {
        signature.asyncness = None;
        let output = match &signature.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, output) => output.to_token_stream(),
        };
        let future = self.runtime.future();
        signature.output =
            parse_quote_spanned!(spans::generated()=> -> impl #future<Output = #output>);
    }

    /// Returns whether the loop around the body stands in a choice between databases, or between the
    /// function and its plain twin. Then the choice takes the scope and the arguments by their names,
    /// and the loop binds the arguments to the user's patterns.
    pub(super) fn is_choice(&self) -> bool {
        let chooses = self.options.on.is_some() || self.options.plain.is_some();
        !self.is_placeholder && chooses
    }

    /// Output, with the loop of [`Expansion::call`] in each block:
    /// ```text
    /// static __DBOP_OP: Op = ..;
    /// choose(&tx).run(
    ///     (tx, a, b),
    ///     |(tx, a, b)| { type DB = Sqlite; async move { .. } },
    ///     |(tx, a, b)| { type DB = Postgres; async move { .. } },
    /// )
    /// ```
    ///
    /// Only one of the two closures can take the arguments, so the arguments come as a value. The
    /// tokens of the body have the same spans in both. rustc then reports a mistake once, unless its
    /// text names the database.
    pub(super) fn call_for_each(&self, databases: &[Database]) -> TokenStream {
        let operation = operation::item(self.attribute, self.function, self.options, self.runtime);
        let Some(session) = &self.function.session else {
            return operation;
        };
        let (binding, scope, allow) = self.scope(session);
        let name = self.context_scope(session);
        let scoped = self
            .options
            .db
            .as_ref()
            .map(|_| quote_spanned!(spans::generated()=> #binding let #name = #scope;));
        let body = self.loops();
        let mut built = databases.iter().filter(|database| database.is_enabled());
        let calling = match built.next() {
            Some(only) if !self.is_chosen() => {
                let item = only.item(&session.database, self.runtime);
                quote_spanned!(spans::generated()=> #item #body)
            }
            _ => self.choice(session, &name, body, allow),
        };
        quote_spanned!(spans::generated()=> #operation #scoped #calling)
    }

    fn choice(
        &self,
        session: &Session,
        scope: &TokenStream,
        body: TokenStream,
        allow: Option<TokenStream>,
    ) -> TokenStream {
        let body = match self.moved_receiver() {
            Some(_) => without_self(body),
            None => body,
        };
        let item = |(_, database): (_, Database)| database.item(&session.database, self.runtime);
        let items = Database::ALL.map(item);
        let mut arguments = self.function.arguments.iter();
        let allow = allow.or_else(|| arguments.find_map(|it| allow_used_underscore(&it.parameter)));
        let choose = match self.chunked() {
            Some(_) => self.runtime.choose_chunked(),
            None => self.runtime.choose(),
        };
        let run = self.run_chosen();
        let (given, taken) = self.context(scope);
        let waiting = (!self.returns_chosen()).then(|| quote_spanned!(spans::generated()=> .await));
        let calling = quote_spanned! {spans::generated()=>
            #choose(&#scope).#run(#given, #(|#taken| { #items async move { #body } }),*) #waiting
        };
        match allow {
            None => calling,
            Some(allow) => {
                let result = names::result();
                quote_spanned!(spans::generated()=> #allow let #result = #calling; #result)
            }
        }
    }

    /// Output: the item for the first database, so that an editor knows the types of a body that has
    /// mistakes. Nothing without the option `on`.
    pub(super) fn first_database(&self) -> Option<TokenStream> {
        let databases = self.databases()?;
        let session = self.function.session.as_ref()?;
        // A database with another name is a mistake, and may be a path.
        syn::parse2::<Ident>(session.database.clone()).ok()?;
        let first = databases.into_iter().find(|it| it.is_enabled())?;
        Some(first.item(&session.database, self.runtime))
    }

    /// Returns the name of the scope inside of a choice.
    pub(super) fn context_scope(&self, session: &Session) -> TokenStream {
        match self.options.db.is_some() || self.options.plain.is_some() {
            true => names::unnamed_session().into_token_stream(),
            false => session.name.to_token_stream(),
        }
    }

    /// Returns the method that runs the closures.
    fn run_chosen(&self) -> TokenStream {
        let output = self.function.source.signature.output.to_token_stream();
        let sends = self.function.form.is_returned()
            && ["Send", "BoxFuture"]
                .iter()
                .any(|it| has_ident(output.clone(), it));
        match sends {
            true => quote_spanned!(spans::generated()=> run_send),
            false => quote_spanned!(spans::generated()=> run),
        }
    }

    /// Returns the value that a closure gets, and the pattern by which the closure takes it apart.
    fn context(&self, scope: &TokenStream) -> (TokenStream, TokenStream) {
        let receiver = self.moved_receiver().map(|receiver| {
            let (mutability, this) = (receiver.mutability, names::this());
            (quote!(self), quote!(#mutability #this))
        });
        let arguments = self.function.arguments.iter().map(|argument| {
            let name = argument.name.to_token_stream();
            (name.clone(), name)
        });
        let (given, taken): (Vec<_>, Vec<_>) = receiver.into_iter().chain(arguments).unzip();
        (
            quote_spanned!(spans::generated()=> (#scope, #(#given,)*)),
            quote_spanned!(spans::generated()=> (#scope, #(#taken,)*)),
        )
    }

    /// Returns the receiver if only one closure can have it. A shared reference is copied.
    fn moved_receiver(&self) -> Option<&Receiver> {
        let receiver = self.function.source.signature.receiver()?;
        let is_shared = matches!(&receiver.kind, ReceiverKind::Reference(_, _, None));
        (!is_shared).then_some(receiver)
    }

    /// Output: `let mut v = v;`, if the user's pattern is more than a name. Nothing without a choice.
    pub(super) fn binding_in_loop(&self, argument: &Argument) -> Option<TokenStream> {
        let is_name = matches!(&*argument.parameter.pat, Pat::Ident(pattern)
            if pattern.mutability.is_none() && pattern.by_ref.is_none() && pattern.subpat.is_none());
        let binds = self.is_choice() && !is_name;
        binds.then(|| self.binding(argument, &argument.name))
    }
}

/// Returns whether an attribute below does not care whether the function is async.
fn means_the_same_without_async(attribute: &Attribute) -> bool {
    is_lint_level(attribute)
        || ["doc", "cfg", "inline", "cold", "deprecated"]
            .iter()
            .any(|name| attribute.path().is_ident(name))
}
