package event_test

import (
	"strings"
	"testing"

	"licenseguard/shared/event"
)

// TestDatabaseNames: the name reaches a filter of RDS and an id of the ledger.
func TestDatabaseNames(t *testing.T) {
	t.Parallel()
	sample := string(read(t, "rds/db-instance-event/created"))
	for name, want := range map[string]string{
		"testdb":                      "db:testdb",
		"h-looks-like-a-host":         "db:h-looks-like-a-host",
		"TestDB":                      "db:testdb", // RDS keeps lower case
		"a":                           "db:a",
		"a" + strings.Repeat("1", 62): "db:a" + strings.Repeat("1", 62),
		"a" + strings.Repeat("1", 63): "",
		"":                            "",
		"1db":                         "",
		"db/other":                    "",
		"test_db":                     "",
		"tést":                        "",
		"db name":                     "",
	} {
		e, err := event.Parse([]byte(strings.Replace(sample, `"SourceIdentifier": "testdb"`, `"SourceIdentifier": "`+name+`"`, 1)))
		switch {
		case want == "" && err == nil:
			t.Errorf("%q is taken: %+v", name, e.Resources)
		case want != "" && (err != nil || len(e.Resources) != 1 || e.Resources[0].ID != want):
			t.Errorf("%q: %+v, %v; want %s", name, e.Resources, err, want)
		}
	}
}

// TestOtherSourcesOfDatabaseEvents: what is no DB instance is passed.
func TestOtherSourcesOfDatabaseEvents(t *testing.T) {
	t.Parallel()
	sample := string(read(t, "rds/db-instance-event/created"))
	for _, source := range []string{`"SNAPSHOT"`, `"CLUSTER"`, `7`, `null`} {
		e, err := event.Parse([]byte(strings.Replace(sample, `"DB_INSTANCE"`, source, 1)))
		if err != nil || e.Kind != event.KindUnknown || len(e.Resources) > 0 {
			t.Errorf("%s: %+v, %v", source, e, err)
		}
	}
}
