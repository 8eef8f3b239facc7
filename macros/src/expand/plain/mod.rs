//! A plain function: an async one that runs it on the blocking pool, and beside that the function as
//! it was written.

mod travellers;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, GenericParam, Ident, Meta, Signature, parse_quote};

use travellers::Traveller;

use super::{Expansion, allow_if_underscored, lint_levels};
use crate::checks::Plan;
use crate::function::{Session, is_lint_level, types};
use crate::names::{self, mentions};

impl Expansion<'_> {
    /// Input: `fn f(conn: &mut C, id: i64, name: &str) -> R { block }`
    ///
    /// Output:
    /// ```text
    /// async fn f(conn: &BlockingDb<impl Manager<Connection = C>>, id: i64, name: &str) -> R {
    ///     static __DBOP_OP: Op = ..;
    ///     let mut __call = Blocking::<_, R>::new(&__DBOP_OP, conn);
    ///     let mut __kept_id = Arg::new(sent(id));
    ///     let mut __kept_name = Arg::new(own(name));
    ///     while let Some(__attempt) = __call.begin().await {
    ///         let __this_id = replay(&mut __kept_id, &__attempt);
    ///         let __this_name = replay(&mut __kept_name, &__attempt);
    ///         __attempt.run(move |__conn| f_sync(__conn, __this_id, lend_owned::<str>(&__this_name))).await;
    ///     }
    ///     __call.finish()
    /// }
    /// fn f_sync(conn: &mut C, id: i64, name: &str) -> R { block }
    /// ```
    pub(super) fn plain(&self, warnings: &TokenStream) -> TokenStream {
        let body = self.plain_call();
        let mut body = Group::new(Delimiter::Brace, quote!(#warnings #body));
        body.set_span(self.function.source.body.span());
        let (source, allows) = (&self.function.source, self.allows());
        if self.is_in_trait_impl() {
            let function = source.with(&self.plain_signature(), &body);
            return quote!(#allows #function);
        }
        let attributes: Vec<_> = source.attributes.iter().filter_map(of_callers).collect();
        let function = source.with_attributes(&attributes, &self.plain_signature(), &body);
        let twin = self.twin(&self.function.block);
        quote!(#allows #function #twin)
    }

    /// The same while there are mistakes.
    pub(super) fn plain_placeholder(&self) -> TokenStream {
        let fake = self.runtime.fake();
        let body = Group::new(Delimiter::Brace, quote!(#fake()));
        let source = &self.function.source;
        let attributes: Vec<_> = source.attributes.iter().filter_map(of_callers).collect();
        let function = source.with_attributes(&attributes, &self.plain_signature(), &body);
        let twin = (!self.is_in_trait_impl()).then(|| self.twin(&self.function.block));
        quote!(#[allow(unused_variables)] #function #twin)
    }

    fn is_in_trait_impl(&self) -> bool {
        self.options.in_trait_impl.is_some()
    }

    fn plain_signature(&self) -> Signature {
        let mut signature = self.signature();
        signature.asyncness = Some(syn::Token![async](names::generated_at(
            signature.fn_token.span,
        )));
        signature
    }

    /// The function as it was written, under another name.
    fn twin(&self, block: &Group) -> TokenStream {
        let source = &self.function.source;
        let mut signature = source.signature.clone();
        signature.ident = names::twin(&signature.ident);
        let function = source.with(&signature, block);
        // It may be there for this module only, or for nobody.
        quote!(#[allow(dead_code, unreachable_pub)] #function)
    }

    fn plain_call(&self) -> TokenStream {
        let operation =
            super::operation::item(self.attribute, self.function, self.options, self.runtime);
        let travellers = self.travellers();
        let (call, attempt) = (names::call(), names::attempt());
        let (some, new) = (self.runtime.some(), self.new_call());
        let repeat = match self.plan {
            Plan::Once => quote!(if),
            Plan::Replayed => quote!(while),
        };
        let kept = travellers.iter().map(|traveller| self.pack(traveller));
        let replayed = travellers.iter().map(|traveller| self.unpack(traveller));
        let run = self.run(&travellers);
        quote_spanned! {names::generated()=>
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
        let (first, last) = names::ends(&self.function.output);
        let open = names::respan(self.runtime.blocking(), first);
        let open = quote_spanned!(first=> #open::<_,);
        let Some(db) = &self.options.db else {
            let lint = quote!(clippy::used_underscore_binding);
            let allow = allow_if_underscored(&session.parameter.pat, &lint);
            let name = &session.name;
            let close = quote_spanned!(last=> >::new(&#operation, #name));
            return quote_spanned!(names::generated()=> #allow let mut #call = #open #output #close;);
        };
        let (handle, pool, expression) = (names::db(), self.runtime.blocking_db(), &db.value);
        let close = quote_spanned!(last=> >::new(&#operation, #handle));
        quote_spanned! {names::generated()=>
            let #handle: &#pool<_> = &(#expression);
            let mut #call = #open #output #close;
        }
    }

    /// Output: `__attempt.run(move |__conn| f_sync(..)).await;`, or what does the same without a
    /// connection.
    fn run(&self, travellers: &[Traveller]) -> TokenStream {
        let attempt = names::attempt();
        let on_thread = if self.is_in_trait_impl() {
            self.inlined(travellers)
        } else {
            self.call_of_twin(travellers)
        };
        let output = types::without_impl(&self.function.output);
        if self.function.session.is_some() {
            let conn = names::connection();
            return quote_spanned!(names::generated()=> #attempt.run(move |#conn| -> #output { #on_thread }).await;);
        }
        let (body, result, off_thread) =
            (names::body(), names::result(), self.runtime.off_thread());
        quote_spanned! {names::generated()=>
            let #body = #attempt.body();
            let #result = #body.run(#off_thread(move || -> #output { #on_thread })).await;
            #attempt.end(#result).await;
        }
    }

    /// Output: `f_sync(__conn, __this_id)`, or `Self::f_sync(..)`.
    fn call_of_twin(&self, travellers: &[Traveller]) -> TokenStream {
        let signature = &self.function.source.signature;
        let twin = names::twin(&signature.ident);
        let parameters = signature.generics.params.iter();
        let types: Vec<_> = parameters
            .filter_map(|parameter| match parameter {
                GenericParam::Type(parameter) => Some(&parameter.ident),
                GenericParam::Const(parameter) => Some(&parameter.ident),
                GenericParam::Lifetime(_) => None,
            })
            .collect();
        let types = (!types.is_empty()).then(|| quote!(::<#(#types),*>));
        let place = self.is_associated().then(|| quote!(Self::));
        let call = quote_spanned!(names::generated()=> #place #twin #types);
        let session = self.function.session.as_ref();
        let mut given: Vec<_> = travellers
            .iter()
            .map(|traveller| (traveller.index, &*traveller.cfgs, self.lent(traveller)))
            .collect();
        if let Some(session) = session {
            let conn = names::connection().to_token_stream();
            given.push((session.index, &[], conn));
            given.sort_by_key(|(index, ..)| *index);
        }
        call_with(&call, Vec::new(), &given)
    }

    /// Whether the twin is found through `Self`.
    fn is_associated(&self) -> bool {
        let source = &self.function.source;
        let this = Ident::new("Self", names::generated());
        let nested = ["impl", "trait", "struct", "enum"];
        let has_items = || {
            let keyword = |word| Ident::new(word, names::generated());
            let body = source.body.stream();
            nested
                .iter()
                .any(|word| mentions(body.clone(), &keyword(word)))
        };
        self.options.in_impl.is_some()
            || source.signature.receiver().is_some()
            || mentions(source.signature.to_token_stream(), &this)
            || (mentions(source.body.stream(), &this) && !has_items())
    }

    /// The body itself, where no twin can stand beside the function.
    fn inlined(&self, travellers: &[Traveller]) -> TokenStream {
        let session = self.function.session.as_ref().map(|session| {
            let conn = names::connection();
            self.session_binding(session, &conn.to_token_stream())
        });
        let bound = travellers.iter().map(|traveller| {
            let (cfgs, lent) = (&traveller.cfgs, self.lent(traveller));
            match &traveller.parameter {
                None => {
                    let this = names::this();
                    quote_spanned!(names::generated()=> let #this = #lent;)
                }
                Some(parameter) => {
                    let (pattern, levels) = (&parameter.pat, lint_levels(parameter));
                    quote_spanned!(names::generated()=> #(#cfgs)* #(#levels)* let #pattern = #lent;)
                }
            }
        });
        let block = without_self(self.function.block.stream());
        let mut block = Group::new(Delimiter::Brace, block);
        block.set_span(self.function.block.span());
        quote_spanned!(names::generated()=> #session #(#bound)* #block)
    }
}

/// The call with these arguments; twice where one exists only under a condition.
fn call_with(
    call: &TokenStream,
    mut given: Vec<TokenStream>,
    rest: &[(usize, &[Attribute], TokenStream)],
) -> TokenStream {
    let Some(((_, cfgs, argument), rest)) = rest.split_first() else {
        return quote_spanned!(names::generated()=> #call(#(#given),*));
    };
    let without = given.clone();
    given.push(argument.clone());
    let with = call_with(call, given, rest);
    if cfgs.is_empty() {
        return with;
    }
    let without = call_with(call, without, rest);
    let conditions = cfgs.iter().filter_map(|cfg| match &cfg.meta {
        Meta::List(list) => Some(&list.tokens),
        _ => None,
    });
    let conditions = quote!(all(#(#conditions),*));
    quote_spanned! {names::generated()=>
        #[cfg(#conditions)] { #with }
        #[cfg(not(#conditions))] { #without }
    }
}

/// The attribute as the async function has it. What else the user wrote is about the body, which is
/// in the other one.
fn of_callers(attribute: &Attribute) -> Option<Attribute> {
    const THEIRS: [&str; 4] = ["doc", "cfg", "cfg_attr", "deprecated"];
    let is = |name: &str| attribute.path().is_ident(name);
    if THEIRS.iter().any(|name| is(name)) {
        return Some(attribute.clone());
    }
    if !is_lint_level(attribute) {
        return None;
    }
    let mut level = attribute.clone();
    if let (true, Meta::List(list)) = (is("expect"), &mut level.meta) {
        // What is expected of the body does not happen here.
        list.path = parse_quote!(allow);
    }
    Some(level)
}

/// `self` under another name, since a closure that is to run elsewhere cannot hold the caller's.
/// Items in the body have a `self` of their own.
fn without_self(tokens: TokenStream) -> TokenStream {
    const ITEMS: [&str; 3] = ["fn", "impl", "trait"];
    let mut in_item = false;
    let renamed = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(ident) if ident == "self" && !in_item => {
            let mut this = names::this();
            this.set_span(names::generated_at(ident.span()));
            TokenTree::Ident(this)
        }
        TokenTree::Ident(ident) => {
            in_item |= ITEMS.iter().any(|item| ident == item);
            TokenTree::Ident(ident)
        }
        TokenTree::Group(group) if in_item => {
            in_item = group.delimiter() != Delimiter::Brace;
            TokenTree::Group(group)
        }
        TokenTree::Group(group) => {
            let mut inner = Group::new(group.delimiter(), without_self(group.stream()));
            inner.set_span(group.span());
            TokenTree::Group(inner)
        }
        TokenTree::Punct(punct) => {
            in_item &= punct.as_char() != ';';
            TokenTree::Punct(punct)
        }
        other => other,
    });
    renamed.collect()
}
