-- ?1 is the company. The two joins make every pair of a competitor and a feature, so the lists need
-- DISTINCT. Both lists are in the order in which they were entered.
SELECT c.name,
       c.industry,
       json_group_array(DISTINCT comp.competitor_name ORDER BY comp.id)
           FILTER (WHERE comp.competitor_name IS NOT NULL) AS competitors,
       json_group_array(DISTINCT f.feature_name ORDER BY f.id)
           FILTER (WHERE f.feature_name IS NOT NULL) AS features
FROM companies c
LEFT JOIN competitors comp ON comp.company_id = c.id
LEFT JOIN company_features f ON f.company_id = c.id
WHERE c.id = ?1
GROUP BY c.id
