-- How much of each license the values of one tag consume, as for showing costs to teams.
-- ? tag: the key of the tag; CostCenter
WITH newest AS (
  SELECT license_configuration_arn, name, recorded_at
  FROM positions
  WHERE dt >= date_format(now() - INTERVAL '1' DAY, '%Y-%m-%d')
    AND recorded_at = (SELECT max(recorded_at) FROM positions WHERE dt >= date_format(now() - INTERVAL '1' DAY, '%Y-%m-%d'))
), tagged AS (
  SELECT n.name, u.consumed_licenses, u.verdict, u.recorded_at,
    coalesce(element_at(CAST(json_parse(u.tags) AS map(varchar, varchar)), ?), '(no such tag)') AS tag_value
  FROM usage u
  JOIN newest n ON n.license_configuration_arn = u.license_configuration_arn AND n.recorded_at = u.recorded_at
  WHERE u.dt >= date_format(now() - INTERVAL '1' DAY, '%Y-%m-%d')
)
SELECT name, tag_value, count(*) AS resources, sum(consumed_licenses) AS consumed_licenses,
  sum(CASE WHEN verdict = 'over' THEN consumed_licenses ELSE 0 END) AS over_licenses,
  sum(CASE WHEN verdict = 'broken' THEN consumed_licenses ELSE 0 END) AS against_rules_licenses, max(recorded_at) AS recorded_at
FROM tagged
GROUP BY name, tag_value
ORDER BY name, consumed_licenses DESC, tag_value
