//! [`Deadlock`]: what a server says about a deadlock.

/// What a server says about a deadlock to the transaction that it has rolled back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlock {
    /// The server's words about which process has waited for which. They contain numbers of processes
    /// and of locks, and no values of rows.
    pub(crate) detail: String,
    /// The processes that have waited for each other. There may be other numbers among them.
    pub(crate) processes: Vec<i32>,
}

impl Deadlock {
    /// Reads a detail in which each line begins and ends with the number of a process. The words
    /// between them are in the language of the server.
    #[cfg(feature = "postgres")]
    pub(super) fn of_detail(detail: &str) -> Self {
        let mut processes = Vec::new();
        for line in detail.lines() {
            let mut numbers = line
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|digits| digits.parse::<i32>().ok());
            processes.extend(numbers.next());
            processes.extend(numbers.next_back());
        }
        processes.sort_unstable();
        processes.dedup();
        Self {
            detail: detail.to_owned(),
            processes,
        }
    }
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::*;

    #[test]
    fn the_processes_of_a_detail_are_found_in_any_language() {
        for detail in [
            "Process 71 waits for ShareLock on transaction 900; blocked by process 83.\n\
             Process 83 waits for ShareLock on transaction 901; blocked by process 71.",
            "Prozess 71 wartet auf ShareLock-Sperre auf Transaktion 900; blockiert von Prozess 83.\n\
             Prozess 83 wartet auf ShareLock-Sperre auf Transaktion 901; blockiert von Prozess 71.",
        ] {
            assert_eq!(Deadlock::of_detail(detail).processes, [71, 83]);
        }
        assert!(Deadlock::of_detail("").processes.is_empty());
    }
}
