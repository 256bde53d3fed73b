package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// Topic lists who gets alerts.
type Topic = sns.ListSubscriptionsByTopicAPIClient

// notConfirmed is what SNS writes where the ARN of a subscription will be.
const notConfirmed = "PendingConfirmation"

// subscriptions finds whether somebody gets alerts.
func subscriptions(ctx context.Context, api Topic, topic string) Finding {
	const check = "alerts"
	var waiting []string
	confirmed := 0
	pages := sns.NewListSubscriptionsByTopicPaginator(api, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return unknown(check, err)
		}
		for _, s := range page.Subscriptions {
			if aws.ToString(s.SubscriptionArn) == notConfirmed {
				waiting = append(waiting, aws.ToString(s.Endpoint))
			} else {
				confirmed++
			}
		}
	}
	switch {
	case len(waiting) > 0:
		return lacking(check, fmt.Sprintf("not confirmed: %s", strings.Join(waiting, ", ")),
			"open the link in the mail from AWS Notifications; it is valid for 3 days, and a new subscription of the address sends another")
	case confirmed == 0:
		return lacking(check, "nobody gets them", "deploy with addresses (cdk deploy -c emails=ops@example.com), or subscribe to "+topic)
	default:
		return fine(check, "%d confirmed subscriptions", confirmed)
	}
}
