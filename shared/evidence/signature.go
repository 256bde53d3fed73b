package evidence

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
)

// PublicKey is a key that signatures are checked with: ECDSA on P-256.
type PublicKey struct {
	key *ecdsa.PublicKey
	ID  Hash // SHA-256 of the key as SubjectPublicKeyInfo in DER
}

// ParsePublicKey reads a key as SubjectPublicKeyInfo, in PEM or in DER, as
// "aws kms get-public-key" gives it.
func ParsePublicKey(data []byte) (PublicKey, error) {
	if block, _ := pem.Decode(data); block != nil {
		data = block.Bytes
	}
	parsed, err := x509.ParsePKIXPublicKey(data)
	if err != nil {
		return PublicKey{}, fmt.Errorf("read public key: it is no SubjectPublicKeyInfo in PEM or DER: %w", err)
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return PublicKey{}, errors.New("read public key: it is not ECDSA on P-256 (ECC_NIST_P256)")
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return PublicKey{}, fmt.Errorf("read public key: %w", err)
	}
	return PublicKey{key, Sum(der)}, nil
}

// statementKind says what is signed, so that a signature passes for no other.
const statementKind = "licenseguard-evidence 1"

// Statement is what is signed of a manifest: a line that says what it is, and the
// hash. AWS KMS signs a message of up to 4,096 bytes; a manifest has more.
func Statement(manifest []byte) []byte {
	return []byte(statementKind + "\n" + Sum(manifest).String() + "\n")
}

// signature is what DER holds.
type signature struct{ R, S *big.Int }

// halfOrder is half the order of the group, rounded down.
var halfOrder = new(big.Int).Rsh(elliptic.P256().Params().N, 1)

// lowS gives the one form of a signature of which every signature has two: s and
// order-s both verify. With one form, no byte of a pack can change unseen.
func lowS(der []byte) ([]byte, error) {
	var sig signature
	rest, err := asn1.Unmarshal(der, &sig)
	if err != nil || len(rest) > 0 {
		return nil, errors.New("the signature is no ECDSA signature in DER")
	}
	if sig.S.Cmp(halfOrder) > 0 {
		sig.S.Sub(elliptic.P256().Params().N, sig.S)
	}
	return asn1.Marshal(sig)
}

// Verify checks a signature, which is in DER with its smaller s.
func (k PublicKey) Verify(message, der []byte) error {
	low, err := lowS(der)
	if err != nil {
		return err
	}
	if string(low) != string(der) {
		return errors.New("the signature is not in its one form: DER, with the smaller s")
	}
	sum := sha256.Sum256(message)
	if !ecdsa.VerifyASN1(k.key, sum[:], der) {
		return errors.New("the signature does not fit")
	}
	return nil
}
