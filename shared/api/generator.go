package api

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
	"licenseguard/shared/report"
	"licenseguard/shared/telemetry"
)

// reportContext is ReportContext of the model, which spells it small.
type reportContext struct {
	LicenseConfigurationArns []string `json:"licenseConfigurationArns,omitempty"`
	LicenseAssetGroupArns    []string `json:"licenseAssetGroupArns,omitempty"`
	ReportStartDate          *epoch   `json:"reportStartDate,omitempty"`
	ReportEndDate            *epoch   `json:"reportEndDate,omitempty"`
}

type reportFrequency struct {
	Value  *int64 `json:"value"`
	Period string `json:"period" api:"required"`
}

// generatorWish is what creating and updating have in common.
type generatorWish struct {
	name, description, token string
	types                    []string
	context                  reportContext
	frequency                reportFrequency
}

type createGeneratorInput struct {
	ReportGeneratorName string          `json:"ReportGeneratorName" api:"required"`
	Type                []string        `json:"Type" api:"required"`
	ReportContext       reportContext   `json:"ReportContext" api:"required"`
	ReportFrequency     reportFrequency `json:"ReportFrequency" api:"required"`
	ClientToken         string          `json:"ClientToken" api:"required"`
	Description         string          `json:"Description"`
	Tags                []tag           `json:"Tags"`
}

type generatorARN struct {
	LicenseManagerReportGeneratorArn string `json:"LicenseManagerReportGeneratorArn" api:"required"`
}

func createGenerator(c *call, in *createGeneratorInput) (generatorARN, error) {
	wish := generatorWish{in.ReportGeneratorName, in.Description, in.ClientToken, in.Type, in.ReportContext, in.ReportFrequency}
	var g registrar.Generator
	if err := wish.apply(c, &g); err != nil {
		return generatorARN{}, err
	}
	tags, err := tagsOf(in.Tags, nil)
	if err != nil {
		return generatorARN{}, err
	}
	g.Tags, g.ClientToken = tags, in.ClientToken
	g, err = c.Registrar.CreateGenerator(c.ctx, g, c.by)
	return generatorARN{c.Registrar.GeneratorARN(g.ID)}, err
}

type updateGeneratorInput struct {
	LicenseManagerReportGeneratorArn string          `json:"LicenseManagerReportGeneratorArn" api:"required"`
	ReportGeneratorName              string          `json:"ReportGeneratorName" api:"required"`
	Type                             []string        `json:"Type" api:"required"`
	ReportContext                    reportContext   `json:"ReportContext" api:"required"`
	ReportFrequency                  reportFrequency `json:"ReportFrequency" api:"required"`
	ClientToken                      string          `json:"ClientToken" api:"required"`
	Description                      string          `json:"Description"`
}

func updateGenerator(c *call, in *updateGeneratorInput) (none, error) {
	id, err := c.generator(in.LicenseManagerReportGeneratorArn)
	if err != nil {
		return none{}, err
	}
	wish := generatorWish{in.ReportGeneratorName, in.Description, in.ClientToken, in.Type, in.ReportContext, in.ReportFrequency}
	return none{}, c.Registrar.ChangeGenerator(c.ctx, id, c.by, func(g *registrar.Generator) error { return wish.apply(c, g) })
}

// generator returns the id in the ARN of a generator.
func (c *call) generator(arn string) (string, error) {
	id, ok := c.generatorID(arn)
	if !ok {
		return "", refusal(typeNotFound, "%v: %s", registrar.ErrNoGenerator, telemetry.Clean(arn, 200))
	}
	return id, nil
}

