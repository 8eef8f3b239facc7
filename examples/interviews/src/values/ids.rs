//! A type of id for each sort of row, so that no id is taken for another.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($name:ident)*) => {$(
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            sqlx::Type, Serialize, Deserialize,
        )]
        #[sqlx(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes an id that is larger than all that this process has made before.
            pub fn next() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids!(UserId QuestionId SessionId ConversationId MessageId LogId PaymentId);
