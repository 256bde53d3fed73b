package meter

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// transactionUnits is what a transaction takes: two write units for each begun
// KB of each item (DynamoDB developer guide, read/write capacity modes, 2026).
// DynamoDB Local tells less. An update of a counter is one of a small item.
func transactionUnits(in *dynamodb.TransactWriteItemsInput) (units float64) {
	for i := range in.TransactItems {
		if put := in.TransactItems[i].Put; put != nil {
			units += 2 * float64((Size(put.Item)+1023)/1024)
		} else {
			units += 2
		}
	}
	return units
}

// Size is the size of an item as DynamoDB bills it, of the types that the ledger
// uses.
func Size(item map[string]types.AttributeValue) (bytes int) {
	for name, value := range item {
		bytes += len(name)
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			bytes += len(v.Value)
		case *types.AttributeValueMemberB:
			bytes += len(v.Value)
		case *types.AttributeValueMemberN:
			bytes += len(v.Value)/2 + 1
		default:
			bytes++
		}
	}
	return bytes
}
