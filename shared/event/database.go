package event

import "strings"

// DatabasePrefix begins the id of a database in a Hint; its name follows, as in its ARN.
const DatabasePrefix = "db:"

// databaseStates are the states that events of RDS tell, by their ids (RDS user guide,
// "Amazon RDS event categories and event messages", 2026). All other events of a
// database are hints, too: its class, its zones, its license and its options change under
// many ids.
var databaseStates = map[string]string{
	"RDS-EVENT-0003": StateTerminated, // deleted
	"RDS-EVENT-0087": StateStopped,
	"RDS-EVENT-0088": StateRunning, // started
}

// parseDatabase reads an event of a DB instance, which says what happened in words and
// never what the instance is.
func parseDatabase(detail object) (Kind, []Hint, *Malformed) {
	if detail.optional("SourceType") != "DB_INSTANCE" {
		return KindUnknown, nil, nil
	}
	name, m := detail.text("SourceIdentifier", databaseRule)
	if m != nil {
		return "", nil, m
	}
	return KindDatabaseChanged, []Hint{{ID: DatabasePrefix + strings.ToLower(name), State: databaseStates[detail.optional("EventID")]}}, nil
}

var databaseRule = rule{"the identifier of a DB instance", "1 to 63 letters, digits and hyphens, a letter first", isDatabase}

func isDatabase(s string) bool {
	if len(s) < 1 || len(s) > 63 || !isLetter(s[0]) {
		return false
	}
	return all(s, func(c byte) bool { return isLetter(c) || isDigit(c) || c == '-' })
}

func isLetter(c byte) bool { return isLower(c) || 'A' <= c && c <= 'Z' }
