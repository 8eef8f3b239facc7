-- ?1 is the audit. A row that is already there stays as it is, so a second run adds what is missing.
INSERT INTO final_responses
    (response_id, audit_id, company_name, query_position, query_text, provider, model_version,
     response_text, response_time_ms, tokens_used, cache_hit, brand_mentioned, mention_position,
     mention_rank, competitors)
SELECT r.id, a.id, c.name, q.position, q.query_text, r.provider, r.model_version,
       r.response_text, r.response_time_ms, r.tokens_used, r.cache_hit, r.brand_mentioned,
       r.mention_position, r.mention_rank, r.competitors
FROM audits a
JOIN audit_queries q ON q.audit_id = a.id
JOIN audit_responses r ON r.query_id = q.id
LEFT JOIN companies c ON c.id = a.company_id
WHERE a.id = ?1 AND r.brand_mentioned IS NOT NULL
ORDER BY q.position, r.provider, r.model_version
ON CONFLICT (response_id) DO NOTHING
