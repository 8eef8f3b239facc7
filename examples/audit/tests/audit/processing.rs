//! Whole audits, which are completed, cancelled, failed or resumed.

use audit::error::AuditError;
use audit::model::{AuditStatus, FinalAudit, Severity};
use audit::processor::Ended;
use audit::setup;

use crate::common::{Event, Script, promises_of_both_halves};

/// The expected scores, counted by another program: provider, answers, mentions, visibility,
/// average position and share of competitors.
const SCORES: [(&str, i64, i64, i64, i64, i64); 13] = [
    ("overall", 360, 330, 917, 266, 637),
    ("alder", 90, 82, 911, 295, 622),
    ("alder-1", 45, 39, 867, 280, 589),
    ("alder-2", 45, 43, 956, 309, 648),
    ("birch", 90, 82, 911, 238, 647),
    ("birch-1", 45, 38, 844, 282, 627),
    ("birch-2", 45, 44, 978, 200, 662),
    ("cedar", 90, 83, 922, 263, 663),
    ("cedar-1", 45, 39, 867, 273, 618),
    ("cedar-2", 45, 44, 978, 254, 694),
    ("dogwood", 90, 83, 922, 267, 610),
    ("dogwood-1", 45, 39, 867, 213, 602),
    ("dogwood-2", 45, 44, 978, 315, 617),
];

fn assert_is_whole(result: &FinalAudit) {
    assert_eq!(result.migrated, 360);
    let scores: Vec<_> = result
        .scores
        .iter()
        .map(|s| {
            let position = s.average_position.unwrap();
            (
                s.name(),
                s.answers,
                s.mentions,
                s.visibility,
                position,
                s.competitor_share,
            )
        })
        .collect();
    assert_eq!(scores, SCORES);
    let insights: Vec<_> = result
        .insights
        .iter()
        .map(|i| (i.severity, i.text.as_str()))
        .collect();
    assert_eq!(
        insights,
        [
            (Severity::Info, "91.7 % of all answers mention DuckDB."),
            (
                Severity::Warning,
                "63.7 % of the mentions are of competitors of DuckDB."
            ),
            (
                Severity::Info,
                "alder-2 mentions DuckDB more often (95.6 %) than alder-1 (86.7 %)."
            ),
            (
                Severity::Info,
                "birch-2 mentions DuckDB more often (97.8 %) than birch-1 (84.4 %)."
            ),
            (
                Severity::Info,
                "cedar-2 mentions DuckDB more often (97.8 %) than cedar-1 (86.7 %)."
            ),
            (
                Severity::Info,
                "dogwood-2 mentions DuckDB more often (97.8 %) than dogwood-1 (86.7 %)."
            ),
        ]
    );
}

/// Returns how a completed audit ended.
fn completed(ended: Result<Ended, AuditError>) -> FinalAudit {
    match ended {
        Ok(Ended::Completed(result)) => result,
        other => panic!("not completed: {other:?}"),
    }
}

