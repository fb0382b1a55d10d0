package keystore

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/asn1"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// ECPrivateKey of SEC 1, C.4 (RFC 5915):
//
//	SEQUENCE { INTEGER 1, OCTET STRING scalar, [0] curve OPTIONAL, [1] BIT STRING point OPTIONAL }
//
// crypto/x509 reads it too, but does not hold the point against the scalar.

// openSEC1 takes the curve from inside, else from the PKCS#8 structure around.
func openSEC1(der []byte, curveAround string) (*Key, error) {
	var (
		version             uint64
		scalar, point       []byte
		parameters, public  cryptobyte.String
		hasCurve, hasPublic bool
		curveTag, publicTag = casn1.Tag(0).ContextSpecific().Constructed(), casn1.Tag(1).ContextSpecific().Constructed()
	)
	input := cryptobyte.String(der)
	if !input.ReadASN1(&input, casn1.SEQUENCE) || !input.ReadASN1Integer(&version) || version != 1 ||
		!input.ReadASN1Bytes(&scalar, casn1.OCTET_STRING) ||
		!input.ReadOptionalASN1(&parameters, &hasCurve, curveTag) ||
		!input.ReadOptionalASN1(&public, &hasPublic, publicTag) ||
		!input.Empty() || hasPublic && !public.ReadASN1BitStringAsBytes(&point) {
		return nil, &CorruptError{What: "no SEC 1 structure"}
	}
	name := curveAround
	if hasCurve {
		var err error
		if name, err = curveOfParameters(parameters); err != nil {
			return nil, err
		}
	}
	key, err := sec1Key(name, scalar)
	if err != nil {
		return nil, err
	}
	if hasPublic && !isPoint(&key.PublicKey, point) {
		return nil, &CorruptError{What: "ECDSA scalar does not belong to the public key"}
	}
	return newKey(key)
}

// sec1Key takes scalars of a length other than the curve's: PuTTYgen writes them
// as an mpint.
func sec1Key(curveName string, scalar []byte) (*ecdsa.PrivateKey, error) {
	curve, ok := curveOf(curveName)
	if !ok {
		return nil, &CorruptError{What: "EC key names no curve"}
	}
	size := (curve.Params().BitSize + 7) / 8
	scalar = bytes.TrimLeft(scalar, "\x00")
	if len(scalar) > size {
		return nil, &CorruptError{What: "ECDSA scalar is longer than its curve"}
	}
	key, err := ecdsa.ParseRawPrivateKey(curve, new(big.Int).SetBytes(scalar).FillBytes(make([]byte, size)))
	if err != nil {
		return nil, &CorruptError{What: "ECDSA scalar is out of range"}
	}
	return key, nil
}

// isPoint compares with a point in either of its forms (SEC 1, 2.3.3).
func isPoint(key *ecdsa.PublicKey, point []byte) bool {
	full, err := key.Bytes()
	if err != nil {
		return false
	}
	size := (len(full) - 1) / 2
	compressed := append([]byte{2 + full[len(full)-1]&1}, full[1:1+size]...)
	return bytes.Equal(point, full) || bytes.Equal(point, compressed)
}

// curveOfParameters reads ECParameters; only named curves are known to SSH.
func curveOfParameters(der cryptobyte.String) (string, error) {
	var oid asn1.ObjectIdentifier
	if !der.ReadASN1ObjectIdentifier(&oid) {
		return "", &UnsupportedError{What: "EC key with explicit parameters", Why: "SSH has named curves only"}
	}
	switch oid.String() {
	case "1.2.840.10045.3.1.7":
		return "nistp256", nil
	case "1.3.132.0.34":
		return "nistp384", nil
	case "1.3.132.0.35":
		return "nistp521", nil
	}
	return "", errCurve(oid.String())
}

func errCurve(name string) error {
	return &UnsupportedError{What: fmt.Sprintf("EC curve %q", name), Why: "SSH has P-256, P-384 and P-521 only"}
}
