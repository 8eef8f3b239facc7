//! Tests of the single functions.

use audit::analysis::analyze;
use audit::error::AuditError;
use audit::model::{
    Analysis, AnalyzedResponse, Audit, AuditStatus, CompanyContext, Mention, Provider,
    ProviderResponse,
};
use audit::setup;

use crate::common::{Bench, promises_of_both_halves};

const QUESTION: &str = "What are the best analytical databases today?";

fn response(model_version: &str, text: Option<&str>) -> ProviderResponse {
    ProviderResponse {
        provider: Provider::Cedar,
        model_version: model_version.to_owned(),
        response_text: text.map(str::to_owned),
        response_time_ms: 250,
        tokens_used: 0,
        cache_hit: false,
        error: text.is_none().then(|| "timed out".to_owned()),
    }
}

/// Returns an audit that is being processed, with its questions.
async fn asked(bench: &Bench) -> Audit {
    let audit = bench.audit().await;
    let processing = AuditStatus::Processing;
    bench
        .half
        .update_audit_status(audit.id, processing, None)
        .await
        .unwrap();
    let company = setup::example_company();
    bench
        .half
        .generate_queries(audit.id, &company)
        .await
        .unwrap();
    audit
}

/// Takes a new audit to a status by allowed steps.
async fn audit_that_is(bench: &Bench, status: AuditStatus) -> Audit {
    use AuditStatus::{Cancelled, Completed, Failed, Pending, Processing};
    let audit = bench.audit().await;
    let steps: &[AuditStatus] = match status {
        Pending => &[],
        Processing => &[Processing],
        Completed => &[Processing, Completed],
        Cancelled => &[Cancelled],
        Failed => &[Processing, Failed],
    };
    for step in steps {
        let message = (*step == Failed).then_some("why");
        bench
            .half
            .update_audit_status(audit.id, *step, message)
            .await
            .unwrap();
    }
    audit
}

