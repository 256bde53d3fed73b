package publish

import (
	"fmt"
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/telemetry"
)

// subject is one line for an inbox.
func (n *notice) subject() string { return n.headline(telemetry.Clean(n.Name, 40)) }

// text is the message that a license manager reads: what, how many, which, who
// launched it, since when, what happens next and how to change that.
func (n *notice) text() string {
	var p page
	p.paragraph(n.subject())
	p.gap()
	if n.counts() {
		n.numbers(&p)
	}
	n.circumstances(&p)
	happens, ways := n.next()
	p.gap()
	p.paragraph("What happens next: " + happens)
	p.gap()
	for _, w := range ways {
		p.paragraph(w.to + ":")
		p.command(w.command)
	}
	n.affected(&p)
	p.gap()
	p.paragraph("Alert id: " + n.ID)
	return p.String()
}

// numbers are how many there are and how many are used.
func (n *notice) numbers(p *page) {
	t := n.Totals
	p.field("License", fmt.Sprintf("%s (%s)", telemetry.Clean(n.Name, 256), n.License))
	p.field("Licensed", fmt.Sprintf("%s (%s)", n.count(), n.Counting))
	inUse := fmt.Sprintf("%d: running %d, stopped but counted %d, bound to hosts %d", t.Deployed(), t.Running, t.Stopped, t.Affinity)
	if t.Reserved > 0 {
		inUse += fmt.Sprintf(", reserved %d", t.Reserved)
	}
	p.field("In use", inUse)
	p.field("Covered", fmt.Sprint(t.Covered))
	if t.Over > 0 {
		p.field("Over", fmt.Sprint(t.Over))
	}
	if t.Broken > 0 {
		p.field("Against rule", fmt.Sprint(t.Broken))
	}
	if t.Estimated > 0 {
		p.field("Estimated", fmt.Sprintf("%d rest on facts that AWS did not tell", t.Estimated))
	}
}

// circumstances are since when, by whom and why.
func (n *notice) circumstances(p *page) {
	p.field(n.when())
	if n.Kind == ledger.AlertExpiry && !n.Expiry.IsZero() {
		p.field("Expiry", n.Expiry.UTC().Format("2 January 2006"))
	}
	if what, by := n.who(); by != "" {
		p.field(what, by)
	}
	if n.Why != "" {
		p.field("Why", telemetry.Clean(n.Why, 1000))
	}
}

// when is since when it is so, or, of what is still to come, when it was told.
func (n *notice) when() (label, value string) {
	switch n.Kind {
	case ledger.AlertExpiry, ledger.AlertExemption:
		return "Told", moment(n.At)
	case ledger.AlertUnanswered:
		return "Since", n.began()
	default:
		return "Since", moment(n.At)
	}
}

// who is the person that made it so, if one did.
func (n *notice) who() (label, value string) {
	by := telemetry.Clean(n.By, 100)
	switch {
	case n.Kind == ledger.AlertSuspended: // nobody but licenseguard
		return "", ""
	case n.Kind != ledger.AlertHeld:
		return "Changed by", by
	case n.byBreaker():
		return "", ""
	default:
		return "Paused by", by
	}
}

// began is when an overrun that lasts began.
func (n *notice) began() string {
	began := minute(n.At.Add(-time.Duration(n.Threshold) * time.Hour))
	if days := n.Threshold / 24; days > 1 {
		return fmt.Sprintf("%s, %d hours (%d days) ago", began, n.Threshold, days)
	}
	return fmt.Sprintf("%s, %d hours ago", began, n.Threshold)
}

// affected lists the instances.
func (n *notice) affected(p *page) {
	if len(n.Resources) == 0 {
		return
	}
	p.gap()
	p.paragraph("Affected:")
	if n.unread {
		p.paragraph("(Who launched them, and when, could not be read.)")
	}
	for _, id := range n.Resources[:min(len(n.Resources), maxNamed)] {
		account, region, awsID := id.Parts()
		p.item(fmt.Sprintf("%s  account %s  %s", awsID, account, region))
		if l, ok := n.launches[id]; ok {
			p.detail(l.String())
		}
	}
	if more := len(n.Resources) - maxNamed; more > 0 {
		p.item(fmt.Sprintf("and %d more: licenseguard usage ls %s", more, n.License))
	}
}

// String says who launched, since when it runs, and its name.
func (l launch) String() string {
	parts := []string{l.launcher(func(s string) string { return s })}
	if !l.at.IsZero() {
		parts = append(parts, "started "+moment(l.at))
	}
	if l.name != "" {
		parts = append(parts, fmt.Sprintf("named %q", l.name))
	}
	return strings.Join(parts, ", ")
}
