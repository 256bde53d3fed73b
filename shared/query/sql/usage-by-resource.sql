-- Which resources consume each license, the largest first.
WITH newest AS (
  SELECT license_configuration_arn, name, recorded_at
  FROM positions
  WHERE dt >= date_format(now() - INTERVAL '1' DAY, '%Y-%m-%d')
    AND recorded_at = (SELECT max(recorded_at) FROM positions WHERE dt >= date_format(now() - INTERVAL '1' DAY, '%Y-%m-%d'))
)
SELECT n.name, u.resource_owner_id, u.resource_type, u.resource_arn, u.resource_name, u.consumed_licenses, u.verdict,
  u.reason, u.rule_explanation, u.broken_rules, u.first_seen
FROM usage u
JOIN newest n ON n.license_configuration_arn = u.license_configuration_arn AND n.recorded_at = u.recorded_at
WHERE u.dt >= date_format(now() - INTERVAL '1' DAY, '%Y-%m-%d')
ORDER BY n.name, u.consumed_licenses DESC, u.resource_arn
