package publish

import (
	"encoding/json"
	"fmt"
	"strings"

	"licenseguard/shared/telemetry"
)

// chat is a custom notification of Amazon Q Developer in chat applications
// (formerly AWS Chatbot), which shows it in Slack and in Microsoft Teams. It
// takes the notification from an SNS topic that its channel listens to.
// https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
type chat struct {
	Version  string       `json:"version"` // always "1.0"
	Source   string       `json:"source"`  // always "custom"
	ID       string       `json:"id"`
	Content  chatContent  `json:"content"`
	Metadata chatMetadata `json:"metadata"`
}

type chatContent struct {
	TextType    string   `json:"textType"` // "client-markdown", the only one there is
	Title       string   `json:"title"`
	Description string   `json:"description"`
	NextSteps   []string `json:"nextSteps,omitempty"`
	Keywords    []string `json:"keywords,omitempty"`
}

type chatMetadata struct {
	ThreadID          string            `json:"threadId"` // the license: all its alerts are one thread
	Summary           string            `json:"summary"`
	EventType         string            `json:"eventType"`
	RelatedResources  []string          `json:"relatedResources,omitempty"`
	AdditionalContext map[string]string `json:"additionalContext"`
}

// Limits that we keep. Slack takes 3,000 characters in a block of text; what AWS
// cuts at is not verified, and these are meant to be well below it.
const (
	maxChatDescription = 2800
	maxChatNamed       = 10
)

func (n *notice) chat() ([]byte, error) {
	happens, ways := n.next()
	c := chat{Version: "1.0", Source: "custom", ID: n.ID,
		Content: chatContent{TextType: "client-markdown", Title: n.headline(code(telemetry.Clean(n.Name, 100))),
			Description: n.chatDescription(happens), Keywords: []string{string(n.Kind), string(n.severity())}},
		Metadata: chatMetadata{ThreadID: n.License, Summary: harmless(n.subject()), EventType: DetailAlert, AdditionalContext: n.attributes()}}
	for _, w := range ways {
		c.Content.NextSteps = append(c.Content.NextSteps, w.to+": "+code(w.command))
	}
	for _, id := range n.Resources[:min(len(n.Resources), maxChatNamed)] {
		c.Metadata.RelatedResources = append(c.Metadata.RelatedResources, id.ARN())
	}
	return json.Marshal(c)
}

// chatDescription says what the mail says, in fewer words. It has no markup but
// for code, which Slack and Teams write alike.
func (n *notice) chatDescription(happens string) string {
	var lines []string
	if n.counts() {
		line := fmt.Sprintf("Licensed %s (%s), in use %d, covered %d", n.count(), n.Counting, n.Totals.Deployed(), n.Totals.Covered)
		if n.Totals.Over > 0 {
			line += fmt.Sprintf(", over %d", n.Totals.Over)
		}
		lines = append(lines, line+".")
	}
	label, when := n.when()
	lines = append(lines, label+" "+when+".")
	if what, by := n.who(); by != "" {
		lines = append(lines, what+" "+code(by)+".")
	}
	if n.Why != "" {
		lines = append(lines, "Why: "+code(telemetry.Clean(n.Why, 500)))
	}
	lines = append(lines, "What happens next: "+happens)
	named := n.Resources[:min(len(n.Resources), maxChatNamed)]
	for i, id := range named {
		account, region, awsID := id.Parts()
		line := fmt.Sprintf("%s in account %s, %s", code(awsID), account, region)
		if l, ok := n.launches[id]; ok {
			line += ": " + l.launcher(code)
			if !l.at.IsZero() {
				line += ", started " + moment(l.at)
			}
		}
		if size(lines)+len(line) > maxChatDescription-100 {
			named = named[:i]
			break
		}
		lines = append(lines, line)
	}
	if more := len(n.Resources) - len(named); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more: %s", more, code("licenseguard usage ls "+n.License)))
	}
	return strings.Join(lines, "\n")
}

func size(lines []string) (bytes int) {
	for _, l := range lines {
		bytes += len(l) + 1
	}
	return bytes
}

// code sets foreign text, in which a chat then reads no markup, emoji or link.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + harmless(s) + "`"
}

// harmless takes from text what ends code, and what calls people or hides a link
// in Slack (<!channel>, <url|text>) and Teams (<at>), also within code.
func harmless(s string) string {
	return strings.NewReplacer("`", "'", "<", "‹", ">", "›").Replace(s)
}
