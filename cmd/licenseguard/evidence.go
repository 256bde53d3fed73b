package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"licenseguard/shared/adapter/folderpack"
	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/evidence"
)

// sealDay seals a day's reports as the night after does when deployed, with a fresh
// key: the evidence stays, with the public key beside it; the private key does not.
// It returns what to tell.
func sealDay(ctx context.Context, dir string, day time.Time) ([]string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	names := make([]byte, 32)
	rand.Read(names)
	pack := filepath.Join(dir, "evidence")
	sealer := evidence.Sealer{
		Ledger: "demonstration", Source: folderpack.New(filepath.Join(dir, "reports")), Vault: folderpack.New(pack), Signer: localKey{key},
		MAC: evidence.LocalMAC(names), Table: parquetfile.Disguise,
		Now: func() time.Time { return day.AddDate(0, 0, 1) },
	}
	sealed, err := sealer.Run(ctx)
	if err != nil {
		return nil, err
	}
	der, err := localKey{key}.PublicKey(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(pack+".pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o644); err != nil {
		return nil, fmt.Errorf("write public key: %w", err)
	}
	var told []string
	for _, s := range sealed {
		told = append(told, fmt.Sprintf("%s: %d files, %d rows. To check it, now or after changing a byte of it:", s.Day, s.Files, s.Rows),
			fmt.Sprintf("bin/licenseguard verify %s --key %s --head %s", quoted(pack), quoted(pack+".pub"), s.Head))
	}
	return told, nil
}

// localKey signs with a key in memory.
type localKey struct{ private *ecdsa.PrivateKey }

func (k localKey) PublicKey(context.Context) ([]byte, error) {
	return x509.MarshalPKIXPublicKey(&k.private.PublicKey)
}

func (k localKey) Sign(_ context.Context, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, k.private, sum[:])
}
