//! Collects every mistake before anything is reported, so that one build shows all of them.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// The mistakes found so far. [`Errors::finish`] has to be called at the end: if a collector was
/// dropped unread, a mistake would become an expansion that looks right.
#[derive(Default)]
pub(crate) struct Errors {
    found: Vec<syn::Error>,
    checked: bool,
}

impl Errors {
    /// Adds a mistake at one place.
    pub(crate) fn at(&mut self, span: Span, message: impl Into<String>) {
        self.add(syn::Error::new(span, message.into()));
    }

    /// Adds a mistake that underlines the tokens from the first to the last.
    pub(crate) fn on(&mut self, tokens: impl ToTokens, message: impl Into<String>) {
        self.add(syn::Error::new_spanned(tokens, message.into()));
    }

    pub(crate) fn add(&mut self, error: syn::Error) {
        self.found.push(error);
    }

    /// Returns the value of a step that succeeded, and keeps the error of a step that failed.
    pub(crate) fn take<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// Ends the collection. `Err` holds a `compile_error!` for every mistake.
    pub(crate) fn finish(mut self) -> Result<(), TokenStream> {
        self.checked = true;
        if self.found.is_empty() {
            return Ok(());
        }
        Err(self
            .found
            .drain(..)
            .map(syn::Error::into_compile_error)
            .collect())
    }

    /// Ends the collection with the messages beside the code as the user wrote it, so that an editor keeps
    /// working on the code.
    pub(crate) fn beside(self, code: TokenStream) -> TokenStream {
        self.finish().err().into_iter().chain([code]).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Returns the mistakes themselves, for a caller that adds them to its own.
    pub(crate) fn into_errors(mut self) -> Vec<syn::Error> {
        self.checked = true;
        std::mem::take(&mut self.found)
    }

    /// Returns only the messages, for unit tests.
    #[cfg(test)]
    pub(crate) fn messages(self) -> Vec<String> {
        self.into_errors()
            .into_iter()
            .flatten()
            .map(|error| error.to_string())
            .collect()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        // A second panic during unwinding would abort and hide the first one.
        debug_assert!(
            self.checked || std::thread::panicking(),
            "errors were collected but never reported"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_errors_are_reported_together() {
        let mut errors = Errors::default();
        errors.at(Span::call_site(), "first");
        errors.at(Span::call_site(), "second");
        let report = errors.finish().unwrap_err().to_string();
        assert!(
            report.contains("first") && report.contains("second"),
            "{report}"
        );
    }

    #[test]
    #[should_panic(expected = "never reported")]
    #[cfg(debug_assertions)]
    fn a_forgotten_collector_panics() {
        drop(Errors::default());
    }
}
