package evidence

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// MAC is HMAC-SHA-256 under a key that is used for nothing else and is no part of a
// pack.
type MAC func(ctx context.Context, message []byte) ([]byte, error)

// pseudonymPrefix begins each pseudonym, so that none passes for a name.
const pseudonymPrefix = "person-"

// Pseudonyms gives pseudonyms by a keyed hash. Who may use the key can check whether
// a name stands behind a pseudonym; without the key nobody can, and once the key is
// deleted nobody ever can. The key is asked once for each name.
func Pseudonyms(mac MAC) Pseudonym {
	short := shortened(mac)
	return func(ctx context.Context, person string) (string, error) {
		name, err := short(ctx, person)
		return pseudonymPrefix + name, err
	}
}

// shortened gives the first half of a MAC, in hexadecimal; each message is asked once.
func shortened(mac MAC) func(ctx context.Context, message string) (string, error) {
	known := make(map[string]string)
	return func(ctx context.Context, message string) (string, error) {
		if short, ok := known[message]; ok {
			return short, nil
		}
		sum, err := mac(ctx, []byte(message))
		if err == nil && len(sum) != sha256.Size {
			err = fmt.Errorf("the MAC has %d bytes, not %d", len(sum), sha256.Size)
		}
		if err != nil {
			return "", err
		}
		known[message] = hex.EncodeToString(sum[:sha256.Size/2])
		return known[message], nil
	}
}

// blinding makes what is sealed say no more than it must: names become pseudonyms,
// vendors groups, and each row gets a salt, so that who sees its hash, and much of what
// is in it, cannot try out the rest.
type blinding struct {
	mac       MAC
	pseudonym Pseudonym
	short     func(context.Context, string) (string, error)
	salts     []byte // the key of the salts of one day
}

func newBlinding(mac MAC) *blinding {
	return &blinding{mac: mac, pseudonym: Pseudonyms(mac), short: shortened(mac)}
}

// begin takes the salts of a day: the same whenever the day is sealed again.
func (b *blinding) begin(ctx context.Context, day string) (err error) {
	b.salts, err = b.mac(ctx, []byte("salts\n"+day))
	return err
}

// group stands for a vendor: the same in the whole pack, and telling nobody who that is.
func (b *blinding) group(ctx context.Context, vendor string) (string, error) {
	return b.short(ctx, "vendor\n"+vendor)
}

// row is a row as it is sealed: with pseudonyms, and behind all else its vendor's group,
// where it has one, and a salt.
func (b *blinding) row(ctx context.Context, row []byte, group string) ([]byte, error) {
	row, err := disguise(ctx, row, b.pseudonym)
	if err != nil {
		return nil, err
	}
	n := len(row) - 1
	if n < 2 || row[n] != '}' { // identify read it: it is an object with fields
		return nil, errors.New("read row of the change log: something follows its last brace")
	}
	h := hmac.New(sha256.New, b.salts)
	h.Write(row)
	out := append([]byte(nil), row[:n]...)
	if group != "" {
		out = fmt.Appendf(out, `,"group":%q`, group)
	}
	return fmt.Appendf(out, `,"salt":"%x"}`, h.Sum(nil)[:16]), nil
}

// LocalMAC is HMAC-SHA-256 under a key in memory.
func LocalMAC(key []byte) MAC {
	return func(_ context.Context, message []byte) ([]byte, error) {
		h := hmac.New(sha256.New, key)
		h.Write(message)
		return h.Sum(nil), nil
	}
}
