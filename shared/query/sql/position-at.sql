-- Where each license stood at a past instant, by when things happened: the effective license position as of then.
-- A row takes the place of all that was said of its resource from its instant on; verdicts are those that were decided.
-- ? at: the instant, in UTC; 2026-11-15 12:00:00
-- ? known: by what was recorded until then, in UTC; 9999-12-31 00:00:00
WITH asked AS (
  SELECT CAST(? AS timestamp) AS at_instant, CAST(? AS timestamp) AS known_until
), told AS (
  SELECT license_configuration_id, name, revision, resource_arn, instance_id, verdict, licenses, estimated, license_count, at_instant,
    CAST(happened_at AS timestamp) AS happened, CASE WHEN reason = 'deleted' THEN CAST(recorded_at AS timestamp) END AS ended,
    CASE WHEN CAST(happened_at AS timestamp) <= at_instant THEN 1 ELSE 0 END AS was_so,
    CASE WHEN CAST(recorded_at AS timestamp) <= at_instant THEN 1 ELSE 0 END AS was_known
  FROM changes CROSS JOIN asked
  WHERE license_configuration_id LIKE 'lic-%' AND CAST(recorded_at AS timestamp) <= known_until
), ranked AS (
  SELECT license_configuration_id, resource_arn, licenses, estimated, license_count, at_instant, happened, ended, was_so, was_known, name,
    row_number() OVER (PARTITION BY license_configuration_id ORDER BY revision DESC) AS name_place,
    row_number() OVER (PARTITION BY license_configuration_id, was_known ORDER BY revision DESC) AS count_place,
    row_number() OVER (PARTITION BY license_configuration_id, resource_arn, was_so ORDER BY revision DESC, instance_id DESC) AS place,
    first_value(verdict) OVER (PARTITION BY license_configuration_id, resource_arn, was_so
      ORDER BY CASE WHEN verdict = 'released' AND licenses > 0 THEN 1 ELSE 0 END, revision DESC, instance_id DESC) AS decided
  FROM told
), uses AS (
  SELECT license_configuration_id, name, name_place, count_place, was_known, license_count, happened, ended, at_instant, estimated, decided,
    CASE WHEN was_so = 1 AND place = 1 AND resource_arn <> '' THEN licenses ELSE 0 END AS used
  FROM ranked
)
SELECT max(CASE WHEN name_place = 1 THEN name END) AS name, max(CASE WHEN was_known = 1 AND count_place = 1 THEN license_count END) AS license_count,
  sum(used) AS deployed, sum(CASE WHEN decided = 'covered' THEN used ELSE 0 END) AS covered, sum(CASE WHEN decided = 'over' THEN used ELSE 0 END) AS over_licenses,
  sum(CASE WHEN decided = 'broken' THEN used ELSE 0 END) AS against_rules_licenses, sum(CASE WHEN estimated THEN used ELSE 0 END) AS estimated_licenses,
  license_configuration_id
FROM uses
GROUP BY license_configuration_id
HAVING min(happened) <= max(at_instant) AND (max(ended) IS NULL OR max(at_instant) < max(ended))
ORDER BY name, license_configuration_id