// apply checks a wish and makes it the generator's definition.
func (w *generatorWish) apply(c *call, g *registrar.Generator) error {
	if err := w.check(); err != nil {
		return err
	}
	b, err := c.configurations()
	if err != nil {
		return err
	}
	arns := make([]string, 0, len(w.context.LicenseConfigurationArns))
	for _, arn := range w.context.LicenseConfigurationArns {
		found, err := b.find(arn)
		if err != nil {
			return err
		}
		if !contains(arns, found.ARN) {
			arns = append(arns, found.ARN)
		}
	}
	g.Name, g.Description, g.Types, g.Configurations, g.Period = w.name, w.description, w.types, arns, w.frequency.Period
	g.From, g.To = timeOf(w.context.ReportStartDate), timeOf(w.context.ReportEndDate)
	return nil
}

const (
	maxReported    = 100
	maxDescription = 1024
)

var (
	reportTypes   = []string{"LicenseConfigurationSummaryReport", "LicenseConfigurationUsageReport"}
	reportPeriods = []string{"DAY", "WEEK", "MONTH", "ONE_TIME"}
)

func (w *generatorWish) check() error {
	unreadable := func(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }
	switch n := utf8.RuneCountInString(w.name); {
	case n < 1 || n > 100 || unreadable(w.name) || strings.TrimSpace(w.name) == "":
		return outside("ReportGeneratorName: give 1 to 100 printable characters")
	case len(w.token) < 1 || len(w.token) > 36 || strings.ContainsFunc(w.token, unicode.IsSpace):
		return outside("ClientToken: give 1 to 36 characters without spaces")
	case utf8.RuneCountInString(w.description) > maxDescription || unreadable(w.description):
		return invalid("Description: give at most %d printable characters", maxDescription)
	case len(w.types) == 0 || len(w.types) > len(reportTypes):
		return invalid("Type: give one or both of %s", strings.Join(reportTypes, ", "))
	case w.frequency.Value != nil && *w.frequency.Value != 1:
		return invalid("ReportFrequency.value is %d: it is always 1", *w.frequency.Value)
	case !contains(reportPeriods, w.frequency.Period):
		return invalid("ReportFrequency.period is %q: it is one of %s", telemetry.Clean(w.frequency.Period, 40), strings.Join(reportPeriods, ", "))
	case len(w.context.LicenseAssetGroupArns) > 0:
		return invalid("ReportContext.licenseAssetGroupArns: licenseguard has no asset groups")
	case len(w.context.LicenseConfigurationArns) == 0 || len(w.context.LicenseConfigurationArns) > maxReported:
		return invalid("ReportContext.licenseConfigurationArns: give 1 to %d", maxReported)
	}
	from, to := timeOf(w.context.ReportStartDate), timeOf(w.context.ReportEndDate)
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return invalid("ReportContext.reportEndDate: it comes after reportStartDate")
	}
	for i, t := range w.types {
		if !contains(reportTypes, t) || contains(w.types[:i], t) {
			return invalid("Type: give one or both of %s, not %q", strings.Join(reportTypes, ", "), telemetry.Clean(t, 60))
		}
	}
	return nil
}

func timeOf(e *epoch) time.Time {
	if e == nil {
		return time.Time{}
	}
	return time.Time(*e)
}

// reportGenerator is ReportGenerator of the model. What tells of runs is left out
// until there is one.
type reportGenerator struct {
	ReportGeneratorName              string                `json:"ReportGeneratorName"`
	ReportType                       []string              `json:"ReportType"`
	ReportContext                    reportContext         `json:"ReportContext"`
	ReportFrequency                  reportFrequencyOutput `json:"ReportFrequency"`
	LicenseManagerReportGeneratorArn string                `json:"LicenseManagerReportGeneratorArn"`
	ReportCreatorAccount             string                `json:"ReportCreatorAccount"`
	LastRunStatus                    string                `json:"LastRunStatus,omitempty"`
	LastRunFailureReason             string                `json:"LastRunFailureReason,omitempty"`
	LastReportGenerationTime         string                `json:"LastReportGenerationTime,omitempty"`
	S3Location                       *s3Location           `json:"S3Location,omitempty"`
	Description                      string                `json:"Description,omitempty"`
	CreateTime                       string                `json:"CreateTime"`
	Tags                             []tag                 `json:"Tags,omitempty"`
}

