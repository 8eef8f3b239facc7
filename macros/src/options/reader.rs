//! Reads lists such as `flag, key = value, key(nested)` by a table of valid options.

mod lists;

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprField, ExprPath, Ident, Lit, LitInt, LitStr, Member, Path, Token, token};

use super::duration;
use crate::errors::Errors;
use crate::lint_attributes::{NamedLint, read_names};
use crate::suggest;

/// One valid option. Only the table contains the name; messages take the name from there, or from
/// the key as written.
pub(crate) struct Row<T> {
    pub(crate) name: &'static str,
    /// An example of the option, for messages.
    pub(crate) example: &'static str,
    /// Reads the text behind the key and stores the value.
    pub(crate) read: fn(&mut T, &mut Value<'_>) -> syn::Result<()>,
    /// The only attribute that has the option; `None` if all have it. Other attributes know the
    /// option as well, so that a message can say where it belongs.
    pub(crate) only_on: Option<&'static str>,
    /// Why no such option is valid here, and what to write; `None` for a valid option.
    unfit: Option<&'static str>,
}

impl<T> Row<T> {
    pub(crate) const fn new(
        name: &'static str,
        example: &'static str,
        read: fn(&mut T, &mut Value<'_>) -> syn::Result<()>,
    ) -> Self {
        Row {
            name,
            example,
            read,
            only_on: None,
            unfit: None,
        }
    }

    /// A name that is no option here, but may be taken for one. `why` goes on after the name.
    pub(crate) const fn unfit(name: &'static str, why: &'static str) -> Self {
        Row {
            name,
            example: name,
            read: |_, _| Ok(()),
            only_on: None,
            unfit: Some(why),
        }
    }

    pub(crate) const fn only_on(mut self, place: &'static str) -> Self {
        self.only_on = Some(place);
        self
    }
}

/// A value with the key under which the value was written, so that later checks can point at the
/// key.
pub(crate) struct Given<V> {
    pub(crate) key: Ident,
    pub(crate) value: V,
}

impl<V> Given<V> {
    /// Returns another value with the same key.
    pub(crate) fn with<W>(&self, value: W) -> Option<Given<W>> {
        Some(Given {
            key: self.key.clone(),
            value,
        })
    }
}

/// The result of reading a value. The `Option` is ready to be stored; `None` means that a mistake
/// was found and kept in the [`Value`].
pub(crate) type Written<V> = syn::Result<Option<Given<V>>>;

/// Reads all of `tokens` into `target`. After a mistake, which goes to `errors`, reading goes on
/// behind the next comma.
pub(crate) fn read_options<T>(
    tokens: TokenStream,
    rows: &[Row<T>],
    place: &str,
    target: &mut T,
    errors: &mut Errors,
) {
    let parser = |input: ParseStream<'_>| {
        let mut seen = Vec::new();
        while !input.is_empty() {
            let outcome = read_one(input, rows, place, target, &mut seen);
            let went_well = errors.take(outcome).is_some();
            if went_well && !input.is_empty() && !input.peek(Token![,]) {
                errors.at(input.span(), "expected `,` before the next option");
            }
            skip_past_comma(input)?;
        }
        Ok(())
    };
    let outcome = parser.parse2(tokens);
    errors.take(outcome);
}

fn read_one<T>(
    input: ParseStream<'_>,
    rows: &[Row<T>],
    place: &str,
    target: &mut T,
    seen: &mut Vec<&'static str>,
) -> syn::Result<()> {
    let here = |row: &&Row<T>| row.unfit.is_none() && row.only_on.is_none_or(|only| only == place);
    let valid: Vec<_> = rows.iter().filter(here).map(|row| row.name).collect();
    let key = input.call(Ident::parse_any).map_err(|error| {
        syn::Error::new(
            error.span(),
            format!(
                "expected the name of an option; valid here: {}",
                suggest::list(valid.iter().copied())
            ),
        )
    })?;
    let written = key.unraw().to_string();
    let Some(row) = rows.iter().find(|row| row.name == written) else {
        return Err(syn::Error::new(
            key.span(),
            suggest::unknown(&written, &format!("an option of {place}"), &valid),
        ));
    };
    if let Some(only) = row.only_on.filter(|only| *only != place) {
        return Err(syn::Error::new(
            key.span(),
            format!(
                "`{written}` is an option of {only}, and {place} has none like it; remove it, or use {only}"
            ),
        ));
    }
    if let Some(why) = row.unfit {
        return Err(syn::Error::new(key.span(), format!("`{written}` {why}")));
    }
    if seen.contains(&row.name) {
        return Err(syn::Error::new(
            key.span(),
            format!("`{written}` is given twice; remove one of the two"),
        ));
    }
    seen.push(row.name);
    let mut value = Value {
        key,
        example: row.example,
        input,
        nested: Vec::new(),
    };
    (row.read)(target, &mut value)?;
    // Several mistakes inside one option, such as `retry(..)`, are returned as one error that
    // contains all of them.
    value
        .nested
        .into_iter()
        .reduce(|mut all, next| {
            all.combine(next);
            all
        })
        .map_or(Ok(()), Err)
}

fn skip_past_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() {
        if input.parse::<Option<Token![,]>>()?.is_some() {
            break;
        }
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// The text behind a key.
pub(crate) struct Value<'a> {
    key: Ident,
    example: &'static str,
    input: ParseStream<'a>,
    nested: Vec<syn::Error>,
}

impl Value<'_> {
    pub(crate) fn given<V>(&self, value: V) -> Option<Given<V>> {
        Some(Given {
            key: self.key.clone(),
            value,
        })
    }

