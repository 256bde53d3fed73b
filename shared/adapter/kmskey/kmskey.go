// Package kmskey signs and pseudonymises with keys that never leave AWS KMS.
package kmskey

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"licenseguard/shared/evidence"
)

var _ evidence.Signer = (*Signer)(nil)

// api lists the calls that the adapter makes.
type api interface {
	GetPublicKey(context.Context, *kms.GetPublicKeyInput, ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error)
	Sign(context.Context, *kms.SignInput, ...func(*kms.Options)) (*kms.SignOutput, error)
	GenerateMac(context.Context, *kms.GenerateMacInput, ...func(*kms.Options)) (*kms.GenerateMacOutput, error)
}

// signedAtMost is the longest message that KMS signs as it is (API reference, 2026).
const signedAtMost = 4096

// Signer is a key of kind ECC_NIST_P256.
type Signer struct {
	api api
	key string
}

// NewSigner returns the signing key of an ARN.
func NewSigner(client *kms.Client, key string) *Signer { return &Signer{client, key} }

// PublicKey implements evidence.Signer.
func (s *Signer) PublicKey(ctx context.Context) ([]byte, error) {
	out, err := s.api.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &s.key})
	if err != nil {
		return nil, fmt.Errorf("get public key: %w", err)
	}
	return out.PublicKey, nil
}

// Sign implements evidence.Signer, for messages of up to 4,096 bytes.
func (s *Signer) Sign(ctx context.Context, message []byte) ([]byte, error) {
	if len(message) > signedAtMost {
		return nil, fmt.Errorf("sign: the message has %d bytes; KMS signs at most %d", len(message), signedAtMost)
	}
	out, err := s.api.Sign(ctx, &kms.SignInput{KeyId: &s.key, Message: message,
		MessageType: types.MessageTypeRaw, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return out.Signature, nil
}

// MAC is HMAC-SHA-256 under the key of an ARN, of kind HMAC_256.
func MAC(client *kms.Client, key string) evidence.MAC {
	return mac(client, key)
}

func mac(client api, key string) evidence.MAC {
	return func(ctx context.Context, message []byte) ([]byte, error) {
		out, err := client.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: &key, Message: message, MacAlgorithm: types.MacAlgorithmSpecHmacSha256})
		if err != nil {
			return nil, fmt.Errorf("generate MAC: %w", err)
		}
		if len(out.Mac) < 16 {
			return nil, errors.New("generate MAC: the answer has none")
		}
		return out.Mac, nil
	}
}
