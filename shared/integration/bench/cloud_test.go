package bench_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go/middleware"

	"licenseguard/shared/adapter/ec2cloud"
	"licenseguard/shared/integration/meter"
	"licenseguard/shared/ledger"
)

type ledgerStore = ledger.Store

func ec2Client(endpoint string, m *meter.Meter) *ec2.Client {
	return ec2.New(ec2.Options{Region: region, Credentials: keys, BaseEndpoint: &endpoint, APIOptions: []func(*middleware.Stack) error{m.Attach}})
}

func newCloud(endpoint string, m *meter.Meter) *ec2cloud.Cloud {
	return ec2cloud.New(ec2Client(endpoint, m))
}

// decodeAll lists all instances and throws them away: what the SDK takes.
func decodeAll(ctx context.Context, client *ec2.Client) (instances int, err error) {
	pages := ec2.NewDescribeInstancesPaginator(client, &ec2.DescribeInstancesInput{MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return instances, fmt.Errorf("describe instances: %w", err)
		}
		for i := range page.Reservations {
			instances += len(page.Reservations[i].Instances)
		}
	}
	return instances, nil
}
