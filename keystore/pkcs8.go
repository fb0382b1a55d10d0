package keystore

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ssh"
)

// PrivateKeyInfo of RFC 5208, OneAsymmetricKey of RFC 5958:
//
//	SEQUENCE { INTEGER version, AlgorithmIdentifier, OCTET STRING key,
//	           [0] attributes OPTIONAL, [1] IMPLICIT BIT STRING public OPTIONAL }

type pkcs8 struct {
	algorithm  string // the OID
	parameters cryptobyte.String
	key        []byte
	public     []byte // nil: left out
}

const (
	oidRSA     = "1.2.840.113549.1.1.1"
	oidEC      = "1.2.840.10045.2.1"
	oidDSA     = "1.2.840.10040.4.1"
	oidEd25519 = "1.3.101.112"
	oidEd448   = "1.3.101.113"
)

func splitPKCS8(der []byte) (pkcs8, error) {
	var (
		p          pkcs8
		version    uint64
		oid        asn1.ObjectIdentifier
		algorithm  cryptobyte.String
		public     cryptobyte.String
		hasPublic  bool
		attributes = casn1.Tag(0).ContextSpecific().Constructed()
		publicTag  = casn1.Tag(1).ContextSpecific()
	)
	input := cryptobyte.String(der)
	if !input.ReadASN1(&input, casn1.SEQUENCE) || !input.ReadASN1Integer(&version) || version > 1 ||
		!input.ReadASN1(&algorithm, casn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) ||
		!input.ReadASN1Bytes(&p.key, casn1.OCTET_STRING) ||
		!input.SkipOptionalASN1(attributes) ||
		!input.ReadOptionalASN1(&public, &hasPublic, publicTag) || !input.Empty() {
		return p, &CorruptError{What: "no PKCS#8 structure"}
	}
	if hasPublic && len(public) > 1 {
		p.public = public[1:] // the first byte counts unused bits: none
	}
	p.algorithm, p.parameters = oid.String(), algorithm
	return p, nil
}

func parsePKCS8(der []byte) (*File, error) {
	p, err := splitPKCS8(der)
	if err != nil {
		return nil, err
	}
	public, err := p.publicKey()
	if err != nil {
		return nil, err
	}
	f := &File{Format: PKCS8, open: func([]byte) (*Key, error) { return p.open() }}
	f.setPublic(public)
	return f, nil
}

func (p pkcs8) publicKey() (ssh.PublicKey, error) {
	if p.algorithm == oidRSA {
		return pkcs1Public(p.key)
	}
	key, err := p.open()
	if err != nil {
		return nil, err
	}
	return key.Public, nil
}

func (p pkcs8) open() (*Key, error) {
	switch p.algorithm {
	case oidRSA:
		return openPKCS1(p.key)
	case oidEC:
		curve, err := curveOfParameters(p.parameters)
		if err != nil {
			return nil, err
		}
		return openSEC1(p.key, curve)
	case oidEd25519:
		return p.openEd25519()
	case oidEd448:
		return nil, errKeyType("ssh-ed448")
	case oidDSA:
		return nil, errDSA()
	}
	return nil, &UnsupportedError{What: fmt.Sprintf("PKCS#8 algorithm %q", p.algorithm), Why: "no such SSH key"}
}

// openEd25519 follows RFC 8410, section 7: an OCTET STRING within the OCTET STRING.
func (p pkcs8) openEd25519() (*Key, error) {
	var seed []byte
	inner := cryptobyte.String(p.key)
	if !inner.ReadASN1Bytes(&seed, casn1.OCTET_STRING) || !inner.Empty() || len(seed) != ed25519.SeedSize {
		return nil, &CorruptError{What: "Ed25519 seed is not 32 bytes long"}
	}
	key := ed25519.NewKeyFromSeed(seed)
	if p.public != nil && !bytes.Equal(p.public, key[ed25519.SeedSize:]) {
		return nil, &CorruptError{What: "Ed25519 seed does not belong to the public key"}
	}
	return newKey(key)
}

// marshalPKCS8 writes PKCS#8; where a passphrase is given, encrypted as PBES2.
func marshalPKCS8(k *Key, passphrase []byte, iterations int) ([]byte, error) {
	if key, ok := k.Private.(*rsa.PrivateKey); ok && len(key.Primes) != 2 {
		return nil, errPrimes()
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.Private)
	if err != nil {
		return nil, &FormatError{Format: PKCS8, Type: k.Public.Type()}
	}
	if len(passphrase) == 0 {
		return encodePEM(labelPKCS8, der), nil
	}
	if der, err = encryptPBES2(der, passphrase, iterations); err != nil {
		return nil, err
	}
	return encodePEM(labelEncrypted, der), nil
}
