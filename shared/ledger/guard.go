package ledger

import (
	"strings"

	"licenseguard/shared/license"
)

// GuardOf returns the reason for which an instance must never be stopped, as
// far as its facts tell, or Unguarded. Stop protection is known only after a
// direct look and arrives in Instance.StopProtected.
func GuardOf(in license.Instance, catalog license.Catalog) Guard {
	t, known := catalog.InstanceType(in.Type)
	switch {
	case in.Tags[license.TagAutoScalingGroup] != "":
		return GuardAutoScaling
	case in.ManagedBy != "" || hasServiceTag(in.Tags):
		return GuardManaged
	case in.StopProtected || strings.EqualFold(strings.TrimSpace(in.Tags[license.TagProtected]), "true"):
		return GuardProtected
	case in.RootIsStore || known && t.InstanceStore || !known && in.TypeFacts.InstanceStore:
		return GuardInstanceStore
	case in.Spot && !in.SpotPersistent:
		return GuardOneTimeSpot
	default:
		return Unguarded
	}
}

func hasServiceTag(tags map[string]string) bool {
	for _, key := range []string{license.TagEKSCluster, license.TagEMRJobFlow, license.TagElasticBeanstalk,
		license.TagBatch, license.TagECSManaged, license.TagKarpenterNodeClaim, license.TagEC2Fleet, license.TagSpotFleet} {
		if _, ok := tags[key]; ok {
			return true
		}
	}
	return false
}