promises_of_both_halves! {
    async fn a_completed_audit_has_its_answers_scores_and_insights(bench: Bench) {
        let audit = bench.audit().await;
        assert_eq!(bench.status(audit).await, r#"["pending",null,0,0]"#);
        let client = Script::new(&bench, audit);
        let result = completed(bench.run_with(&client, audit).await);
        assert_is_whole(&result);
        assert_eq!(client.asked(), 45);
        assert_eq!(bench.counts(audit).await, [45, 360, 13, 6, 360]);
        assert_eq!(bench.status(audit).await, r#"["completed",null,1,1]"#);
        assert_eq!(bench.half.scores(audit.id).await.unwrap(), result.scores);
    }

    async fn a_completed_audit_is_not_processed_again(bench: Bench) {
        let audit = bench.audit().await;
        completed(bench.run(audit).await);
        let before = bench.snapshot(audit).await;
        let client = Script::new(&bench, audit);
        let error = bench.run_with(&client, audit).await.unwrap_err();
        assert_eq!(error.to_string(), "audit 1 is completed and cannot become processing");
        assert_eq!(client.asked(), 0);
        assert_eq!(bench.snapshot(audit).await, before);
    }

    async fn an_audit_cancelled_in_the_middle_keeps_what_was_stored(bench: Bench) {
        let audit = bench.audit().await;
        let client = Script::new(&bench, audit).at(20, Event::Cancel);
        assert_eq!(bench.run_with(&client, audit).await.unwrap(), Ended::Cancelled);
        assert_eq!(client.asked(), 20);
        assert_eq!(bench.counts(audit).await, [45, 160, 0, 0, 0]);
        assert_eq!(bench.status(audit).await, r#"["cancelled",null,1,0]"#);
    }

    async fn an_audit_cancelled_at_its_last_question_is_not_completed(bench: Bench) {
        let audit = bench.audit().await;
        let client = Script::new(&bench, audit).at(45, Event::Cancel);
        assert_eq!(bench.run_with(&client, audit).await.unwrap(), Ended::Cancelled);
        assert_eq!(bench.counts(audit).await, [45, 360, 0, 0, 0]);
        assert_eq!(bench.status(audit).await, r#"["cancelled",null,1,0]"#);
    }

    async fn an_audit_cancelled_while_it_is_analysed_is_not_completed(bench: Bench) {
        let audit = bench.audit().await;
        let trigger = "CREATE TRIGGER cancels AFTER UPDATE OF brand_mentioned ON audit_responses
                       WHEN NEW.id = 100
                       BEGIN
                           UPDATE audits SET status = 'cancelled' WHERE id = NEW.audit_id;
                       END";
        bench.execute(trigger).await.unwrap();
        assert_eq!(bench.run(audit).await.unwrap(), Ended::Cancelled);
        assert_eq!(bench.counts(audit).await, [45, 360, 0, 0, 0]);
        assert_eq!(bench.status(audit).await, r#"["cancelled",null,1,0]"#);
    }

    async fn an_end_that_fails_leaves_nothing_of_itself_and_is_made_up_for(bench: Bench) {
        let audit = bench.audit().await;
        let trigger = "CREATE TRIGGER fails BEFORE INSERT ON audit_insights WHEN NEW.position = 3
                       BEGIN
                           SELECT RAISE(ABORT, 'no third insight');
                       END";
        bench.execute(trigger).await.unwrap();
        bench.run(audit).await.unwrap_err();
        assert_eq!(bench.counts(audit).await, [45, 360, 0, 0, 0]);
        let status = bench.status(audit).await;
        assert!(status.starts_with(r#"["failed","#), "{status}");
        assert!(status.contains("no third insight"), "{status}");

        bench.execute("DROP TRIGGER fails").await.unwrap();
        let client = Script::new(&bench, audit);
        assert_is_whole(&completed(bench.run_with(&client, audit).await));
        assert_eq!(client.asked(), 0);
    }

    async fn a_cancelled_audit_goes_on_where_it_was(bench: Bench) {
        let audit = bench.audit().await;
        let first = Script::new(&bench, audit).at(20, Event::Cancel);
        bench.run_with(&first, audit).await.unwrap();
        let second = Script::new(&bench, audit);
        let result = completed(bench.run_with(&second, audit).await);
        assert_eq!(second.asked(), 25);
        assert_is_whole(&result);
        assert_eq!(bench.status(audit).await, r#"["completed",null,1,1]"#);
    }

    async fn a_resumed_audit_has_the_rows_of_one_that_was_not_interrupted(bench: Bench) {
        let resumed = bench.audit().await;
        for (question, event) in [(7, Event::Cancel), (11, Event::Unreachable)] {
            let client = Script::new(&bench, resumed).at(question, event);
            let _ = bench.run_with(&client, resumed).await;
        }
        completed(bench.run(resumed).await);
        let whole = bench.audit().await;
        completed(bench.run(whole).await);
        let (resumed, whole) = (bench.snapshot(resumed).await, bench.snapshot(whole).await);
        assert_eq!(resumed.difference(&whole), None);
        assert_eq!(resumed, whole);
    }

    async fn a_failed_audit_says_why_and_keeps_what_was_stored(bench: Bench) {
        let audit = bench.audit().await;
        let client = Script::new(&bench, audit).at(11, Event::Unreachable);
        let error = bench.run_with(&client, audit).await.unwrap_err();
        assert!(matches!(error, AuditError::Client(_)), "{error:?}");
        assert_eq!(client.asked(), 11);
        assert_eq!(bench.counts(audit).await, [45, 80, 0, 0, 0]);
        assert_eq!(
            bench.status(audit).await,
            r#"["failed","the providers cannot be reached: connection refused",1,0]"#
        );
    }

    async fn a_failed_audit_goes_on_where_it_was_and_has_no_error_any_more(bench: Bench) {
        let audit = bench.audit().await;
        let first = Script::new(&bench, audit).at(11, Event::Unreachable);
        bench.run_with(&first, audit).await.unwrap_err();
        let second = Script::new(&bench, audit);
        let result = completed(bench.run_with(&second, audit).await);
        assert_eq!(second.asked(), 35);
        assert_is_whole(&result);
        assert_eq!(bench.status(audit).await, r#"["completed",null,1,1]"#);
    }

    async fn an_audit_that_is_being_processed_is_not_processed_twice(bench: Bench) {
        let audit = bench.audit().await;
        let processing = AuditStatus::Processing;
        bench.half.update_audit_status(audit.id, processing, None).await.unwrap();
        let error = bench.run(audit).await.unwrap_err();
        assert_eq!(error.to_string(), "audit 1 is processing and cannot become processing");
    }

    async fn an_audit_without_a_company_asks_about_a_default_one(bench: Bench) {
        let audit = setup::create_audit(&bench.database.db, None).await.unwrap();
        let error = bench.run(audit).await.unwrap_err(); // nobody has recorded answers to these
        let question = "What are the best technology products today?";
        assert_eq!(error.to_string(), format!("no answers to `{question}` are recorded"));
        assert_eq!(bench.counts(audit).await, [15, 0, 0, 0, 0]);
    }
}
