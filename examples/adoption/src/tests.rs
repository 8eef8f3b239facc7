//! What the example promises, with the attributes and without.

use std::time::Duration;

use crate::app::App;
use crate::day::{Day, day};
use crate::disturbance;
use crate::shapes::Shape;

/// Bounds a day that hangs.
const PATIENCE: Duration = Duration::from_secs(120);

async fn a_day(disturbed: bool) -> Day {
    disturbance::listen();
    let folder = tempfile::tempdir().unwrap();
    let app = App::open(folder.path()).await.unwrap();
    let day = tokio::time::timeout(PATIENCE, day(&app, disturbed)).await;
    app.pool.close().await;
    day.expect("a day ends").unwrap()
}

#[test]
fn the_fifty_functions_have_the_shares_of_real_ones() {
    let percent = [22, 15, 14, 13, 9, 9, 5, 4, 4];
    let functions = Shape::ALL.map(|shape| shape.functions().0);
    assert_eq!(functions.iter().sum::<usize>(), 50);
    let sum: usize = percent.iter().sum();
    for (shape, (is, percent)) in Shape::ALL.iter().zip(functions.iter().zip(percent)) {
        let expected = 50 * percent / sum;
        assert!((expected..=expected + 1).contains(is), "{shape:?}: {is}");
    }
}

#[test]
fn only_pools_and_handles_in_self_have_to_be_changed() {
    for shape in Shape::ALL {
        let changes = matches!(shape, Shape::HandleInSelf | Shape::Pool);
        assert_eq!(shape.functions().1 > 0, changes, "{shape:?}");
    }
}

/// The same numbers hold with dbop and without: this test is compiled both ways.
#[tokio::test]
async fn an_undisturbed_day_ends_the_same_with_and_without_dbop() {
    let expected = Day {
        loans: 3,
        cents_of_fines: 325,
        failed: Vec::new(),
        misled: Vec::new(),
    };
    assert_eq!(a_day(false).await, expected);
}

#[cfg(feature = "dbop")]
#[tokio::test]
async fn beside_another_connection_every_shape_that_promises_retries_is_retried() {
    let day = a_day(true).await;
    for shape in Shape::ALL {
        let counts = crate::report::counts(shape).unwrap_or_default();
        assert!(counts.calls > 0, "{shape:?}");
        assert_eq!(counts.retries > 0, shape.is_retried(), "{shape:?}");
    }
    assert_eq!(day.misled, []);
    let failed = |shape: Shape| day.failed.iter().filter(|of| **of == shape).count();
    for shape in [Shape::HandleInSelf, Shape::GenericExecutor, Shape::Pool] {
        assert_eq!(failed(shape), 0, "{shape:?}");
    }
    // A write that must not happen twice, and a call in the caller's transaction.
    assert_eq!(failed(Shape::Extractor), 1);
    assert_eq!(failed(Shape::OptionalTransaction), 1);
    assert_eq!((day.loans, day.cents_of_fines), (3, 325));
}

#[cfg(not(feature = "dbop"))]
#[tokio::test]
async fn beside_another_connection_every_caller_fails_or_is_misled() {
    let day = a_day(true).await;
    let of = |shape| move |step: &&crate::callers::Step| step.shape == shape;
    for shape in Shape::ALL {
        let callers = crate::callers::DAY.iter().filter(of(shape)).count();
        let hit = day.failed.iter().chain(&day.misled);
        let hit = hit.filter(|of| **of == shape).count();
        assert_eq!(hit, callers, "{shape:?}");
    }
    assert!(!day.misled.is_empty());
    assert_eq!((day.loans, day.cents_of_fines), (3, 325));
}
