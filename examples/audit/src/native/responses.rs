//! The answers, and what was found in them.

use std::collections::HashSet;

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{QueryBuilder, Sqlite};

use super::ROWS;
use crate::error::AuditError;
use crate::model::{Analysis, AnalyzedResponse, ProviderResponse, ResponseToAnalyze};

/// Stores the answers to one question, except those with an error. Returns how many are new.
///
/// # Errors
///
/// If the audit does not ask this question, or the database fails.
#[transactional]
pub async fn store_query_responses(
    tx: &mut Tx<'_, Sqlite>,
    audit_id: i64,
    query_text: &str,
    responses: &[ProviderResponse],
) -> Result<u64, AuditError> {
    let query_id: Option<i64> =
        sqlx::query_scalar("SELECT id FROM audit_queries WHERE audit_id = ?1 AND query_text = ?2")
            .bind(audit_id)
            .bind(query_text)
            .fetch_optional(&mut *tx)
            .await?;
    let query_id = query_id.ok_or_else(|| AuditError::QueryNotFound {
        audit_id,
        query_text: query_text.to_owned(),
    })?;
    let answers: Vec<(&ProviderResponse, &str)> = responses
        .iter()
        .filter_map(|response| Some((response, response.text()?)))
        .collect();
    let mut stored = 0;
    for chunk in answers.chunks(ROWS) {
        let mut insert = QueryBuilder::new(
            "INSERT INTO audit_responses
                 (query_id, audit_id, provider, model_version, response_text, response_time_ms,
                  tokens_used, cache_hit) ",
        );
        insert.push_values(chunk, |mut row, (response, text)| {
            row.push_bind(query_id)
                .push_bind(audit_id)
                .push_bind(response.provider.as_str())
                .push_bind(&response.model_version)
                .push_bind(text)
                .push_bind(response.response_time_ms)
                .push_bind(response.tokens_used)
                .push_bind(response.cache_hit);
        });
        insert.push(" ON CONFLICT (query_id, provider, model_version) DO NOTHING");
        stored += insert.build().execute(&mut *tx).await?.rows_affected();
    }
    Ok(stored)
}

/// Returns the answers of the audit that have no analysis.
///
/// # Errors
///
/// Returns the error of the database.
#[db_op(read_only)]
pub async fn responses_to_analyze(
    conn: &mut Conn<'_, Sqlite>,
    audit_id: i64,
) -> Result<Vec<ResponseToAnalyze>, AuditError> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT id, response_text
         FROM audit_responses
         WHERE audit_id = ?1 AND brand_mentioned IS NULL
         ORDER BY id",
    )
    .bind(audit_id)
    .fetch_all(&mut *conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(response_id, response_text)| ResponseToAnalyze {
            response_id,
            response_text,
        })
        .collect())
}

/// Approach A: stores one analysis, in a transaction of its own.
///
/// # Errors
///
/// If there is no such answer, or the database fails.
#[db_op(idempotent)]
pub async fn store_analysis_result(
    conn: &mut Conn<'_, Sqlite>,
    response_id: i64,
    analysis: &Analysis,
) -> Result<(), AuditError> {
    let update = sqlx::query(
        "UPDATE audit_responses
         SET brand_mentioned = ?2, mention_position = ?3, mention_rank = ?4, competitors = ?5
         WHERE id = ?1",
    )
    .bind(response_id)
    .bind(analysis.mention.is_some())
    .bind(analysis.mention.map(|mention| mention.position))
    .bind(analysis.mention.map(|mention| mention.rank))
    .bind(analysis.competitors_json()?);
    if update.execute(&mut *conn).await?.rows_affected() == 0 {
        return Err(AuditError::ResponseNotFound(response_id));
    }
    Ok(())
}

/// Approach B: stores all analyses in one transaction.
///
/// # Errors
///
/// If one of the answers does not exist, in which case no analysis is stored, or the database
/// fails.
#[transactional]
pub async fn store_all_analyses(
    tx: &mut Tx<'_, Sqlite>,
    analyses: &[AnalyzedResponse],
) -> Result<(), AuditError> {
    for chunk in analyses.chunks(ROWS) {
        let lists: Vec<String> = chunk
            .iter()
            .map(|analyzed| analyzed.analysis.competitors_json())
            .collect::<Result<_, _>>()?;
        let mut update =
            QueryBuilder::new("WITH analyses (response_id, mentioned, position, rank, named) AS (");
        update.push_values(chunk.iter().zip(lists), |mut row, (analyzed, list)| {
            let mention = analyzed.analysis.mention;
            row.push_bind(analyzed.response_id)
                .push_bind(mention.is_some())
                .push_bind(mention.map(|mention| mention.position))
                .push_bind(mention.map(|mention| mention.rank))
                .push_bind(list);
        });
        update.push(
            ") UPDATE audit_responses
             SET brand_mentioned = mentioned, mention_position = position, mention_rank = rank,
                 competitors = named
             FROM analyses
             WHERE id = response_id
             RETURNING id",
        );
        let updated: Vec<i64> = update.build_query_scalar().fetch_all(&mut *tx).await?;
        let updated: HashSet<i64> = updated.into_iter().collect();
        if let Some(missing) = chunk.iter().find(|a| !updated.contains(&a.response_id)) {
            return Err(AuditError::ResponseNotFound(missing.response_id));
        }
    }
    Ok(())
}
