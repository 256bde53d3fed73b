-- What enforcement did, what it would have done, what people approved, and what held it.
-- ? from: the first day, in UTC; 2026-11-01
-- ? to: the last day, in UTC; 2026-11-30
SELECT DISTINCT recorded_at, name, CASE WHEN action <> '' THEN action ELSE reason END AS action, instance_id, account_id, region, verdict, cause,
  changed_by, answer, explanation, license_configuration_id, revision
FROM changes
WHERE (action <> '' OR license_configuration_id = 'enforcement') AND dt BETWEEN ? AND ?
ORDER BY recorded_at, license_configuration_id, revision, instance_id
