-- What changed one license, in order.
-- ? license: its name; SQL Server 2022 Standard
SELECT DISTINCT revision, happened_at, recorded_at, instance_id, resource_arn, state, verdict_before, verdict, cause,
  licenses_before, licenses, deployed, covered, license_count, explanation, broken_rules, answer, action, reason, changed_by, event_id
FROM changes
WHERE name = ?
ORDER BY revision, happened_at, instance_id, resource_arn
