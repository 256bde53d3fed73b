package event

import (
	"encoding/json"
	"strconv"
	"strings"
)

// call says where a CloudTrail record of an EC2 call has its resources.
type call struct {
	kind Kind // "" if the ids decide
	rule rule
	// paths are the places where the ids can be; arrays on the way are gone
	// through. There is more than one because CloudTrail writes the parameters
	// of newer calls below "<call>Request", in the API's own spelling.
	paths [][]string
	// must is true if the call cannot be without an id. It is false for ids in
	// the response, which CloudTrail leaves out of records that grow too large.
	must bool
	// others is true if resources of other sorts are passed over.
	others bool
	// launches is true if the call starts what it names, makes if it makes an image.
	launches, makes bool
}

// calls has every call that changes what is counted and has no event of its
// own, or an event that is too poor.
var calls = map[string]call{
	"RunInstances":             {kind: KindInstanceChanged, rule: instanceRule, paths: paths("responseElements.instancesSet.items.instanceId"), launches: true},
	"StartInstances":           {kind: KindInstanceChanged, rule: instanceRule, paths: paths("requestParameters.instancesSet.items.instanceId"), must: true, launches: true},
	"ModifyInstanceAttribute":  modifyInstance("ModifyInstanceAttribute"),
	"ModifyInstanceCpuOptions": modifyInstance("ModifyInstanceCpuOptions"),
	"ModifyInstancePlacement":  modifyInstance("ModifyInstancePlacement"),
	"AllocateHosts": {kind: KindHostChanged, rule: hostRule, paths: paths(
		"responseElements.hostIdSet.items.hostId", "responseElements.hostIdSet.items", "responseElements.hostIdSet.item",
		"responseElements.AllocateHostsResponse.hostIdSet.item")},
	"ReleaseHosts":  changeHosts("ReleaseHosts"),
	"ModifyHosts":   changeHosts("ModifyHosts"),
	"CopyImage":     makeImage,
	"CreateImage":   makeImage,
	"RegisterImage": makeImage,
	"DeregisterImage": {kind: KindAMIState, rule: imageRule, must: true,
		paths: paths("requestParameters.imageId", "requestParameters.DeregisterImageRequest.ImageId")},
	"CreateTags": changeTags,
	"DeleteTags": changeTags,
}

var makeImage = call{kind: KindAMIState, rule: imageRule, paths: paths("responseElements.imageId"), makes: true}

var changeTags = call{
	rule:  rule{"a resource id", "such as i-1234567890abcdef0", func(s string) bool { return s != "" }},
	paths: paths("requestParameters.resourcesSet.items.resourceId"), must: true, others: true,
}

func modifyInstance(name string) call {
	return call{kind: KindInstanceChanged, rule: instanceRule, must: true,
		paths: paths("requestParameters.instanceId", "requestParameters."+name+"Request.InstanceId")}
}

func changeHosts(name string) call {
	return call{kind: KindHostChanged, rule: hostRule, must: true, paths: paths(
		"requestParameters.hostIdSet.items.hostId", "requestParameters.hostIdSet.items",
		"requestParameters."+name+"Request.HostId.content", "requestParameters."+name+"Request.HostId")}
}

func paths(places ...string) [][]string {
	split := make([][]string, len(places))
	for i, place := range places {
		split[i] = strings.Split(place, ".")
	}
	return split
}

// parseCall reads a CloudTrail record. A call that was refused changed nothing.
func parseCall(detail object) (Kind, []Hint, *Malformed) {
	eventName, m := detail.text("eventName", nameRule)
	if m != nil {
		return "", nil, m
	}
	c, known := calls[eventName]
	if !known || detail.optional("eventSource") != "ec2.amazonaws.com" || refused(detail) {
		return KindUnknown, nil, nil
	}
	var found []mention
	for _, path := range c.paths {
		var root any
		if raw, present := detail.fields[path[0]]; present {
			// The whole body was found to be valid JSON.
			_ = json.Unmarshal(raw, &root)
		}
		found = collect(found, root, detail.at(path[0]), path[1:])
		if len(found) > 0 {
			break
		}
	}
	if len(found) == 0 && c.must {
		return "", nil, c.rule.missing(detail.at(strings.Join(c.paths[0], ".")))
	}
	kind, hints, m := c.hints(found)
	if c.launches && m == nil {
		by := identityOf(detail).launcher()
		for i := range hints {
			hints[i].LaunchedBy = by
		}
	}
	if c.makes && m == nil {
		from := madeFrom(eventName, detail)
		for i := range hints {
			hints[i].From = from
		}
	}
	return kind, hints, m
}

// madeFrom reads what an image was made from. What is no id is not taken.
func madeFrom(eventName string, detail object) Origin {
	from := Origin{Call: eventName}
	parameters, m := detail.object("requestParameters")
	if m != nil {
		return from
	}
	if id := parameters.optional("sourceImageId"); isImage(id) {
		from.Image = id
	}
	if region := parameters.optional("sourceRegion"); isRegion(region) {
		from.Region = region
	}
	if id := parameters.optional("instanceId"); isInstance(id) {
		from.Instance = id
	}
	return from
}

func refused(detail object) bool {
	raw, present := detail.fields["errorCode"]
	return present && string(raw) != "null" && string(raw) != `""`
}

// mention is a string of the body and where it stands.
type mention struct{ place, text string }

// collect adds the strings at path below node to found.
func collect(found []mention, node any, place string, path []string) []mention {
	switch n := node.(type) {
	case []any:
		for i, inner := range n {
			found = collect(found, inner, place+"["+strconv.Itoa(i)+"]", path)
		}
	case map[string]any:
		if len(path) > 0 {
			found = collect(found, n[path[0]], place+"."+path[0], path[1:])
		}
	case string:
		if len(path) == 0 {
			found = append(found, mention{place, n})
		}
	}
	return found
}

// hints checks what was found and lists each resource once, in order.
func (c call) hints(found []mention) (Kind, []Hint, *Malformed) {
	var hints []Hint
	seen := make(map[string]bool, len(found))
	for _, f := range found {
		if !c.rule.ok(f.text) {
			return "", nil, c.rule.broken(f.place, f.text)
		}
		if seen[f.text] || c.others && kindOf(f.text) == KindUnknown {
			continue
		}
		if len(hints) == MaxHints {
			return "", nil, &Malformed{Place: f.place, Reason: "is one id too many (want at most " + strconv.Itoa(MaxHints) + ")"}
		}
		seen[f.text] = true
		hints = append(hints, Hint{ID: f.text})
	}
	if len(hints) == 0 {
		return KindUnknown, nil, nil
	}
	if c.kind != "" {
		return c.kind, hints, nil
	}
	return firstKind(hints), hints, nil
}

// firstKind returns the kind of hints of several sorts (see Kind).
func firstKind(hints []Hint) Kind {
	for _, kind := range []Kind{KindInstanceChanged, KindHostChanged} {
		for _, h := range hints {
			if kindOf(h.ID) == kind {
				return kind
			}
		}
	}
	return KindAMIState
}

// kindOf returns what a change of the resource of that id is.
func kindOf(id string) Kind {
	switch {
	case isInstance(id):
		return KindInstanceChanged
	case isHost(id):
		return KindHostChanged
	case isImage(id):
		return KindAMIState
	}
	return KindUnknown
}
