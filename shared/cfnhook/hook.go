package cfnhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/telemetry"
	"licenseguard/shared/whatif"
)

// Store is what the hook reads of the ledger. It writes nothing.
type Store interface {
	Load(ctx context.Context, id string) (*ledger.License, error)
	Configurations(ctx context.Context) ([]license.Configuration, int64, error)
	EachFacts(ctx context.Context, account, region string, each func(ledger.Facts) error) error
	LoadBrakes(ctx context.Context) (*ledger.Brakes, error)
}

// Hook answers hooks of CloudFormation.
type Hook struct {
	Store   Store
	Catalog license.Catalog
	Region  string
	// Fetch reads what CloudFormation wrote to a presigned URL, which it must check
	// before.
	Fetch func(ctx context.Context, url string) ([]byte, error)
	Now   func() time.Time
	Log   *slog.Logger
}

// Answer tells whether what a request would launch fits. It always answers: what
// it cannot judge, it lets go on and says so.
func (h *Hook) Answer(ctx context.Context, r Request) Response {
	out := Response{HookStatus: Success, ClientRequestToken: r.ClientRequestToken}
	if r.ActionInvocationPoint == beforeDelete {
		out.Message = "licenseguard: nothing is launched"
		return out
	}
	refused, told, err := h.judge(ctx, r)
	switch {
	case err != nil:
		h.Log.ErrorContext(ctx, "hook not judged", "stack", r.StackID, "target", r.RequestData.TargetLogicalID, "error", err)
		out.Message = message("not judged, so it goes on: " + err.Error())
	case len(refused) > 0:
		out.HookStatus, out.ErrorCode, out.Message = Failed, NonCompliant, message(append(refused, told...)...)
	case len(told) > 0:
		out.Message = message(told...)
	default:
		out.Message = "licenseguard: it fits under every license"
	}
	h.Log.InfoContext(ctx, "hook answered", "stack", r.StackID, "target", r.RequestData.TargetLogicalID, "status", out.HookStatus, "message", out.Message)
	return out
}

// message joins what is said into one printable line of the length that is shown.
func message(parts ...string) string {
	return telemetry.Clean("licenseguard: "+strings.Join(parts, "; "), maxMessage)
}

// judge simulates the launches of a request. refused are the reasons to refuse it,
// told is what its author should know all the same.
func (h *Hook) judge(ctx context.Context, r Request) (refused, told []string, err error) {
	l := &launches{account: r.AWSAccountID, region: h.Region}
	if err := h.read(ctx, r, l); err != nil {
		return nil, nil, err
	}
	if len(l.plan) == 0 {
		return nil, l.notes, nil
	}
	world, err := h.world(ctx, l)
	if err != nil {
		return nil, nil, err
	}
	outcome, err := whatif.Simulate(world, whatif.Plan{Launches: l.plan}, h.Now())
	if err != nil {
		return nil, nil, err
	}
	brakes, err := h.Store.LoadBrakes(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("load brakes: %w", err)
	}
	for i := range outcome.Licenses {
		e := &outcome.Licenses[i]
		short := e.Launched - e.Fit
		if short == 0 {
			continue
		}
		what := say(e, short)
		hold, held := brakes.Held(r.AWSAccountID, e.License)
		switch {
		case !stops(e):
			told = append(told, what+"; nothing is refused, because nothing would be stopped")
		case held:
			told = append(told, what+"; nothing is refused: "+hold.String())
		default:
			refused = append(refused, what)
		}
	}
	return refused, append(told, l.notes...), nil
}

// say tells in words what does not fit.
func say(e *whatif.Effect, short int) string {
	text := fmt.Sprintf("%s: %d of %d instances do not fit", e.Name, short, e.Launched)
	if e.After.Count != nil {
		text += fmt.Sprintf(" (%d licensed, %d in use before, %d with them)", *e.After.Count, e.Before.Deployed, e.After.Deployed)
	}
	for _, c := range e.Changes {
		if c.New && len(c.After.Broken) > 0 {
			return text + ": " + strings.Join(c.After.Broken, ", ")
		}
	}
	return text
}

// stops reports whether enforcement would stop one of the new instances by itself.
func stops(e *whatif.Effect) bool {
	for _, c := range e.Changes {
		if a := &c.After.Answer; c.New && a.Mode == license.Stop && a.Action == license.Stop && !a.Waits {
			return true
		}
	}
	return false
}

// read finds out what a request launches.
func (h *Hook) read(ctx context.Context, r Request, l *launches) error {
	d := &r.RequestData
	if d.TargetType != targetStack && d.TargetType != targetChangeSet {
		l.ofResource(d.TargetLogicalID, d.TargetName, d.TargetModel.ResourceProperties, d.TargetModel.PreviousResourceProperties)
		return nil
	}
	data, err := h.Fetch(ctx, d.Payload)
	if err != nil {
		return fmt.Errorf("read the template: %w", err)
	}
	var p payload
	if err := json.Unmarshal(data, &p); err != nil {
		return errors.New("read the template: what CloudFormation gave is no JSON")
	}
	if d.TargetType == targetChangeSet {
		return l.ofChanges(p.ChangedResources)
	}
	now, err := parse(p.Template)
	if err != nil {
		return err
	}
	var before template
	if strings.TrimSpace(p.PreviousTemplate) != "" {
		if before, err = parse(p.PreviousTemplate); err != nil {
			return fmt.Errorf("the template before: %w", err)
		}
	}
	l.ofTemplate(now, before)
	return nil
}

// ofChanges adds what a change set makes.
func (l *launches) ofChanges(changes []changedResource) error {
	for _, c := range changes {
		if c.Action != "CREATE" || c.ResourceType != typeInstance && c.ResourceType != typeGroup {
			continue
		}
		var after resource
		if err := json.Unmarshal([]byte(c.AfterContext), &after); err != nil {
			return errors.New("read the change set: " + c.LogicalResourceID + " is no JSON")
		}
		l.ofResource(c.LogicalResourceID, c.ResourceType, after.Properties, nil)
	}
	return nil
}

// world reads what the simulation begins with: the facts only where a Dedicated
// Host is named.
func (h *Hook) world(ctx context.Context, l *launches) (whatif.World, error) {
	world := whatif.World{Catalog: h.Catalog}
	configurations, _, err := h.Store.Configurations(ctx)
	if err != nil {
		return world, fmt.Errorf("read configurations: %w", err)
	}
	for i := range configurations {
		one, err := h.Store.Load(ctx, configurations[i].ID)
		if errors.Is(err, ledger.ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return world, err
		}
		world.Licenses = append(world.Licenses, one)
	}
	hosts := false
	for i := range l.plan {
		hosts = hosts || l.plan[i].Host != ""
	}
	if !hosts {
		return world, nil
	}
	err = h.Store.EachFacts(ctx, l.account, l.region, func(f ledger.Facts) error {
		world.Facts = append(world.Facts, f)
		return nil
	})
	return world, err
}
