package snstopic

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

type fakeSNS struct {
	in  *sns.PublishInput
	err error
}

func (f *fakeSNS) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	f.in = in
	return &sns.PublishOutput{}, f.err
}

func TestPublish(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, subject, want string }{
		{"plain", "SQL Server: 3 in use, 2 licensed", "SQL Server: 3 in use, 2 licensed"},
		{"a header to smuggle", "SQL\r\nBcc: all@example.com", "SQL Bcc: all@example.com"},
		{"no ASCII", "Lizenz über é漢🙂", "Lizenz ?ber ???"},
		{"broken text", "a\xff\x00b", "a? b"},
		{"leading space", " \t a", "a"},
		{"empty", "\n", ""},
		{"100 characters", strings.Repeat("x", 100), strings.Repeat("x", 96) + "..."},
		{"99 characters", strings.Repeat("x", 99), strings.Repeat("x", 99)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := &fakeSNS{}
			if err := (&Topic{f, "arn"}).Publish(t.Context(), test.subject, `{"default":"line\nline\ttab\u0000\u0085"}`, nil); err != nil {
				t.Fatal(err)
			}
			if got := aws.ToString(f.in.Subject); got != test.want || (test.want == "") != (f.in.Subject == nil) {
				t.Errorf("subject %q; want %q", got, test.want)
			}
			if got := aws.ToString(f.in.Message); got != `{"default":"line\nline\ttab  "}` || aws.ToString(f.in.MessageStructure) != "json" {
				t.Errorf("message %q", got)
			}
		})
	}
}

func TestPublishAttributes(t *testing.T) {
	t.Parallel()
	f := &fakeSNS{}
	err := (&Topic{f, "arn"}).Publish(t.Context(), "s", `{"default":"`+strings.Repeat("é\\\"", 200<<10)+`","https":"{}"}`, map[string]string{
		"license": "lic-1\n", "empty": " ", "": "x", "long": strings.Repeat("é", 300)})
	if err != nil || len(f.in.MessageAttributes) != 2 || *f.in.MessageAttributes["license"].StringValue != "lic-1" {
		t.Errorf("attributes %v, %v", f.in.MessageAttributes, err)
	}
	if n := len(*f.in.MessageAttributes["long"].StringValue); n > maxAttribute {
		t.Errorf("an attribute of %d bytes", n)
	}
	if n := len(*f.in.Message); n > maxMessage || n < maxMessage/3 || !strings.HasSuffix(*f.in.Message, `(cut here)"}`) {
		t.Errorf("a message of %d bytes", n)
	}
	down := errors.New("down")
	if err := (&Topic{&fakeSNS{err: down}, "arn"}).Publish(t.Context(), "s", `{"default":"m"}`, nil); !errors.Is(err, down) {
		t.Errorf("error %v; want %v", err, down)
	}
}

func TestTextsByProtocol(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, message, want string }{
		{"each its own", `{"default":"a <b> & \u0000\"c\"","https":"{\"x\":1}"}`, `{"default":"a <b> &  \"c\"","https":"{\"x\":1}"}`},
		{"an empty text, which SNS refuses", `{"default":"","sqs":"q"}`, `{"default":"(no text)","sqs":"q"}`},
		{"no JSON", "text", ""},
		{"no object", `["text"]`, ""},
		{"no text", `{"default":1}`, ""},
		{"no default", `{"https":"x"}`, ""},
		{"nothing", "null", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := &fakeSNS{}
			err := (&Topic{f, "arn"}).Publish(t.Context(), "s", test.message, nil)
			if (err == nil) != (test.want != "") {
				t.Fatalf("error %v", err)
			}
			if test.want == "" && f.in != nil {
				t.Error("it was sent all the same")
			}
			if test.want != "" && *f.in.Message != test.want {
				t.Errorf("sent %s, want %s", *f.in.Message, test.want)
			}
		})
	}
}
