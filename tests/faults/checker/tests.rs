//! Histories written by hand: one for each thing that can be wrong, and some in which nothing is
//! wrong.

use super::{Anomaly, Attempt, End, History, Key, Level, Step, Value};
use Level::{Serializable, Snapshot};

fn read<const N: usize>(key: Key, list: [Value; N]) -> Step {
    Step::Read(key, list.into())
}

fn append(key: Key, value: Value) -> Step {
    Step::Append(key, value)
}

fn attempt<const N: usize>(end: End, steps: [Step; N]) -> Attempt {
    Attempt {
        end,
        steps: steps.into(),
    }
}

fn committed<const N: usize>(steps: [Step; N]) -> Attempt {
    attempt(End::Committed, steps)
}

fn rolled_back<const N: usize>(steps: [Step; N]) -> Attempt {
    attempt(End::RolledBack, steps)
}

/// Returns a history that ends with these lists.
fn history<const N: usize, const K: usize>(
    attempts: [Attempt; N],
    last: [(Key, &[Value]); K],
) -> History {
    History {
        attempts: attempts.into(),
        last: last.map(|(key, list)| (key, list.to_vec())).into(),
    }
}

/// Checks the anomalies on both levels.
fn assert_shows(history: &History, anomalies: &[Anomaly]) {
    for level in [Serializable, Snapshot] {
        let found = history.check(level);
        assert_eq!(history.anomalies(level), anomalies, "{level:?}: {found:?}");
    }
}

#[test]
fn transactions_one_after_the_other_are_in_order() {
    let good = history(
        [
            committed([read(1, []), append(1, 10), read(1, [10])]),
            committed([
                append(1, 20),
                append(1, 21),
                read(1, [10, 20, 21]),
                append(2, 22),
            ]),
            committed([read(2, [22]), read(1, [10, 20, 21])]),
        ],
        [(1, &[10, 20, 21]), (2, &[22])],
    );
    assert_shows(&good, &[]);
}

#[test]
fn what_was_rolled_back_may_have_read_but_not_be_read() {
    let reads = committed([append(1, 10)]);
    let good = history(
        [
            reads.clone(),
            rolled_back([read(1, [10]), append(1, 20), read(1, [10, 20])]),
        ],
        [(1, &[10])],
    );
    assert_shows(&good, &[]);
    let read_by_another = history(
        [
            reads.clone(),
            rolled_back([append(1, 20)]),
            committed([read(1, [10, 20])]),
        ],
        [(1, &[10])],
    );
    assert_shows(&read_by_another, &[Anomaly::AbortedRead]);
    let read_by_one_that_failed_too = history(
        [
            reads.clone(),
            rolled_back([append(1, 20)]),
            rolled_back([read(1, [10, 20])]),
        ],
        [(1, &[10])],
    );
    assert_shows(&read_by_one_that_failed_too, &[Anomaly::AbortedRead]);
    let left_behind = history([reads, rolled_back([append(1, 20)])], [(1, &[10, 20])]);
    assert_shows(&left_behind, &[Anomaly::AbortedRead]);
}

#[test]
fn an_unknown_end_is_what_the_final_state_says() {
    let unknown = |steps| attempt(End::Unknown, steps);
    let either = |last: &[Value]| {
        history(
            [
                committed([append(1, 10)]),
                unknown([append(1, 20), append(1, 21)]),
            ],
            [(1, last)],
        )
    };
    assert_shows(&either(&[10]), &[]);
    assert_shows(&either(&[10, 20, 21]), &[]);
    assert_shows(
        &either(&[10, 20]),
        &[Anomaly::IntermediateRead, Anomaly::LostUpdate],
    );
}

#[test]
fn a_value_from_nowhere() {
    let bad = history([committed([read(1, [7])])], [(1, &[7])]);
    assert_shows(&bad, &[Anomaly::FromNowhere]);
}

#[test]
fn a_value_twice() {
    let bad = history([committed([append(1, 10)])], [(1, &[10, 10])]);
    assert_shows(&bad, &[Anomaly::Twice]);
}

