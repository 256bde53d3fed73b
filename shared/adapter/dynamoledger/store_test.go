package dynamoledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/integration/ledgertable"
	"licenseguard/shared/integration/localaws"
	"licenseguard/shared/ledger"
	"licenseguard/shared/ledger/ledgertest"
)

func TestMain(m *testing.M) { os.Exit(localaws.Main(m, nil)) }

func TestContract(t *testing.T) {
	t.Parallel()
	client := client(t)
	ledgertest.Run(t, func(t *testing.T) ledger.Store { return dynamoledger.New(client, newTable(t, client)) })
}

func client(t *testing.T) *dynamodb.Client {
	t.Helper()
	endpoint := localaws.DynamoDB(t)
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &endpoint, Region: "eu-central-1",
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		// DynamoDB Local sends no checksum with its errors.
		DisableValidateResponseChecksum: true,
	})
}

var tables atomic.Int64

// newTable makes a table with the keys and the index that the stack deploys.
func newTable(t *testing.T, client *dynamodb.Client) string {
	t.Helper()
	name := fmt.Sprintf("ledger-%d", tables.Add(1))
	err := ledgertable.Create(t.Context(), client, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name})
	})
	return name
}

// Foreign or garbled items are errors, never panics and never "not found".
func TestForeignItems(t *testing.T) {
	t.Parallel()
	client := client(t)
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	number := func(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
	binary := func(s string) types.AttributeValue { return &types.AttributeValueMemberB{Value: []byte(s)} }
	bodies := map[string]map[string]types.AttributeValue{
		"only keys":     {},
		"wrong types":   {"State": text("x"), "Doc": number("1"), "Rev": text("1"), "Entries": text("x"), "Facts": text("x")},
		"garbage":       {"State": binary("garbage"), "Doc": text("{"), "Rev": number("1"), "Entries": binary("garbage"), "Facts": binary("garbage")},
		"other JSON":    {"State": binary("\xa0"), "Doc": text(`[1]`), "Rev": number("1.5"), "Entries": binary("\x80"), "Facts": binary("\x80")},
		"an open array": {"State": binary("\x9f\xff\x9f"), "Doc": text(`"`), "Rev": number("1"), "Entries": binary("\x9f\x9f\x9f"), "Facts": binary("\x9f\xff\x9f")},
		"null":          {"State": &types.AttributeValueMemberNULL{Value: true}, "Doc": &types.AttributeValueMemberNULL{Value: true}},
	}
	uses := map[string]struct {
		pk, sk string
		use    func(ledger.Store) error
	}{
		"head":          {"LIC#lic-1", "HEAD", func(s ledger.Store) error { _, err := s.Load(t.Context(), "lic-1"); return err }},
		"page only":     {"LIC#lic-1", "P#00000", func(s ledger.Store) error { _, err := s.Load(t.Context(), "lic-1"); return err }},
		"configuration": {"CONFIG", "lic-1", func(s ledger.Store) error { _, _, err := s.Configurations(t.Context()); return err }},
		"facts": {"FACTS#123456789012/eu-central-1#0", "i-0", func(s ledger.Store) error {
			return s.EachFacts(t.Context(), "123456789012", "eu-central-1", func(ledger.Facts) error { return nil })
		}},
		"action":  {"ACTION", "x", func(s ledger.Store) error { _, err := s.PendingActions(t.Context()); return err }},
		"journal": {"JOURNAL", "x", func(s ledger.Store) error { _, err := s.Journal(t.Context(), time.Time{}); return err }},
	}
	for what, u := range uses {
		for name, body := range bodies {
			t.Run(what+"/"+name, func(t *testing.T) {
				table := newTable(t, client)
				item := map[string]types.AttributeValue{"PK": text(u.pk), "SK": text(u.sk)}
				for k, v := range body {
					item[k] = v
				}
				if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item}); err != nil {
					t.Fatal(err)
				}
				if err := u.use(dynamoledger.New(client, table)); err == nil || errors.Is(err, ledger.ErrNotFound) {
					t.Errorf("error %v; want one that says what is wrong", err)
				}
			})
		}
	}
}
