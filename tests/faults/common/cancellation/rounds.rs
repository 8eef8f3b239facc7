//! Drops a call at each of its polls.

use std::future::poll_fn;
use std::ops::Range;
use std::task::Poll;
use std::time::Duration;

use dbop_tests::seed;

use super::super::super::SWEEPS;
use super::operations::{Trial, Trouble};
use super::world::World;

/// More polls than any of these calls takes. A call that takes as many never ends.
const TOO_MANY: u32 = 5000;

/// The most sweeps that may be needed to see everything there is to see.
const MOST_SWEEPS: u32 = 60;

/// Counts the sweeps of a test.
#[derive(Debug, Default)]
pub(crate) struct Sweeps(u32);

impl Sweeps {
    /// Whether another sweep follows. There are as many as [`SWEEPS`] says, and more until everything
    /// was seen.
    pub(crate) fn another(&mut self, everything_seen: bool) -> bool {
        let another = self.0 < SWEEPS || (!everything_seen && self.0 < MOST_SWEEPS);
        self.0 += u32::from(another);
        another
    }
}

/// The rows that a call may leave behind, from those of a call that never began to those of a call
/// that has ended.
pub(crate) type States = &'static [&'static [i64]];

/// The promise of an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promise {
    pub(crate) states: States,
    pub(crate) hooks: bool,
    /// Whether everything was seen that must be seen. If not, the calls were not dropped at every
    /// place of interest.
    pub(crate) complete: fn(&Seen) -> bool,
}

/// Returns the promise of a transaction that writes these rows. Some of its calls must have been
/// dropped so early that they leave nothing, and others in COMMIT.
pub(crate) const fn all_or_nothing(states: &'static [&'static [i64]; 2]) -> Promise {
    Promise {
        states,
        hooks: true,
        complete: |seen| seen.dropped.iter().all(|state| *state > 0),
    }
}

/// How the dropped calls have ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The most polls that one call took.
    pub(crate) polls: u32,
    /// How many dropped calls ended in each state.
    pub(crate) dropped: Vec<u32>,
}

pub(crate) fn seeded() -> fastrand::Rng {
    fastrand::Rng::with_seed(seed())
}

/// Polls `call` whenever it is woken, at most `polls` times. Then lets `linger` pass, in which an
/// answer may come that nobody reads, and drops the call. Returns its output; `None` if it was
/// dropped.
pub(crate) async fn cut<F: Future>(polls: u32, linger: Duration, call: F) -> Option<F::Output> {
    let mut call = Box::pin(call);
    let mut left = polls;
    let output = poll_fn(|cx| {
        if let Poll::Ready(output) = call.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        left -= 1;
        match left {
            0 => Poll::Ready(None),
            _ => Poll::Pending,
        }
    });
    let output = output.await;
    if output.is_none() && !linger.is_zero() {
        let begun = std::time::Instant::now();
        while begun.elapsed() < linger {
            tokio::task::yield_now().await;
        }
    }
    output
}

/// Returns how many polls `call` takes to its end.
pub(crate) async fn polls_of(call: impl Future<Output = Result<(), Trouble>>) -> u32 {
    let mut call = std::pin::pin!(call);
    let mut polls = 0;
    let ended = poll_fn(|cx| {
        polls += 1;
        call.as_mut().poll(cx)
    });
    ended.await.expect("the call is not dropped");
    polls
}

impl World {
    /// Like [`at_every_poll_but`](Self::at_every_poll_but), without uninteresting polls.
    pub(crate) async fn at_every_poll<F>(
        &mut self,
        what: &str,
        promise: Promise,
        operation: impl FnMut(Trial) -> F,
    ) -> Seen
    where
        F: Future<Output = Result<(), Trouble>>,
    {
        self.at_every_poll_but(0..0, what, promise, operation).await
    }

