package simulator

import (
	"fmt"
	"time"
)

func stateEvent(id string, state any) string {
	return fmt.Sprintf(`"detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","detail":{"instance-id":%q,"state":%q}`, id, state)
}

func callEvent(id, call string) string {
	parameters := fmt.Sprintf(`{"instanceId":%q}`, id)
	if call == "CreateTags" {
		parameters = fmt.Sprintf(`{"resourcesSet":{"items":[{"resourceId":%q}]}}`, id)
	}
	return fmt.Sprintf(`"detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","detail":{"eventSource":"ec2.amazonaws.com","eventName":%q,"requestParameters":%s}`, call, parameters)
}

func groupEvent(id string) string {
	return fmt.Sprintf(`"detail-type":"EC2 Instance Launch Successful","source":"aws.autoscaling","detail":{"EC2InstanceId":%q}`, id)
}

const tickEvent = `"detail-type":"Scheduled Event","source":"aws.events","detail":{}`

func (s *Sim) body(inner string, at time.Time) string {
	s.numbered++
	return fmt.Sprintf(`{"version":"0","id":"e-%d","account":%q,"time":%q,"region":%q,"resources":[],%s}`,
		s.numbered, account, at.UTC().Format(time.RFC3339), region, inner)
}

// emit sends an event on its way: it may be lost, doubled, late, or days late.
func (s *Sim) emit(inner string) {
	at := s.now
	if s.faulty {
		at = at.Add(s.dice.between(-s.profile.skew, s.profile.skew))
	}
	body := s.body(inner, at)
	s.late = append(s.late, body) // at the end some come once more
	copies := 1
	if s.faulty && s.dice.chance(s.profile.eventDoubled) {
		copies = 2
	}
	for range copies {
		delay := s.dice.between(50*time.Millisecond, 2*time.Second)
		if s.faulty {
			switch {
			case s.dice.chance(s.profile.eventLost), s.dice.chance(s.profile.held):
				continue
			case s.dice.chance(s.profile.eventLate):
				delay = s.dice.between(0, s.profile.delay)
			}
		}
		s.after(delay, func() { s.queues["intake"].send(body, 0) })
	}
}
