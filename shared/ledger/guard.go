package ledger

import (
	"strings"
	"time"

	"licenseguard/shared/license"
)

// GuardOf returns the reason for which an instance must never be stopped, as
// far as its facts tell, or Unguarded. Stop protection is known only after a
// direct look and arrives in Instance.StopProtected.
func GuardOf(in license.Instance, catalog license.Catalog) Guard {
	t, known := catalog.InstanceType(in.Type)
	switch {
	case !in.ID.Type().Launches():
		return GuardOutside
	case in.ManagedBy != "" || hasServiceTag(in.Tags):
		return GuardManaged
	case in.StopProtected || isTrue(in.Tags[license.TagProtected]):
		return GuardProtected
	case in.RootIsStore || known && t.InstanceStore || !known && in.TypeFacts.InstanceStore:
		return GuardInstanceStore
	case in.Spot && !in.SpotPersistent:
		return GuardOneTimeSpot
	case in.Tags[license.TagAutoScalingGroup] != "" && isTrue(in.Tags[license.TagExempt]):
		return GuardAutoScalingExemptTag
	case in.Tags[license.TagAutoScalingGroup] != "": // after the others: it may have a policy of its own
		return GuardAutoScaling
	case isTrue(in.Tags[license.TagExempt]):
		return GuardExemptTag
	default:
		return Unguarded
	}
}

func isTrue(tag string) bool { return strings.EqualFold(strings.TrimSpace(tag), "true") }

// Measure returns what may be done to an instance with a guard, and the guard
// that counts: an exemption before all others. It is called where policy asks
// for an answer.
func (l *License) Measure(instance license.ResourceID, guard Guard, now time.Time) (license.Mode, Guard) {
	enforcement := &l.Configuration.Enforcement
	if _, ok := l.Configuration.Exempt(instance, now); ok {
		guard = GuardExempt
	}
	switch {
	case guard == GuardExemptTag && !enforcement.TagsExempt:
		guard = Unguarded
	case guard == GuardAutoScalingExemptTag && !enforcement.TagsExempt:
		guard = GuardAutoScaling
	case guard == GuardAutoScalingExemptTag:
		guard = GuardExemptTag
	}
	switch {
	case enforcement.Mode == license.Tag:
		return license.Tag, guard
	case guard == GuardAutoScaling:
		return enforcement.AutoScaling.Action(), guard
	case guard != Unguarded:
		return license.Tag, guard
	default:
		return license.Stop, guard
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