    /// Drops `operation` after one poll, after two and so on, until it ends. For each number of
    /// polls it is dropped once at that poll and once a random moment later, and everything is
    /// checked each time. Sweeps several times over all polls where an answer may be there before
    /// it is asked for.
    pub(crate) async fn at_every_poll_but<F>(
        &mut self,
        uninteresting: Range<u32>,
        what: &str,
        promise: Promise,
        mut operation: impl FnMut(Trial) -> F,
    ) -> Seen
    where
        F: Future<Output = Result<(), Trouble>>,
    {
        let mut random = seeded();
        let mut seen = Seen {
            polls: 0,
            dropped: vec![0; promise.states.len()],
        };
        let mut settled = Vec::new();
        let mut sweeps = Sweeps::default();
        while sweeps.another((promise.complete)(&seen)) {
            for polls in (1..).filter(|polls| !uninteresting.contains(polls)) {
                assert!(polls < TOO_MANY, "{what}: the call never ends");
                let mut ended = true;
                for linger in [0, random.u64(1..1500)].map(Duration::from_micros) {
                    let trial = self.trial();
                    let context = format!("{what}, dropped {linger:?} after {polls} polls");
                    let output = cut(polls, linger, operation(trial.clone())).await;
                    ended &= output.is_some();
                    if let Some(Err(error)) = &output {
                        assert!(promise.states.len() == 1, "{context}: {error}");
                    }
                    let state = self.check(&trial, promise, output.as_ref(), &context).await;
                    seen.dropped[state] += u32::from(output.is_none());
                    settled.push((trial, state, context));
                }
                seen.polls = seen.polls.max(polls);
                if ended {
                    break;
                }
            }
        }
        self.nothing_has_changed(&settled, promise).await;
        println!("{what}: {seen:?} in {} sweeps", sweeps.0);
        assert!(seen.polls > 1, "{what}: the call is never pending");
        assert!((promise.complete)(&seen), "{what}: {seen:?}");
        seen
    }

    /// Checks a call, and returns the index of the state that it has left behind.
    pub(crate) async fn check(
        &mut self,
        trial: &Trial,
        promise: Promise,
        output: Option<&Result<(), Trouble>>,
        context: &str,
    ) -> usize {
        self.is_as_before(context).await;
        let parts = self.parts(trial).await;
        let state = promise.states.iter().position(|state| *state == parts);
        let Some(state) = state else {
            panic!("{context}: only a part is there: {parts:?}");
        };
        let last = promise.states.len() - 1;
        match output {
            Some(Ok(())) => assert_eq!(state, last, "{context}: the call said `Ok`"),
            Some(Err(error)) => assert_eq!(state, 0, "{context}: {error}"),
            None => {}
        }
        if promise.hooks {
            self.hooks_fit(trial, is_new(state, promise), context).await;
        }
        state
    }

    /// Checks that nothing of a dropped call was written later, and that no hook has run again.
    async fn nothing_has_changed(&mut self, settled: &[(Trial, usize, String)], promise: Promise) {
        for (trial, state, context) in settled {
            let parts = self.parts(trial).await;
            assert_eq!(parts, promise.states[*state], "later, {context}");
            if promise.hooks {
                self.hooks_fit(trial, is_new(*state, promise), context)
                    .await;
            }
        }
    }
}

fn is_new(state: usize, promise: Promise) -> bool {
    !promise.states[state].is_empty()
}

/// The promise of an operation that is dropped in the statement after its first one.
pub(crate) const STEPS: Promise = Promise {
    states: &[&[], &[1, 2]],
    hooks: false,
    complete: |_| true,
};
/// The promise of a transaction that is dropped in the statement after its first one.
pub(crate) const NOTHING: Promise = Promise {
    states: &[&[]],
    hooks: true,
    complete: |_| true,
};

/// Drops `$rounds` calls, which never end, each after a random part of `$wait`. Drops more until a
/// third of `$rounds` have come to the statement that takes so long.
macro_rules! dropped_in {
    ($world:expr, $rounds:expr, $wait:expr, $promise:expr, $operation:expr) => {{
        let (world, mut random, mut begun) = (&mut $world, seeded(), 0);
        for round in 0.. {
            if round >= $rounds && begun * 3 >= $rounds {
                break;
            }
            assert!(
                round < $rounds * 20,
                "only {begun} calls came to their statement"
            );
            let trial = world.trial();
            let wait = $wait.mul_f64(random.f64());
            let context = format!("dropped after {wait:?}");
            let cut = timeout(wait, $operation(trial.clone())).await;
            cut.expect_err("the call takes hours").to_string();
            world.check(&trial, $promise, None, &context).await;
            begun += trial.runs();
        }
    }};
}
pub(crate) use dropped_in;