    /// Reads an option that has no value.
    pub(crate) fn flag(&mut self) -> Written<()> {
        // If the next option follows directly, a comma is missing, which is reported later.
        if self.input.is_empty() || self.input.peek(Token![,]) || self.input.peek(Ident::peek_any) {
            return Ok(self.given(()));
        }
        Err(syn::Error::new(
            self.key.span(),
            format!("`{0}` takes no value; write `{0}` alone", self.key),
        ))
    }

    pub(crate) fn string(&mut self) -> Written<LitStr> {
        self.equals()?;
        let text = self.parse("needs a string")?;
        Ok(self.given(text))
    }

    /// Reads a string with a unit, and returns whole milliseconds.
    pub(crate) fn duration(&mut self) -> Written<u64> {
        self.equals()?;
        let millis = self.millis("needs a duration in quotes")?;
        Ok(self.given(millis))
    }

    /// Reads a duration, or the word `none` for no duration. If the user wrote a word `like` that
    /// one, the message suggests `none`.
    pub(crate) fn duration_or(
        &mut self,
        none: &str,
        like: &[&'static str],
    ) -> Written<Option<u64>> {
        self.equals()?;
        let means_none = |text: &str| {
            let text = text.to_lowercase();
            let words = like.iter().copied().chain([none]);
            suggest::did_you_mean(&text, words).is_some()
        };
        // `true` and `false` are literals, although they look like words.
        if self.input.peek(Ident::peek_any) && !self.input.peek(Lit) {
            let word = self.input.call(Ident::parse_any)?;
            if word == none {
                return Ok(self.given(None));
            }
            let hint = match means_none(&word.to_string()) {
                true => format!(", did you mean `{none}`?"),
                false => ";".to_owned(),
            };
            return Err(syn::Error::new(
                word.span(),
                format!(
                    "`{word}` is not a value of `{}`{hint} write `{}`",
                    self.key, self.example
                ),
            ));
        }
        let text: Option<LitStr> = self.input.fork().parse().ok();
        match self.millis(&format!("needs a duration in quotes or `{none}`")) {
            Ok(millis) => Ok(self.given(Some(millis))),
            Err(error) => match text.filter(|text| means_none(&text.value())) {
                Some(text) => Err(syn::Error::new(
                    text.span(),
                    format!(
                        "`{}` is not a duration; write `{} = {none}`, without quotes",
                        text.value(),
                        self.key
                    ),
                )),
                None => Err(error),
            },
        }
    }

    /// Reads the duration behind the `=`.
    fn millis(&mut self, what: &str) -> syn::Result<u64> {
        match self.parse::<Lit>(what)? {
            Lit::Str(text) => duration::millis(&text.value())
                .map_err(|message| syn::Error::new(text.span(), message)),
            Lit::Int(number) => Err(syn::Error::new(
                number.span(),
                format!(
                    "a duration needs a unit; write for example \"{}s\"",
                    number.base10_digits()
                ),
            )),
            other => Err(syn::Error::new(
                other.span(),
                format!("`{}` {what}, as in `{}`", self.key, self.example),
            )),
        }
    }

    /// Reads a whole number, from 1.
    pub(crate) fn count(&mut self) -> Written<u32> {
        self.whole_number(1..=u32::MAX)
    }

    /// Reads a whole number in this range.
    pub(crate) fn whole_number<N>(&mut self, range: RangeInclusive<N>) -> Written<N>
    where
        N: FromStr<Err: Display> + PartialOrd + Display,
    {
        self.equals()?;
        let literal: LitInt = self.parse("needs a whole number")?;
        match literal.base10_parse::<N>() {
            Ok(number) if range.contains(&number) => Ok(self.given(number)),
            _ => Err(syn::Error::new(
                literal.span(),
                format!(
                    "`{}` needs a number from {} to {}",
                    self.key,
                    range.start(),
                    range.end()
                ),
            )),
        }
    }

    /// Reads one of a few words, and returns the value beside the word in `words`.
    pub(crate) fn word<W: Copy>(&mut self, words: &[(&'static str, W)]) -> Written<W> {
        self.equals()?;
        let valid: Vec<_> = words.iter().map(|(name, _)| *name).collect();
        let what = match valid.as_slice() {
            [only] => format!("needs `{only}`"),
            _ => format!("needs one of {}", suggest::list(valid.iter().copied())),
        };
        let word: Ident = self.parse(&what)?;
        match words.iter().find(|(name, _)| word == name) {
            Some((_, value)) => Ok(self.given(*value)),
            None => Err(syn::Error::new(
                word.span(),
                suggest::unknown(
                    &word.to_string(),
                    &format!("a value of `{}`", self.key),
                    &valid,
                ),
            )),
        }
    }

    pub(crate) fn path(&mut self) -> Written<Path> {
        self.equals()?;
        let path = self.input.call(Path::parse_mod_style);
        let path = path.map_err(|error| {
            syn::Error::new(
                error.span(),
                format!("`{}` needs a path, as in `{}`", self.key, self.example),
            )
        })?;
        Ok(self.given(path))
    }

    /// Reads the path of a function, as in `Self::f`.
    pub(crate) fn function(&mut self) -> Written<ExprPath> {
        self.equals()?;
        let (what, start) = ("needs the path of a function", self.input.span());
        match self.parse(what)? {
            Expr::Path(function) => Ok(self.given(function)),
            // What rustc suggests where `Self::` is missing.
            Expr::Field(ExprField {
                member: Member::Named(method),
                ..
            }) => Err(syn::Error::new(
                start,
                format!("`{}` {what}; write `Self::{method}`", self.key),
            )),
            _ => Err(syn::Error::new(
                start,
                format!("`{}` {what}, as in `{}`", self.key, self.example),
            )),
        }
    }

    /// Reads the path of a function, or nothing.
    pub(crate) fn flag_or_function(&mut self) -> Written<Option<ExprPath>> {
        if self.input.peek(Token![=]) {
            let function = self.function()?;
            return Ok(function.and_then(|given| self.given(Some(given.value))));
        }
        let flag = self.flag()?;
        Ok(flag.and_then(|_| self.given(None)))
    }

    pub(crate) fn expression(&mut self) -> Written<Expr> {
        self.equals()?;
        let expression = self.parse("needs an expression")?;
        Ok(self.given(expression))
    }

    /// Returns whether `(` follows, so that `key(..)` and `key = ..` can mean different things.
    pub(crate) fn has_list(&self) -> bool {
        self.input.peek(token::Paren)
    }

    /// Reads the options in `key(..)` by their own table.
    pub(crate) fn list<T>(&mut self, rows: &[Row<T>], target: &mut T) -> syn::Result<()> {
        let content;
        syn::parenthesized!(content in self.input);
        if content.is_empty() {
            return Err(self.wrong("has an empty list"));
        }
        let tokens: TokenStream = content.parse()?;
        let place = format!("`{}(..)`", self.key);
        let mut errors = Errors::default();
        read_options(tokens, rows, &place, target, &mut errors);
        self.nested.extend(errors.into_errors());
        Ok(())
    }

    /// Reads `key("text", ..)`.
    pub(crate) fn strings(&mut self) -> Written<Vec<LitStr>> {
        if !self.has_list() {
            return Err(self.wrong("needs a list of strings"));
        }
        let content;
        syn::parenthesized!(content in self.input);
        // Taken out as a whole, so that nothing is left over after a mistake.
        let written: TokenStream = content.parse()?;
        let texts = Punctuated::<LitStr, Token![,]>::parse_terminated.parse2(written);
        let texts = texts.map_err(|error| {
            let what = format!("`{}` needs strings, as in `{}`", self.key, self.example);
            syn::Error::new(error.span(), what)
        })?;
        if texts.is_empty() {
            return Err(self.wrong("has an empty list"));
        }
        Ok(self.given(texts.into_iter().collect()))
    }

    /// Reads the names of lints in `key(..)`.
    pub(crate) fn lints(&mut self) -> Written<Vec<NamedLint>> {
        if !self.has_list() {
            return Err(self.wrong("needs a list of lints"));
        }
        let content;
        syn::parenthesized!(content in self.input);
        let mut errors = Errors::default();
        let names = read_names(&content, self.example, &mut errors);
        let names = errors.take(names).unwrap_or_default();
        self.nested.extend(errors.into_errors());
        if names.is_empty() && !self.has_mistakes() {
            return Err(self.wrong("names no lint"));
        }
        Ok(self.given(names))
    }

    /// Returns whether something in the list was wrong.
    pub(crate) fn has_mistakes(&self) -> bool {
        !self.nested.is_empty()
    }

    /// Returns a mistake at the key, such as "`retry` takes no value; write `..`".
    pub(crate) fn wrong(&self, what: &str) -> syn::Error {
        syn::Error::new(
            self.key.span(),
            format!("`{}` {what}; write `{}`", self.key, self.example),
        )
    }

    fn equals(&mut self) -> syn::Result<()> {
        if self.input.parse::<Option<Token![=]>>()?.is_some() {
            return Ok(());
        }
        Err(self.wrong("needs a value"))
    }

    fn parse<P: syn::parse::Parse>(&mut self, what: &str) -> syn::Result<P> {
        if self.input.is_empty() || self.input.peek(Token![,]) {
            return Err(self.wrong(what));
        }
        // The error points at the beginning of the value, because a value that ends too early has
        // no place at its end.
        let start = self.input.span();
        self.input.parse().map_err(|_| {
            syn::Error::new(
                start,
                format!("`{}` {what}, as in `{}`", self.key, self.example),
            )
        })
    }
}

/// Writes the key as the user wrote it, for messages.
impl<V> std::fmt::Display for Given<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.key.to_token_stream())
    }
}
