//! [`Running`]: the keys of the calls that have set their markers and have not ended yet, in this
//! process. A call that waited in vain learns here whether it waited for a call with its own key.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

type Key = (&'static str, String);

/// How many calls there are with each operation and key. Handles of several databases share this, so
/// a key may be there more than once.
static RUNNING: Mutex<BTreeMap<Key, usize>> = Mutex::new(BTreeMap::new());

fn running() -> MutexGuard<'static, BTreeMap<Key, usize>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call with this key runs, until this is dropped.
#[derive(Debug)]
pub(super) struct Running(Key);

impl Running {
    pub(super) fn new(operation: &'static str, key: &str) -> Self {
        let key = (operation, key.to_owned());
        *running().entry(key.clone()).or_default() += 1;
        Self(key)
    }

    /// How many calls with this key run.
    pub(super) fn count(operation: &'static str, key: &str) -> usize {
        let key = (operation, key.to_owned());
        running().get(&key).copied().unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = running();
        if let Some(count) = running.get_mut(&self.0) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_runs_until_the_last_call_with_it_has_ended() {
        let calls = [
            Running::new("running.pay", "1"),
            Running::new("running.pay", "1"),
        ];
        let count = |operation, key| Running::count(operation, key);
        assert_eq!(count("running.pay", "1"), 2);
        assert_eq!(
            (count("running.pay", "2"), count("running.refund", "1")),
            (0, 0)
        );
        let [first, second] = calls;
        drop(first);
        assert_eq!(count("running.pay", "1"), 1);
        drop(second);
        assert_eq!(count("running.pay", "1"), 0);
    }
}
