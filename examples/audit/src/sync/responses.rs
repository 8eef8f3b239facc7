//! The answers, and what was found in them.

use dbop::{db_op, transactional};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::AuditError;
use crate::model::{Analysis, AnalyzedResponse, ProviderResponse, ResponseToAnalyze};

/// Stores the answers to one question, except those with an error. Returns how many are new.
///
/// # Errors
///
/// If the audit does not ask this question, or the database fails.
#[transactional]
pub fn store_query_responses(
    conn: &mut Connection,
    audit_id: i64,
    query_text: &str,
    responses: &[ProviderResponse],
) -> Result<u64, AuditError> {
    let query_id: Option<i64> = conn
        .query_row(
            "SELECT id FROM audit_queries WHERE audit_id = ?1 AND query_text = ?2",
            params![audit_id, query_text],
            |row| row.get(0),
        )
        .optional()?;
    let query_id = query_id.ok_or_else(|| AuditError::QueryNotFound {
        audit_id,
        query_text: query_text.to_owned(),
    })?;
    let mut insert = conn.prepare_cached(
        "INSERT INTO audit_responses
             (query_id, audit_id, provider, model_version, response_text, response_time_ms,
              tokens_used, cache_hit)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (query_id, provider, model_version) DO NOTHING",
    )?;
    let mut stored = 0;
    for response in responses {
        let Some(text) = response.text() else {
            continue;
        };
        stored += insert.execute(params![
            query_id,
            audit_id,
            response.provider.as_str(),
            response.model_version,
            text,
            response.response_time_ms,
            response.tokens_used,
            response.cache_hit,
        ])? as u64;
    }
    Ok(stored)
}

/// Returns the answers of the audit that have no analysis.
///
/// # Errors
///
/// Returns the error of the database.
#[db_op(read_only)]
pub fn responses_to_analyze(
    conn: &mut Connection,
    audit_id: i64,
) -> Result<Vec<ResponseToAnalyze>, AuditError> {
    let mut select = conn.prepare_cached(
        "SELECT id, response_text
         FROM audit_responses
         WHERE audit_id = ?1 AND brand_mentioned IS NULL
         ORDER BY id",
    )?;
    let rows = select.query_map([audit_id], |row| {
        Ok(ResponseToAnalyze {
            response_id: row.get(0)?,
            response_text: row.get(1)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Approach A: stores one analysis, in a transaction of its own.
///
/// # Errors
///
/// If there is no such answer, or the database fails.
#[db_op(idempotent)]
pub fn store_analysis_result(
    conn: &mut Connection,
    response_id: i64,
    analysis: &Analysis,
) -> Result<(), AuditError> {
    let mut update = conn.prepare_cached(
        "UPDATE audit_responses
         SET brand_mentioned = ?2, mention_position = ?3, mention_rank = ?4, competitors = ?5
         WHERE id = ?1",
    )?;
    let updated = update.execute(params![
        response_id,
        analysis.mention.is_some(),
        analysis.mention.map(|mention| mention.position),
        analysis.mention.map(|mention| mention.rank),
        analysis.competitors_json()?,
    ])?;
    if updated == 0 {
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
pub fn store_all_analyses(
    conn: &mut Connection,
    analyses: &[AnalyzedResponse],
) -> Result<(), AuditError> {
    for analyzed in analyses {
        store_analysis_result_sync(conn, analyzed.response_id, &analyzed.analysis)?;
    }
    Ok(())
}
