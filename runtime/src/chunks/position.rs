//! [`Resumable`]: where a call in chunks has come to, so that the next one can go on from there.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Committed;
use crate::error::{Category, Class, Error, ErrorKind, Result, Retry};
pub(crate) use crate::once::Asked;
use crate::once::{
    Fingerprint, MOVE_POSITION, OnceKey, PositionMarker, READ_POSITION, hexadecimal,
};

/// How many items are committed, in how many chunks, and which they were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) items: u64,
    pub(crate) chunks: u64,
    /// The SHA-256 of the items, in hexadecimal.
    pub(crate) fingerprint: String,
    /// How many items there are in all, if that is known.
    #[serde(default)]
    pub(crate) total: Option<u64>,
    /// Whether these are all.
    #[serde(default)]
    pub(crate) is_end: bool,
}

/// Where positions are written: beside a key in the table of markers, or with the step of a job.
pub(crate) trait Ledger: Send + Sync {
    /// Fails if no chunk may begin, for example because the job was cancelled.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Reads the position, as JSON.
    fn read(&self) -> Asked;

    /// Moves the position on, in the transaction of a chunk. Returns a row if the position was `from`.
    fn advance(&self, from: Option<&Position>, to: &Position) -> Asked;

    /// The position is committed.
    fn committed(&self) {}

    /// The error of a call that has found another position than the one it has left.
    fn overtaken(&self) -> fn() -> Error;

    /// Notes that there is no further chunk, where later calls ask for that.
    fn end(&self, at: &Position) -> Option<Asked>;

    /// All is committed, and that is noted.
    fn done(&mut self) {}
}

/// What a call in chunks needs, so that another one can be resumed behind it.
pub struct Resumable<T> {
    ledger: Box<dyn Ledger>,
    /// The items so far, and for a key the arguments before them.
    hash: Sha256,
    json_of: fn(&T) -> serde_json::Result<Vec<u8>>,
    /// The position that is committed; `None` if there is none.
    at: Option<Position>,
    /// The position of the chunk that is to be committed.
    next: Position,
}

impl<T: Fingerprint> Resumable<T> {
    /// The position is written down here.
    #[cfg(feature = "jobs")]
    pub(crate) fn new(ledger: Box<dyn Ledger>) -> Self {
        Self::after(ledger, Sha256::new())
    }

    /// The position is written down under this key of the operation.
    pub(super) fn by_key(operation: &'static str, key: OnceKey) -> Result<Self> {
        let (key, arguments) = key.into_parts()?;
        let ledger = KeyLedger { operation, key };
        Ok(Self::after(Box::new(ledger), arguments))
    }

    fn after(ledger: Box<dyn Ledger>, hash: Sha256) -> Self {
        Self {
            ledger,
            hash,
            json_of: T::to_json,
            at: None,
            next: Position::default(),
        }
    }
}

impl<T> Resumable<T> {
    pub(super) fn check(&self) -> Result<()> {
        self.ledger.check()
    }

    pub(super) fn read(&self) -> Asked {
        self.ledger.read()
    }

    /// Takes the position at which an earlier call has stopped.
    pub(super) fn found(&mut self, json: &str) -> Result<&Position> {
        let position = serde_json::from_str(json).map_err(|_| {
            changed("something else than a position is stored under its key, for example the result of a `once` operation of its name; give each operation a `name` of its own")
        })?;
        Ok(self.at.insert(position))
    }

    /// Adds items to the fingerprint.
    pub(super) fn pass(&mut self, items: &[T]) -> Result<()> {
        for item in items {
            let json = (self.json_of)(item).map_err(|error| unwritable(&error))?;
            // JSON contains no zero byte.
            self.hash.update([0]);
            self.hash.update(json);
        }
        Ok(())
    }

