package snapshot

import (
	"encoding/json"
	"maps"
	"slices"

	"licenseguard/shared/telemetry"
)

// EC2 takes 50 tags of up to 128 and 256 characters, of up to 4 bytes each, and AWS
// adds a few of its own that begin with aws: and are not among the 50.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
const (
	maximumTags     = 100
	longestTagKey   = 128 * 4
	longestTagValue = 256 * 4
)

// tagsText writes tags as one object of JSON, its keys in order. It is "{}" without
// tags, and also for more of them than EC2 allows: then they are not EC2's.
func tagsText(tags map[string]string) string {
	if len(tags) == 0 || len(tags) > maximumTags {
		return "{}"
	}
	clean := make(map[string]string, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) { // of two that are cleaned alike, the last one stands
		clean[telemetry.Clean(key, longestTagKey)] = telemetry.Clean(tags[key], longestTagValue)
	}
	text, err := json.Marshal(clean)
	if err != nil {
		panic(err) // texts can always be written
	}
	return string(text)
}
