//! [`Holders`]: the operations that hold connections of a pool.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::op::Op;

/// The operations that hold connections of a pool, with one entry for each connection.
#[derive(Debug, Default)]
pub(crate) struct Holders(Mutex<Vec<&'static Op>>);

impl Holders {
    fn all(&self) -> MutexGuard<'_, Vec<&'static Op>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call of `op` as the holder of a connection, until the returned value is dropped.
    pub(crate) fn hold(self: &Arc<Self>, op: &'static Op) -> Holding {
        self.all().push(op);
        Holding {
            holders: Arc::clone(self),
            op,
        }
    }

    /// Adds the holders of this pool to another list.
    pub(crate) fn copy_to(&self, other: &Self) {
        other.all().extend(self.all().iter());
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.all().len()).unwrap_or(u32::MAX)
    }
}

/// One entry in [`Holders`], from [`hold`](Holders::hold).
#[derive(Debug)]
pub(crate) struct Holding {
    holders: Arc<Holders>,
    op: &'static Op,
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut all = self.holders.all();
        if let Some(index) = all.iter().position(|each| std::ptr::eq(*each, self.op)) {
            all.swap_remove(index);
        }
    }
}

/// Displays, for example, `` by `transfer` (8) and `report` (2)``, with a leading space and the
/// most frequent operation first. Displays nothing if no operation holds a connection.
impl fmt::Display for Holders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for op in self.all().iter() {
            match counts.iter_mut().find(|(name, _)| *name == op.name) {
                Some((_, count)) => *count += 1,
                None => counts.push((op.name, 1)),
            }
        }
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (index, (name, count)) in counts.iter().enumerate() {
            let joint = match index {
                0 => " by",
                _ if index + 1 == counts.len() => " and",
                _ => ",",
            };
            write!(f, "{joint} `{name}`")?;
            if *count > 1 {
                write!(f, " ({count})")?;
            }
        }
        Ok(())
    }
}