    /// Fails if the items that were passed are not those that an earlier call has committed. `passed`
    /// is less than their number if there are no more.
    pub(super) fn compare(&self, passed: u64) -> Result<()> {
        let Some(at) = &self.at else { return Ok(()) };
        if passed < at.items {
            return Err(changed(&format!(
                "{} items are committed under its key, and only {passed} were passed; pass the same items again",
                at.items
            )));
        }
        if self.fingerprint() != at.fingerprint {
            return Err(changed(&format!(
                "the {} items that are committed under its key are not those that were passed first, or its other arguments were different; pass what was passed before, or another key",
                at.items
            )));
        }
        Ok(())
    }

    /// Returns what moves the position on in the transaction of this chunk.
    pub(super) fn marker(&mut self, reached: &Committed) -> PositionMarker {
        self.next = Position {
            items: reached.items,
            chunks: reached.chunks,
            total: reached.total,
            fingerprint: self.fingerprint(),
            is_end: false,
        };
        let advance = self.ledger.advance(self.at.as_ref(), &self.next);
        let next = self.next.clone();
        let is_reached = move |json: &str| serde_json::from_str(json).ok().as_ref() == Some(&next);
        PositionMarker::new(
            advance,
            self.ledger.read(),
            Box::new(is_reached),
            self.ledger.overtaken(),
        )
    }

    /// The chunk is committed.
    pub(super) fn committed(&mut self) {
        self.at = Some(std::mem::take(&mut self.next));
        self.ledger.committed();
    }

    /// Returns what notes that there is no further chunk.
    pub(super) fn end(&self) -> Option<Asked> {
        let mut at = self.at.clone().unwrap_or_else(|| Position {
            fingerprint: self.fingerprint(),
            ..Position::default()
        });
        at.is_end = true;
        self.ledger.end(&at)
    }

    /// All is committed, and that is noted.
    pub(super) fn done(&mut self) {
        self.ledger.done();
    }

    fn fingerprint(&self) -> String {
        hexadecimal(self.hash.clone())
    }
}

impl<T> fmt::Debug for Resumable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumable")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// A key in the table of markers.
struct KeyLedger {
    operation: &'static str,
    key: String,
}

impl Ledger for KeyLedger {
    fn read(&self) -> Asked {
        let arguments = [self.operation.to_owned(), self.key.clone()];
        Asked::new(READ_POSITION, arguments)
    }

    fn advance(&self, from: Option<&Position>, to: &Position) -> Asked {
        let text = |position| serde_json::to_string(position).unwrap_or_default();
        let arguments = [
            self.operation.to_owned(),
            self.key.clone(),
            to.fingerprint.clone(),
            text(to),
            from.map(text).unwrap_or_default(),
        ];
        Asked::new(MOVE_POSITION, arguments)
    }

    fn overtaken(&self) -> fn() -> Error {
        overtaken
    }

    /// A later call with the key compares all items again, and goes on with those that are new.
    fn end(&self, _: &Position) -> Option<Asked> {
        None
    }
}

fn overtaken() -> Error {
    let class = Class {
        category: Category::Transient,
        kind: ErrorKind::KeyInUse,
        retry: Retry::Never,
    };
    Error::new(
        class,
        "another call with its key has committed items meanwhile; let one call at a time work on a key, and \
         repeat this one to go on where the other has come to",
    )
}

fn changed(message: &str) -> Error {
    let class = Class {
        category: Category::Integrity,
        kind: ErrorKind::KeyReused,
        retry: Retry::Never,
    };
    Error::new(class, message.to_owned())
}

/// Returns the error for an item that has no JSON. The message may include serde_json's error, which
/// quotes no values.
fn unwritable(error: &serde_json::Error) -> Error {
    let class = Class {
        category: Category::Data,
        kind: ErrorKind::Encode,
        retry: Retry::Never,
    };
    Error::new(
        class,
        format!(
            "an item cannot be written as JSON for the fingerprint by which a call is resumed ({error})"
        ),
    )
}