promises_of_both_halves! {
    async fn a_status_follows_only_where_it_may(bench: Bench) {
        use AuditStatus::{Cancelled, Completed, Failed, Pending, Processing};
        let allowed = [
            (Pending, Processing), (Pending, Cancelled),
            (Processing, Completed), (Processing, Cancelled), (Processing, Failed),
            (Cancelled, Processing), (Failed, Processing),
        ];
        for from in AuditStatus::ALL {
            for to in AuditStatus::ALL {
                let audit = audit_that_is(&bench, *from).await;
                let before = bench.status(audit).await;
                let changed = bench.half.update_audit_status(audit.id, *to, Some("why")).await;
                if allowed.contains(&(*from, *to)) {
                    changed.unwrap();
                    assert!(bench.status(audit).await.contains(to.as_str()));
                } else {
                    let error = changed.unwrap_err();
                    let AuditError::ForbiddenTransition { from: f, to: t, .. } = error else {
                        panic!("{error:?}");
                    };
                    assert_eq!((f, t), (*from, *to));
                    assert_eq!(bench.status(audit).await, before);
                }
            }
        }
    }

    async fn each_status_sets_what_belongs_to_it(bench: Bench) {
        use AuditStatus::{Cancelled, Completed, Failed, Processing};
        for (status, row) in [
            (Processing, r#"["processing",null,1,0]"#),
            (Completed, r#"["completed",null,1,1]"#),
            (Failed, r#"["failed","why",1,0]"#),
            (Cancelled, r#"["cancelled",null,0,0]"#),
        ] {
            let audit = audit_that_is(&bench, status).await;
            assert_eq!(bench.status(audit).await, row);
        }
    }

    async fn an_audit_is_cancelled_when_somebody_cancels_it(bench: Bench) {
        let audit = bench.audit().await;
        assert!(!bench.half.is_audit_cancelled(audit.id).await.unwrap());
        let cancelled = AuditStatus::Cancelled;
        bench.half.update_audit_status(audit.id, cancelled, None).await.unwrap();
        assert!(bench.half.is_audit_cancelled(audit.id).await.unwrap());
    }

    async fn what_is_not_there_is_named(bench: Bench) {
        let half = &bench.half;
        let processing = AuditStatus::Processing;
        let analysis = Analysis { mention: None, competitors: Vec::new() };
        let context = CompanyContext::default();
        let errors = [
            half.is_audit_cancelled(7).await.unwrap_err(),
            half.update_audit_status(7, processing, None).await.unwrap_err(),
            half.company_context(Some(7)).await.unwrap_err(),
            half.generate_queries(7, &context).await.unwrap_err(),
            half.store_query_responses(7, "Why?", &[]).await.unwrap_err(),
            half.store_analysis_result(7, &analysis).await.unwrap_err(),
            half.generate_insights(7).await.unwrap_err(),
            half.finalize_audit(7).await.unwrap_err(),
        ];
        assert_eq!(errors.map(|error| error.to_string()), [
            "audit 7 not found",
            "audit 7 not found",
            "company 7 not found",
            "audit 7 not found",
            "audit 7 does not ask `Why?`",
            "response 7 not found",
            "audit 7 not found",
            "audit 7 not found",
        ]);
    }

    async fn the_context_has_competitors_and_features_once_and_in_order(bench: Bench) {
        let context = bench.half.company_context(Some(bench.company_id)).await.unwrap();
        assert_eq!(context, setup::example_company());
    }

    async fn without_a_company_the_context_is_the_default(bench: Bench) {
        let context = bench.half.company_context(None).await.unwrap();
        assert_eq!(context.company, "Unknown Company");
        assert_eq!(context, CompanyContext::default());
    }

    async fn a_company_without_competitors_features_and_industry_has_a_context(bench: Bench) {
        bench.execute("INSERT INTO companies (id, name) VALUES (50, 'Plain')").await.unwrap();
        let context = bench.half.company_context(Some(50)).await.unwrap();
        let plain = CompanyContext { company: "Plain".to_owned(), ..CompanyContext::default() };
        assert_eq!(context, plain);
    }

    async fn the_questions_are_the_recorded_ones_in_their_order(bench: Bench) {
        let audit = bench.audit().await;
        let company = setup::example_company();
        let queries = bench.half.generate_queries(audit.id, &company).await.unwrap();
        let mut recorded: Vec<String> = include_str!("../../data/responses.jsonl")
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|line| line["query"].as_str().unwrap().to_owned())
            .collect();
        recorded.dedup();
        assert_eq!(recorded.len(), 45);
        assert_eq!(queries.iter().map(|q| q.text.clone()).collect::<Vec<_>>(), recorded);
        assert!(queries.iter().all(|query| query.answers == 0));
    }

    async fn the_questions_of_an_audit_stay_when_its_company_changes(bench: Bench) {
        let audit = asked(&bench).await;
        let other = CompanyContext::default();
        let queries = bench.half.generate_queries(audit.id, &other).await.unwrap();
        assert_eq!(queries.len(), 45);
        assert_eq!(bench.counts(audit).await, [45, 0, 0, 0, 0]);
    }

    async fn answers_are_stored_once_and_errors_never(bench: Bench) {
        let audit = asked(&bench).await;
        let store = async |responses: &[ProviderResponse]| {
            bench.half.store_query_responses(audit.id, QUESTION, responses).await.unwrap()
        };
        let answers = [
            response("cedar-1", Some("DuckDB")),
            response("cedar-3", None),
            response("cedar-2", Some("Polars")),
        ];
        assert_eq!(store(&[]).await, 0);
        assert_eq!(store(&answers[1..2]).await, 0);
        assert_eq!(store(&answers[..2]).await, 1);
        assert_eq!(store(&answers).await, 1);
        assert_eq!(store(&answers).await, 0);
        assert_eq!(bench.counts(audit).await, [45, 2, 0, 0, 0]);
        let other = [response("cedar-1", Some("another answer"))];
        assert_eq!(store(&other).await, 0);
        let first = bench.half.responses_to_analyze(audit.id).await.unwrap().remove(0);
        assert_eq!(first.response_text, "DuckDB");
    }

    async fn what_is_analysed_is_not_analysed_again(bench: Bench) {
        let audit = asked(&bench).await;
        let answers = [response("cedar-1", Some("DuckDB")), response("cedar-2", Some("Polars"))];
        bench.half.store_query_responses(audit.id, QUESTION, &answers).await.unwrap();
        let left = bench.half.responses_to_analyze(audit.id).await.unwrap();
        assert_eq!(left.len(), 2);
        let mention = Some(Mention { position: 0, rank: 1 });
        let analysis = Analysis { mention, competitors: Vec::new() };
        bench.half.store_analysis_result(left[0].response_id, &analysis).await.unwrap();
        assert_eq!(bench.half.responses_to_analyze(audit.id).await.unwrap(), left[1..]);
    }

    async fn a_batch_with_an_unknown_answer_stores_none(bench: Bench) {
        let audit = asked(&bench).await;
        let answers = [response("cedar-1", Some("DuckDB"))];
        bench.half.store_query_responses(audit.id, QUESTION, &answers).await.unwrap();
        let left = bench.half.responses_to_analyze(audit.id).await.unwrap();
        let analysis = Analysis { mention: None, competitors: Vec::new() };
        let analyses = [left[0].response_id, 999]
            .map(|response_id| AnalyzedResponse { response_id, analysis: analysis.clone() });
        let error = bench.half.store_all_analyses(&analyses).await.unwrap_err();
        assert_eq!(error.to_string(), "response 999 not found");
        assert_eq!(bench.half.responses_to_analyze(audit.id).await.unwrap(), left);
        bench.half.store_all_analyses(&[]).await.unwrap();
    }

    async fn shares_and_positions_are_rounded(bench: Bench) {
        let audit = asked(&bench).await;
        let answers = [
            response("cedar-1", Some("DuckDB")),
            response("cedar-2", Some("xy DuckDB")),
            response("cedar-3", Some("Polars, SQLite, BigQuery, Snowflake")),
        ];
        bench.half.store_query_responses(audit.id, QUESTION, &answers).await.unwrap();
        let context = setup::example_company();
        for answer in bench.half.responses_to_analyze(audit.id).await.unwrap() {
            let analysis = analyze(&answer.response_text, &context);
            bench.half.store_analysis_result(answer.response_id, &analysis).await.unwrap();
        }
        let overall = &bench.half.calculate_scores(audit.id).await.unwrap()[0];
        // 2 of 3 answers, 4 of 6 mentions, and the mean of 0 and 333.
        assert_eq!((overall.answers, overall.mentions), (3, 2));
        assert_eq!(overall.visibility, 667);
        assert_eq!(overall.competitor_share, 667);
        assert_eq!(overall.average_position, Some(167));
    }

    async fn migration_scores_and_insights_may_run_again(bench: Bench) {
        let audit = bench.audit().await;
        bench.run(audit).await.unwrap();
        let before = bench.snapshot(audit).await;
        assert_eq!(bench.half.migrate_to_final_responses(audit.id).await.unwrap(), 0);
        let scores = bench.half.calculate_scores(audit.id).await.unwrap();
        assert_eq!(scores.len(), 13);
        assert_eq!(bench.half.generate_insights(audit.id).await.unwrap().len(), 6);
        assert_eq!(bench.snapshot(audit).await, before);
    }

    async fn the_end_of_an_audit_that_was_cancelled_writes_nothing(bench: Bench) {
        let audit = asked(&bench).await;
        let answers = [response("cedar-1", Some("DuckDB"))];
        bench.half.store_query_responses(audit.id, QUESTION, &answers).await.unwrap();
        let left = bench.half.responses_to_analyze(audit.id).await.unwrap();
        let analysis = Analysis { mention: None, competitors: Vec::new() };
        bench.half.store_analysis_result(left[0].response_id, &analysis).await.unwrap();
        let cancelled = AuditStatus::Cancelled;
        bench.half.update_audit_status(audit.id, cancelled, None).await.unwrap();

        let error = bench.half.finalize_audit(audit.id).await.unwrap_err();
        assert_eq!(error.to_string(), "audit 1 is cancelled and cannot become completed");
        assert_eq!(bench.counts(audit).await, [45, 1, 0, 0, 0]);
    }
}