#[test]
fn own_work_that_is_not_seen_or_seen_too_early() {
    for steps in [[append(1, 10), read(1, [])], [read(1, [10]), append(1, 10)]] {
        let bad = history([committed(steps)], [(1, &[10])]);
        assert_shows(&bad, &[Anomaly::NotItsOwn]);
    }
}

#[test]
fn an_intermediate_read() {
    let bad = history(
        [
            committed([append(1, 10), append(1, 11)]),
            committed([read(1, [10])]),
        ],
        [(1, &[10, 11])],
    );
    assert_shows(&bad, &[Anomaly::IntermediateRead]);
}

#[test]
fn reads_that_contradict_each_other() {
    let bad = history(
        [
            committed([append(1, 10)]),
            committed([append(1, 20)]),
            committed([read(1, [20])]),
        ],
        [(1, &[10, 20])],
    );
    assert_shows(&bad, &[Anomaly::Contradiction]);
}

#[test]
fn a_lost_update_that_overwrote() {
    let bad = history(
        [
            committed([read(1, []), append(1, 10)]),
            committed([read(1, []), append(1, 20)]),
        ],
        [(1, &[20])],
    );
    assert_shows(&bad, &[Anomaly::LostUpdate]);
}

#[test]
fn a_lost_update_that_shows_only_in_what_was_read() {
    let bad = history(
        [
            committed([read(1, []), append(1, 10)]),
            committed([read(1, []), append(1, 20)]),
        ],
        [(1, &[10, 20])],
    );
    assert_shows(&bad, &[Anomaly::LostUpdate]);
}

#[test]
fn a_dirty_write() {
    let bad = history(
        [
            committed([append(1, 10), append(2, 11)]),
            committed([append(1, 20), append(2, 21)]),
        ],
        [(1, &[10, 20]), (2, &[21, 11])],
    );
    assert_shows(&bad, &[Anomaly::DirtyWrite]);
}

#[test]
fn a_circular_flow() {
    let bad = history(
        [
            committed([append(1, 10), read(2, [20])]),
            committed([append(2, 20), read(1, [10])]),
        ],
        [(1, &[10]), (2, &[20])],
    );
    assert_shows(&bad, &[Anomaly::CircularFlow]);
}

#[test]
fn a_read_skew() {
    let bad = history(
        [
            committed([append(1, 10), append(2, 11)]),
            committed([read(1, []), read(2, [11])]),
        ],
        [(1, &[10]), (2, &[11])],
    );
    assert_shows(&bad, &[Anomaly::ReadSkew]);
}

#[test]
fn a_write_skew_is_permitted_to_snapshots_only() {
    let skew = history(
        [
            committed([read(1, []), read(2, []), append(1, 10)]),
            committed([read(1, []), read(2, []), append(2, 20)]),
        ],
        [(1, &[10]), (2, &[20])],
    );
    assert_eq!(skew.anomalies(Serializable), [Anomaly::WriteSkew]);
    assert_eq!(skew.anomalies(Snapshot), []);
}

/// The anomaly of Fekete, O'Neil and O'Neil (<https://doi.org/10.1145/1031570.1031573>). Without
/// the reader, the two writers would be in order.
#[test]
fn a_reader_among_snapshots_can_be_what_is_not_serializable() {
    let writers = [
        committed([read(1, []), read(2, []), append(1, 10)]),
        committed([read(2, []), append(2, 20)]),
    ];
    let reader = committed([read(1, []), read(2, [20])]);
    let [one, other] = writers;
    let last: [(Key, &[Value]); 2] = [(1, &[10]), (2, &[20])];
    assert_shows(&history([one.clone(), other.clone()], last), &[]);
    let with_reader = history([one, other, reader], last);
    assert_eq!(with_reader.anomalies(Serializable), [Anomaly::WriteSkew]);
    assert_eq!(with_reader.anomalies(Snapshot), []);
}

#[test]
fn a_long_fork_is_permitted_to_nobody() {
    let bad = history(
        [
            committed([append(1, 10)]),
            committed([append(2, 20)]),
            committed([read(1, [10]), read(2, [])]),
            committed([read(1, []), read(2, [20])]),
        ],
        [(1, &[10]), (2, &[20])],
    );
    assert_shows(&bad, &[Anomaly::LongFork]);
}
