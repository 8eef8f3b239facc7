use dbop::{Conn, Db, db_op};
use sqlx::query_scalar;

use super::stage::{RELIABLE, SMALL, Stage};
use crate::error::Result;
use crate::model::Behaviour;
use crate::planning::{Planned, create_cycle_report_planning};
use crate::run::{self, Cycle};
use crate::{analytics, cycles};

/// Counts the samples that share their attribute and number with another.
#[db_op(read_only, on = [Sqlite, Postgres])]
async fn doubled_samples(conn: &mut Conn<'_, DB>) -> Result<i64> {
    let count = query_scalar(
        "SELECT COUNT(*) FROM (
            SELECT 1 FROM samples GROUP BY attribute, number HAVING COUNT(*) > 1
         ) AS doubled",
    );
    Ok(count.fetch_one(&mut *conn).await?)
}

#[dbop::test(migrations = "./migrations")]
async fn a_report_is_planned_in_phases_and_one_that_is_planned_stays_as_it_is(db: Db<DB>) {
    let stage = Stage::open(db, RELIABLE).await;
    cycles::begin(&stage.any, 1, 3).await.unwrap();
    let (any, model) = (&stage.any, &stage.clients.model);
    let stored = create_cycle_report_planning(any, model, 1, 2)
        .await
        .unwrap();
    let attributes = cycles::attributes(any, 1, 2).await.unwrap();
    assert!((6..=10).contains(&stored), "{stored} attributes");
    assert_eq!(attributes.len(), stored);
    let again = create_cycle_report_planning(any, model, 1, 2)
        .await
        .unwrap();
    assert_eq!(again, 0);
    assert_eq!(cycles::attributes(any, 1, 2).await.unwrap().len(), stored);
    let counts = stage.services.model.counts();
    assert_eq!((counts.calls, counts.repeated), (2, 1), "from memory");
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn a_cycle_is_planned_to_its_last_sample_and_every_sample_is_there_once(db: Db<DB>) {
    let stage = Stage::open(db, RELIABLE).await;
    let working = stage.work().await;
    let jobs = run::enqueue(&stage.any, SMALL).await.unwrap();
    let mut told = 0;
    let failed = run::follow(&stage.watcher, &jobs, |_| told += 1).await;
    assert!(failed.unwrap().is_empty());
    assert!(told > jobs.len(), "each job has changed");
    let reports = analytics::reports(&stage.any, 1).await.unwrap();
    assert_eq!(reports.len(), 3);
    for report in reports {
        assert!(report.planned && report.attributes >= 6, "{report:?}");
        assert_eq!(report.samples, report.attributes * 7, "{report:?}");
    }
    assert_eq!(doubled_samples(&stage.any).await.unwrap(), 0);
    assert_eq!(stage.services.model.counts().calls, 3);
    working.stop(super::PATIENCE).await;
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn a_cycle_that_is_begun_again_is_followed_and_not_planned_twice(db: Db<DB>) {
    let stage = Stage::open(db, RELIABLE).await;
    let first = run::enqueue(&stage.any, SMALL).await.unwrap();
    assert_eq!(first, run::enqueue(&stage.any, SMALL).await.unwrap());
    let working = stage.work().await;
    for _ in 0..2 {
        let failed = run::follow(&stage.watcher, &first, |_| ()).await.unwrap();
        assert!(failed.is_empty());
        assert_eq!(first, run::enqueue(&stage.any, SMALL).await.unwrap());
    }
    assert_eq!(stage.services.model.counts().calls, 3);
    working.stop(super::PATIENCE).await;
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn a_model_that_fails_now_and_then_is_asked_again_until_each_report_is_planned(db: Db<DB>) {
    let failing = Behaviour {
        failing: 0.15,
        ..RELIABLE
    };
    let stage = Stage::open(db, failing).await;
    let working = stage.work().await;
    let cycle = Cycle {
        reports: 20,
        samples: 0,
        ..SMALL
    };
    let jobs = run::enqueue(&stage.any, cycle).await.unwrap();
    let failed = run::follow(&stage.watcher, &jobs, |_| ()).await.unwrap();
    assert!(failed.is_empty(), "{failed:#?}");
    let job = stage.end_of(jobs[0]).await;
    let planned: Planned = job.output().unwrap().expect("an output");
    assert_eq!(planned.samples, None);
    let counts = stage.services.model.counts();
    assert!(counts.failed > 0 && counts.answered == 20, "{counts:?}");
    working.stop(super::PATIENCE).await;
}

#[dbop::test(migrations = "./migrations")]
async fn numbers_that_are_out_of_range_are_refused_before_anything_is_stored(db: Db<DB>) {
    let stage = Stage::open(db, RELIABLE).await;
    for (reports, samples) in [(0, 1), (-1, 1), (1_001, 1), (1, -1), (1, 100_001)] {
        let cycle = Cycle {
            cycle: 1,
            reports,
            samples,
        };
        let refused = run::enqueue(&stage.any, cycle).await.unwrap_err();
        assert!(refused.to_string().contains("from 1 to"), "{refused}");
    }
    assert!(cycles::reports(&stage.any, 1).await.unwrap().is_empty());
}
