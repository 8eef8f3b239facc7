//! Writes the findings of the lints as errors and warnings at the user's tokens.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};

use super::Lint;
use crate::errors::Errors;
use crate::lint_attributes::NamedLint;
use crate::spans;

/// What one lint reports about one place.
pub(super) struct Finding {
    pub(super) lint: &'static Lint,
    /// The tokens that an error underlines, from the first to the last.
    pub(super) place: TokenStream,
    /// The token that a warning underlines: a warning can underline only one.
    pub(super) point: Span,
    pub(super) message: String,
    pub(super) help: String,
}

impl Finding {
    fn text(&self) -> String {
        let Finding {
            lint,
            message,
            help,
            ..
        } = self;
        let name = lint.name;
        format!(
            "{message}\nhelp: {help}\nnote: `dbop::lint::{name}` explains it, and how to allow it"
        )
    }
}

#[derive(Default)]
pub(super) struct Reports {
    pub(super) errors: Vec<syn::Error>,
    warnings: TokenStream,
}

impl Reports {
    pub(super) fn error(&mut self, finding: &Finding) {
        self.errors
            .push(syn::Error::new_spanned(&finding.place, finding.text()));
    }

    pub(super) fn warning(&mut self, finding: &Finding) {
        self.warn(finding.lint.name, finding.point, &finding.text());
    }

    pub(super) fn unfulfilled(&mut self, expected: &NamedLint) {
        let text = format!(
            "`{}` finds nothing here\nhelp: remove it from this `expect`",
            expected.lint
        );
        self.warn("unfulfilled_expectation", expected.span, &text);
    }

    /// Writes a warning. On stable Rust, a macro can only make rustc warn about a deprecated item.
    /// The item has the name of the lint: "use of deprecated macro `query_in_loop`: ..".
    fn warn(&mut self, name: &str, place: Span, text: &str) {
        let item = Ident::new(name, spans::generated());
        let used = Ident::new(name, spans::generated_at(place));
        let bang = quote_spanned!(spans::generated_at(place)=> !);
        self.warnings.extend(quote! {
            {
                #[deprecated(note = #text)]
                macro_rules! #item { () => {} }
                #used #bang {}
            }
        });
    }

    pub(super) fn finish(self, errors: &mut Errors) -> TokenStream {
        for error in self.errors {
            errors.add(error);
        }
        self.warnings
    }
}

/// Returns the tokens without the attributes in front.
pub(super) fn without_attributes(tokens: TokenStream) -> TokenStream {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut rest = tokens.as_slice();
    while let [TokenTree::Punct(hash), TokenTree::Group(_), after @ ..] = rest
        && hash.as_char() == '#'
    {
        rest = after;
    }
    rest.iter().cloned().collect()
}

/// Returns the span of the first token, which is the name of a parameter.
pub(super) fn first_token(tokens: impl ToTokens) -> Span {
    let first = without_attributes(tokens.into_token_stream())
        .into_iter()
        .next();
    first.map_or_else(Span::call_site, |token| token.span())
}

/// Returns the span of the last token, which says most: `await` in `a.b().execute(tx).await`.
pub(super) fn last_token(tokens: impl ToTokens) -> Span {
    tokens
        .into_token_stream()
        .into_iter()
        .last()
        .map_or_else(Span::call_site, |token| token.span())
}
