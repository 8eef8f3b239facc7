//! Tests of every transition, on tokio's paused clock.

use tokio::time::advance;

use super::*;

fn circuit() -> Arc<Circuit> {
    Circuit::new(CircuitBreaker::DEFAULT, "a test")
}

fn pass(circuit: &Arc<Circuit>) -> Pass {
    circuit.admit().expect("let through")
}

fn is_refused(circuit: &Arc<Circuit>) -> bool {
    let refused = circuit.admit();
    assert_eq!(circuit.is_open(), refused.is_err());
    refused.is_err()
}

fn fail(circuit: &Arc<Circuit>, failure: Fault) {
    pass(circuit).failed(failure);
}

/// Returns a circuit that refusals have just opened.
fn opened() -> Arc<Circuit> {
    let circuit = circuit();
    for _ in 0..5 {
        fail(&circuit, Fault::Refused);
    }
    assert!(is_refused(&circuit));
    circuit
}

/// Returns a circuit that was opened, and whose time is over.
async fn half_open() -> Arc<Circuit> {
    let circuit = opened();
    advance(Duration::from_secs(6)).await;
    circuit
}

#[tokio::test(start_paused = true)]
async fn five_refusals_in_a_row_open_it() {
    let circuit = circuit();
    for _ in 0..4 {
        fail(&circuit, Fault::Refused);
    }
    assert!(!is_refused(&circuit));
    fail(&circuit, Fault::Refused);
    assert!(is_refused(&circuit));
}

#[tokio::test(start_paused = true)]
async fn a_success_between_refusals_starts_the_count_again() {
    let circuit = circuit();
    for _ in 0..3 {
        for _ in 0..4 {
            fail(&circuit, Fault::Refused);
        }
        pass(&circuit).succeeded();
    }
    assert!(!is_refused(&circuit));
}

#[tokio::test(start_paused = true)]
async fn half_of_twenty_outcomes_open_it() {
    let circuit = circuit();
    for _ in 0..10 {
        pass(&circuit).succeeded();
    }
    for _ in 0..9 {
        fail(&circuit, Fault::Slow);
    }
    assert!(!is_refused(&circuit), "these are nineteen");
    fail(&circuit, Fault::Slow);
    assert!(is_refused(&circuit));
}

#[tokio::test(start_paused = true)]
async fn less_than_half_do_not_open_it() {
    let circuit = circuit();
    for _ in 0..100 {
        for _ in 0..11 {
            pass(&circuit).succeeded();
        }
        for _ in 0..10 {
            fail(&circuit, Fault::Slow);
        }
    }
    assert!(!is_refused(&circuit));
}

#[tokio::test(start_paused = true)]
async fn what_is_older_than_the_window_does_not_count() {
    let circuit = circuit();
    for _ in 0..19 {
        fail(&circuit, Fault::Slow);
    }
    advance(Duration::from_secs(11)).await;
    for _ in 0..19 {
        fail(&circuit, Fault::Slow);
    }
    assert!(!is_refused(&circuit));
    advance(Duration::from_secs(5)).await;
    fail(&circuit, Fault::Slow);
    assert!(is_refused(&circuit), "these nineteen are five seconds old");
}

#[tokio::test(start_paused = true)]
async fn nothing_found_out_counts_as_nothing() {
    let circuit = circuit();
    for _ in 0..100 {
        drop(pass(&circuit));
    }
    for _ in 0..19 {
        fail(&circuit, Fault::Slow);
    }
    assert!(!is_refused(&circuit));
}

