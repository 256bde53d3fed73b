// Package snstopic publishes messages for people on an SNS topic.
package snstopic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// api lists the calls that the adapter makes.
type api interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// SNS's limits (API reference, 2026). A subject is fewer than 100 ASCII
// characters and begins with a letter, a digit or punctuation; a message is at
// most 256 KiB with its attributes.
const (
	maxSubject   = 99
	maxMessage   = 200 << 10
	maxAttribute = 256
)

// Topic is an SNS topic.
type Topic struct {
	api api
	arn string
}

// New returns the topic of an ARN.
func New(client *sns.Client, topicARN string) *Topic { return &Topic{api: client, arn: topicARN} }

// Publish sends a message to all subscribers in one call. The message is a JSON
// object with a text for each protocol and one for all others, "default", without
// which it is an error. Subject, texts and attributes may hold foreign text: each
// is cleaned of what SNS refuses and cut to its limit. Where the texts are too
// long together, "default" is kept alone. An attribute without a value is left
// out.
func (t *Topic) Publish(ctx context.Context, subject, message string, attributes map[string]string) error {
	texts, err := cleanTexts(message)
	if err != nil {
		return err
	}
	in := &sns.PublishInput{TopicArn: &t.arn, Message: &texts, MessageStructure: aws.String("json")}
	if s := cleanSubject(subject); s != "" {
		in.Subject = &s
	}
	for name, value := range attributes {
		if value = cut(printable(value), maxAttribute); name == "" || value == "" {
			continue
		}
		if in.MessageAttributes == nil {
			in.MessageAttributes = make(map[string]types.MessageAttributeValue, len(attributes))
		}
		in.MessageAttributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	if _, err := t.api.Publish(ctx, in); err != nil {
		return fmt.Errorf("publish to topic: %w", err)
	}
	return nil
}

// cleanSubject makes one line of ASCII: a subject becomes a header of e-mails.
func cleanSubject(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case ' ' <= r && r <= '~':
			return r
		case r < ' ' || r == 0x7f:
			return ' '
		default:
			return '?'
		}
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxSubject {
		s = strings.TrimSpace(s[:maxSubject-3]) + "..."
	}
	return s
}

const defaultText = "default"

// cleanTexts cleans each text and bounds them all.
func cleanTexts(message string) (string, error) {
	var texts map[string]string
	if err := json.Unmarshal([]byte(message), &texts); err != nil {
		return "", fmt.Errorf("the message has no text for each protocol: %w", err)
	}
	if _, ok := texts[defaultText]; !ok {
		return "", errors.New("the message has no default text")
	}
	for protocol, text := range texts {
		texts[protocol] = cleanMessage(text)
	}
	all, err := encode(texts)
	if err != nil || len(all) <= maxMessage {
		return all, err
	}
	// Quoted, a byte of the text becomes two at most.
	return encode(map[string]string{defaultText: cutMessage(texts[defaultText], maxMessage/2-100)})
}

func encode(texts map[string]string) (string, error) {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(texts)
	return strings.TrimSuffix(out.String(), "\n"), err
}

// cleanMessage keeps lines and tabs. An empty message is refused by SNS.
func cleanMessage(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == utf8.RuneError {
			return r
		}
		return plain(r)
	}, s)
	if s == "" {
		return "(no text)"
	}
	return s
}

func cutMessage(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return cut(s, most) + "\n(cut here)"
}

func printable(s string) string { return strings.TrimSpace(strings.Map(plain, s)) }

func plain(r rune) rune {
	if r < ' ' || 0x7f <= r && r <= 0x9f || r == 0xFFFE || r == 0xFFFF {
		return ' '
	}
	return r
}

// cut returns at most so many bytes of text, without half a character.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
