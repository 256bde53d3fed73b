package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// Trails tells what CloudTrail records.
type Trails interface {
	DescribeTrails(context.Context, *cloudtrail.DescribeTrailsInput, ...func(*cloudtrail.Options)) (*cloudtrail.DescribeTrailsOutput, error)
	GetTrailStatus(context.Context, *cloudtrail.GetTrailStatusInput, ...func(*cloudtrail.Options)) (*cloudtrail.GetTrailStatusOutput, error)
	GetEventSelectors(context.Context, *cloudtrail.GetEventSelectorsInput, ...func(*cloudtrail.Options)) (*cloudtrail.GetEventSelectorsOutput, error)
}

const doTrail = "make a trail that records write management events (aws cloudtrail create-trail and start-logging); " +
	"without one, changes of tags, CPU options, placement and hosts are seen only by the hourly sweep"

// trail finds one that records management events in this Region. EventBridge
// delivers calls of EC2 only while there is one.
func trail(ctx context.Context, api Trails, region string) Finding {
	const check = "CloudTrail"
	all, err := api.DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{})
	if err != nil {
		return unknown(check, err)
	}
	var idle []string
	var failed []error
	for _, t := range all.TrailList {
		if !aws.ToBool(t.IsMultiRegionTrail) && aws.ToString(t.HomeRegion) != region {
			continue
		}
		lacks, err := trailLacks(ctx, api, t.TrailARN)
		switch {
		case err != nil:
			failed = append(failed, err)
		case lacks != "":
			idle = append(idle, aws.ToString(t.Name)+" "+lacks)
		default:
			return fine(check, "trail %s records management events", aws.ToString(t.Name))
		}
	}
	if len(failed) > 0 {
		return unknown(check, errors.Join(failed...))
	}
	if len(idle) > 0 {
		return lacking(check, "no trail is of use: "+strings.Join(idle, ", "), doTrail)
	}
	return lacking(check, "no trail covers "+region, doTrail)
}

// trailLacks says what a trail lacks, or nothing.
func trailLacks(ctx context.Context, api Trails, arn *string) (string, error) {
	status, err := api.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: arn})
	if err != nil {
		return "", err
	}
	if !aws.ToBool(status.IsLogging) {
		return "does not log", nil
	}
	selectors, err := api.GetEventSelectors(ctx, &cloudtrail.GetEventSelectorsInput{TrailName: arn})
	if err != nil {
		return "", err
	}
	simple := slices.ContainsFunc(selectors.EventSelectors, func(s types.EventSelector) bool {
		return (s.IncludeManagementEvents == nil || *s.IncludeManagementEvents) && s.ReadWriteType != types.ReadWriteTypeReadOnly
	})
	if simple || slices.ContainsFunc(selectors.AdvancedEventSelectors, takesWrites) {
		return "", nil
	}
	return "records no write management events", nil
}

// takesWrites reports whether an advanced selector lets write management events in.
func takesWrites(s types.AdvancedEventSelector) bool {
	management := false
	for _, f := range s.FieldSelectors {
		switch aws.ToString(f.Field) {
		case "eventCategory":
			management = slices.Contains(f.Equals, "Management")
		case "readOnly":
			if slices.Contains(f.Equals, "true") || slices.Contains(f.NotEquals, "false") {
				return false
			}
		}
	}
	return management
}
