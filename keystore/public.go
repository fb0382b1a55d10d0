package keystore

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"
)

// parsePublicBlob reads a public key in wire form (RFC 4253, section 6.6). Key
// types that x/crypto does not know, such as ssh-ed448, give a key that tells
// type and blob and verifies nothing.
func parsePublicBlob(blob []byte) (ssh.PublicKey, error) {
	if err := limit("public key", uint64(len(blob)), maxPublicBlob, "bytes"); err != nil {
		return nil, err
	}
	w := wire{rest: blob}
	name := string(w.string())
	if w.bad || !validName(name) {
		return nil, &CorruptError{What: "public key has no key type"}
	}
	key, err := ssh.ParsePublicKey(blob)
	switch {
	case err == nil:
		return key, nil
	case known(name):
		return nil, &CorruptError{What: "public key breaks the form of its type " + name}
	}
	return &foreignKey{name: name, blob: bytes.Clone(blob)}, nil
}

// known tells whether x/crypto reads keys of this type.
func known(name string) bool {
	switch strings.TrimSuffix(name, "-cert-v01@openssh.com") {
	case ssh.KeyAlgoRSA, algoDSA, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoED25519,
		ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoSKED25519, "sk-ecdsa-sha2-nistp256", "sk-ssh-ed25519":
		return true
	}
	return false
}

// validName follows RFC 4251, section 6: printable US-ASCII, no comma, at most
// 64 characters.
func validName(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' || c == ',' {
			return false
		}
	}
	return true
}

// foreignKey is a public key of a type that x/crypto does not know.
type foreignKey struct {
	name string
	blob []byte
}

func (k *foreignKey) Type() string    { return k.name }
func (k *foreignKey) Marshal() []byte { return bytes.Clone(k.blob) }
func (k *foreignKey) Verify([]byte, *ssh.Signature) error {
	return errors.New("keystore: no signature can be verified with a key of type " + k.name)
}

// bits gives the size of an RSA modulus or an ECDSA curve; 0 for others.
func bits(key ssh.PublicKey) int {
	standard, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return 0
	}
	switch k := standard.CryptoPublicKey().(type) {
	case *rsa.PublicKey:
		return k.N.BitLen()
	case *ecdsa.PublicKey:
		return k.Curve.Params().BitSize
	}
	return 0
}

// setPublic fills in what the public half tells. A certificate stands for the
// key that it certifies.
func (f *File) setPublic(key ssh.PublicKey) {
	if cert, ok := key.(*ssh.Certificate); ok {
		f.Certificate, key = cert, cert.Key
	}
	f.Public, f.Type, f.Bits = key, key.Type(), bits(key)
}

// parsePublicLine reads the first key of an authorized_keys or .pub file.
func parsePublicLine(text []byte) (*File, error) {
	key, comment, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		if key, comment = foreignLine(text); key == nil {
			return nil, ErrNotKey
		}
	}
	if err := limit("public key", uint64(len(key.Marshal())), maxPublicBlob, "bytes"); err != nil {
		return nil, err
	}
	f := &File{Format: Public, Comment: cleanComment(comment)}
	f.setPublic(key)
	return f, nil
}

// foreignLine reads the first line as "type base64 comment" with a type that
// x/crypto does not know.
func foreignLine(text []byte) (ssh.PublicKey, string) {
	line, _, _ := strings.Cut(strings.TrimSpace(string(text[:min(len(text), 2*maxPublicBlob)])), "\n")
	name, rest, _ := strings.Cut(line, " ")
	encoded, comment, _ := strings.Cut(strings.TrimSpace(rest), " ")
	blob, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(blob) == 0 {
		return nil, ""
	}
	key, err := parsePublicBlob(blob)
	if err != nil || key.Type() != name {
		return nil, ""
	}
	return key, comment
}

// AuthorizedKey gives a public key as a line of authorized_keys, newline included.
func AuthorizedKey(key ssh.PublicKey, comment string) []byte {
	line := key.Type() + " " + base64.StdEncoding.EncodeToString(key.Marshal())
	if comment = cleanComment(comment); comment != "" {
		line += " " + comment
	}
	return []byte(line + "\n")
}

// cleanComment makes a comment one bounded line: it may have been written by a
// stranger, and a line break in it would forge lines of other files.
func cleanComment(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	return cutText(strings.TrimSpace(s), maxComment)
}

// cutText keeps at most so many bytes, no half character.
func cutText(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return strings.TrimSpace(s[:most])
}
