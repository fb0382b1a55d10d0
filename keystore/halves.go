package keystore

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"math/big"

	"golang.org/x/crypto/ssh"
)

// This file builds private keys from their numbers, as OpenSSH and PPK files
// hold them, and verifies that the numbers belong together.

// newRSA takes the numbers of RFC 8017, section 3.2: iqmp is q^-1 mod p.
func newRSA(n, e, d, iqmp, p, q *big.Int) (*rsa.PrivateKey, error) {
	if err := checkRSAPublic(n, e); err != nil {
		return nil, err
	}
	if p.Sign() <= 0 || q.Sign() <= 0 || d.Sign() <= 0 {
		return nil, &CorruptError{What: "RSA numbers do not belong together"}
	}
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: n, E: int(e.Int64())},
		D:         d,
		Primes:    []*big.Int{p, q},
	}
	if err := checkRSA(key); err != nil {
		return nil, err
	}
	if new(big.Int).ModInverse(q, p).Cmp(iqmp) != 0 {
		return nil, &CorruptError{What: "RSA coefficient does not belong to the primes"}
	}
	return key, nil
}

// checkRSA verifies an RSA key and makes it ready to sign.
func checkRSA(key *rsa.PrivateKey) error {
	if key.Validate() != nil {
		return &CorruptError{What: "RSA numbers do not belong together"}
	}
	key.Precompute()
	return nil
}

// checkRSAPublic refuses what could not be used: x/crypto takes exponents of at
// most 24 bits.
func checkRSAPublic(n, e *big.Int) error {
	if n.Sign() <= 0 || e.Cmp(big.NewInt(3)) < 0 || e.Bit(0) == 0 {
		return &CorruptError{What: "RSA public key is out of range"}
	}
	if e.BitLen() > 24 {
		return &UnsupportedError{What: fmt.Sprintf("RSA exponent of %d bits", e.BitLen()), Why: "24 bits are the most"}
	}
	if bits := n.BitLen(); bits < minRSABits {
		return &UnsupportedError{What: fmt.Sprintf("RSA of %d bits", bits), Why: fmt.Sprintf("less than %d bits are not safe", minRSABits)}
	}
	return limit("RSA modulus", uint64(n.BitLen()), maxRSABits, "bits")
}

// curveOf finds a curve by its name in RFC 5656.
func curveOf(name string) (elliptic.Curve, bool) {
	switch name {
	case "nistp256":
		return elliptic.P256(), true
	case "nistp384":
		return elliptic.P384(), true
	case "nistp521":
		return elliptic.P521(), true
	}
	return nil, false
}

// newECDSA takes a curve's name, the public point uncompressed, and the scalar.
func newECDSA(curveName string, point []byte, scalar *big.Int) (*ecdsa.PrivateKey, error) {
	if _, ok := curveOf(curveName); !ok {
		return nil, errCurve(curveName)
	}
	key, err := sec1Key(curveName, scalar.Bytes())
	if err != nil {
		return nil, err
	}
	if !isPoint(&key.PublicKey, point) {
		return nil, &CorruptError{What: "ECDSA scalar does not belong to the public key"}
	}
	return key, nil
}

// newEd25519 takes the 32 bytes of seed and of public key.
func newEd25519(seed, public []byte) (ed25519.PrivateKey, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, &CorruptError{What: "Ed25519 seed is not 32 bytes long"}
	}
	key := ed25519.NewKeyFromSeed(seed)
	if !bytes.Equal(key[ed25519.SeedSize:], public) {
		return nil, &CorruptError{What: "Ed25519 seed does not belong to the public key"}
	}
	return key, nil
}

// newKey pairs a private key of crypto with its public half as SSH has it.
func newKey(private crypto.Signer) (*Key, error) {
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		return nil, &UnsupportedError{What: fmt.Sprintf("key of kind %T", private), Why: "SSH has no such key type"}
	}
	return &Key{Private: private, Public: public}, nil
}

// sameKey compares two public keys by their blobs.
func sameKey(a, b ssh.PublicKey) bool {
	return a != nil && b != nil && bytes.Equal(a.Marshal(), b.Marshal())
}
