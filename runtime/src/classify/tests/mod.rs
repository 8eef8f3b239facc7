//! Tests of the answers in the tables, code by code.

mod codes;
#[cfg(feature = "blocking")]
mod drivers;
mod mysql;
mod postgres;
mod sqlite;
mod sqlx;

use super::{Category, Class, ErrorKind, Retry};

/// Returns the codes with this answer, `Always` or `IfIdempotent`, sorted. All others are never
/// retried.
fn retried(all: impl Iterator<Item = (String, Class)>, retry: Retry) -> Vec<String> {
    let mut codes: Vec<_> = all
        .filter(|(_, class)| class.retry == retry)
        .map(|(code, _)| code)
        .collect();
    codes.sort();
    codes
}

/// Checks what the runtime relies on for every answer: only a failure that can be retried is
/// transient.
fn assert_sound(code: &str, class: Class) {
    let expected = match class.category {
        Category::Transient => class.retry != Retry::Never,
        Category::Ambiguous => class.retry == Retry::IfIdempotent,
        _ => class.retry == Retry::Never,
    };
    assert!(expected, "{code} is {class:?}");
}

fn never(category: Category, kind: ErrorKind) -> Class {
    Class {
        category,
        kind,
        retry: Retry::Never,
    }
}

fn transient(kind: ErrorKind, retry: Retry) -> Class {
    Class {
        category: Category::Transient,
        kind,
        retry,
    }
}

#[test]
fn names_are_distinct_and_in_snake_case() {
    let names = [
        Category::ALL.iter().map(|c| c.as_str()).collect::<Vec<_>>(),
        ErrorKind::ALL.iter().map(|k| k.as_str()).collect(),
        Retry::ALL.iter().map(|r| r.as_str()).collect(),
    ];
    for mut names in names {
        for name in &names {
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}

#[test]
fn a_name_is_the_variant_in_snake_case() {
    for kind in ErrorKind::ALL {
        let mut snake = String::new();
        for c in format!("{kind:?}").chars() {
            if c.is_ascii_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        }
        assert_eq!(kind.as_str(), snake);
    }
}

#[test]
fn display_is_the_name_and_pads() {
    assert_eq!(Category::Transient.to_string(), "transient");
    assert_eq!(format!("{:<10}|", ErrorKind::Lock), "lock      |");
    assert_eq!(Retry::IfIdempotent.to_string(), "if_idempotent");
}
