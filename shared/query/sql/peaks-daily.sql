-- The most of each license that was in use at once, by day, and how long it was over the count.
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
  SELECT license_configuration_id, revision, name, deployed, license_count, begins,
    coalesce(lead(begins) OVER (PARTITION BY license_configuration_id ORDER BY revision), CASE WHEN ended = 1 THEN begins ELSE span_to END) AS ends
  FROM ordered CROSS JOIN span
), periods AS (
  SELECT greatest(period, span_from) AS period_from, least(period + INTERVAL '1' DAY, span_to) AS period_to, period
  FROM span CROSS JOIN UNNEST(sequence(date_trunc('day', span_from), span_to, INTERVAL '1' DAY)) AS p(period)
  WHERE period < span_to
), parts AS (
  SELECT license_configuration_id, name, revision, period, deployed, license_count, greatest(begins, period_from) AS part_from,
    date_diff('millisecond', greatest(begins, period_from), least(ends, period_to)) AS part_ms
  FROM states JOIN periods ON begins < period_to AND ends > period_from AND ends > begins
), ranked AS (
  SELECT license_configuration_id, period, name, deployed, license_count, part_from,
    row_number() OVER (PARTITION BY license_configuration_id, period ORDER BY deployed DESC, part_from, revision) AS place,
    sum(deployed * part_ms) OVER (PARTITION BY license_configuration_id, period) / 36E5 AS license_hours,
    sum(CASE WHEN deployed > license_count THEN part_ms ELSE 0 END) OVER (PARTITION BY license_configuration_id, period) / 6E4 AS over_minutes
  FROM parts
)
SELECT date_format(period, '%Y-%m-%d') AS day_begins, name, deployed AS high, part_from AS high_at, license_count, license_hours, over_minutes, license_configuration_id
FROM ranked
WHERE place = 1
ORDER BY period, name, license_configuration_id
