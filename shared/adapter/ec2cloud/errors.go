package ec2cloud

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws/smithy-go"

	"licenseguard/shared/enforce"
	"licenseguard/shared/track"
)

// translate is the one place where errors of EC2 get their meaning:
// enforce.ErrNotYet, enforce.ErrGone, enforce.ErrThrottled, track.ErrUnreachable, or none of their own. No
// error stays none.
func translate(what string, err error) error {
	if err == nil {
		return nil
	}
	meaning := meaningOf(code(err))
	if meaning == nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %w: %w", what, meaning, err)
}

// meaningOf reads an error code of EC2 (API reference, error codes, 2026).
func meaningOf(code string) error {
	switch code {
	case "RequestLimitExceeded", "Throttling", "ThrottlingException", "EC2ThrottledException", "RequestThrottled", "TooManyRequestsException":
		return enforce.ErrThrottled
	case "InvalidInstanceID", "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed", "InvalidID", "InvalidInstanceId":
		return enforce.ErrGone
	case "IncorrectInstanceState", "InvalidInstanceState":
		return enforce.ErrNotYet
	case "AuthFailure", "OptInRequired": // the Region is off, or the account closed
		return track.ErrUnreachable
	default:
		return nil
	}
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

func isUnknownHost(err error) bool { return strings.HasPrefix(code(err), "InvalidHost") }

// EC2's limits for tags, in characters.
const (
	maxTagKey   = 128
	maxTagValue = 256
)

// cleanTag replaces what is no printable character and cuts.
func cleanTag(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	runes := []rune(s)
	return string(runes[:most-1]) + "…"
}
