//! Texts, each of which has a rule. White space around a text does not count.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $rule:expr, $says:literal;)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            sqlx::Type, Serialize, Deserialize,
        )]
        #[sqlx(transparent)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                let rule: fn(&str) -> bool = $rule;
                let text = text.trim();
                if rule(text) { Ok(Self(text.to_owned())) } else { Err(concat!("expected ", $says)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

texts! {
    /// A name, a title or a question.
    Line: |text| is_within(text, 500) && !text.contains(char::is_control),
        "one line of 1 to 500 characters";
    /// An answer, a message or the description of a job.
    Text: |text| is_within(text, 20_000) && !text.contains('\0'),
        "a text of 1 to 20000 characters";
    /// An address that mails can be sent to.
    Email: is_email, "an e-mail address in small letters, such as ada@example.org";
    /// The name of a role in URLs.
    RoleSlug: is_slug, "a role, such as backend: small letters, digits and hyphens";
    /// The name of a category in URLs.
    CategorySlug: is_slug, "a category, such as databases: small letters, digits and hyphens";
}

fn is_within(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count())
}

/// Whether the parts of an address are there. Only a mail can show that the address exists.
fn is_email(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_graphic() && !c.is_ascii_uppercase();
    text.len() <= 254
        && text.chars().all(is_part)
        && text.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.contains('@') && host.split('.').all(|part| !part.is_empty())
        })
}

fn is_slug(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    is_within(text, 40) && text.chars().all(fits)
}

impl Text {
    /// Takes a text that the program has written itself, and that keeps the rule.
    pub fn ours(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl Line {
    /// Takes a line that the program has written itself, and that keeps the rule.
    pub fn ours(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the pattern of `LIKE .. ESCAPE '\'` for texts that contain this one.
    pub fn as_pattern(&self) -> String {
        let mut pattern = String::from("%");
        for c in self.0.chars() {
            if matches!(c, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push('%');
        pattern
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_no_white_space_around_it_and_is_not_empty() {
        assert_eq!(Line::try_from(" Ada \n".to_owned()).unwrap().0, "Ada");
        for bad in ["", "  ", "a\nb", "a\0b", &"x".repeat(501)] {
            assert!(Line::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        assert!(Text::try_from("a\nb".to_owned()).is_ok());
    }

    #[test]
    fn an_email_has_a_name_and_a_host() {
        assert!(is_email("ada@example.org"));
        for bad in [
            "ada",
            "@example.org",
            "ada@",
            "a@b@c",
            "ada@example..org",
            "Ada@b.org",
            "a b@c",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn a_pattern_takes_every_character_of_its_text_as_it_is() {
        let line = Line::try_from(r"100%_a\b".to_owned()).unwrap();
        assert_eq!(line.as_pattern(), r"%100\%\_a\\b%");
    }
}
