//! Turns a plain function into an async one that runs the body on the blocking pool, with the
//! function as it was written beside it.

mod inlined;
mod travellers;
mod twin;

pub(super) use twin::call_with;

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{
    Attribute, Expr, FnArg, Ident, Meta, PatType, Signature, Type, WherePredicate, parse_quote,
};

use travellers::Traveller;

use super::Expansion;
use super::arguments::allow_used_underscore;
use super::signature::renamed;
use crate::function::{Session, cfgs, is_lint_level, types};
use crate::names;
use crate::replay::BodyRuns;
use crate::spans;
use crate::tokens::mentions;

impl Expansion<'_> {
    /// Input: `fn f(conn: &mut C, id: i64, name: &str) -> R { block }`
    ///
    /// Output:
    /// ```text
    /// async fn f(conn: &BlockingDb<impl Manager<Connection = C>>, id: i64, name: &str) -> R
    /// where
    ///     C: SyncConnection,
    /// {
    ///     static __DBOP_OP: Op = ..;
    ///     let mut __call = Blocking::<_, R>::new(&__DBOP_OP, conn);
    ///     let mut __kept_id = Arg::new(sent(id));
    ///     let mut __kept_name = Arg::new(own(name));
    ///     while let Some(__attempt) = __call.begin().await {
    ///         let __this_id = replay(&mut __kept_id, &__attempt);
    ///         let __this_name = replay(&mut __kept_name, &__attempt);
    ///         __attempt.run(move |__conn| f_sync(__conn, __this_id, lend_owned(&__this_name))).await;
    ///     }
    ///     __call.finish()
    /// }
    /// fn f_sync(conn: &mut C, id: i64, name: &str) -> R { block }
    /// ```
    pub(super) fn plain(&self, warnings: &TokenStream) -> TokenStream {
        let (body, allows) = (self.plain_call(), self.allows());
        let functions = self.plain_functions(quote!(#warnings #body));
        quote!(#allows #functions)
    }

    /// Writes both functions while there are mistakes.
    pub(super) fn plain_placeholder(&self) -> TokenStream {
        let fake_return = self.runtime.fake_return();
        let body = if self.is_in_trait_impl() {
            let session = self.function.session.as_ref();
            let session =
                session.map(|session| self.session_binding(session, &quote!(#fake_return())));
            let arguments = self.function.arguments.iter().map(|argument| {
                let (pattern, name) = (&argument.parameter.pat, &argument.name);
                let cfgs = cfgs(&argument.parameter);
                quote!(#(#cfgs)* let #pattern = #name;)
            });
            let block = &self.function.block;
            quote!(#session #(#arguments)* #block)
        } else {
            quote!(#fake_return())
        };
        let functions = self.plain_functions(body);
        quote!(#[allow(unused_variables)] #functions)
    }

    /// Returns the async function with this body, and the function as it was written.
    fn plain_functions(&self, body: TokenStream) -> TokenStream {
        let (source, signature) = (&self.function.source, self.plain_signature());
        let mut body = Group::new(Delimiter::Brace, body);
        body.set_span(source.body.span());
        // The bound is trivial for a connection of a concrete type, which most are.
        let bound = self.connection_bound();
        let allow = bound.map(|_| quote!(#[allow(trivial_bounds)]));
        if self.is_in_trait_impl() {
            let function = source.with(&signature, &body);
            return quote!(#allow #function);
        }
        let mut attributes: Vec<_> = source.attributes.iter().filter_map(of_callers).collect();
        let prefers = self.options.prefer_async.as_ref();
        if prefers.is_some_and(|given| given.value.is_some()) {
            attributes.extend(self.deprecated());
        }
        let function = source.with_attributes(&attributes, &signature, &body);
        let twin = self.twin();
        // The async function calls the twin, which is as deprecated as the async function.
        let is_deprecated = |attribute: &Attribute| attribute.path().is_ident("deprecated");
        let deprecated = source.attributes.iter().any(is_deprecated) || prefers.is_some();
        let deprecated = deprecated.then(|| quote!(#[allow(deprecated)]));
        quote!(#allow #deprecated #function #twin)
    }

    /// Output: `#[deprecated(note = "call the async version, `f`")]`, for each function that runs the
    /// body as plain code where the option `prefer_async` says that there is something better.
    fn deprecated(&self) -> Option<Attribute> {
        let prefers = self.options.prefer_async.as_ref();
        let prefers = prefers.filter(|_| !self.is_placeholder)?;
        let note = match &prefers.value {
            Some(version) => {
                let version = version.to_token_stream().to_string().replace(' ', "");
                format!("call the async version, `{version}`")
            }
            None => {
                let name = self.function.source.signature.ident.unraw();
                format!("call `{name}(..).await`, which blocks no other task")
            }
        };
        Some(parse_quote!(#[deprecated(note = #note)]))
    }

    fn is_in_trait_impl(&self) -> bool {
        self.options.in_trait_impl.is_some()
    }

    fn plain_signature(&self) -> Signature {
        let mut signature = self.signature();
        if let Some(FnArg::Receiver(receiver)) = signature.inputs.first_mut() {
            receiver.mutability = None;
        }
        if let Some(bound) = self.connection_bound() {
            let clause = signature.generics.make_where_clause();
            clause.predicates.push(bound);
        }
        signature.asyncness = Some(syn::Token![async](spans::generated_at(
            signature.fn_token.span,
        )));
        signature
    }

    /// Input: `conn: &mut C`. Output: `conn: &BlockingDb<impl Manager<Connection = C>>`. While
    /// there are mistakes, any connection is accepted, because the type `C` may be one of the
    /// mistakes.
    pub(super) fn db_parameter(&self, session: &Session) -> PatType {
        let (first, last) = spans::ends(&session.parameter.ty);
        let (db, manager) = (self.runtime.blocking_db(), self.runtime.manager());
        let connection = &session.database;
        let connection = (!self.is_placeholder).then(|| quote!(<Connection = #connection>));
        let open = spans::respan(quote!(&#db<impl #manager), first);
        let close = quote_spanned!(last=> >);
        let mut parameter = renamed(&session.parameter, &session.name);
        parameter.ty = Box::new(Type::Verbatim(quote!(#open #connection #close)));
        parameter
    }

    /// Output: `C: SyncConnection`. `impl Manager<Connection = C>` requires the same, but rustc
    /// accepts a function with a manager that cannot exist and reports the mistake only to callers.
    fn connection_bound(&self) -> Option<WherePredicate> {
        let session = self.function.session.as_ref()?;
        if self.is_placeholder || self.options.db.is_some() {
            return None;
        }
        let (connection, _) = types::reference(&session.parameter.ty)?;
        let named = types::with_lifetimes(connection, "'static", true);
        // `&mut impl Trait` cannot be named again, and the `C` of `fn f<C>` is whatever type
        // callers have.
        let is_impl = mentions(
            named.to_token_stream(),
            &Ident::new("impl", spans::generated()),
        );
        let generics = &self.function.source.signature.generics;
        let is_parameter = types::last_segment(&named)
            .is_some_and(|last| generics.type_params().any(|own| own.ident == last.ident));
        let (first, last) = spans::ends(&session.parameter.ty);
        let sync_connection = spans::between(self.runtime.sync_connection(), first, last);
        (!is_impl && !is_parameter).then(|| parse_quote!(#named: #sync_connection))
    }

    fn plain_call(&self) -> TokenStream {
        let operation =
            super::operation::item(self.attribute, self.function, self.options, self.runtime);
        let travellers = self.travellers();
        let (call, attempt) = (names::call(), names::attempt());
        let (some, new) = (self.runtime.some(), self.new_call());
        let repeat = match self.body_runs {
            BodyRuns::AtMostOnce => quote!(if),
            BodyRuns::OncePerAttempt => quote!(while),
        };
        let kept = travellers.iter().map(|traveller| self.pack(traveller));
        let replayed = travellers.iter().map(|traveller| self.unpack(traveller));
        let run = self.run(&travellers);
        quote_spanned! {spans::generated()=>
            #operation
            #new
            #(#kept)*
            #repeat let #some(#attempt) = #call.begin().await {
                #(#replayed)*
                #run
            }
            #call.finish()
        }
    }

    /// Output: `let mut __call = Blocking::<_, R>::new(&__DBOP_OP, conn);`
    pub(super) fn new_plain_call(&self, session: &Session) -> TokenStream {
        let (call, operation) = (names::call(), names::operation());
        let output = types::without_impl(&self.function.output);
        let (first, last) = spans::ends(&self.function.output);
        let open = spans::respan(self.runtime.blocking(), first);
        let open = quote_spanned!(first=> #open::<_,);
        let Some(db) = &self.options.db else {
            let allow = allow_used_underscore(&session.parameter);
            let name = &session.name;
            let close = quote_spanned!(last=> >::new(&#operation, #name));
            return quote_spanned!(spans::generated()=> #allow let mut #call = #open #output #close;);
        };
        // `handle` clones: `db = self.db` would otherwise borrow from the `self` that is sent away.
        let (handle, db) = (names::db(), self.handle(session, &db.value));
        let close = quote_spanned!(last=> >::new(&#operation, &#handle));
        quote_spanned! {spans::generated()=>
            let #handle = #db;
            let mut #call = #open #output #close;
        }
    }

    /// Output: `handle::<C, _>(&(self.db))`. Everything that does not fit is reported at the
    /// expression.
    fn handle(&self, session: &Session, db: &Expr) -> TokenStream {
        let (first, last) = spans::ends(db);
        let handle = spans::respan(self.runtime.handle(), first);
        let connection = types::reference(&session.parameter.ty)
            .map(|(connection, _)| types::without_impl(connection));
        quote_spanned!(last=> #handle::<#connection, _>(&(#db)))
    }

    /// Output: `__attempt.run(move |__conn| f_sync(..)).await;`, or the same effect for a function
    /// without a connection.
    fn run(&self, travellers: &[Traveller<'_>]) -> TokenStream {
        let attempt = names::attempt();
        let session = self.function.session.as_ref();
        let conn = session.map(|_| names::connection());
        let on_thread = if self.is_in_trait_impl() {
            let output = types::without_impl(&self.function.output);
            let block = self.inlined(travellers);
            quote_spanned!(spans::generated()=> move |#conn| -> #output { #block })
        } else {
            let call = self.call_of_twin(travellers);
            quote_spanned!(spans::generated()=> move |#conn| { #call })
        };
        if conn.is_some() {
            return quote_spanned!(spans::generated()=> #attempt.run(#on_thread).await;);
        }
        let (body, result, off_thread) =
            (names::body(), names::result(), self.runtime.off_thread());
        quote_spanned! {spans::generated()=>
            let #body = #attempt.body();
            let #result = #body.run(#off_thread(#on_thread)).await;
            #attempt.end(#result).await;
        }
    }
}

/// Returns the attribute for the async function; `None` for attributes about the body, which is in
/// the twin.
fn of_callers(attribute: &Attribute) -> Option<Attribute> {
    const THEIRS: [&str; 5] = ["doc", "cfg", "cfg_attr", "deprecated", "must_use"];
    let is = |name: &str| attribute.path().is_ident(name);
    if THEIRS.iter().any(|name| is(name)) {
        return Some(attribute.clone());
    }
    if !is_lint_level(attribute) {
        return None;
    }
    let mut level = attribute.clone();
    if let (true, Meta::List(list)) = (is("expect"), &mut level.meta) {
        // A lint that is expected in the body does not occur in the async function.
        list.path = parse_quote!(allow);
    }
    Some(level)
}

#[cfg(test)]
mod tests;
