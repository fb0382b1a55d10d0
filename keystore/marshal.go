package keystore

import (
	"strings"

	"golang.org/x/crypto/ssh"
)

// Options say how a private key is written.
type Options struct {
	Format     Format
	PPKVersion int    // 2 or 3; 0 is 3
	Passphrase []byte // empty: not encrypted
	Comment    string // OpenSSH and PPK hold one; "": the key's own
}

// Check tells, before a key is made or anything is sent, whether a format can hold
// it: *FormatError. keyType is a Type or a key's algorithm name.
func (o Options) Check(keyType string) error {
	elliptic := strings.HasPrefix(keyType, "ecdsa-sha2-") || keyType == string(ECDSA)
	rsa := keyType == ssh.KeyAlgoRSA || keyType == string(RSA)
	ed25519 := keyType == ssh.KeyAlgoED25519 || keyType == string(Ed25519)
	switch {
	case !elliptic && !rsa && !ed25519, o.Format == PEM && ed25519:
		return &FormatError{Format: o.Format, Type: keyType}
	case o.Format == PEM && len(o.Passphrase) > 0:
		return &FormatError{Format: o.Format, Type: keyType, Encrypted: true}
	case o.Format == PPK && o.PPKVersion != 0 && o.PPKVersion != 2 && o.PPKVersion != 3:
		return &UnsupportedError{What: "PPK version", Why: "2 and 3 are written"}
	case o.Format == OpenSSH, o.Format == PEM, o.Format == PKCS8, o.Format == PPK:
		return nil
	}
	return &FormatError{Format: o.Format, Type: keyType}
}

// Marshal writes the private key in a format: OpenSSH (encrypted with
// aes256-ctr and 24 rounds of bcrypt), PEM (PKCS#1 or SEC 1, plain), PKCS8 (encrypted
// with PBES2: PBKDF2 and AES-256) or PPK (PuTTY's own default parameters). What
// Check refuses, it refuses.
func (k *Key) Marshal(o Options) ([]byte, error) {
	if err := o.Check(k.Public.Type()); err != nil {
		return nil, err
	}
	comment := o.Comment
	if comment == "" {
		comment = k.Comment
	}
	comment = cleanComment(comment)
	switch o.Format {
	case OpenSSH:
		return marshalOpenSSH(k, comment, o.Passphrase, opensshRoundsWritten)
	case PEM:
		return marshalPEM(k)
	case PKCS8:
		return marshalPKCS8(k, o.Passphrase, pbkdf2IterationsWritten)
	}
	version := o.PPKVersion
	if version == 0 {
		version = 3
	}
	return marshalPPK(k, comment, o.Passphrase, version, ppkArgonWritten())
}
