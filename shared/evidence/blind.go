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

// Pseudonym gives the name that stands for a person's in what is sealed: always the
// same for the same person, and telling nobody who that is.
type Pseudonym func(person string) string

// pseudonymPrefix begins each pseudonym, so that none passes for a name.
const pseudonymPrefix = "person-"

// blinding makes what is sealed say no more than it must: names become pseudonyms,
// vendors groups, and each row gets a salt, so that who sees its hash, and much of what
// is in it, cannot try out the rest. Who may use the key can check a guess; without it
// nobody can, and once it is deleted nobody ever can.
type blinding struct {
	key   []byte // made of the key that stays outside
	salts []byte // the key of the salts of one day
}

// newBlinding asks for the key once: a fleet has more names than one should ask for.
func newBlinding(ctx context.Context, mac MAC) (*blinding, error) {
	key, err := mac(ctx, []byte(statementKind))
	if err == nil && len(key) != sha256.Size {
		err = fmt.Errorf("it has %d bytes, not %d", len(key), sha256.Size)
	}
	if err != nil {
		return nil, fmt.Errorf("the key of names and salts: %w", err)
	}
	return &blinding{key: key}, nil
}

func keyed(key []byte, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}

// half is the first half of a MAC, in hexadecimal.
func half(sum []byte) string { return hex.EncodeToString(sum[:sha256.Size/2]) }

func (b *blinding) pseudonym(person string) string {
	return pseudonymPrefix + half(keyed(b.key, []byte("person\n"+person)))
}

// group stands for a vendor: the same in the whole pack, and telling nobody who that is.
func (b *blinding) group(vendor string) string {
	return half(keyed(b.key, []byte("vendor\n"+vendor)))
}

// begin takes the salts of a day: the same whenever the day is sealed again.
func (b *blinding) begin(day string) { b.salts = keyed(b.key, []byte("salts\n"+day)) }

// row is a row as it is sealed: with pseudonyms, and behind all else its vendor's group,
// where it has one, and a salt.
func (b *blinding) row(row []byte, group string) ([]byte, error) {
	row, err := disguise(row, b.pseudonym)
	if err != nil {
		return nil, err
	}
	n := len(row) - 1
	if n < 2 || row[n] != '}' { // identify read it: it is an object with fields
		return nil, errors.New("read row of the change log: something follows its last brace")
	}
	out := append([]byte(nil), row[:n]...)
	if group != "" {
		out = fmt.Appendf(out, `,"group":%q`, group)
	}
	return fmt.Appendf(out, `,"salt":%q}`, half(keyed(b.salts, row))), nil
}

// LocalMAC is HMAC-SHA-256 under a key in memory.
func LocalMAC(key []byte) MAC {
	return func(_ context.Context, message []byte) ([]byte, error) { return keyed(key, message), nil }
}