#[tokio::test(start_paused = true)]
async fn slow_answers_count_as_failures() {
    let circuit = circuit();
    for _ in 0..20 {
        pass(&circuit).answered_in(Duration::from_millis(999));
    }
    for _ in 0..20 {
        assert!(!is_refused(&circuit));
        pass(&circuit).answered_in(Duration::from_secs(1));
    }
    assert!(is_refused(&circuit));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_had_little_time_has_found_out_nothing() {
    let circuit = circuit();
    for _ in 0..20 {
        pass(&circuit).unanswered_for(Duration::from_millis(999));
    }
    for _ in 0..20 {
        assert!(!is_refused(&circuit));
        pass(&circuit).unanswered_for(Duration::from_secs(1));
    }
    assert!(is_refused(&circuit));
}

#[tokio::test(start_paused = true)]
async fn while_open_it_says_when_it_tries_again() {
    let circuit = opened();
    let error = circuit.admit().unwrap_err();
    assert_eq!(
        (error.category(), error.kind()),
        (Category::Resource, ErrorKind::CircuitOpen)
    );
    let text = error.to_string();
    let (_, seconds) = text.split_once("tried again in ").expect("when");
    let seconds: f64 = seconds.split_once(" s").expect("a unit").0.parse().unwrap();
    assert!((4.0..=6.0).contains(&seconds), "{text}");
}

#[tokio::test(start_paused = true)]
async fn it_is_open_for_five_seconds_give_or_take_a_fifth() {
    for _ in 0..50 {
        let circuit = opened();
        advance(Duration::from_millis(3_999)).await;
        assert!(is_refused(&circuit));
        advance(Duration::from_millis(2_002)).await;
        assert!(!is_refused(&circuit));
    }
}

#[tokio::test(start_paused = true)]
async fn half_open_lets_three_through_at_a_time() {
    let circuit = half_open().await;
    let probes: Vec<_> = (0..3).map(|_| pass(&circuit)).collect();
    let error = circuit.admit().unwrap_err();
    assert!(error.to_string().contains("right now"), "{error}");
    drop(probes);
    assert!(!is_refused(&circuit));
}

#[tokio::test(start_paused = true)]
async fn three_successes_close_it() {
    let circuit = half_open().await;
    for _ in 0..3 {
        let others: Vec<_> = (0..3).map(|_| pass(&circuit)).collect();
        assert!(is_refused(&circuit), "still half open");
        drop(others);
        pass(&circuit).succeeded();
    }
    let many: Vec<_> = (0..100).map(|_| pass(&circuit)).collect();
    drop(many);
}

#[tokio::test(start_paused = true)]
async fn probes_that_were_dropped_or_ignored_give_their_place_back() {
    let circuit = half_open().await;
    for _ in 0..1000 {
        let probes: Vec<_> = (0..3).map(|_| pass(&circuit)).collect();
        assert!(is_refused(&circuit));
        drop(probes);
    }
    for _ in 0..3 {
        pass(&circuit).succeeded();
    }
    let many: Vec<_> = (0..100).map(|_| pass(&circuit)).collect();
    drop(many);
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_opens_it_for_twice_as_long_up_to_the_cap() {
    let circuit = half_open().await;
    for seconds in [10.0, 20.0, 30.0, 30.0, 30.0] {
        fail(&circuit, Fault::Refused);
        advance(Duration::from_secs_f64(seconds * 0.8 - 0.01)).await;
        assert!(is_refused(&circuit), "{seconds}");
        advance(Duration::from_secs_f64(seconds * 0.4 + 0.02)).await;
        assert!(!is_refused(&circuit), "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_it_has_closed_it_opens_for_the_short_time_again() {
    let circuit = half_open().await;
    fail(&circuit, Fault::Slow);
    advance(Duration::from_secs(12)).await;
    for _ in 0..3 {
        pass(&circuit).succeeded();
    }
    for _ in 0..5 {
        fail(&circuit, Fault::Refused);
    }
    assert!(is_refused(&circuit));
    advance(Duration::from_secs(6)).await;
    assert!(!is_refused(&circuit));
}

#[tokio::test(start_paused = true)]
async fn calls_from_before_it_opened_decide_nothing_after() {
    let circuit = circuit();
    let mut early: Vec<_> = (0..40).map(|_| pass(&circuit)).collect();
    for _ in 0..5 {
        fail(&circuit, Fault::Refused);
    }
    advance(Duration::from_secs(6)).await;
    let probe = pass(&circuit);
    for (nth, mut pass) in early.drain(..).enumerate() {
        match nth % 3 {
            0 => pass.succeeded(),
            1 => pass.failed(Fault::Refused),
            _ => drop(pass),
        }
    }
    let others: Vec<_> = (0..2).map(|_| pass(&circuit)).collect();
    assert!(is_refused(&circuit), "three are out, as before");
    drop((probe, others));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_loses_its_connection_after_it_began_counts_as_both() {
    let circuit = circuit();
    for nth in 0..10 {
        assert!(!is_refused(&circuit), "{nth}");
        let mut pass = pass(&circuit);
        pass.answered_in(Duration::ZERO);
        pass.failed(Fault::Slow);
    }
    assert!(is_refused(&circuit), "ten of twenty");
}

#[tokio::test(start_paused = true)]
async fn probes_that_find_out_nothing_for_long_make_room_for_others() {
    let circuit = half_open().await;
    let mut held: Vec<_> = (0..3).map(|_| pass(&circuit)).collect();
    advance(Duration::from_millis(4_999)).await;
    assert!(is_refused(&circuit));
    advance(Duration::from_millis(2)).await;
    let others: Vec<_> = (0..3).map(|_| pass(&circuit)).collect();
    assert!(is_refused(&circuit), "as many as before");
    // The places of the first three are given back, and are the others' by now.
    drop(held.pop());
    assert!(is_refused(&circuit));
    drop((held, others));
    for _ in 0..3 {
        pass(&circuit).succeeded();
    }
    assert!(!is_refused(&circuit));
}

#[tokio::test(start_paused = true)]
async fn probes_that_take_longer_than_it_is_open_count_nevertheless() {
    let circuit = half_open().await;
    let probes = || (0..3).map(|_| pass(&circuit)).collect::<Vec<_>>();
    let first = probes();
    advance(Duration::from_secs(5)).await;
    let mut second = probes();
    first.into_iter().for_each(|mut probe| probe.succeeded());
    assert_eq!(circuit.state(), "closed");
    second.remove(0).failed(Fault::Refused);
    assert!(
        !is_refused(&circuit),
        "what was let through before it closed"
    );

    let circuit = half_open().await;
    let mut first: Vec<_> = (0..3).map(|_| pass(&circuit)).collect();
    advance(Duration::from_secs(5)).await;
    let second = pass(&circuit);
    first.remove(0).failed(Fault::Refused);
    assert!(
        circuit.open_for() > Some(Duration::from_secs(7)),
        "opened again"
    );
    drop((first, second));
}

#[tokio::test(start_paused = true)]
async fn no_setting_panics_or_keeps_it_open_for_ever() {
    let settings = CircuitBreaker {
        window: Duration::ZERO,
        failure_share: f64::NAN,
        min_outcomes: 0,
        refusals: 0,
        slow: Duration::ZERO,
        open: Duration::MAX,
        open_cap: Duration::MAX,
        probes: 0,
    };
    let circuit = Circuit::new(settings, "a test");
    fail(&circuit, Fault::Refused);
    assert!(is_refused(&circuit));
    let short = Duration::from_millis(1);
    let settings = settings.open(short).open_cap(short);
    let circuit = Circuit::new(settings, "a test");
    fail(&circuit, Fault::Refused);
    advance(2 * short).await;
    drop(pass(&circuit));
    pass(&circuit).succeeded();
    let many: Vec<_> = (0..10).map(|_| pass(&circuit)).collect();
    drop(many);
}
