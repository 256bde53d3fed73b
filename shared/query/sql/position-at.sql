-- Where each license stood at a past instant, by when things happened: the effective license position as of then.
-- A row takes the place of all that was said of its resource from its instant on; verdicts are those that were decided.
-- ? at: the instant, in UTC; 2026-11-15 12:00:00
-- ? known: by what was recorded until then, in UTC; 9999-12-31 00:00:00
WITH asked AS (
  SELECT CAST(? AS timestamp) AS at_instant, CAST(? AS timestamp) AS known_until
), known AS (
  SELECT license_configuration_id, name, revision, resource_arn, instance_id, verdict, licenses, estimated, license_count, reason,
    CAST(recorded_at AS timestamp) AS recorded, CAST(happened_at AS timestamp) AS happened, at_instant
  FROM changes CROSS JOIN asked
  WHERE license_configuration_id LIKE 'lic-%' AND CAST(recorded_at AS timestamp) <= known_until
), lives AS (
  SELECT license_configuration_id, max_by(name, revision) AS name, min(happened) AS begun, max(CASE WHEN reason = 'deleted' THEN recorded END) AS ended
  FROM known
  GROUP BY license_configuration_id
), counts AS (
  SELECT license_configuration_id, license_count,
    row_number() OVER (PARTITION BY license_configuration_id ORDER BY revision DESC) AS place
  FROM known
  WHERE recorded <= at_instant
), said AS (
  SELECT license_configuration_id, resource_arn, licenses, estimated,
    row_number() OVER (PARTITION BY license_configuration_id, resource_arn ORDER BY revision DESC, instance_id DESC) AS place
  FROM known
  WHERE resource_arn <> '' AND happened <= at_instant
), decided AS (
  SELECT license_configuration_id, resource_arn, verdict,
    row_number() OVER (PARTITION BY license_configuration_id, resource_arn ORDER BY revision DESC, instance_id DESC) AS place
  FROM known
  WHERE resource_arn <> '' AND happened <= at_instant AND NOT (verdict = 'released' AND licenses > 0)
), uses AS (
  SELECT s.license_configuration_id, s.licenses, s.estimated, d.verdict
  FROM said s JOIN decided d ON d.license_configuration_id = s.license_configuration_id AND d.resource_arn = s.resource_arn AND d.place = 1
  WHERE s.place = 1 AND s.licenses > 0
), sums AS (
  SELECT license_configuration_id, sum(licenses) AS deployed, sum(CASE WHEN verdict = 'covered' THEN licenses ELSE 0 END) AS covered,
    sum(CASE WHEN verdict = 'over' THEN licenses ELSE 0 END) AS over_licenses, sum(CASE WHEN verdict = 'broken' THEN licenses ELSE 0 END) AS against_rules_licenses,
    sum(CASE WHEN estimated THEN licenses ELSE 0 END) AS estimated_licenses
  FROM uses
  GROUP BY license_configuration_id
)
SELECT l.name, c.license_count, coalesce(u.deployed, 0) AS deployed, coalesce(u.covered, 0) AS covered, coalesce(u.over_licenses, 0) AS over_licenses,
  coalesce(u.against_rules_licenses, 0) AS against_rules_licenses, coalesce(u.estimated_licenses, 0) AS estimated_licenses, l.license_configuration_id
FROM lives l CROSS JOIN asked a
LEFT JOIN counts c ON c.license_configuration_id = l.license_configuration_id AND c.place = 1
LEFT JOIN sums u ON u.license_configuration_id = l.license_configuration_id
WHERE l.begun <= a.at_instant AND (l.ended IS NULL OR a.at_instant < l.ended)
ORDER BY l.name, l.license_configuration_id
