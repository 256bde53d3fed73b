-- What consumed each license at a past instant, by when things happened, with the arithmetic, the rule version and the event that told of it.
-- A row takes the place of all that was said of its resource from its instant on.
-- ? at: the instant, in UTC; 2026-11-15 12:00:00
-- ? known: by what was recorded until then, in UTC; 9999-12-31 00:00:00
WITH asked AS (
  SELECT CAST(? AS timestamp) AS at_instant, CAST(? AS timestamp) AS known_until
), said AS (
  SELECT license_configuration_id, name, resource_arn, licenses, explanation, association, rule_version, estimated, revision, happened_at, recorded_at, event_id,
    row_number() OVER (PARTITION BY license_configuration_id, resource_arn ORDER BY revision DESC, instance_id DESC) AS place
  FROM changes CROSS JOIN asked
  WHERE license_configuration_id LIKE 'lic-%' AND resource_arn <> ''
    AND CAST(recorded_at AS timestamp) <= known_until AND CAST(happened_at AS timestamp) <= at_instant
), decided AS (
  SELECT license_configuration_id, resource_arn, verdict,
    row_number() OVER (PARTITION BY license_configuration_id, resource_arn ORDER BY revision DESC, instance_id DESC) AS place
  FROM changes CROSS JOIN asked
  WHERE license_configuration_id LIKE 'lic-%' AND resource_arn <> '' AND NOT (verdict = 'released' AND licenses > 0)
    AND CAST(recorded_at AS timestamp) <= known_until AND CAST(happened_at AS timestamp) <= at_instant
), ended AS (
  SELECT DISTINCT license_configuration_id
  FROM changes CROSS JOIN asked
  WHERE reason = 'deleted' AND CAST(recorded_at AS timestamp) <= known_until AND CAST(recorded_at AS timestamp) <= at_instant
)
SELECT s.name, s.resource_arn, s.licenses, d.verdict, s.explanation, s.association, s.rule_version, s.estimated, s.happened_at AS since, s.recorded_at,
  s.event_id, s.revision, s.license_configuration_id
FROM said s JOIN decided d ON d.license_configuration_id = s.license_configuration_id AND d.resource_arn = s.resource_arn AND d.place = 1
LEFT JOIN ended e ON e.license_configuration_id = s.license_configuration_id
WHERE s.place = 1 AND s.licenses > 0 AND e.license_configuration_id IS NULL
ORDER BY s.name, s.license_configuration_id, s.licenses DESC, s.resource_arn
