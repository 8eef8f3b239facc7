//! Dependencies between committed transactions, and the cycles they form.

use std::collections::{HashMap, VecDeque};

use super::{Anomaly, End, Finding, History, Key, Level, Step, Value, Writers};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dependency {
    /// The later transaction overwrote what the earlier one had written.
    Write,
    /// The later transaction read what the earlier one had written.
    Read,
    /// The later transaction wrote what the earlier one would have read if it had run after it.
    Missed,
}

#[derive(Clone, Copy, Debug)]
struct Edge {
    to: usize,
    dependency: Dependency,
    key: Key,
}

/// For each attempt, its hops to other attempts. A hop has one or two edges.
type Hops = Vec<Vec<Vec<Edge>>>;

/// Returns a shortest cycle that the level forbids; `None` if there is no such cycle.
pub(super) fn cycle(history: &History, writers: &Writers, level: Level) -> Option<Finding> {
    let edges = edges(history, writers);
    let hops = match level {
        // This level forbids every cycle.
        Level::Serializable => {
            let alone = |edges: &Vec<Edge>| edges.iter().map(|edge| vec![*edge]).collect();
            edges.iter().map(alone).collect()
        }
        // This level forbids a cycle in which no two edges in a row are misses. So each hop begins
        // with another kind of dependency, and one miss may follow.
        Level::Snapshot => edges
            .iter()
            .map(|from| without_lone_misses(from, &edges))
            .collect(),
    };
    let (start, path) = shortest(&hops)?;
    Some(Finding {
        anomaly: name(&path),
        place: format!("from attempt {start}: {path:?}"),
    })
}

fn without_lone_misses(from: &[Edge], edges: &[Vec<Edge>]) -> Vec<Vec<Edge>> {
    let mut hops = Vec::new();
    for first in from
        .iter()
        .filter(|edge| edge.dependency != Dependency::Missed)
    {
        hops.push(vec![*first]);
        let missed = |edge: &&Edge| edge.dependency == Dependency::Missed;
        for second in edges[first.to].iter().filter(missed) {
            hops.push(vec![*first, *second]);
        }
    }
    hops
}

fn edges(history: &History, writers: &Writers) -> Vec<Vec<Edge>> {
    let mut edges = vec![Vec::new(); history.attempts.len()];
    let mut add = |from: usize, to: usize, dependency, key| {
        if from != to {
            edges[from].push(Edge {
                to,
                dependency,
                key,
            });
        }
    };
    for (key, list) in &history.last {
        for pair in list.windows(2) {
            add(
                writers[&pair[0]],
                writers[&pair[1]],
                Dependency::Write,
                *key,
            );
        }
    }
    let places = places(history);
    for (reader, attempt) in history.attempts.iter().enumerate() {
        if attempt.end != End::Committed {
            continue;
        }
        for step in &attempt.steps {
            let Step::Read(key, list) = step else {
                continue;
            };
            // The reader's own values stand at the end of the list.
            let others = list.iter().rposition(|value| writers[value] != reader);
            if let Some(last) = others {
                add(writers[&list[last]], reader, Dependency::Read, *key);
            }
            let next = others.map_or(0, |last| places[&list[last]] + 1);
            if let Some(missed) = history.last.get(key).and_then(|all| all.get(next)) {
                add(reader, writers[missed], Dependency::Missed, *key);
            }
        }
    }
    edges
}

/// Returns the place of each value in its list.
fn places(history: &History) -> HashMap<Value, usize> {
    let lists = history.last.values();
    lists
        .flat_map(|list| {
            list.iter()
                .enumerate()
                .map(|(place, value)| (*value, place))
        })
        .collect()
}

fn shortest(hops: &Hops) -> Option<(usize, Vec<Edge>)> {
    let starts = candidates(hops);
    let cycles = starts.into_iter().filter_map(|start| {
        let path = way_back(hops, start)?;
        Some((start, path))
    });
    // A broken history can have thousands of cycles; a few of them show what is wrong.
    cycles.take(50).min_by_key(|(_, path)| path.len())
}

/// Returns all attempts that are on a cycle, and some that are not: those that are left after
/// repeatedly removing every attempt to which nothing leads.
fn candidates(hops: &Hops) -> Vec<usize> {
    let target = |hop: &Vec<Edge>| hop.last().expect("a hop has an edge").to;
    let mut into = vec![0_usize; hops.len()];
    for hop in hops.iter().flatten() {
        into[target(hop)] += 1;
    }
    let mut free: Vec<usize> = (0..hops.len()).filter(|node| into[*node] == 0).collect();
    while let Some(node) = free.pop() {
        for hop in &hops[node] {
            into[target(hop)] -= 1;
            if into[target(hop)] == 0 {
                free.push(target(hop));
            }
        }
    }
    (0..hops.len()).filter(|node| into[*node] > 0).collect()
}

/// Returns the edges of the shortest way from `start` back to itself; `None` if there is no way.
fn way_back(hops: &Hops, start: usize) -> Option<Vec<Edge>> {
    let mut came: HashMap<usize, (usize, &Vec<Edge>)> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for hop in &hops[node] {
            let to = hop.last().expect("a hop has an edge").to;
            if came.contains_key(&to) {
                continue;
            }
            came.insert(to, (node, hop));
            queue.push_back(to);
        }
    }
    let mut path = Vec::new();
    let mut node = start;
    loop {
        let (from, hop) = came.get(&node)?;
        path.splice(0..0, hop.iter().copied());
        node = *from;
        if node == start {
            return Some(path);
        }
    }
}

fn name(path: &[Edge]) -> Anomaly {
    let is = |edge: &Edge, dependency| edge.dependency == dependency;
    let missed = path.iter().filter(|edge| is(edge, Dependency::Missed));
    let one_list = path.iter().all(|edge| edge.key == path[0].key);
    let in_a_row = (0..path.len()).any(|at| {
        let next = &path[(at + 1) % path.len()];
        is(&path[at], Dependency::Missed) && is(next, Dependency::Missed)
    });
    match missed.count() {
        0 if path.iter().all(|edge| is(edge, Dependency::Write)) => Anomaly::DirtyWrite,
        0 => Anomaly::CircularFlow,
        1 if one_list => Anomaly::LostUpdate,
        1 => Anomaly::ReadSkew,
        _ if in_a_row => Anomaly::WriteSkew,
        _ => Anomaly::LongFork,
    }
}
