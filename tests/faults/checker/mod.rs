//! Judges histories of concurrent transactions on lists to which unique values are appended.
//!
//! Such a list shows its own past: whoever reads it sees which transactions it has seen, and in
//! which order they wrote. From that follow the dependencies between transactions, and a cycle of
//! them is an anomaly, as in Elle (<https://arxiv.org/abs/2003.10554>). What an isolation level
//! permits is Adya's (<https://pmg.csail.mit.edu/papers/adya-phd.pdf>) and, for snapshots, that of
//! Cerone and Gotsman (<https://doi.org/10.1145/3152396>).

use std::collections::{BTreeMap, HashMap, HashSet};

mod graph;
#[cfg(test)]
mod tests;

pub(crate) type Key = i64;
pub(crate) type Value = i64;

/// What one attempt of a transaction has seen or done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Read(Key, Vec<Value>),
    /// Written down before it is sent: one that never arrived belongs to no committed attempt.
    Append(Key, Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Committed,
    RolledBack,
    /// The caller was not told; the final state tells.
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
    /// A value that nobody wrote.
    FromNowhere,
    /// A value twice in one list.
    Twice,
    /// A transaction does not see its own work as it did it.
    NotItsOwn,
    /// A value of an attempt that was rolled back.
    AbortedRead,
    /// A part of what another transaction wrote to one list.
    IntermediateRead,
    /// Two reads that no single order of writes explains.
    Contradiction,
    /// Something committed was overwritten by who had not seen it.
    LostUpdate,
    /// Cycle of writes only.
    DirtyWrite,
    /// Cycle of writes and reads of what was written.
    CircularFlow,
    /// Cycle in which one transaction alone has missed another's write.
    ReadSkew,
    /// Cycle in which two in a row have missed each other's writes.
    WriteSkew,
    /// Cycle in which two apart have missed writes: they disagree about which came first.
    LongFork,
}

/// What is wrong, and where.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) anomaly: Anomaly,
    #[expect(dead_code, reason = "read by whoever reads a failed assertion")]
    pub(crate) place: String,
}

/// A history and the state it has ended in.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) last: BTreeMap<Key, Vec<Value>>,
}

impl History {
    /// Everything that this history shows and the level forbids.
    pub(crate) fn check(&self, level: Level) -> Vec<Finding> {
        let settled = self.settled();
        let judge = Judge::new(&settled);
        let mut findings = judge.reads();
        findings.extend(judge.lost_appends());
        // Without one order of writes there are no dependencies to look at.
        if findings.is_empty() {
            findings.extend(graph::cycle(&settled, &judge.writers, level));
        }
        findings
    }

    /// What it shows, each once.
    pub(crate) fn anomalies(&self, level: Level) -> Vec<Anomaly> {
        let mut all: Vec<_> = self.check(level).iter().map(|f| f.anomaly).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The same with every end known: an attempt of which something is there was committed.
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

/// Who wrote which value.
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

    /// Looks at every list that anybody has read, also in attempts that failed, and at the last
    /// ones.
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

    /// One list as one reader saw it, who had appended `own` to it before.
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
