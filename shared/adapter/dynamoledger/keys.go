package dynamoledger

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// All key shapes of the table. PK and SK are its keys; DuePK and DueSK those of
// the sparse index "due".
//
//	PK                      SK              what
//	CONFIG                  <license id>    a configuration: Rev, Doc
//	CONFIG                  #EPOCH          the epoch: N
//	LIC#<license id>        HEAD            a license's head: Rev, State, Change, DuePK, DueSK
//	LIC#<license id>        P#00001         one page: Rev, Entries
//	FACTS#<account>/<region>#<0..f>  <id>   what is known of one instance: Facts
//	ACTION                  <key>           a pending action: Doc
//	JOURNAL                 <key>           an action's record: Doc, At
//	SENT                    <alert id>      an alert that was sent: At
//	BRAKES                  HEAD            the brakes: Rev, Doc, Change
//	PLAN                    <hash>          a plan of enforcement: Doc
//	HISTORY#<license id>    <revision>      a configuration as that commit made it: Rev, Doc, Deleted
//	DELETED                 <license id>    a deleted configuration: Rev, Doc
//	DOC#<kind>              <id>            a document: Rev, Doc
const (
	configPK  = "CONFIG"
	epochSK   = "#EPOCH"
	headSK    = config.HeadSortKey
	pagePart  = "P#"
	actionPK  = "ACTION"
	journalPK = "JOURNAL"
	sentPK    = "SENT"
	brakesPK  = "BRAKES"
	planPK    = "PLAN"
	deletedPK = "DELETED"
	duePK     = "DUE"
)

type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: fmt.Sprint(n)}
}

// textOf returns a text attribute, "" where there is none.
func textOf(it item, name string) string {
	if v, ok := it[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

func binary(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }

func key(pk, sk string) item { return item{"PK": text(pk), "SK": text(sk)} }

func historyPK(id string) string { return "HISTORY#" + id }

func documentPK(kind ledger.DocumentKind) string { return "DOC#" + string(kind) }

func licensePK(id string) string { return "LIC#" + id }

func pageSK(page int) string { return fmt.Sprintf("%s%05d", pagePart, page) }

// factsKey spreads an account's instances over 16 partitions by the last digit
// of their ids, because one partition takes 1,000 write units a second.
func factsKey(id license.ResourceID) item {
	account, region, awsID := id.Parts()
	shard := "0"
	if awsID != "" {
		shard = awsID[len(awsID)-1:]
	}
	return key(factsPK(account, region, shard), awsID)
}

func factsPK(account, region, shard string) string {
	return "FACTS#" + account + "/" + region + "#" + shard
}

func actionKey(a ledger.PendingAction) item { return key(actionPK, a.Key()) }
