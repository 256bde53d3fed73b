-- Where each license stands: the effective license position.
SELECT name, license_counting_type, status, license_count, license_count_hard_limit, consumed_licenses, covered_licenses,
  over_licenses, against_rules_licenses, available_licenses, estimated_licenses, percent, recorded_at
FROM positions
WHERE dt >= date_format(now() - INTERVAL '1' DAY, '%Y-%m-%d')
  AND recorded_at = (SELECT max(recorded_at) FROM positions WHERE dt >= date_format(now() - INTERVAL '1' DAY, '%Y-%m-%d'))
ORDER BY percent DESC, name, license_configuration_arn
