//! Values that are lists in brackets, such as `[Sqlite, Postgres]`.

use syn::punctuated::Punctuated;
use syn::{Ident, Token, token};

use super::{Value, Written};
use crate::suggest;

impl Value<'_> {
    /// Reads a list of some of a few words, as in `[A, B]`, and returns the values beside them in
    /// `words`.
    pub(crate) fn words<W: Copy + PartialEq>(
        &mut self,
        words: &[(&'static str, W)],
    ) -> Written<Vec<W>> {
        let mut values = Vec::new();
        for word in &self.bracketed()? {
            let valid: Vec<_> = words.iter().map(|(name, _)| *name).collect();
            let found = words.iter().find(|(name, _)| word == name);
            let Some((_, value)) = found else {
                let of = format!("a value of `{}`", self.key);
                let message = suggest::unknown(&word.to_string(), &of, &valid);
                return Err(syn::Error::new(word.span(), message));
            };
            if values.contains(value) {
                return Err(named_twice(word));
            }
            values.push(*value);
        }
        Ok(self.given(values))
    }

    /// Reads a list of names, as in `[a, b]`, or nothing.
    pub(crate) fn flag_or_names(&mut self) -> Written<Option<Vec<Ident>>> {
        if !self.input.peek(Token![=]) {
            let flag = self.flag()?;
            return Ok(flag.and_then(|_| self.given(None)));
        }
        let names = self.bracketed()?;
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                return Err(named_twice(name));
            }
        }
        Ok(self.given(Some(names)))
    }

    /// Reads the `=` and the list of words behind it.
    fn bracketed(&mut self) -> syn::Result<Vec<Ident>> {
        self.equals()?;
        let needs = format!("`{}` needs a list, as in `{}`", self.key, self.example);
        if !self.input.peek(token::Bracket) {
            return Err(syn::Error::new(self.input.span(), needs));
        }
        let content;
        let bracket = syn::bracketed!(content in self.input);
        let written = Punctuated::<Ident, Token![,]>::parse_terminated(&content)?;
        if written.is_empty() {
            return Err(syn::Error::new(bracket.span.join(), needs));
        }
        Ok(written.into_iter().collect())
    }
}

fn named_twice(word: &Ident) -> syn::Error {
    let message = format!("`{word}` is named twice; remove one of the two");
    syn::Error::new(word.span(), message)
}
