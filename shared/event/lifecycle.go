package event

// LifecycleAction is what a launch hook of an Auto Scaling group asks: whether the
// instance that it holds may go on. Unlike all else in an event it is taken as it
// is told: it names whom to answer, and an answer to what is over is refused.
type LifecycleAction struct {
	Token, Group, Hook  string
	Origin, Destination string // where the instance comes from and goes to
}

// The places of a LifecycleAction.
const (
	PlaceEC2      = "EC2"
	PlaceGroup    = "AutoScalingGroup"
	PlaceWarmPool = "WarmPool"
)

func parseLaunchHook(detail object) (Kind, []Hint, *Malformed) {
	_, hints, m := instanceAt("EC2InstanceId")(detail)
	return KindLaunchHook, hints, m
}

// parseAction reads the action (Amazon EC2 Auto Scaling User Guide, EventBridge
// event reference, 2026). Origin and destination are missing in events of before
// warm pools, 2021.
func parseAction(detail object) (LifecycleAction, *Malformed) {
	a := LifecycleAction{Origin: PlaceEC2, Destination: PlaceGroup}
	var transition string
	for _, field := range []struct {
		key      string
		rule     rule
		into     *string
		optional bool
	}{
		{"LifecycleActionToken", tokenRule, &a.Token, false},
		{"AutoScalingGroupName", groupRule, &a.Group, false},
		{"LifecycleHookName", hookRule, &a.Hook, false},
		{"LifecycleTransition", launchingRule, &transition, false},
		{"Origin", placeRule, &a.Origin, true},
		{"Destination", placeRule, &a.Destination, true},
	} {
		if _, present := detail.fields[field.key]; !present && field.optional {
			continue
		}
		text, m := detail.text(field.key, field.rule)
		if m != nil {
			return LifecycleAction{}, m
		}
		*field.into = text
	}
	return a, nil
}

// The API's own limits (Amazon EC2 Auto Scaling API Reference, 2026).
var (
	tokenRule     = rule{"a lifecycle action's token", "36 of 0-9 a-f and -", isToken}
	groupRule     = rule{"the name of an Auto Scaling group", "1 to 255 printable characters", isName(255)}
	hookRule      = rule{"the name of a lifecycle hook", "1 to 255 of A-Z a-z 0-9 - _ /", isHookName}
	launchingRule = rule{"the transition of a launch", "autoscaling:EC2_INSTANCE_LAUNCHING", func(s string) bool { return s == "autoscaling:EC2_INSTANCE_LAUNCHING" }}
	placeRule     = rule{"a place", "EC2, AutoScalingGroup or WarmPool", func(s string) bool { return s == PlaceEC2 || s == PlaceGroup || s == PlaceWarmPool }}
)

func isToken(s string) bool {
	return len(s) == 36 && all(s, func(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' || c == '-' })
}

func isHookName(s string) bool {
	return s != "" && len(s) <= 255 && all(s, func(c byte) bool {
		return isDigit(c) || isLower(c) || 'A' <= c && c <= 'Z' || c == '-' || c == '_' || c == '/'
	})
}
