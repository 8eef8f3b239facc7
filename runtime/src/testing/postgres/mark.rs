//! [`Mark`]: the comment that dbop writes on each of its test databases, and their names.
//!
//! Only a database that has both the [`PREFIX`] in its name and such a comment is ever dropped.

use crate::testing::{KEPT_DAYS, readable};

/// What the names of all test databases begin with.
pub(super) const PREFIX: &str = "dbop_test_";

/// Returns the name of the database that a process makes for `test`, after `number` others.
pub(super) fn name(test: &str, run: i64, number: u32) -> String {
    // With the prefix and a number of four digits, as long as a name may be.
    let test = readable(test, 30);
    format!("{PREFIX}{test}_{:016x}_{number}", run.cast_unsigned())
}

/// Returns the run whose process has made a database of this name; `None` if [`name`] returns no such
/// name.
pub(super) fn run_of(database: &str) -> Option<i64> {
    let (rest, number) = database.strip_prefix(PREFIX)?.rsplit_once('_')?;
    let (test, run) = rest.rsplit_once('_')?;
    let run = u64::from_str_radix(run, 16).ok()?.cast_signed();
    (name(test, run, number.parse().ok()?) == database).then_some(run)
}

/// What the comments begin with.
const MADE_BY: &str = "made by #[dbop::test]:";

/// What a test database is for. A day is a number of days since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A test runs on it, or did when its process ended. The process holds an advisory lock of this
    /// key for as long as it lives.
    Live { run: i64 },
    /// Its test has failed on this day.
    Kept { day: u64 },
    /// The databases of tests are copied from it. A process has last begun to do so on this day.
    Template { day: u64 },
}

impl Mark {
    /// Reads the comment of a database. `None` if it is not one of dbop's, or was made by processes
    /// whose advisory locks live in another database than `home`, the id of the URL's own.
    pub(super) fn read(comment: &str, home: i64) -> Option<Self> {
        let mut words = comment.strip_prefix(MADE_BY)?.split_whitespace();
        let (what, number, of_home) = (words.next()?, words.next()?, words.next()?);
        if of_home.parse() != Ok(home) || words.next().is_some() {
            return None;
        }
        let day = || number.parse().ok();
        match what {
            "live" => number.parse().ok().map(|run| Self::Live { run }),
            "kept" => day().map(|day| Self::Kept { day }),
            "template" => day().map(|day| Self::Template { day }),
            _ => None,
        }
    }

    /// Writes the comment.
    pub(super) fn write(self, home: i64) -> String {
        let (what, number) = match self {
            Self::Live { run } => ("live", run.to_string()),
            Self::Kept { day } => ("kept", day.to_string()),
            Self::Template { day } => ("template", day.to_string()),
        };
        format!("{MADE_BY} {what} {number} {home}")
    }

    /// Whether nobody needs the database any more, as far as time tells.
    pub(super) fn is_out_of_date(self, today: u64) -> bool {
        match self {
            Self::Live { .. } => false,
            Self::Kept { day } | Self::Template { day } => today > day.saturating_add(KEPT_DAYS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_as_it_was_written() {
        for mark in [
            Mark::Live { run: i64::MIN },
            Mark::Kept { day: 20_000 },
            Mark::Template { day: 0 },
        ] {
            assert_eq!(Mark::read(&mark.write(7), 7), Some(mark));
        }
    }

    #[test]
    fn a_comment_that_is_not_dbops_is_no_mark() {
        let written = Mark::Live { run: 5 }.write(7);
        assert_eq!(Mark::read(&written, 8), None, "another home");
        for comment in [
            "",
            "made by #[dbop::test]:",
            "made by #[dbop::test]: live 5",
            "made by #[dbop::test]: live five 7",
            "made by #[dbop::test]: live 5 7, and now production",
            "made by #[dbop::test]: precious 5 7",
            "was made by #[dbop::test]: live 5 7",
        ] {
            assert_eq!(Mark::read(comment, 7), None, "{comment}");
        }
    }

    #[test]
    fn only_a_name_as_dbop_writes_it_has_a_run() {
        for (test, run) in [("A_Transfer", -1), ("", 0), (&"x".repeat(80), 5)] {
            assert_eq!(run_of(&name(test, run, 1234)), Some(run));
        }
        for name in [
            "dbop_test_x",
            "dbop_test_x_0",
            "dbop_test_0123456789abcdef_0",
            "dbop_test_template_0123456789abcdef",
            "dbop_test_x_0123456789abcde_0",
            "dbop_test_x_00123456789abcdef_0",
            "dbop_test_x_0123456789ABCDEF_0",
            "dbop_test_x_0123456789abcdef_00",
            "dbop_test_x_0123456789abcdef_+1",
            "dbop_test_x_0123456789abcdef_1_copy",
            "dbop_test_x-y_0123456789abcdef_1",
            "my_dbop_test_x_0123456789abcdef_1",
        ] {
            assert_eq!(run_of(name), None, "{name}");
        }
    }

    #[test]
    fn only_what_was_kept_for_long_is_out_of_date() {
        assert!(!Mark::Live { run: 1 }.is_out_of_date(u64::MAX));
        assert!(!Mark::Kept { day: 100 }.is_out_of_date(107));
        assert!(Mark::Kept { day: 100 }.is_out_of_date(108));
        assert!(Mark::Template { day: 100 }.is_out_of_date(108));
        // The clock of another machine is ahead.
        assert!(!Mark::Template { day: 100 }.is_out_of_date(99));
    }
}
