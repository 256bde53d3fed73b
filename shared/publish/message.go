package publish

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// The protocols of subscribers that get words of their own.
const (
	byDefault = "default" // e-mail and all others: plain text
	byHTTPS   = "https"   // chats
	byQueue   = "sqs"
	byLambda  = "lambda"
)

// message is one message for all kinds of subscribers, as Topic takes it.
func (n *notice) message() (string, error) {
	chat, err := n.chat()
	if err != nil {
		return "", fmt.Errorf("encode chat notification: %w", err)
	}
	detail, err := json.Marshal(n.detail())
	if err != nil {
		return "", fmt.Errorf("encode alert: %w", err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false) // it would only make it longer
	err = encoder.Encode(map[string]string{byDefault: n.text(), byHTTPS: string(chat), byQueue: string(detail), byLambda: string(detail)})
	return strings.TrimSuffix(out.String(), "\n"), err
}

// PlainText returns the text for people of a message that a Topic got, which is
// the message itself if it is none of ours.
func PlainText(message string) string {
	var texts map[string]string
	if json.Unmarshal([]byte(message), &texts) != nil || texts[byDefault] == "" {
		return message
	}
	return texts[byDefault]
}
