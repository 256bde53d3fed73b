-- Resources that count although no look changed their entry for so long; managed nodes, that have not told of themselves for so long. The longest first.
-- ? hours: for how many hours at least; 24
SELECT resource_owner_id, resource_type, resource_arn, resource_name, license_configuration_id, consumed_licenses, last_seen, confirmed,
  date_diff('millisecond', CAST(nullif(confirmed, '') AS timestamp), CAST(recorded_at AS timestamp)) / 36E5 AS hours, recorded_at
FROM usage
WHERE dt >= date_format(now() - INTERVAL '1' DAY, '%Y-%m-%d')
  AND recorded_at = (SELECT max(recorded_at) FROM usage WHERE dt >= date_format(now() - INTERVAL '1' DAY, '%Y-%m-%d'))
  AND coalesce(date_diff('millisecond', CAST(nullif(confirmed, '') AS timestamp), CAST(recorded_at AS timestamp)) >= CAST(? AS bigint) * 3600000, true)
ORDER BY confirmed, resource_arn, license_configuration_id
