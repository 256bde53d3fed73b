package kmskey

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"licenseguard/shared/evidence"
	"licenseguard/shared/evidence/evidencetest"
)

// fakeKMS has one signing key and one MAC key.
type fakeKMS struct {
	key evidencetest.Key
	err error
}

func (f fakeKMS) GetPublicKey(ctx context.Context, in *kms.GetPublicKeyInput, _ ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error) {
	if aws.ToString(in.KeyId) != "signing" {
		return nil, &types.NotFoundException{}
	}
	der, err := f.key.PublicKey(ctx)
	return &kms.GetPublicKeyOutput{PublicKey: der}, errors.Join(err, f.err)
}

func (f fakeKMS) Sign(ctx context.Context, in *kms.SignInput, _ ...func(*kms.Options)) (*kms.SignOutput, error) {
	if aws.ToString(in.KeyId) != "signing" || in.MessageType != types.MessageTypeRaw || in.SigningAlgorithm != types.SigningAlgorithmSpecEcdsaSha256 {
		return nil, &types.NotFoundException{}
	}
	der, err := f.key.Sign(ctx, in.Message)
	return &kms.SignOutput{Signature: der}, errors.Join(err, f.err)
}

func (f fakeKMS) GenerateMac(ctx context.Context, in *kms.GenerateMacInput, _ ...func(*kms.Options)) (*kms.GenerateMacOutput, error) {
	if aws.ToString(in.KeyId) != "names" || in.MacAlgorithm != types.MacAlgorithmSpecHmacSha256 || len(in.Message) > 4096 {
		return nil, &types.NotFoundException{}
	}
	sum, err := evidence.LocalMAC([]byte("k"))(ctx, in.Message)
	return &kms.GenerateMacOutput{Mac: sum}, errors.Join(err, f.err)
}

func TestSigner(t *testing.T) {
	t.Parallel()
	f := fakeKMS{key: evidencetest.NewKey()}
	s := &Signer{f, "signing"}
	der, err := s.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if public, err := evidence.ParsePublicKey(der); err != nil || public.ID != f.key.Public().ID {
		t.Errorf("another key: %v", err)
	}
	if sig, err := s.Sign(t.Context(), []byte("message")); err != nil || len(sig) < 60 {
		t.Errorf("%x, %v", sig, err)
	}
	if _, err := s.Sign(t.Context(), make([]byte, 4097)); err == nil || !strings.Contains(err.Error(), "4096") {
		t.Errorf("a message that KMS refuses: %v", err)
	}
	f.err = errors.New("throttled")
	s = &Signer{f, "signing"}
	if _, err := s.PublicKey(t.Context()); !errors.Is(err, f.err) {
		t.Error(err)
	}
	if _, err := s.Sign(t.Context(), nil); !errors.Is(err, f.err) {
		t.Error(err)
	}
}

func TestMAC(t *testing.T) {
	t.Parallel()
	f := fakeKMS{}
	sum, err := mac(f, "names")(t.Context(), []byte("alice"))
	want, _ := evidence.LocalMAC([]byte("k"))(t.Context(), []byte("alice"))
	if err != nil || !bytes.Equal(sum, want) {
		t.Errorf("%x, %v", sum, err)
	}
	f.err = errors.New("throttled")
	if _, err := mac(f, "names")(t.Context(), []byte("bob")); !errors.Is(err, f.err) {
		t.Error(err)
	}
}
