-- What changed without an event that told of it, and was found by a look, by day and account: what a sweep had to correct.
-- ? from: the first day, in UTC; 2026-11-01
-- ? to: the last day, in UTC; 2026-11-30
WITH found AS (
  SELECT dt, account_id, region, license_configuration_id, revision, resource_arn, max(licenses) - max(licenses_before) AS more
  FROM changes
  WHERE reason = 'observed' AND resource_arn <> '' AND dt BETWEEN ? AND ?
  GROUP BY dt, account_id, region, license_configuration_id, revision, resource_arn
  HAVING max(event_id) = '' AND max(action) = '' AND max(licenses) <> max(licenses_before)
)
SELECT dt, account_id, region, count(*) AS changes, sum(CASE WHEN more > 0 THEN more ELSE 0 END) AS licenses_found,
  sum(CASE WHEN more < 0 THEN -more ELSE 0 END) AS licenses_freed
FROM found
GROUP BY dt, account_id, region
ORDER BY dt, account_id, region