type reportFrequencyOutput struct {
	Value  int64  `json:"value"`
	Period string `json:"period"`
}

type s3Location struct {
	Bucket    string `json:"bucket"`
	KeyPrefix string `json:"keyPrefix"`
}

// reportGenerator shows a generator with its last run; the zero run is none.
func (c *call) reportGenerator(g *registrar.Generator, run report.Run) reportGenerator {
	out := reportGenerator{
		ReportGeneratorName: g.Name, ReportType: g.Types,
		ReportContext:                    reportContext{LicenseConfigurationArns: g.Configurations, ReportStartDate: epochOf(g.From), ReportEndDate: epochOf(g.To)},
		ReportFrequency:                  reportFrequencyOutput{1, g.Period},
		LicenseManagerReportGeneratorArn: c.Registrar.GeneratorARN(g.ID), ReportCreatorAccount: c.Account, Description: g.Description,
		CreateTime: g.CreatedAt.UTC().Format(time.RFC3339), Tags: tagList(g.Tags),
		LastRunStatus: run.Status, LastRunFailureReason: run.Reason,
	}
	if !run.Made.IsZero() {
		out.LastReportGenerationTime = run.Made.Format(time.RFC3339)
	}
	if bucket, ok := strings.CutPrefix(c.BucketARN, "arn:aws:s3:::"); ok {
		out.S3Location = &s3Location{bucket, report.Folder(g.Name)}
	}
	return out
}

type getGeneratorOutput struct {
	ReportGenerator reportGenerator `json:"ReportGenerator"`
}

func getGenerator(c *call, in *generatorARN) (getGeneratorOutput, error) {
	id, err := c.generator(in.LicenseManagerReportGeneratorArn)
	if err != nil {
		return getGeneratorOutput{}, err
	}
	g, err := c.Registrar.Generator(c.ctx, id)
	if err != nil {
		return getGeneratorOutput{}, err
	}
	run, _, err := report.LastRun(c.ctx, c.Store, id)
	return getGeneratorOutput{c.reportGenerator(&g, run)}, err
}

func deleteGenerator(c *call, in *generatorARN) (none, error) {
	id, err := c.generator(in.LicenseManagerReportGeneratorArn)
	if err != nil {
		return none{}, err
	}
	return none{}, c.Registrar.DeleteGenerator(c.ctx, id)
}

type listFilteredInput struct {
	Filters    []filter `json:"Filters"`
	MaxResults *int64   `json:"MaxResults"`
	NextToken  string   `json:"NextToken"`
}

type listGeneratorsOutput struct {
	ReportGenerators []reportGenerator `json:"ReportGenerators"`
	NextToken        string            `json:"NextToken,omitempty"`
}

func listGenerators(c *call, in *listFilteredInput) (listGeneratorsOutput, error) {
	out := listGeneratorsOutput{ReportGenerators: []reportGenerator{}}
	most, after, err := c.start(paging{in.MaxResults, in.NextToken}, in.Filters)
	if err != nil {
		return out, err
	}
	if err := checkFilters(in.Filters, map[string][]string{"LicenseConfigurationArn": nil}); err != nil {
		return out, err
	}
	all, err := c.Registrar.Generators(c.ctx)
	if err != nil {
		return out, err
	}
	var passing []registrar.Generator
	for _, g := range all {
		fits := true
		for _, f := range in.Filters {
			fits = fits && contains(g.Configurations, license.CanonicalARN(f.Values[0]))
		}
		if fits {
			passing = append(passing, g)
		}
	}
	page, last := cut(passing, func(g *registrar.Generator) string { return g.ID }, after, most)
	runs, err := report.LastRuns(c.ctx, c.Store)
	if err != nil {
		return out, err
	}
	for i := range page {
		out.ReportGenerators = append(out.ReportGenerators, c.reportGenerator(&page[i], runs[page[i].ID]))
	}
	out.NextToken = c.next(last, in.Filters)
	return out, nil
}
