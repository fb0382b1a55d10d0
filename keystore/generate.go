package keystore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
)

// Type is a kind of key that can be made, by the name that ssh-keygen -t takes.
type Type string

// The kinds.
const (
	Ed25519 Type = "ed25519"
	ECDSA   Type = "ecdsa"
	RSA     Type = "rsa"
)

// Generate makes a key. bits 0 is the type's default: ECDSA 256 (or 384, 521),
// RSA 3072 (2048 to 16384); Ed25519 has 256 only. RSA of 16384 bits takes minutes.
func Generate(t Type, bits int) (*Key, error) {
	private, err := generate(t, bits)
	if err != nil {
		return nil, err
	}
	return newKey(private)
}

func generate(t Type, bits int) (crypto.Signer, error) {
	refused := &UnsupportedError{What: fmt.Sprintf("%s of %d bits", t, bits), Why: "no such size"}
	switch t {
	case Ed25519:
		if bits != 0 && bits != 256 {
			return nil, refused
		}
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case ECDSA:
		switch bits {
		case 0, 256:
			return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		case 384:
			return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		case 521:
			return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
		}
		return nil, refused
	case RSA:
		if bits == 0 {
			bits = 3072
		}
		if bits < 2048 || bits > maxRSABits {
			return nil, refused
		}
		return rsa.GenerateKey(rand.Reader, bits)
	}
	return nil, &UnsupportedError{What: fmt.Sprintf("key type %q", t), Why: "ed25519, ecdsa and rsa can be made"}
}
