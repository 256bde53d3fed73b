package cfnhook

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"licenseguard/shared/license"
	"licenseguard/shared/whatif"
)

// launches are what a request would launch, each with the logical id of its
// resource, and what could not be judged.
type launches struct {
	account, region string
	plan            []whatif.Launch
	of              []string
	notes           []string
}

func (l *launches) note(id, why string, args ...any) {
	l.notes = append(l.notes, id+": "+fmt.Sprintf(why, args...))
}

// ofTemplate adds what a template launches that the one before did not: resources
// that are new, and what groups have more.
func (l *launches) ofTemplate(t, before template) {
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		r, was := t.Resources[id], before.Resources[id]
		if r.Type != typeInstance && r.Type != typeGroup {
			continue
		}
		if r.Condition != "" {
			l.note(id, "not judged, whether it is made depends on a condition")
			continue
		}
		switch known := was.Type == r.Type; {
		case r.Type == typeGroup:
			l.group(id, r.Properties, was.Properties, t)
		case known:
			l.note(id, "not judged, it is there already")
		default:
			l.instance(id, r.Properties, t)
		}
	}
}

// ofResource adds what one resource launches.
func (l *launches) ofResource(id, kind string, now, before map[string]any) {
	switch {
	case kind == typeGroup:
		l.group(id, now, before, template{})
	case kind == typeInstance && before != nil:
		l.note(id, "not judged, it is there already")
	case kind == typeInstance:
		l.instance(id, now, template{})
	}
}

// instance adds one instance.
func (l *launches) instance(id string, properties map[string]any, t template) {
	if launch, ok := l.launch(id, properties, t); ok {
		l.add(id, launch)
	}
}

// group adds what a group has at least, or has more than before. Only a launch
// template of the same template tells what it launches.
func (l *launches) group(id string, properties, before map[string]any, t template) {
	size, ok := sizeOf(properties)
	was, _ := sizeOf(before)
	switch {
	case !ok:
		l.note(id, "not judged, its size is not known before")
	case properties["MixedInstancesPolicy"] != nil:
		l.note(id, "not judged, it mixes instance types")
	case size > was:
		if launch, ok := l.launch(id, properties, t); ok {
			launch.Count = size - was
			l.add(id, launch)
		}
	}
}

func (l *launches) add(id string, launch whatif.Launch) {
	l.plan, l.of = append(l.plan, launch), append(l.of, id)
}

// sizeOf is a group's desired capacity, or its minimum where it has none.
func sizeOf(properties map[string]any) (int, bool) {
	for _, key := range []string{"DesiredCapacity", "MinSize"} {
		if v, present := properties[key]; present {
			n, ok := wholeOf(v)
			return int(n), ok && n >= 0 && n <= whatif.MaxInstances
		}
	}
	return 0, properties == nil
}

// launch reads one instance, as its own properties and its launch template have it.
func (l *launches) launch(id string, properties map[string]any, t template) (whatif.Launch, bool) {
	launch := whatif.Launch{Account: l.account, Region: l.region, Count: 1}
	base := templateData(properties, t)
	get := func(key string) any {
		if v, present := properties[key]; present {
			return v
		}
		return base[key]
	}
	image, kind := get("ImageId"), get("InstanceType")
	var ok bool
	if launch.Image, ok = image.(string); !ok || !strings.HasPrefix(launch.Image, "ami-") {
		l.note(id, "not judged, its image is not known before")
		return launch, false
	}
	if launch.Type, ok = kind.(string); !ok || strings.Contains(launch.Type, "{{") {
		l.note(id, "not judged, its instance type is not known before")
		return launch, false
	}
	placement, _ := base["Placement"].(map[string]any)
	tenancy, host := textOf(properties["Tenancy"]), textOf(properties["HostId"])
	if tenancy == "" {
		tenancy = textOf(placement["Tenancy"])
	}
	if host == "" {
		host = textOf(placement["HostId"])
	}
	switch {
	case tenancy == "host" || host != "":
		launch.Tenancy, launch.Host = license.TenancyDedicatedHost, host
		if !strings.HasPrefix(host, "h-") {
			launch.Host = "h-new"
		}
	case tenancy == "dedicated":
		launch.Tenancy = license.TenancyDedicatedInstance
	}
	options, _ := get("CpuOptions").(map[string]any)
	cores, known := wholeOf(options["CoreCount"])
	threads, both := wholeOf(options["ThreadsPerCore"])
	if known && both {
		launch.CPUOptions = license.CPUOptions{Cores: cores, ThreadsPerCore: threads}
	}
	launch.Tags = tagsOf(properties, base)
	for _, s := range listOf(get("LicenseSpecifications")) {
		if arn := textOf(s["LicenseConfigurationArn"]); arn != "" {
			launch.Specifications = append(launch.Specifications, license.CanonicalARN(arn))
		}
	}
	return launch, true
}

// templateData is what the launch template says, if it is in the same template.
func templateData(properties map[string]any, t template) map[string]any {
	use, _ := properties["LaunchTemplate"].(map[string]any)
	ref, _ := use["LaunchTemplateId"].(map[string]any)
	r := t.Resources[textOf(ref["Ref"])]
	if r.Type != typeTemplate {
		return nil
	}
	data, _ := r.Properties["LaunchTemplateData"].(map[string]any)
	return data
}

// tagsOf are the tags whose key and value are known.
func tagsOf(properties, base map[string]any) map[string]string {
	tags := make(map[string]string)
	keep := func(list []map[string]any) {
		for _, tag := range list {
			key, value := textOf(tag["Key"]), tag["Value"]
			propagated := tag["PropagateAtLaunch"]
			if text, ok := value.(string); ok && key != "" && fmt.Sprint(propagated) != "false" {
				tags[key] = text
			}
		}
	}
	for _, s := range listOf(base["TagSpecifications"]) {
		if textOf(s["ResourceType"]) == "instance" {
			keep(listOf(s["Tags"]))
		}
	}
	keep(listOf(properties["Tags"]))
	return tags
}

// listOf are the maps of a list.
func listOf(v any) (out []map[string]any) {
	items, _ := v.([]any)
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// textOf is a string, or "" for anything else.
func textOf(v any) string {
	s, _ := v.(string)
	return s
}

// wholeOf reads a whole number, which templates also write as a string.
func wholeOf(v any) (int64, bool) {
	switch n := v.(type) {
	case float64:
		return int64(n), n == float64(int64(n))
	case string:
		i, err := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
		return i, err == nil
	default:
		return 0, false
	}
}
