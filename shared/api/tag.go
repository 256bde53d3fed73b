package api

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
	"licenseguard/shared/telemetry"
)

// tag is Tag of the model.
type tag struct {
	Key   string `json:"Key" api:"required"`
	Value string `json:"Value"`
}

// tagsOf sets tags on top of those before.
func tagsOf(list []tag, before map[string]string) (map[string]string, error) {
	tags := maps.Clone(before)
	if tags == nil {
		tags = make(map[string]string, len(list))
	}
	given := make(map[string]bool, len(list))
	for _, t := range list {
		if given[t.Key] {
			return nil, invalid("Tags: the key %q is given twice", telemetry.Clean(t.Key, 128))
		}
		given[t.Key] = true
		tags[t.Key] = t.Value
	}
	return tags, license.ValidateTags(tags)
}

func tagList(tags map[string]string) []tag {
	out := []tag{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, tag{key, tags[key]})
	}
	return out
}

type tagInput struct {
	ResourceArn string `json:"ResourceArn" api:"required"`
	Tags        []tag  `json:"Tags" api:"required"`
}

func tagResource(c *call, in *tagInput) (none, error) {
	return none{}, c.retag(in.ResourceArn, func(before map[string]string) (map[string]string, error) { return tagsOf(in.Tags, before) })
}

type untagInput struct {
	ResourceArn string   `json:"ResourceArn" api:"required"`
	TagKeys     []string `json:"TagKeys" api:"required"`
}

func untagResource(c *call, in *untagInput) (none, error) {
	return none{}, c.retag(in.ResourceArn, func(before map[string]string) (map[string]string, error) {
		tags, err := tagsOf(nil, before)
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return tags, err
	})
}

// retag changes the tags of a configuration or of a report generator.
func (c *call) retag(arn string, change func(map[string]string) (map[string]string, error)) error {
	if id, ok := c.generatorID(arn); ok {
		return c.Registrar.ChangeGenerator(c.ctx, id, c.by, func(g *registrar.Generator) (err error) {
			g.Tags, err = change(g.Tags)
			return err
		})
	}
	found, err := c.find(arn)
	if err != nil {
		return err
	}
	o, err := c.Registrar.Retag(c.ctx, found.ID, c.by, func(l license.Configuration) (license.Configuration, error) {
		tags, err := change(l.Tags)
		if err != nil {
			return l, err
		}
		return l.WithTags(tags)
	})
	if err == nil {
		c.logMoved(o)
	}
	return err
}

type resourceARN struct {
	ResourceArn string `json:"ResourceArn" api:"required"`
}

type tagsOutput struct {
	Tags []tag `json:"Tags"`
}

func listTags(c *call, in *resourceARN) (tagsOutput, error) {
	if id, ok := c.generatorID(in.ResourceArn); ok {
		g, err := c.Registrar.Generator(c.ctx, id)
		return tagsOutput{tagList(g.Tags)}, err
	}
	found, err := c.find(in.ResourceArn)
	if err != nil {
		return tagsOutput{}, err
	}
	return tagsOutput{tagList(found.Tags)}, nil
}

var generatorForm = regexp.MustCompile(`:report-generator[:/](r-[0-9a-f]{32})$`)

// generatorID returns the id in the ARN of a report generator of this account.
func (c *call) generatorID(arn string) (string, bool) {
	m := generatorForm.FindStringSubmatch(arn)
	if m == nil || strings.Replace(arn, "report-generator/", "report-generator:", 1) != c.Registrar.GeneratorARN(m[1]) {
		return "", false
	}
	return m[1], true
}
