package simulator

import (
	"fmt"
	"slices"
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

func (s *Sim) body(inner, account, region string, at time.Time) string {
	s.numbered++
	return fmt.Sprintf(`{"version":"0","id":"e-%d","account":%q,"time":%q,"region":%q,"resources":[],%s}`,
		s.numbered, account, at.UTC().Format(time.RFC3339), region, inner)
}

// emit sends an event about a machine.
func (c *cloud) emit(m *machine, inner string) {
	c.sim.emit(letter{about: m.in.ID}, m.account(), m.scope().Region, inner)
}

// emit sends an event on its way: it may be lost, doubled, late, or days late.
func (s *Sim) emit(e letter, account, region, inner string) {
	at := s.now
	if s.faulty {
		at = at.Add(s.dice.between(-s.profile.skew, s.profile.skew))
	}
	e.body, e.bad = s.body(inner, account, region, at), !slices.Contains(s.regions, region) || !slices.Contains(s.accounts, account)
	if s.faulty {
		s.stats.Events++
	}
	if s.profile.deaf {
		if s.faulty {
			s.stats.EventsLost++
		}
		return
	}
	s.late = append(s.late, e) // at the end some come once more
	copies := 1
	if s.faulty && s.dice.chance(s.profile.eventDoubled) {
		s.stats.EventsDoubled++
		copies = 2
	}
	arrives := false
	for range copies {
		delay := s.dice.between(50*time.Millisecond, 2*time.Second)
		if s.faulty {
			switch {
			case s.dice.chance(s.profile.eventLost), s.dice.chance(s.profile.held):
				continue
			case s.dice.chance(s.profile.eventLate):
				s.stats.EventsLate++
				delay = s.dice.between(0, s.profile.delay)
			}
		}
		arrives = true
		s.after(delay, func() { s.queues[intakeQueue].send(e, 0) })
	}
	if !arrives {
		s.stats.EventsLost++
	}
}
