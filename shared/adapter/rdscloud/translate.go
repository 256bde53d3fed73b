package rdscloud

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// databasesOf translates a page. A database of another account than the scope's is an
// error: the client looks into the wrong account, and everything that it does not show
// there would be taken for gone.
func databasesOf(s track.Scope, found []types.DBInstance) ([]license.DBInstance, error) {
	var out []license.DBInstance
	for i := range found {
		d := &found[i]
		if owner := accountOf(aws.ToString(d.DBInstanceArn)); owner != "" && owner != s.Account {
			return nil, fmt.Errorf("RDS shows databases of account %s, not of %s: the credentials are those of the wrong account", owner, s.Account)
		}
		if databaseName.MatchString(aws.ToString(d.DBInstanceIdentifier)) {
			out = append(out, databaseOf(s, d))
		}
	}
	return out, nil
}

func accountOf(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

func databaseOf(s track.Scope, d *types.DBInstance) license.DBInstance {
	out := license.DBInstance{
		ID:            license.NewResourceID(s.Account, s.Region, license.DatabasePrefix+aws.ToString(d.DBInstanceIdentifier)),
		Class:         aws.ToString(d.DBInstanceClass),
		Engine:        aws.ToString(d.Engine),
		EngineVersion: aws.ToString(d.EngineVersion),
		LicenseModel:  aws.ToString(d.LicenseModel),
		Status:        aws.ToString(d.DBInstanceStatus),
		// SQL Server with mirroring may have a second zone and still say that it is not Multi-AZ.
		MultiAZ:     aws.ToBool(d.MultiAZ) || aws.ToString(d.SecondaryAvailabilityZone) != "",
		Created:     aws.ToTime(d.InstanceCreateTime).UTC().Truncate(time.Second),
		ReplicaOf:   aws.ToString(d.ReadReplicaSourceDBInstanceIdentifier),
		Mounted:     d.ReplicaMode == types.ReplicaModeMounted,
		HasReplicas: len(d.ReadReplicaDBInstanceIdentifiers) > 0,
		Tags:        tagsOf(d.TagList),
	}
	for _, f := range d.ProcessorFeatures {
		switch n := number(aws.ToString(f.Value)); aws.ToString(f.Name) {
		case "coreCount":
			out.Processor.Cores = n
		case "threadsPerCore":
			out.Processor.ThreadsPerCore = n
		}
	}
	for _, g := range d.OptionGroupMemberships {
		if name := aws.ToString(g.OptionGroupName); name != "" {
			out.OptionGroups = append(out.OptionGroups, name)
		}
	}
	return out
}

// number reads a count. What is none, or could be none of a machine, is not told.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 16)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func optionOf(o *types.Option) license.DBOption {
	out := license.DBOption{Name: aws.ToString(o.OptionName)}
	for _, set := range o.OptionSettings {
		value := aws.ToString(set.Value)
		if value == "" {
			value = aws.ToString(set.DefaultValue)
		}
		if name := aws.ToString(set.Name); name != "" {
			if out.Settings == nil {
				out.Settings = make(map[string]string, len(o.OptionSettings))
			}
			out.Settings[name] = value
		}
	}
	return out
}

func nameOf(d license.DBInstance) string {
	return strings.TrimPrefix(d.ID.AWSID(), license.DatabasePrefix)
}

// tagsOf translates tags; the values are foreign text and stay as they are.
func tagsOf(tags []types.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		if key := aws.ToString(t.Key); key != "" {
			out[key] = aws.ToString(t.Value)
		}
	}
	return out
}
