package dynamoledger

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/integration/meter"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Every field of the facts is kept: one that is added later and forgotten here
// comes back zero.
func TestFactsKeepEveryField(t *testing.T) {
	t.Parallel()
	var want ledger.Facts
	n := 0
	fill(t, reflect.ValueOf(&want).Elem(), &n)
	want.Instance.ID = license.NewResourceID("123456789012", "eu-central-1", "i-0123456789abcdef0")
	for name, want := range map[string]ledger.Facts{"full": want, "empty": {Instance: license.Instance{ID: want.Instance.ID}},
		"foreign": {Instance: license.Instance{ID: want.Instance.ID, Tags: map[string]string{"\xff": "\xfe"}}}} {
		it, err := factsItem(&want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := factsOf(it)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: kept (-) and read (+): %v\n%s", name, err, diff)
		}
	}
}

// Facts that an earlier version wrote are read, so that nobody has to empty a
// table; a later version's are not.
func TestFactsOfOtherFormats(t *testing.T) {
	t.Parallel()
	want := ledger.Facts{Instance: license.Instance{ID: license.NewResourceID("123456789012", "eu-central-1", "i-0123456789abcdef0"), Type: "m5.large", Specifications: []string{"arn"}, Ancestry: []license.Ancestor{{ImageID: "ami-0123456789abcdef0", Region: "eu-west-1", Link: license.LinkImage}},
		Discoveries: []license.Discovery{{ConfigurationID: "lic-a", Product: "SSM_MANAGED: x", What: "SQL Server"}}},
		EventID: "e-1", LaunchedBy: "alice (user)"}
	stored := func(change func(fields []cbor.RawMessage) []cbor.RawMessage) item {
		it, err := factsItem(&want)
		if err != nil {
			t.Fatal(err)
		}
		var fields []cbor.RawMessage
		if err := cbor.Unmarshal(it["Facts"].(*types.AttributeValueMemberB).Value, &fields); err != nil {
			t.Fatal(err)
		}
		data, err := cbor.Marshal(change(fields))
		if err != nil {
			t.Fatal(err)
		}
		it["Facts"] = binary(data)
		return it
	}
	earlier := want
	for format := byte(4); format > 0; format-- {
		got, err := factsOf(stored(func(fields []cbor.RawMessage) []cbor.RawMessage {
			fields[0] = cbor.RawMessage{format}
			return fields[:len(fields)-[...]int{0, 5, 4, 3, 2}[format]]
		}))
		switch format {
		case 4:
			earlier.Instance.Discoveries = nil
		case 3:
			earlier.Instance.Ancestry = nil
		case 2:
			earlier.Instance.Specifications = nil
		case 1:
			earlier.LaunchedBy = ""
		}
		if diff := cmp.Diff(earlier, got); diff != "" || err != nil {
			t.Errorf("format %d: %v\n%s", format, err, diff)
		}
	}
	for name, it := range map[string]item{
		"a later format":              stored(func(fields []cbor.RawMessage) []cbor.RawMessage { fields[0] = cbor.RawMessage{6}; return fields }),
		"format 1 and a launcher":     stored(func(fields []cbor.RawMessage) []cbor.RawMessage { fields[0] = cbor.RawMessage{1}; return fields }),
		"format 2 and specifications": stored(func(fields []cbor.RawMessage) []cbor.RawMessage { fields[0] = cbor.RawMessage{2}; return fields }),
		"format 3 and ancestry":       stored(func(fields []cbor.RawMessage) []cbor.RawMessage { fields[0] = cbor.RawMessage{3}; return fields }),
		"no format":                   stored(func(fields []cbor.RawMessage) []cbor.RawMessage { fields[0] = cbor.RawMessage{0x60}; return fields }),
		"a field too few":             stored(func(fields []cbor.RawMessage) []cbor.RawMessage { return fields[1:] }),
	} {
		if _, err := factsOf(it); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

// fill gives every field a value of its own.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("text ", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{fmt.Sprint("key ", *n): "value"}))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), n)
		fill(t, v.Index(1), n)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.UnixMilli(int64(1_700_000_000_000 + *n)).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(t, v.Field(i), n)
		}
	default:
		t.Fatalf("%s is filled by nobody", v.Type())
	}
}

// The facts of an ordinary instance take one write unit.
func TestFactsAreSmall(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f := ledger.Facts{
		Instance: license.Instance{ID: license.NewResourceID("123456789012", "eu-central-1", "i-0123456789abcdef0"), Type: "m5.large", State: license.Running,
			LaunchTime: at, ImageID: "ami-0123456789abcdef0", Tenancy: license.TenancyDefault, CPUOptions: license.CPUOptions{Cores: 1, ThreadsPerCore: 2},
			Tags: map[string]string{"Name": "database-production-17", "aws:autoscaling:groupName": "database-production", "Environment": "production", "CostCenter": "4711",
				"aws:cloudformation:stack-name": "database-production", "aws:ec2launchtemplate:id": "lt-0123456789abcdef0"},
			UsageOperation: "RunInstances:0002"},
		Generation: ledger.Generation{Launch: at, Rank: 1}, Observed: at, FirstSeen: at, EventID: "01234567-89ab-cdef-0123-456789abcdef",
		LaunchedBy: "alice@example.com (role AWSReservedSSO_Administrator_0123456789abcdef)",
		Held:       []license.Held{{ConfigurationID: "lic-0123456789abcdef0123456789abcdef", Kind: license.ByAMI, Value: "ami-0123456789abcdef0", Since: at}},
	}
	it, err := factsItem(&f)
	if size := meter.Size(it); err != nil || size > 768 {
		t.Errorf("the facts take %d bytes, %v; want at most 768, so that 1 KB holds more tags too", size, err)
	}
}
