//! [`SessionInfo`]: one connection that a call holds, as others see it.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::op::Op;

/// A connection that a call holds at this moment, from [`Db::sessions`](crate::Db::sessions).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// The name of the operation that borrowed the connection. A joined call uses the connection of
    /// the call that it has joined, and is not named.
    pub operation: &'static str,
    /// The file the operation is in.
    pub file: &'static str,
    /// The line of the operation's name.
    pub line: u32,
    /// Which attempt of its call this is, from 1.
    pub attempt: u32,
    /// Whether the operation is `read_only`.
    pub read_only: bool,
    /// How long the call has held the connection.
    pub held_for: Duration,
    /// What the call does with the connection.
    pub state: SessionState,
    /// How long it has been doing that.
    pub state_for: Duration,
}

/// Defines [`SessionState`] and its numbers, which [`Progress`](super::Progress) keeps.
macro_rules! states {
    ($( $(#[$doc:meta])* $Variant:ident = $number:literal, $name:literal, $phrase:literal; )*) => {
        /// What a call does with a connection that it holds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum SessionState {
            $( $(#[$doc])* $Variant = $number, )*
        }

        impl SessionState {
            #[cfg(test)]
            pub(super) const ALL: &'static [Self] = &[$( Self::$Variant, )*];

            pub(super) const fn of_number(number: u64) -> Self {
                match number {
                    $( $number => Self::$Variant, )*
                    _ => Self::Idle,
                }
            }

            /// Returns the name that events and metrics use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$Variant => $name, )*
                }
            }

            /// Returns the words for a message, as in "held for 3 s, *idle in its transaction* for 2 s".
            const fn phrase(self) -> &'static str {
                match self {
                    $( Self::$Variant => $phrase, )*
                }
            }
        }
    };
}

states! {
    /// No statement runs and no transaction is open: the call waits for something else.
    Idle = 0, "idle", "without a statement";
    /// A transaction is open and no statement runs: the call waits for something else, while it keeps
    /// its locks.
    IdleInTransaction = 1, "idle_in_transaction", "idle in its transaction";
    /// A statement runs, or `BEGIN` does.
    InStatement = 2, "in_statement", "in a statement";
    /// The body has the driver's connection, or is a plain function. Its statements are not seen.
    HandedOut = 3, "handed_out", "in the hands of the driver";
    /// `COMMIT` was sent.
    Committing = 4, "committing", "in COMMIT";
    /// The call has ended, and what it has left on the connection is being undone.
    CleaningUp = 5, "cleaning_up", "being cleaned";
}

impl fmt::Display for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl SessionInfo {
    pub(super) fn new(op: &Op, attempt: u32, held_for: Duration, state: SessionState) -> Self {
        Self {
            operation: op.name,
            file: op.file,
            line: op.line,
            attempt,
            read_only: op.read_only,
            held_for,
            state,
            state_for: held_for,
        }
    }
}

/// The most operations that a message names.
const MOST_NAMED: usize = 5;

/// Returns who holds connections, for example `` by `report` (src/reports.rs:12) for 41.2 s, idle in
/// its transaction for 40.1 s; by 8 calls of `transfer` (src/bank.rs:30) for up to 0.3 s``, with a
/// leading space. The operation that has held a connection for longest comes first. Returns an empty
/// text if nobody holds a connection.
pub(crate) fn held_by(mut sessions: Vec<SessionInfo>) -> String {
    sessions.sort_by_key(|session| std::cmp::Reverse(session.held_for));
    let mut groups: Vec<(SessionInfo, usize)> = Vec::new();
    for session in sessions {
        let place = |of: &SessionInfo| (of.operation, of.file, of.line);
        match groups
            .iter_mut()
            .find(|(of, _)| place(of) == place(&session))
        {
            Some((_, count)) => *count += 1,
            None => groups.push((session, 1)),
        }
    }
    let mut text = String::new();
    for (index, (longest, count)) in groups.iter().take(MOST_NAMED).enumerate() {
        let joint = if index == 0 { " by" } else { "; by" };
        let (held, name) = (seconds(longest.held_for), longest.operation);
        let place = format_args!("({}:{})", longest.file, longest.line);
        // Writing to a `String` cannot fail.
        let _ = match count {
            1 => write!(
                text,
                "{joint} `{name}` {place} for {held}, {} for {}",
                longest.state.phrase(),
                seconds(longest.state_for)
            ),
            _ => write!(
                text,
                "{joint} {count} calls of `{name}` {place} for up to {held}"
            ),
        };
    }
    let unnamed: usize = groups.iter().skip(MOST_NAMED).map(|(_, count)| count).sum();
    if unnamed > 0 {
        let _ = write!(text, "; and by {unnamed} others");
    }
    text
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    static REPORT: Op = Op::operation("report", "src/reports.rs", 12);
    static TRANSFER: Op = Op::transaction("transfer", "src/bank.rs", 30);

    fn held(op: &Op, millis: u64) -> SessionInfo {
        let held_for = Duration::from_millis(millis);
        SessionInfo::new(op, 1, held_for, SessionState::IdleInTransaction)
    }

    #[test]
    fn who_holds_connections_is_named_longest_first_and_each_operation_once() {
        let sessions = vec![
            held(&TRANSFER, 300),
            held(&REPORT, 41_200),
            held(&TRANSFER, 90),
        ];
        assert_eq!(
            held_by(sessions),
            " by `report` (src/reports.rs:12) for 41.2 s, idle in its transaction for 41.2 s; by 2 \
             calls of `transfer` (src/bank.rs:30) for up to 0.3 s"
        );
        assert_eq!(held_by(Vec::new()), "");
    }

    #[test]
    fn a_message_names_at_most_five_operations() {
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        let sessions = names.map(|name| held(&Op::operation(name, "src/lib.rs", 1), 100));
        let text = held_by(sessions.to_vec());
        assert!(text.contains("`e`") && !text.contains("`f`"), "{text}");
        assert!(text.ends_with("; and by 2 others"), "{text}");
    }
}
