package keystore

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"math/big"
)

// rsaPrivate are the private numbers as OpenSSH and PPK files hold them.
type rsaPrivate struct {
	d, p, q, iqmp *big.Int // iqmp is q^-1 mod p
}

func rsaNumbers(key *rsa.PrivateKey) (rsaPrivate, error) {
	if len(key.Primes) != 2 {
		return rsaPrivate{}, errPrimes()
	}
	p, q := key.Primes[0], key.Primes[1]
	return rsaPrivate{d: key.D, p: p, q: q, iqmp: new(big.Int).ModInverse(q, p)}, nil
}

func errPrimes() error {
	return &UnsupportedError{What: "RSA of more than two primes", Why: "key files of SSH have room for two"}
}

// ecdsaNumbers gives the point uncompressed and the scalar.
func ecdsaNumbers(key *ecdsa.PrivateKey) (point []byte, scalar *big.Int, err error) {
	if point, err = key.PublicKey.Bytes(); err != nil {
		return nil, nil, err
	}
	raw, err := key.Bytes()
	if err != nil {
		return nil, nil, err
	}
	return point, new(big.Int).SetBytes(raw), nil
}
