//! The page of each lint in the documentation, made from the words of its messages.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use super::{LINTS, Lint};
use crate::lint_attributes::Level;

/// Output: `#[doc = ".."] pub mod foreign_await {}` for every lint.
pub(crate) fn pages() -> TokenStream {
    let pages = LINTS.iter().map(|lint| {
        let (text, name) = (page(lint), Ident::new(lint.name, Span::call_site()));
        quote!(#[doc = #text] pub mod #name {})
    });
    pages.collect()
}

fn page(lint: &Lint) -> String {
    let Lint {
        name,
        finds,
        why,
        bad,
        good,
        ..
    } = lint;
    let (message, help) = (generic(lint.message), generic(lint.help));
    let effect = match lint.level {
        Level::Warn => "a warning",
        _ => "an error",
    };
    let mut finds = (*finds).to_owned();
    finds[..1].make_ascii_uppercase();
    format!(
        "{finds}.\n\nBy default {effect}:\n\n```text\n{message}\nhelp: {help}\n```\n\n\
         # Why\n{why}\n\
         # Rejected\n\n```compile_fail{bad}```\n\n\
         # Instead\n\n```{good}```\n\n\
         # When to allow it\n\n\
         To allow a justified exception, write this on the statement, or on the function above or \
         below its attribute:\n\n\
         ```text\n#[dbop::allow({name}, reason = \"..\")]\n```\n\n\
         `#[dbop::expect(..)]` allows it and warns when there is nothing to allow; \
         `#[dbop::warn(..)]` and `#[dbop::deny(..)]` make it a warning or an error. The option \
         `allow({name}, reason = \"..\")` of the attribute does the same for the whole function.\n"
    )
}

/// Replaces the parts of a message that are about one function.
fn generic(words: &str) -> String {
    words
        .replace("{session}", "tx")
        .replace("{keyword}", "UPDATE")
        .replace("{never}", "`retry = never`")
        .replace("{instead}", "")
}
