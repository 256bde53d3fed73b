-- What came to be counted, or ceased to be, without an event that told of it: what a sweep or another look had to correct, by day and account.
-- ? from: the first day, in UTC; 2026-11-01
-- ? to: the last day, in UTC; 2026-11-30
WITH span AS (
  SELECT CAST(? AS varchar) AS day_from, CAST(? AS varchar) AS day_to
), told AS (
  SELECT dt, account_id, region, license_configuration_id, revision, resource_arn, reason, max(event_id) AS event_id, max(action) AS action,
    max(rule_version) AS rule_version, max(licenses_before) AS licenses_before, max(licenses) AS licenses
  FROM changes
  WHERE resource_arn <> ''
  GROUP BY dt, account_id, region, license_configuration_id, revision, resource_arn, reason
), ruled AS (
  SELECT dt, account_id, region, reason, event_id, action, licenses_before, licenses, rule_version,
    lag(rule_version) OVER (PARTITION BY license_configuration_id, resource_arn ORDER BY revision) AS rule_before
  FROM told
)
SELECT dt, account_id, region, count(*) AS changes,
  sum(CASE WHEN licenses > licenses_before THEN licenses - licenses_before ELSE 0 END) AS licenses_found,
  sum(CASE WHEN licenses < licenses_before THEN licenses_before - licenses ELSE 0 END) AS licenses_freed
FROM ruled JOIN span ON dt BETWEEN day_from AND day_to
WHERE reason = 'observed' AND event_id = '' AND action = '' AND licenses <> licenses_before
  AND (licenses_before = 0 OR licenses = 0 OR rule_version = rule_before)
GROUP BY dt, account_id, region
ORDER BY dt, account_id, region
