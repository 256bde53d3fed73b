-- For how many minutes more was in use of each license than its count allows, and by how much at most.
-- By the time at which things were recorded; what was before the span counts in it.
-- ? from: the first moment, in UTC; 2026-11-01
-- ? to: the moment after the last, in UTC; 2026-12-01
WITH span AS (
  SELECT CAST(? AS timestamp) AS span_from, least(CAST(? AS timestamp), CAST(now() AS timestamp)) AS span_to
), commits AS (
  SELECT license_configuration_id, revision, max(name) AS name, CAST(max(recorded_at) AS timestamp) AS recorded,
    max(deployed) AS deployed, max(license_count) AS license_count, max(CASE WHEN reason = 'deleted' THEN 1 ELSE 0 END) AS ended
  FROM changes
  WHERE license_configuration_id LIKE 'lic-%'
  GROUP BY license_configuration_id, revision
), ordered AS (
  SELECT license_configuration_id, revision, name, deployed, license_count, ended,
    max(recorded) OVER (PARTITION BY license_configuration_id ORDER BY revision ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS begins
  FROM commits
), states AS (
  SELECT license_configuration_id, revision, name, deployed, license_count, span_from, span_to, begins,
    coalesce(lead(begins) OVER (PARTITION BY license_configuration_id ORDER BY revision), CASE WHEN ended = 1 THEN begins ELSE span_to END) AS ends
  FROM ordered CROSS JOIN span
), parts AS (
  SELECT license_configuration_id, name, revision, deployed, license_count,
    date_diff('millisecond', greatest(begins, span_from), least(ends, span_to)) AS part_ms
  FROM states
  WHERE begins < span_to AND ends > span_from AND ends > begins
)
SELECT max_by(name, revision) AS name, sum(CASE WHEN deployed > license_count THEN part_ms ELSE 0 END) / 6E4 AS over_minutes,
  max(CASE WHEN deployed > license_count THEN deployed - license_count ELSE 0 END) AS most_over,
  sum(deployed * part_ms) / 36E5 AS license_hours, license_configuration_id
FROM parts
GROUP BY license_configuration_id
ORDER BY over_minutes DESC, license_configuration_id
