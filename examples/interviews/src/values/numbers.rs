//! Numbers that have bounds.

use serde::{Deserialize, Serialize};

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($number:ty): $least:literal..=$most:literal;)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord,
            sqlx::Type, Serialize, Deserialize,
        )]
        #[sqlx(transparent)]
        #[serde(try_from = "i64")]
        pub struct $name($number);

        impl $name {
            pub const fn get(self) -> $number {
                self.0
            }
        }

        impl TryFrom<i64> for $name {
            type Error = &'static str;

            fn try_from(number: i64) -> Result<Self, Self::Error> {
                match <$number>::try_from(number) {
                    Ok(number @ $least..=$most) => Ok(Self(number)),
                    _ => Err(concat!("expected a number from ", $least, " to ", $most)),
                }
            }
        }
    )*};
}

numbers! {
    /// How hard a question is.
    Difficulty(i16): 1..=5;
    /// How good an answer is.
    Score(i16): 0..=10;
    /// Which question of a session.
    Position(i16): 1..=50;
    /// How many questions a session has.
    Count(i16): 1..=50;
    /// What an interview costs; 0 is free.
    Price(i64): 0..=100_000_000;
    /// An amount that is paid.
    Cents(i64): 1..=100_000_000;
    /// How many rows a page has at most.
    Limit(i16): 1..=100;
}

impl Count {
    pub const MOST: usize = 50;
}

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}
