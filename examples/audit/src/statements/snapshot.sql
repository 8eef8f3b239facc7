-- ?1 is the audit. Row numbers and times are left out, because they differ between two audits that
-- have the same result.
SELECT 1 AS part, 'audits' AS name,
       json_array(status, error_message, started_at IS NOT NULL, completed_at IS NOT NULL) AS line
FROM audits WHERE id = ?1
UNION ALL
SELECT 2, 'audit_queries', json_array(position, query_text)
FROM audit_queries WHERE audit_id = ?1
UNION ALL
SELECT 3, 'audit_responses',
       json_array(q.position, r.provider, r.model_version, r.response_text, r.response_time_ms,
                  r.tokens_used, r.cache_hit, r.brand_mentioned, r.mention_position,
                  r.mention_rank, r.competitors)
FROM audit_responses r JOIN audit_queries q ON q.id = r.query_id
WHERE r.audit_id = ?1
UNION ALL
SELECT 4, 'audit_scores',
       json_array(provider, model_version, answers, mentions, visibility, average_position,
                  competitor_share)
FROM audit_scores WHERE audit_id = ?1
UNION ALL
SELECT 5, 'audit_insights', json_array(position, severity, insight_text)
FROM audit_insights WHERE audit_id = ?1
UNION ALL
SELECT 6, 'final_responses',
       json_array(company_name, query_position, query_text, provider, model_version, response_text,
                  response_time_ms, tokens_used, cache_hit, brand_mentioned, mention_position,
                  mention_rank, competitors)
FROM final_responses WHERE audit_id = ?1
ORDER BY part, line
