-- What consumed each license at a past instant, by when things happened, with the arithmetic, the rule version and the event that told of it.
-- A row takes the place of all that was said of its resource from its instant on.
-- ? at: the instant, in UTC; 2026-11-15 12:00:00
-- ? known: by what was recorded until then, in UTC; 9999-12-31 00:00:00
WITH asked AS (
  SELECT CAST(? AS timestamp) AS at_instant, CAST(? AS timestamp) AS known_until
), ranked AS (
  SELECT license_configuration_id, name, resource_arn, licenses, explanation, association, rule_version, estimated, revision, happened_at, recorded_at, event_id,
    row_number() OVER (PARTITION BY license_configuration_id, resource_arn ORDER BY revision DESC, instance_id DESC) AS place,
    first_value(verdict) OVER (PARTITION BY license_configuration_id, resource_arn
      ORDER BY CASE WHEN verdict = 'released' AND licenses > 0 THEN 1 ELSE 0 END, revision DESC, instance_id DESC) AS decided,
    max(CASE WHEN reason = 'deleted' AND CAST(recorded_at AS timestamp) <= at_instant THEN 1 ELSE 0 END) OVER (PARTITION BY license_configuration_id) AS ended
  FROM changes CROSS JOIN asked
  WHERE license_configuration_id LIKE 'lic-%' AND CAST(recorded_at AS timestamp) <= known_until AND CAST(happened_at AS timestamp) <= at_instant
)
SELECT name, resource_arn, licenses, decided AS verdict, explanation, association, rule_version, estimated, happened_at AS since, recorded_at,
  event_id, revision, license_configuration_id
FROM ranked
WHERE place = 1 AND licenses > 0 AND resource_arn <> '' AND ended = 0
ORDER BY name, license_configuration_id, licenses DESC, resource_arn
