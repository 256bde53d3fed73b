// Package ledgerstream reads the changes of licenses from the records of the
// table's stream, as Lambda hands them over.
package ledgerstream

import (
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"licenseguard/shared/adapter/ledgercodec"
	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
)

// Record is one change with its place in the stream.
type Record struct {
	Sequence string
	Change   *ledger.Change
}

// Changes decodes the records that are license heads, in order. Records of
// other items and of removals are passed. At a record that does not decode it
// stops and returns that record's place with the error.
func Changes(records []events.DynamoDBEventRecord) (changes []Record, failedAt string, err error) {
	for i := range records {
		r := &records[i]
		sequence := r.Change.SequenceNumber
		change, err := changeOf(r.Change.NewImage)
		if err != nil {
			return changes, sequence, fmt.Errorf("stream record %s: %w", sequence, err)
		}
		if change != nil {
			changes = append(changes, Record{Sequence: sequence, Change: change})
		}
	}
	return changes, "", nil
}

func changeOf(image map[string]events.DynamoDBAttributeValue) (*ledger.Change, error) {
	key, ok := image[config.SortKey]
	if !ok || key.DataType() != events.DataTypeString || key.String() != config.HeadSortKey {
		return nil, nil
	}
	data, ok := image["Change"]
	if !ok || data.DataType() != events.DataTypeBinary {
		return nil, errors.New("the head has no binary Change")
	}
	return ledgercodec.DecodeChange(data.Binary())
}
