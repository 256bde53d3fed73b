package doctor

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"licenseguard/shared/config"
)

// Metrics tells the values of a metric.
type Metrics interface {
	GetMetricStatistics(context.Context, *cloudwatch.GetMetricStatisticsInput, ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricStatisticsOutput, error)
}

const (
	// sweepAgeAtMost is that of the alarm sweep-no-progress.
	sweepAgeAtMost = 3 * time.Hour
	metricPeriod   = 5 * time.Minute
	lookAgainAfter = 10 * time.Second
)

// lastSweep finds when a sweep succeeded last, and waits for it if asked to.
func lastSweep(ctx context.Context, api Metrics, p Patience) Finding {
	const check = "sweep"
	begin := p.Now()
	for {
		last, err := lastSuccess(ctx, api, p.Now())
		if err != nil {
			return unknown(check, err)
		}
		if !last.IsZero() {
			return fine(check, "one succeeded in the %s from %s", metricPeriod, last.UTC().Format("2006-01-02 15:04 UTC"))
		}
		if p.Now().Sub(begin) >= p.Wait {
			break
		}
		if err := p.sleep(ctx, lookAgainAfter); err != nil {
			return unknown(check, err)
		}
	}
	return lacking(check, "CloudWatch shows no success in the last "+sweepAgeAtMost.String(),
		"run licenseguard sweep and look again some minutes later; if it still shows none, docs/runbook.md#sweep-no-progress")
}

func lastSuccess(ctx context.Context, api Metrics, now time.Time) (time.Time, error) {
	answer, err := api.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String(config.MetricNamespace), MetricName: aws.String(config.MetricSuccess),
		Dimensions: []types.Dimension{{Name: aws.String(config.DimensionFunction), Value: aws.String(config.FunctionSweep)}},
		StartTime:  aws.Time(now.Add(-sweepAgeAtMost)), EndTime: aws.Time(now.Add(metricPeriod)),
		Period: aws.Int32(int32(metricPeriod / time.Second)), Statistics: []types.Statistic{types.StatisticSum},
	})
	if err != nil {
		return time.Time{}, err
	}
	var last time.Time
	for _, d := range answer.Datapoints {
		if at := aws.ToTime(d.Timestamp); aws.ToFloat64(d.Sum) > 0 && at.After(last) {
			last = at
		}
	}
	return last, nil
}

func (p Patience) sleep(ctx context.Context, d time.Duration) error {
	if p.Sleep != nil {
		return p.Sleep(ctx, d)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
