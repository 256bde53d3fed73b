package evidence

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// pseudonymPrefix begins each pseudonym, so that none passes for a name.
const pseudonymPrefix = "person-"

// Pseudonyms gives pseudonyms by a keyed hash. Who may use the key can check whether
// a name stands behind a pseudonym; without the key nobody can, and once the key is
// deleted nobody ever can. mac is HMAC-SHA-256 under that key, and is asked once for
// each name.
func Pseudonyms(mac func(ctx context.Context, message []byte) ([]byte, error)) Pseudonym {
	known := make(map[string]string)
	return func(ctx context.Context, person string) (string, error) {
		if name, ok := known[person]; ok {
			return name, nil
		}
		sum, err := mac(ctx, []byte(person))
		if err != nil {
			return "", err
		}
		known[person] = pseudonymPrefix + hex.EncodeToString(sum[:16])
		return known[person], nil
	}
}

// LocalMAC is HMAC-SHA-256 under a key in memory.
func LocalMAC(key []byte) func(context.Context, []byte) ([]byte, error) {
	return func(_ context.Context, message []byte) ([]byte, error) {
		h := hmac.New(sha256.New, key)
		h.Write(message)
		return h.Sum(nil), nil
	}
}
