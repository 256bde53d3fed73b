-- What was not watched: each time in which one source saw nothing of an account and Region, and what sweeps had to correct because no event told of it.
-- Events and snapshots are of all accounts.
-- ? from: the first moment, in UTC; 2026-11-01
-- ? to: the moment after the last, in UTC; 2026-12-01
WITH span AS (
  SELECT CAST(? AS timestamp) AS span_from, least(CAST(? AS timestamp), CAST(now() AS timestamp)) AS span_to
), told AS (
  SELECT source, account_id, region, CAST(recorded_at AS timestamp) AS recorded, unbroken_minutes * 60000 AS apart,
    CAST(nullif(observed_from, '') AS timestamp) AS seen_from, CAST(nullif(observed_to, '') AS timestamp) AS seen_to,
    CAST(nullif(before_from, '') AS timestamp) AS early_from, CAST(nullif(before_to, '') AS timestamp) AS early_to,
    CAST(nullif(failing_since, '') AS timestamp) AS failing, reason, lost_started, lost_ended, lost_changed
  FROM coverage CROSS JOIN span
  WHERE dt >= date_format(span_from - INTERVAL '1' DAY, '%Y-%m-%d')
), looks AS (
  SELECT source, account_id, region, seen_from, seen_to FROM told WHERE seen_from IS NOT NULL
  UNION ALL
  SELECT source, account_id, region, early_from, early_to FROM told WHERE early_from IS NOT NULL
), ordered AS (
  SELECT source, account_id, region, seen_from,
    max(seen_to) OVER (PARTITION BY source, account_id, region ORDER BY seen_from, seen_to ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS last_look
  FROM looks
), horizon AS (
  SELECT CASE WHEN date_diff('millisecond', max(recorded), max(span_to)) > max(CASE WHEN source = 'snapshot' THEN apart ELSE 0 END) THEN max(span_to) ELSE max(recorded) END AS known_to
  FROM told CROSS JOIN span
), ends AS (
  SELECT t.source, t.account_id, t.region, max(t.apart) AS apart, max(greatest(t.seen_to, coalesce(t.early_to, t.seen_to))) AS last_look
  FROM told t
  GROUP BY t.source, t.account_id, t.region
), edges AS (
  SELECT o.source, o.account_id, o.region, CASE WHEN o.last_look IS NULL THEN 'not watched yet' ELSE 'gap' END AS finding,
    coalesce(o.last_look, span_from) AS edge_from, o.seen_from AS edge_to
  FROM ordered o JOIN ends e ON e.source = o.source AND e.account_id = o.account_id AND e.region = o.region CROSS JOIN span
  WHERE o.last_look IS NULL OR date_diff('millisecond', o.last_look, o.seen_from) > e.apart
  UNION ALL
  SELECT e.source, e.account_id, e.region, CASE WHEN e.last_look IS NULL THEN 'never watched' ELSE 'gap to the end' END AS finding,
    coalesce(e.last_look, span_from) AS edge_from, span_to AS edge_to
  FROM ends e CROSS JOIN horizon CROSS JOIN span
  WHERE e.last_look IS NULL OR date_diff('millisecond', e.last_look, known_to) > e.apart
), gaps AS (
  SELECT source, account_id, region, CASE WHEN source = 'snapshot' THEN 'no snapshot' ELSE finding END AS finding,
    greatest(edge_from, span_from) AS gap_from, least(edge_to, span_to) AS gap_to
  FROM edges CROSS JOIN span
  WHERE greatest(edge_from, span_from) < least(edge_to, span_to)
), sums AS (
  SELECT account_id, region, recorded, seen_from, seen_to, lost_started, lost_ended, lost_changed,
    lag(recorded) OVER (PARTITION BY account_id, region ORDER BY recorded, seen_to) AS recorded_before,
    lag(seen_to) OVER (PARTITION BY account_id, region ORDER BY recorded, seen_to) AS seen_before,
    lag(lost_started) OVER (PARTITION BY account_id, region ORDER BY recorded, seen_to) AS started_before,
    lag(lost_ended) OVER (PARTITION BY account_id, region ORDER BY recorded, seen_to) AS ended_before,
    lag(lost_changed) OVER (PARTITION BY account_id, region ORDER BY recorded, seen_to) AS changed_before
  FROM told
  WHERE source = 'sweep'
), lost AS (
  SELECT account_id, region, coalesce(seen_before, seen_from) AS gap_from, seen_to AS gap_to,
    CASE WHEN lost_started < started_before THEN lost_started ELSE lost_started - started_before END AS started,
    CASE WHEN lost_ended < ended_before THEN lost_ended ELSE lost_ended - ended_before END AS ended,
    CASE WHEN lost_changed < changed_before THEN lost_changed ELSE lost_changed - changed_before END AS changed
  FROM sums CROSS JOIN span
  WHERE recorded_before IS NOT NULL AND seen_to > span_from AND coalesce(seen_before, seen_from) < span_to
    AND (seen_before IS NULL OR seen_to > seen_before)
), found AS (
  SELECT g.source, g.account_id, g.region, g.finding, g.gap_from, g.gap_to, coalesce(max_by(t.reason, t.recorded), '') AS reason, 0 AS started, 0 AS ended, 0 AS changed
  FROM gaps g LEFT JOIN told t ON t.source = g.source AND t.account_id = g.account_id AND t.region = g.region AND t.failing < g.gap_to AND t.recorded > g.gap_from
  GROUP BY g.source, g.account_id, g.region, g.finding, g.gap_from, g.gap_to
  UNION ALL
  SELECT 'events' AS source, account_id, region, 'lost events' AS finding, gap_from, gap_to, '' AS reason, started, ended, changed
  FROM lost
  WHERE started + ended + changed > 0
)
SELECT gap_from, gap_to, date_diff('millisecond', gap_from, gap_to) / 6E4 AS minutes, finding, source, account_id, region, reason,
  started AS lost_started, ended AS lost_ended, changed AS lost_changed
FROM found
ORDER BY gap_from, gap_to, source, account_id, region
