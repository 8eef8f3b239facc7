//! [`Progress`]: what a call does with its connection, as the call notes it for others to read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::session_info::SessionState;
use crate::rt::Moment;

/// What a call does with its connection, and since when. Both are in one number, so that a note
/// costs a single store and a reader never sees halves of two notes.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The moment of the note, and the state in the lowest [`STATE_BITS`]. The moment is 0 if there was
    /// no note since the connection was borrowed.
    noted: AtomicU64,
    /// The [hash](text_hash) of the statement that the body has sent last.
    statement: AtomicU64,
}

/// So many bits tell the states apart.
const STATE_BITS: u32 = 3;

impl Progress {
    /// Forgets the notes of an earlier borrower. The connection is in this state since it was borrowed.
    #[inline]
    pub(crate) fn starts_in(&self, state: SessionState) {
        self.noted.store(state as u64, Relaxed);
        self.statement.store(0, Relaxed);
    }

    /// Notes that the connection is in this state from `now` on.
    #[inline]
    pub(crate) fn note(&self, state: SessionState, now: Moment) {
        let noted = (now.number() << STATE_BITS) | state as u64;
        self.noted.store(noted, Relaxed);
    }

    /// Notes the [hash](text_hash) of the statement that the body sends.
    #[inline]
    pub(crate) fn sends(&self, statement: u64) {
        self.statement.store(statement, Relaxed);
    }

    /// Returns the hash of the statement that the body has sent last.
    pub(super) fn statement(&self) -> u64 {
        self.statement.load(Relaxed)
    }

    /// Returns the state, and since when the connection is in it, if it was borrowed at `borrowed`.
    pub(super) fn read(&self, borrowed: Moment) -> (SessionState, Moment) {
        let noted = self.noted.load(Relaxed);
        let state = SessionState::of_number(noted & ((1 << STATE_BITS) - 1));
        match noted >> STATE_BITS {
            0 => (state, borrowed),
            moment => (state, Moment::from_number(moment)),
        }
    }
}

/// A fast hash, because it is made of the text of every statement. A server shows only the beginning of
/// a long text, so only the beginning counts. Two texts with the same hash would at worst be taken for
/// one.
pub(crate) fn text_hash(text: &str) -> u64 {
    const FACTOR: u64 = 0x517c_c1b7_2722_0a95; // an odd number whose bits look random
    /// `track_activity_query_size` is 1024 by default.
    const COUNTS: usize = 1000;
    let text = text.as_bytes();
    let text = &text[..text.len().min(COUNTS)];
    let (words, rest) = text.as_chunks::<8>();
    let mut hash = 0_u64;
    let mut add = |word: u64| hash = (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    words.iter().for_each(|word| add(u64::from_le_bytes(*word)));
    match text.last_chunk::<8>() {
        Some(last) => add(u64::from_le_bytes(*last)),
        None => rest.iter().for_each(|byte| add(u64::from(*byte))),
    }
    hash
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_note_is_read_back_as_it_was_made() {
        let begun = Moment::now();
        let progress = Progress::default();
        tokio::time::advance(Duration::from_secs(3_000)).await;
        for state in SessionState::ALL {
            tokio::time::advance(Duration::from_micros(7)).await;
            progress.note(*state, Moment::now());
            assert_eq!(progress.read(begun), (*state, Moment::now()));
        }
        for state in SessionState::ALL {
            progress.starts_in(*state);
            assert_eq!(progress.read(begun), (*state, begun));
        }
    }
}
