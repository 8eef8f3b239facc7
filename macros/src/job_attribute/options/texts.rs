//! Texts that the database keeps, which are valid for River as well.

use syn::LitStr;

use crate::options::reader::{Value, Written};

/// Reads the option `name`.
pub(super) fn read_kind(value: &mut Value<'_>) -> Written<LitStr> {
    let name = value.string()?;
    match &name {
        Some(given) => match check_kind(&given.value.value()) {
            Ok(()) => Ok(name),
            Err(why) => Err(syn::Error::new(given.value.span(), why)),
        },
        None => Ok(None),
    }
}

/// Checks the name of a kind. `Err` is a message that says what is wrong.
pub(in crate::job_attribute) fn check_kind(name: &str) -> Result<(), String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let wrong = |why: &str| {
        Err(format!(
            "`{name}` cannot be the name of a job: {why}; write for example `name = \"mail.receipt\"`"
        ))
    };
    if !(2..=127).contains(&name.len()) {
        return wrong("such a name has 2 to 127 bytes");
    }
    let mut characters = name.chars();
    if !characters.next().is_some_and(is_word) {
        return wrong("such a name starts with a letter from a to z, a digit or `_`");
    }
    match characters.find(|c| !(is_word(*c) || "-[]<>/.·:+".contains(*c))) {
        Some(other) => wrong(&format!(
            "such a name has no `{other}`, only letters from a to z, digits and `_-[]<>/.·:+`"
        )),
        None => Ok(()),
    }
}

/// Reads the option `queue`.
pub(super) fn read_queue(value: &mut Value<'_>) -> Written<LitStr> {
    let queue = value.string()?;
    let Some(given) = &queue else {
        return Ok(None);
    };
    let name = given.value.value();
    let is_valid = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let why = if !(1..=64).contains(&name.len()) {
        "such a name has 1 to 64 characters"
    } else if !name.chars().all(is_valid) {
        "such a name has only letters from a to z, digits, `_` and `-`"
    } else if name.starts_with(['-', '_']) || name.ends_with(['-', '_']) {
        "such a name starts and ends with a letter or a digit"
    } else {
        return Ok(queue);
    };
    let message = format!(
        "`{name}` cannot be the name of a queue: {why}; write for example `queue = \"mail\"`"
    );
    Err(syn::Error::new(given.value.span(), message))
}
