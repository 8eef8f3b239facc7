//! Judges histories of concurrent transactions on lists to which unique values are appended.
//!
//! Such a list shows its own past: a reader of the list sees which transactions it has seen, and in
//! which order they wrote. The dependencies between transactions follow from this, and a cycle of
//! dependencies is an anomaly, as in Elle (<https://arxiv.org/abs/2003.10554>). What an isolation
//! level permits is defined by Adya (<https://pmg.csail.mit.edu/papers/adya-phd.pdf>) and, for
//! snapshots, by Cerone and Gotsman (<https://doi.org/10.1145/3152396>).

use std::collections::{BTreeMap, HashMap, HashSet};

mod graph;
#[cfg(test)]
mod tests;

pub(crate) type Key = i64;
pub(crate) type Value = i64;

/// One thing that an attempt of a transaction has read or done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Read(Key, Vec<Value>),
    /// An append, recorded before it is sent. If it never arrived, its attempt has not committed.
    Append(Key, Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Committed,
    RolledBack,
    /// The caller was not told the outcome; the final state shows it.
    Unknown,
}

#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) steps: Vec<Step>,
    pub(crate) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Serializable,
    /// Postgres's REPEATABLE READ.
    Snapshot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Anomaly {
    /// A value that no attempt wrote.
    FromNowhere,
    /// A value that stands twice in one list.
    Twice,
    /// A transaction sees its own work differently from how it did it.
    NotItsOwn,
    /// A transaction read a value of an attempt that was rolled back.
    AbortedRead,
    /// A transaction read only a part of what another one wrote to a list.
    IntermediateRead,
    /// Two reads that no single order of writes can explain.
    Contradiction,
    /// A committed write was overwritten by a transaction that had not seen it.
    LostUpdate,
    /// A cycle of writes only.
    DirtyWrite,
    /// A cycle of writes, and reads of what was written.
    CircularFlow,
    /// A cycle in which a single transaction has missed another's write.
    ReadSkew,
    /// A cycle in which two transactions in a row have missed each other's writes.
    WriteSkew,
    /// A cycle in which two transactions that are apart have missed writes: they disagree about
    /// which write came first.
    LongFork,
}

/// An anomaly, and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) anomaly: Anomaly,
    #[expect(dead_code, reason = "read by whoever reads a failed assertion")]
    pub(crate) place: String,
}

/// A history, and the lists at its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) last: BTreeMap<Key, Vec<Value>>,
}

impl History {
    /// Returns everything in this history that the level forbids.
    pub(crate) fn check(&self, level: Level) -> Vec<Finding> {
        let settled = self.settled();
        let judge = Judge::new(&settled);
        let mut findings = judge.reads();
        findings.extend(judge.lost_appends());
        // Dependencies follow from the order of the writes, so they need lists without a
        // contradiction.
        if findings.is_empty() {
            findings.extend(graph::cycle(&settled, &judge.writers, level));
        }
        findings
    }

    /// Returns the anomalies of this history, each once.
    pub(crate) fn anomalies(&self, level: Level) -> Vec<Anomaly> {
        let mut all: Vec<_> = self.check(level).iter().map(|f| f.anomaly).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Returns this history with every outcome known: an attempt whose outcome was unknown has
    /// committed if one of its values is there.
    fn settled(&self) -> Self {
        let there: HashSet<Value> = self.last.values().flatten().copied().collect();
        let mut settled = self.clone();
        for attempt in &mut settled.attempts {
            if attempt.end == End::Unknown {
                let is_there = attempt.appends().any(|(_, value)| there.contains(&value));
                attempt.end = if is_there {
                    End::Committed
                } else {
                    End::RolledBack
                };
            }
        }
        settled
    }
}

impl Attempt {
    fn appends(&self) -> impl Iterator<Item = (Key, Value)> {
        self.steps.iter().filter_map(|step| match step {
            Step::Append(key, value) => Some((*key, *value)),
            Step::Read(..) => None,
        })
    }
}

/// For each value, the attempt that wrote it.
type Writers = HashMap<Value, usize>;

struct Judge<'h> {
    history: &'h History,
    writers: Writers,
}

impl<'h> Judge<'h> {
    fn new(history: &'h History) -> Self {
        let attempts = history.attempts.iter().enumerate();
        let writers =
            attempts.flat_map(|(index, attempt)| attempt.appends().map(move |(_, v)| (v, index)));
        Self {
            history,
            writers: writers.collect(),
        }
    }

    /// Judges every list that was read, also in failed attempts, and the lists at the end.
    fn reads(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut judge = |reader: Option<usize>, key: Key, list: &[Value], own: &[Value]| {
            if let Some(anomaly) = self.list(reader, key, list, own) {
                let place = format!("reader {reader:?}, key {key}, list {list:?}");
                findings.push(Finding { anomaly, place });
            }
        };
        for (index, attempt) in self.history.attempts.iter().enumerate() {
            let mut own: HashMap<Key, Vec<Value>> = HashMap::new();
            for step in &attempt.steps {
                match step {
                    Step::Append(key, value) => own.entry(*key).or_default().push(*value),
                    Step::Read(key, list) => {
                        judge(Some(index), *key, list, own.entry(*key).or_default());
                    }
                }
            }
        }
        for (key, list) in &self.history.last {
            judge(None, *key, list, &[]);
        }
        findings
    }

    /// Judges a list as `reader` saw it, after appending `own` to it.
    fn list(
        &self,
        reader: Option<usize>,
        key: Key,
        list: &[Value],
        own: &[Value],
    ) -> Option<Anomaly> {
        let mut seen = HashSet::new();
        if !list.iter().all(|value| seen.insert(value)) {
            return Some(Anomaly::Twice);
        }
        let Some(others) = list.strip_suffix(own) else {
            return Some(Anomaly::NotItsOwn);
        };
        for value in others {
            match self.writers.get(value) {
                None => return Some(Anomaly::FromNowhere),
                Some(writer) if Some(*writer) == reader => return Some(Anomaly::NotItsOwn),
                Some(writer) if self.history.attempts[*writer].end != End::Committed => {
                    return Some(Anomaly::AbortedRead);
                }
                Some(_) => {}
            }
        }
        if let Some(last) = others.last() {
            let writer = &self.history.attempts[self.writers[last]];
            let whole = writer.appends().filter(|(k, _)| *k == key).last();
            if whole != Some((key, *last)) {
                return Some(Anomaly::IntermediateRead);
            }
        }
        let known = self.history.last.get(&key).map_or(&[][..], Vec::as_slice);
        (!known.starts_with(others)).then_some(Anomaly::Contradiction)
    }

    fn lost_appends(&self) -> Vec<Finding> {
        let is_there = |key: Key, value: Value| {
            let list = self.history.last.get(&key);
            list.is_some_and(|list| list.contains(&value))
        };
        let attempts = self.history.attempts.iter().enumerate();
        let committed = attempts.filter(|(_, attempt)| attempt.end == End::Committed);
        let lost = committed.flat_map(|(index, attempt)| {
            let lost = attempt.appends().filter(|(k, v)| !is_there(*k, *v));
            lost.map(move |(key, value)| Finding {
                anomaly: Anomaly::LostUpdate,
                place: format!("{value} of attempt {index} is not in list {key}"),
            })
        });
        lost.collect()
    }
}
