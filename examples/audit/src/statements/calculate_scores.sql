-- ?1 is the audit. Shares and positions are whole numbers per mille, so that two programs that read
-- the same answers get exactly the same scores. SQLite cuts a quotient of whole numbers, so half of
-- the divisor is added first, as (2 * a + b) / (2 * b): that rounds, and halves up.
WITH answers AS (
    SELECT provider, model_version, brand_mentioned, mention_position,
           json_array_length(competitors) AS competitors
    FROM audit_responses
    WHERE audit_id = ?1 AND brand_mentioned IS NOT NULL
),
scopes AS (
    SELECT NULL AS scope_provider, NULL AS scope_version, * FROM answers
    UNION ALL
    SELECT provider, NULL, * FROM answers
    UNION ALL
    SELECT provider, model_version, * FROM answers
)
INSERT INTO audit_scores
    (audit_id, provider, model_version, answers, mentions, visibility, average_position,
     competitor_share)
SELECT ?1, scope_provider, scope_version,
       count(*),
       sum(brand_mentioned),
       (2000 * sum(brand_mentioned) + count(*)) / (2 * count(*)),
       (2 * sum(mention_position) + sum(brand_mentioned)) / nullif(2 * sum(brand_mentioned), 0),
       coalesce(
           (2000 * sum(competitors) + sum(competitors) + sum(brand_mentioned))
               / nullif(2 * (sum(competitors) + sum(brand_mentioned)), 0),
           0
       )
FROM scopes
GROUP BY scope_provider, scope_version
ORDER BY scope_provider, scope_version -- the overall score comes first, and providers before their models
