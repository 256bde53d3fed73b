package event

import (
	"encoding/json"
	"strings"
	"unicode"
)

// maxLauncher is the most characters of Hint.LaunchedBy.
const maxLauncher = 200

// identity is what a CloudTrail record tells of who made the call. Of a field
// that is not as expected nothing is taken: who launched is good to know, and no
// reason to lose the launch.
type identity struct {
	kind, arn, invokedBy string
	role                 string // of the session's issuer
}

func identityOf(detail object) identity {
	user := detail.inner("userIdentity")
	return identity{kind: user.optional("type"), arn: user.optional("arn"), invokedBy: user.optional("invokedBy"),
		role: user.inner("sessionContext").inner("sessionIssuer").optional("userName")}
}

// inner returns the object of a key, or an empty one if there is none.
func (o object) inner(key string) object {
	in := object{place: o.at(key)}
	_ = json.Unmarshal(o.fields[key], &in.fields) // what is no object has no fields
	return in
}

// serviceRole begins the names of the roles that services use for themselves.
const serviceRole = "AWSServiceRoleFor"

// launcher says in words who made the call, "" if the record does not tell:
// "alice (role Admin)", "bob (user)", "root", "autoscaling.amazonaws.com", or
// "alice (role Admin) through cloudformation.amazonaws.com".
func (i identity) launcher() string {
	who := i.caller()
	switch {
	case i.invokedBy == "":
	case who == "" || i.kind == "AWSService" || strings.HasPrefix(i.role, serviceRole):
		who = i.invokedBy
	default:
		who += " through " + i.invokedBy
	}
	return clean(who)
}

// caller takes the names out of the ARN, whose last part has them:
// assumed-role/<role>/<session>, user/<path>/<name>, federated-user/<name>, root.
func (i identity) caller() string {
	parts := strings.SplitN(i.arn, ":", 6)
	if len(parts) < 6 {
		return i.arn
	}
	sort, name, _ := strings.Cut(parts[5], "/")
	switch {
	case parts[5] == "root":
		return "root"
	case name == "":
		return i.arn
	case sort == "assumed-role":
		role, session, _ := strings.Cut(name, "/")
		if i.role != "" {
			role = i.role
		}
		return session + " (role " + role + ")"
	case sort == "user":
		return name[strings.LastIndexByte(name, '/')+1:] + " (user)"
	case sort == "federated-user":
		return name + " (federated user)"
	default:
		return i.arn
	}
}

// clean makes one printable line of foreign text and cuts it.
func clean(s string) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s))
	if runes := []rune(s); len(runes) > maxLauncher {
		s = string(runes[:maxLauncher-1]) + "…"
	}
	return s
}
