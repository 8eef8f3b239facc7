//! [`OnceKey`]: the key under which a `once` operation leaves its marker. Generated code makes it.

use std::fmt::{self, Display, Write};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::{Category, Class, Error, ErrorKind, Result, Retry};

/// The key of one call, and the fingerprint of its arguments.
///
/// The fingerprint is the same on every machine that runs the program. It is a SHA-256 of the
/// arguments, as JSON with sorted keys, and of the function's path, unless the operation has a
/// `name`. Arguments that look alike in JSON, such as `None` and `Some(None)`, have one
/// fingerprint.
pub struct OnceKey {
    key: String,
    /// The fingerprint so far.
    arguments: Sha256,
    /// The error of the first argument that could not be written as JSON, if there is one.
    failed: Option<Error>,
}

/// A value that can be a key: everything that implements `Display`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a `once` operation",
    label = "has no `Display`",
    note = "a key is stored as text: give a number, a string or a UUID, or write `once = format!(\"{{}}/{{}}\", a, b)`"
)]
pub trait Key {
    #[doc(hidden)]
    fn to_text(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> Key for T {
    fn to_text(&self) -> String {
        self.to_string()
    }
}

/// An argument that tells calls with the same key apart: everything that implements
/// `serde::Serialize`.
#[diagnostic::on_unimplemented(
    message = "an argument of type `{Self}` cannot be part of the fingerprint of a `once` operation",
    label = "calls with the same key are compared by their arguments, and `{Self}` is not `Serialize`",
    note = "derive `serde::Serialize` for `{Self}`, or put `#[once(skip)]` before the argument if it does not say what the call is to do"
)]
pub trait Fingerprint {
    #[doc(hidden)]
    fn to_json(&self) -> serde_json::Result<Vec<u8>>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> Fingerprint for T {
    fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        // A `Value` lets the keys be sorted: a map may come in another order each time.
        match serde_json::to_value(self) {
            Ok(mut value) => {
                value.sort_all_objects();
                serde_json::to_vec(&value)
            }
            // `Value` cannot hold every number. Such a number has only one text in JSON.
            Err(_) => serde_json::to_vec(self),
        }
    }
}

/// An item of a call that can be resumed: everything that implements `serde::Serialize`.
#[diagnostic::on_unimplemented(
    message = "a call in chunks of `{Self}` cannot be resumed",
    label = "the next call compares the items with those that are committed, and `{Self}` is not `Serialize`",
    note = "derive `serde::Serialize` for `{Self}`, or remove `resume`"
)]
pub trait ComparedItem: Fingerprint {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> ComparedItem for T {}

impl OnceKey {
    /// Returns the key for an operation with a `name`. Its path does not count then.
    pub fn named<K: Key + ?Sized>(key: &K) -> Self {
        Self::new("", "", key)
    }

    /// Returns the key for an operation without a `name`.
    ///
    /// `home` tells functions of the same name apart: it is the type name of a closure inside the
    /// function. `scope` is the type of what the caller passed as the scope, or empty. It is part
    /// of `home`, but must not make a difference, so it is cut out.
    pub fn new<K: Key + ?Sized>(home: &str, scope: &str, key: &K) -> Self {
        let home = home.trim_end_matches("::{{closure}}");
        let mut arguments = Sha256::new();
        if scope.is_empty() {
            arguments.update(home);
        } else {
            arguments.update(home.replace(scope, "_"));
        }
        Self {
            key: key.to_text(),
            arguments,
            failed: None,
        }
    }

    /// Adds an argument to the fingerprint.
    #[must_use]
    pub fn with<T: Fingerprint + ?Sized>(mut self, name: &str, argument: &T) -> Self {
        match argument.to_json() {
            Ok(json) => {
                // A zero byte separates the parts: neither a name nor JSON contains one.
                for part in [&[0], name.as_bytes(), &[0], &json] {
                    self.arguments.update(part);
                }
            }
            Err(error) => {
                self.failed.get_or_insert_with(|| unwritable(name, &error));
            }
        }
        self
    }

    /// Returns the key, and the hash of the arguments, to which items are added. Fails if an argument
    /// could not be written as JSON.
    pub(crate) fn into_parts(self) -> Result<(String, Sha256)> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok((self.key, self.arguments)),
        }
    }

    /// Returns the key, and the fingerprint in hexadecimal. Fails if an argument could not be
    /// written as JSON.
    pub(super) fn finish(self) -> Result<(String, String)> {
        let (key, arguments) = self.into_parts()?;
        Ok((key, hexadecimal(arguments)))
    }
}

/// Returns what was hashed so far as a text.
pub(crate) fn hexadecimal(hash: Sha256) -> String {
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Returns the error for an argument that cannot be written as JSON. The message may include
/// serde_json's error, which quotes no values.
fn unwritable(name: &str, error: &serde_json::Error) -> Error {
    Error::new(
        Class {
            category: Category::Data,
            kind: ErrorKind::Encode,
            retry: Retry::Never,
        },
        format!(
            "the argument `{name}` cannot be written as JSON for the fingerprint of this `once` \
             operation ({error}); put `#[once(skip)]` before it"
        ),
    )
}

impl fmt::Debug for OnceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;

    fn fingerprint(key: OnceKey) -> String {
        key.finish().unwrap().1
    }

    #[test]
    fn the_same_arguments_have_the_same_fingerprint_on_every_machine() {
        // printf '\\0to\\0002\\0cents\\000500' | sha256sum
        let key = OnceKey::named(&7).with("to", &2).with("cents", &500_i64);
        assert_eq!(
            fingerprint(key),
            "72e9fb327130d31955f13aac86c4188d99b69b0cabdd32072a01ffa3b14c6832"
        );
    }

    #[test]
    fn every_argument_its_name_and_its_home_count() {
        let plain = || OnceKey::named(&7).with("a", &1);
        let others = [
            OnceKey::named(&7),
            OnceKey::new("bank", "", &7).with("a", &1),
            OnceKey::named(&7).with("a", &2),
            OnceKey::named(&7).with("b", &1),
            OnceKey::named(&7).with("a", "1"),
            OnceKey::named(&7).with("a", &1).with("b", &()),
        ];
        for (nth, other) in others.into_iter().enumerate() {
            assert_ne!(fingerprint(plain()), fingerprint(other), "{nth}");
        }
        assert_eq!(
            fingerprint(plain()),
            fingerprint(OnceKey::named(&8).with("a", &1))
        );
    }

    #[test]
    fn a_map_has_one_fingerprint_in_any_order() {
        let pairs = (0..50).map(|n| (n.to_string(), n));
        let sorted: BTreeMap<_, _> = pairs.clone().collect();
        let sorted = fingerprint(OnceKey::named(&7).with("map", &sorted));
        for _ in 0..10 {
            let hashed: HashMap<_, _> = pairs.clone().collect();
            assert_eq!(fingerprint(OnceKey::named(&7).with("map", &hashed)), sorted);
        }
    }

    #[test]
    fn numbers_of_any_size_can_be_written() {
        let key = OnceKey::named(&7)
            .with("big", &u128::MAX)
            .with("nan", &f64::NAN);
        key.finish().unwrap();
    }

    #[test]
    fn what_cannot_be_written_is_named_and_not_shown() {
        let map = HashMap::from([((4711, 0), 1)]);
        let key = OnceKey::named(&7).with("shares", &map);
        let error = key.finish().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
        let text = error.to_string();
        assert!(
            text.contains("`shares`") && text.contains("#[once(skip)]"),
            "{text}"
        );
        assert!(!text.contains("4711"), "{text}");
    }
}
