package event

// Parse reads the body of one EventBridge event. The error, if any, is a
// *Malformed: such a body can never be handled and must not be tried again.
func Parse(body []byte) (Event, error) {
	e, m := parseEnvelope(body)
	if m != nil {
		m.EventID = e.event.ID
		return Event{}, m
	}
	e.event.Kind = KindUnknown
	parse, known := parsers[name{e.event.Source, e.event.DetailType}]
	if !known {
		return e.event, nil
	}
	e.event.Kind, e.event.Resources, m = parse(e.detail)
	if m == nil && e.event.Kind == KindLaunchHook {
		e.event.Action, m = parseAction(e.detail)
	}
	if m != nil {
		m.EventID = e.event.ID
		return Event{}, m
	}
	if e.event.Kind == KindNode {
		e.event.Resources = appendMachines(e.event.Resources, e.resources)
		if len(e.event.Resources) == 0 {
			e.event.Kind = KindUnknown
		}
	}
	if len(e.event.Resources) > 0 && e.event.Resources[0].account != "" {
		e.event.Account, e.event.Region = e.event.Resources[0].account, e.event.Resources[0].region
	}
	return e.event, nil
}

// name is what tells one sort of event from another.
type name struct{ source, detailType string }

// parser takes the kind and the hints from a detail. An event that turns out
// to change nothing has KindUnknown and no hints.
type parser func(detail object) (Kind, []Hint, *Malformed)

// parsers has every sort of event that licenseguard acts on.
var parsers = map[name]parser{
	{"aws.ec2", "EC2 Instance State-change Notification"}:              parseInstanceState,
	{"aws.ec2", "EC2 Spot Instance Interruption Warning"}:              instanceAt("instance-id"),
	{"aws.ec2", "EC2 AMI State Change"}:                                parseImage,
	{"aws.ec2", "AWS API Call via CloudTrail"}:                         parseCall,
	{"aws.autoscaling", "EC2 Instance Launch Successful"}:              instanceAt("EC2InstanceId"),
	{"aws.autoscaling", "EC2 Instance Terminate Successful"}:           instanceAt("EC2InstanceId"),
	{"aws.rds", "RDS DB Instance Event"}:                               parseDatabase,
	{"aws.ssm", "EC2 State Manager Instance Association State Change"}: parseAssociation,
	{"aws.ssm", "Inventory Resource State Change"}:                     parseInventoryType,
	{"aws.ssm", "SSM Managed Instance Registration"}:                   parseNode,
	{"aws.ssm", "SSM Managed Instance Deregistration"}:                 parseNode,
	{"aws.s3", "Object Created"}:                                       parseInventoryObject,
	{"aws.autoscaling", "EC2 Instance-launch Lifecycle Action"}:        parseLaunchHook,
	{"aws.events", "Scheduled Event"}:                                  parseTick,
}

func parseInstanceState(detail object) (Kind, []Hint, *Malformed) {
	id, m := detail.text("instance-id", instanceRule)
	if m != nil {
		return "", nil, m
	}
	state, m := detail.text("state", stateRule)
	if m != nil {
		return "", nil, m
	}
	return KindInstanceState, []Hint{{ID: id, State: state}}, nil
}

// instanceAt returns a parser for events whose detail names one instance.
func instanceAt(key string) parser {
	return func(detail object) (Kind, []Hint, *Malformed) {
		id, m := detail.text(key, instanceRule)
		if m != nil {
			return "", nil, m
		}
		return KindInstanceChanged, []Hint{{ID: id}}, nil
	}
}

func parseImage(detail object) (Kind, []Hint, *Malformed) {
	id, m := detail.text("ImageId", imageRule)
	if m != nil {
		return "", nil, m
	}
	return KindAMIState, []Hint{{ID: id}}, nil
}

func parseTick(object) (Kind, []Hint, *Malformed) { return KindTick, nil, nil }

var (
	instanceRule = rule{"an EC2 instance id", "i- and 8 to 17 hex digits", isInstance}
	hostRule     = rule{"a Dedicated Host id", "h- and 8 to 17 hex digits", isHost}
	imageRule    = rule{"an AMI id", "ami- and 8 to 17 hex digits", isImage}
	machineRule  = rule{"the id of a managed machine", "i- or mi- and 8 to 17 hex digits", isMachine}
	stateRule    = rule{"a state", "pending, running, stopping, stopped, shutting-down or terminated", isState}
)

func isMachine(s string) bool { return isInstance(s) || isID(s, "mi-") }

func isInstance(s string) bool { return isID(s, "i-") }

func isHost(s string) bool { return isID(s, "h-") }

func isImage(s string) bool { return isID(s, "ami-") }

// isID reports whether s is prefix and 8 to 17 lower-case hex digits.
func isID(s, prefix string) bool {
	if len(s) < len(prefix) || s[:len(prefix)] != prefix {
		return false
	}
	digits := s[len(prefix):]
	return 8 <= len(digits) && len(digits) <= 17 && all(digits, func(c byte) bool {
		return isDigit(c) || 'a' <= c && c <= 'f'
	})
}
