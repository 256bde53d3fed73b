-- Licenses that more is consumed of than the count allows.
SELECT name, owner_account_id, license_count, license_count_hard_limit, consumed_licenses, covered_licenses, over_licenses, recorded_at
FROM positions
WHERE over_licenses > 0
  AND dt >= date_format(now() - INTERVAL '1' DAY, '%Y-%m-%d')
  AND recorded_at = (SELECT max(recorded_at) FROM positions WHERE dt >= date_format(now() - INTERVAL '1' DAY, '%Y-%m-%d'))
ORDER BY over_licenses DESC, name, license_configuration_arn
