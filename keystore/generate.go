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

// Check tells, before a key is made, whether there is one of a size:
// *UnsupportedError. The sizes are those of Generate.
func (t Type) Check(bits int) error {
	known, fits := true, bits == 0
	switch t {
	case Ed25519:
		fits = fits || bits == 256
	case ECDSA:
		fits = fits || bits == 256 || bits == 384 || bits == 521
	case RSA:
		fits = fits || bits >= 2048 && bits <= maxRSABits
	default:
		known = false
	}
	switch {
	case !known:
		return &UnsupportedError{What: fmt.Sprintf("key type %q", string(t)), Why: "ed25519, ecdsa and rsa can be made"}
	case !fits:
		return &UnsupportedError{What: fmt.Sprintf("%s of %d bits", t, bits), Why: "no such size"}
	}
	return nil
}

func generate(t Type, bits int) (crypto.Signer, error) {
	if err := t.Check(bits); err != nil {
		return nil, err
	}
	switch t {
	case ECDSA:
		return ecdsa.GenerateKey(curveOfSize(bits), rand.Reader)
	case RSA:
		if bits == 0 {
			bits = 3072
		}
		return rsa.GenerateKey(rand.Reader, bits)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

func curveOfSize(bits int) elliptic.Curve {
	switch bits {
	case 384:
		return elliptic.P384()
	case 521:
		return elliptic.P521()
	}
	return elliptic.P256()
}
