//! The attributes that set the level of lints, `#[dbop::allow(foreign_await, reason = "..")]`,
//! `warn`, `deny` and `expect`, and the names of lints in them and in the option `allow(..)`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Ident, LitStr, Meta, Token};

use crate::errors::Errors;
use crate::suggest;

/// The names of all lints, in the order of the documentation.
pub(crate) const NAMES: [&str; 12] = [
    "foreign_await",
    "blocking_call",
    "detached_task",
    "swallowed_error",
    "unreplayable_argument",
    "write_in_read_only",
    "unfiltered_write",
    "query_in_loop",
    "retry_without_idempotence",
    "manual_transaction",
    "session_state",
    "no_session",
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Level {
    Allow,
    Warn,
    Deny,
    /// Allows, and warns if there was nothing to allow.
    Expect,
}

impl Level {
    const ALL: [Level; 4] = [Level::Allow, Level::Warn, Level::Deny, Level::Expect];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Level::Allow => "allow",
            Level::Warn => "warn",
            Level::Deny => "deny",
            Level::Expect => "expect",
        }
    }

    /// Reads the level in `#[dbop::allow(..)]`. A single word, as in `#[allow(..)]`, is rustc's
    /// attribute. The crate may have been renamed, so any other path counts if its arguments name
    /// lints of dbop.
    pub(crate) fn of(meta: &Meta) -> Option<Level> {
        let mut words = meta.path().segments.iter().map(|segment| &segment.ident);
        let (first, last) = (words.next()?, words.last()?);
        let names_lint = || match meta {
            Meta::List(list) => {
                let words = list.tokens.clone().into_iter();
                let mut words = words.filter_map(|word| match word {
                    TokenTree::Ident(word) if word != "reason" => Some(word),
                    _ => None,
                });
                words.next().is_some_and(|word| is_lint(&word)) && words.all(|word| is_lint(&word))
            }
            _ => false,
        };
        let level = Level::ALL.into_iter().find(|level| last == level.name());
        level.filter(|_| first == "dbop" || names_lint())
    }
}

fn is_lint(word: &Ident) -> bool {
    NAMES.iter().any(|name| word == name)
}

pub(crate) fn is_level(attribute: &Attribute) -> bool {
    Level::of(&attribute.meta).is_some()
}

/// A lint, with the place where the user named the lint.
#[derive(Clone)]
pub(crate) struct NamedLint {
    pub(crate) lint: &'static str,
    pub(crate) span: Span,
}

/// Input: `foreign_await, query_in_loop, reason = "..."`
pub(crate) fn read_names(
    input: ParseStream<'_>,
    example: &str,
    errors: &mut Errors,
) -> syn::Result<Vec<NamedLint>> {
    let mut names = Vec::new();
    while !input.is_empty() {
        let word = input.call(Ident::parse_any).map_err(|error| {
            syn::Error::new(
                error.span(),
                format!("expected the name of a lint; write `{example}`"),
            )
        })?;
        if word == "reason" {
            read_reason(&word, input, example)?;
        } else {
            names.extend(errors.take(read_lint_name(&word)));
        }
        if !input.is_empty() {
            input.parse::<Token![,]>().map_err(|error| {
                syn::Error::new(error.span(), "expected `,` before the next lint")
            })?;
        }
    }
    Ok(names)
}

fn read_lint_name(word: &Ident) -> syn::Result<NamedLint> {
    let written = word.unraw().to_string();
    let known = NAMES.into_iter().find(|name| *name == written);
    known
        .map(|lint| NamedLint {
            lint,
            span: word.span(),
        })
        .ok_or_else(|| {
            syn::Error::new(
                word.span(),
                suggest::unknown(&written, "a lint of dbop", &NAMES),
            )
        })
}

/// Input: `= ".."`. The text itself is for readers of the code.
fn read_reason(word: &Ident, input: ParseStream<'_>, example: &str) -> syn::Result<()> {
    let reason = input
        .parse::<Token![=]>()
        .and_then(|_| input.parse::<LitStr>());
    match reason {
        Ok(text) if text.value().trim().is_empty() => Err(syn::Error::new(
            text.span(),
            "an empty reason helps nobody: say why this is right here, or leave `reason` out",
        )),
        Ok(_) if !input.is_empty() && !input.peek(Token![,]) => {
            Err(input.error("expected nothing after the reason"))
        }
        Ok(_) => Ok(()),
        Err(_) => Err(syn::Error::new(
            word.span(),
            format!("`reason` needs a text in quotes; write `{example}`"),
        )),
    }
}

pub(crate) fn read_attribute(
    level: Level,
    attribute: &Attribute,
    errors: &mut Errors,
) -> syn::Result<Vec<NamedLint>> {
    let example = format!("#[dbop::{}(foreign_await, reason = \"..\")]", level.name());
    let names = match &attribute.meta {
        Meta::List(list) => {
            let parser = |input: ParseStream<'_>| read_names(input, &example, errors);
            parser.parse2(list.tokens.clone())?
        }
        _ => Vec::new(),
    };
    if names.is_empty() && errors.is_empty() {
        return Err(syn::Error::new_spanned(
            attribute.path(),
            format!("this names no lint; write `{example}`"),
        ));
    }
    Ok(names)
}

/// Marks the path of an attribute that stood above the attribute of the operation.
const MOVED: &str = "__above";

/// Input: `#[dbop::allow(..)] #[transactional] fn ..`, where the compiler expands the first
/// attribute first.
///
/// Output: `#[transactional] #[dbop::__above::allow(..)] fn ..`, where the second attribute finds
/// the first.
pub(crate) fn move_below(level: Level, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let split = |input: ParseStream<'_>| {
        Ok((
            Attribute::parse_outer(input)?,
            input.parse::<TokenStream>()?,
        ))
    };
    let Ok((attributes, rest)) = split.parse2(item.clone()) else {
        return item;
    };
    let is_operation = |attribute: &Attribute| {
        let last = attribute.path().segments.last();
        last.is_some_and(|last| last.ident == "db_op" || last.ident == "transactional")
    };
    let Some(at) = attributes.iter().position(is_operation) else {
        let is_impl = rest
            .clone()
            .into_iter()
            .any(|word| matches!(&word, TokenTree::Ident(word) if word == "impl"));
        let why = if is_impl {
            "write it on each operation of this `impl`"
        } else {
            "there is no `#[db_op]` or `#[transactional]` under it; add one, or remove this"
        };
        let message = format!(
            "`#[dbop::{}(..)]` is about the lints of one database operation: {why}",
            level.name()
        );
        let error = syn::Error::new(Span::call_site(), message).into_compile_error();
        return [error, item].into_iter().collect();
    };
    let level = Ident::new(level.name(), Span::call_site());
    // The attribute goes behind those that were moved before: if two contradict each other, the
    // lower one holds.
    let is_moved = |attribute: &&Attribute| {
        let mut segments = attribute.path().segments.iter();
        segments.any(|segment| segment.ident == MOVED)
    };
    let moved = attributes[at + 1..].iter().take_while(is_moved).count();
    let (above, below) = attributes.split_at(at + 1 + moved);
    let mark = Ident::new(MOVED, Span::call_site());
    let moved = quote::quote!(#[dbop::#mark::#level(#arguments)]);
    let mut output = TokenStream::new();
    above.iter().for_each(|each| each.to_tokens(&mut output));
    output.extend(moved);
    below.iter().for_each(|each| each.to_tokens(&mut output));
    output.extend(rest);
    output
}
