//! [`Variable`]: a variable of the environment, what it sets, and which values it may have.

use std::time::Duration;

use super::draft::Draft;
use crate::rt::{VALID_DURATIONS, duration_text, parse_duration};
use crate::secret::Secret;

/// A variable of the environment.
pub(super) struct Variable {
    pub(super) name: &'static str,
    /// Another name, under which applications that come from Python have the variable.
    pub(super) also: Option<&'static str>,
    /// What the variable sets, as the table of the guide says it: a method of the builder, or a
    /// field of one of its arguments.
    pub(super) sets: &'static str,
    /// The default. `None`: the value that the place has in the default settings.
    pub(super) default: Option<&'static str>,
    /// Whether the variable is about the pool itself, and not about the calls that use it.
    pub(super) of_pool: bool,
    pub(super) value: Value,
}

/// What a variable holds, and where that goes. A place may be missing: the parts of a circuit
/// breaker that is off are read, and change nothing.
pub(super) enum Value {
    /// A URL, which may contain a password.
    Url(fn(&mut Draft) -> &mut Option<Secret>),
    /// A name of visible ASCII characters and spaces.
    Name(fn(&mut Draft, &str)),
    Time(fn(&mut Draft) -> Option<&mut Duration>),
    /// A whole number between two others.
    Count(u32, u32, fn(&mut Draft) -> Option<&mut u32>),
    /// A number from 0 to another.
    Number(f64, fn(&mut Draft) -> Option<&mut f64>),
    Switch(fn(&mut Draft, bool)),
}

impl Value {
    /// Puts the value of this text in its place. `None` if the text is not valid.
    pub(super) fn set(&self, draft: &mut Draft, text: &str) -> Option<()> {
        match self {
            Self::Url(place) => *place(draft) = Some(Secret::from(text)),
            Self::Name(set) => {
                let is_shown = |c: char| c.is_ascii_graphic() || c == ' ';
                let valid = !text.is_empty() && text.len() <= 63 && text.chars().all(is_shown);
                set(draft, valid.then_some(text)?);
            }
            Self::Time(place) => put(place(draft), parse_duration(text)?),
            Self::Count(least, most, place) => {
                let count = text.parse().ok();
                put(
                    place(draft),
                    count.filter(|count| (least..=most).contains(&count))?,
                );
            }
            Self::Number(most, place) => {
                let number = text.parse().ok();
                put(
                    place(draft),
                    number.filter(|number| (0.0..=*most).contains(number))?,
                );
            }
            Self::Switch(set) => set(draft, is_on(text)?),
        }
        Some(())
    }

    /// Says which texts are valid.
    pub(super) fn valid(&self) -> String {
        match self {
            Self::Url(_) => {
                "a URL, in which a byte that is not UTF-8 is written like `%FF`".to_owned()
            }
            Self::Name(_) => "up to 63 ASCII characters that can be seen, or spaces".to_owned(),
            Self::Time(_) => VALID_DURATIONS.to_owned(),
            Self::Count(least, most, _) => format!("a whole number, from {least} to {most}"),
            Self::Number(most, _) => format!("a number, from 0 to {most}"),
            Self::Switch(_) => "`true`, `false`, `1` or `0`".to_owned(),
        }
    }

    /// Whether a text that is not valid may still be a secret.
    pub(super) fn is_secret(&self) -> bool {
        matches!(self, Self::Url(_))
    }

    /// Writes the value that the place of this variable has in the default settings.
    fn default(&self) -> Option<String> {
        let mut draft = Draft::default();
        match self {
            Self::Time(place) => place(&mut draft).map(|time| duration_text(*time)),
            Self::Count(_, _, place) => place(&mut draft).map(|count| count.to_string()),
            Self::Number(_, place) => place(&mut draft).map(|number| number.to_string()),
            _ => None,
        }
    }
}

impl Variable {
    /// Says what is meant if this variable is not set.
    pub(super) fn default(&self) -> String {
        let own = || self.value.default().unwrap_or_default();
        self.default.map_or_else(own, str::to_owned)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.also)
    }
}

fn put<T>(place: Option<&mut T>, value: T) {
    if let Some(place) = place {
        *place = value;
    }
}

fn is_on(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}
