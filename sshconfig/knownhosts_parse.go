package sshconfig

import (
	"bufio"
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/ssh"
)

const (
	maxKnownHostsFile = 16 << 20
	maxKnownHostsLine = 64 << 10
	minRSABits        = 1024 // SSH_RSA_MINIMUM_MODULUS_SIZE of OpenSSH's sshkey.h
)

// What can be wrong with a line; see Problem.
var (
	ErrLineTooLong   = errors.New("line is longer than 64 KiB")
	ErrMarker        = errors.New("marker is neither @cert-authority nor @revoked followed by a space")
	ErrNameHash      = errors.New("hashed name is malformed")
	ErrTruncated     = errors.New("line ends before its key")
	ErrKeyEncoding   = errors.New("key is not base64")
	ErrKeyMismatched = errors.New("key is of another type than the line says")
	ErrRSATooShort   = errors.New("RSA key has fewer than 1024 bits")
)

// UnknownKeyTypeError is a key type that is not known here.
type UnknownKeyTypeError struct{ Type string }

func (e *UnknownKeyTypeError) Error() string { return fmt.Sprintf("key type %q is unknown", e.Type) }

// TooLargeError is a file that is longer than Limit bytes.
type TooLargeError struct {
	Path  string
	Limit int64
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s is larger than %d bytes", e.Path, e.Limit)
}

// ParseKnownHosts reads one known_hosts file of at most 16 MiB; path only
// names it in what comes back. A malformed line, one over 64 KiB and one whose
// key type is unknown here become Problems and hide nothing but themselves.
// The error is a failed read or a *TooLargeError.
func ParseKnownHosts(r io.Reader, path string) (*KnownHosts, []Problem, error) {
	content, err := readLimited(r, path, maxKnownHostsFile)
	if err != nil {
		return nil, nil, err
	}
	k := &KnownHosts{}
	var problems []Problem
	number := 0
	for line := range bytes.Lines(content) {
		number++
		e, err := parseKnownHostsLine(line)
		switch {
		case errors.Is(err, errNoEntry):
		case err != nil:
			problems = append(problems, Problem{Path: path, Line: number, Why: err})
		default:
			e.Path, e.Number = path, number
			k.entries = append(k.entries, e)
		}
	}
	return k, problems, nil
}

func readLimited(r io.Reader, path string, limit int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(bufio.NewReader(r), limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, &TooLargeError{Path: path, Limit: limit}
	}
	return content, nil
}

// errNoEntry is an empty line or a comment.
var errNoEntry = errors.New("no entry")

// parseKnownHostsLine reads a line as hostkeys_foreach_file of OpenSSH's
// hostfile.c does. Like there, a NUL ends it.
func parseKnownHostsLine(raw []byte) (entry, error) {
	if len(raw) > maxKnownHostsLine {
		return entry{}, ErrLineTooLong
	}
	line := strings.TrimSuffix(string(raw), "\n")
	line, _, _ = strings.Cut(line, "\x00")
	line = trimBlanks(strings.TrimSuffix(line, "\r"))
	if line == "" || line[0] == '#' {
		return entry{}, errNoEntry
	}
	var e entry
	var ok bool
	if e.marker, line, ok = cutMarker(line); !ok {
		return entry{}, ErrMarker
	}
	e.names, line = cutField(line)
	if strings.HasPrefix(e.names, "|") {
		if _, ok := hashSalt(e.names); !ok {
			return entry{}, ErrNameHash
		}
	}
	if line == "" || line[0] == '#' {
		return entry{}, ErrTruncated
	}
	keyType, line := cutField(line)
	blob, comment := cutField(line)
	if blob == "" {
		return entry{}, ErrTruncated
	}
	key, err := decodeKey(keyType, blob)
	e.Key, e.Comment = key, comment
	return e, err
}

// cutMarker takes the marker off the start of a line. Only a space ends it
// where the line has one at all: check_markers of hostfile.c looks for a tab
// only on a line without spaces.
func cutMarker(line string) (m marker, rest string, ok bool) {
	if line[0] != '@' {
		return noMarker, line, true
	}
	end := strings.IndexByte(line, ' ')
	if end < 0 {
		end = strings.IndexByte(line, '\t')
	}
	if end < 0 {
		return noMarker, "", false
	}
	switch line[:end] {
	case "@cert-authority":
		m = certAuthority
	case "@revoked":
		m = revoked
	default:
		return noMarker, "", false
	}
	rest = trimBlanks(line[end:])
	return m, rest, !strings.HasPrefix(rest, "@") // one marker a line
}

func trimBlanks(s string) string { return strings.TrimLeft(s, " \t") }

// cutField cuts the first of the fields that blanks separate.
func cutField(s string) (field, rest string) {
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], trimBlanks(s[i:])
	}
	return s, ""
}

// decodeKey reads a public key and holds it to the type that the line names.
func decodeKey(keyType, encoded string) (ssh.PublicKey, error) {
	format := keyFormat(keyType)
	if format == "" {
		return nil, &UnknownKeyTypeError{Type: keyType}
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, ErrKeyEncoding
	}
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return nil, fmt.Errorf("key cannot be read: %w", err)
	}
	if key.Type() != format {
		return nil, ErrKeyMismatched
	}
	if bits := rsaBits(key); bits != 0 && bits < minRSABits {
		return nil, ErrRSATooShort
	}
	return key, nil
}

// webAuthnECDSA256 is the signature algorithm of a security key in a browser.
const webAuthnECDSA256 = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"

// keyFormat is the type that a key blob bears where a line names keyType, ""
// for a type unknown here. Like OpenSSH's sshkey_read it takes the names of
// RSA's signature algorithms for RSA keys.
func keyFormat(keyType string) string {
	switch keyType {
	case ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512:
		return ssh.KeyAlgoRSA
	case ssh.CertAlgoRSASHA256v01, ssh.CertAlgoRSASHA512v01:
		return ssh.CertAlgoRSAv01
	case webAuthnECDSA256:
		return ssh.KeyAlgoSKECDSA256
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSA, keyAlgoDSA, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
		ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
		ssh.CertAlgoRSAv01, certAlgoDSA, ssh.CertAlgoSKED25519v01, ssh.CertAlgoSKECDSA256v01:
		return keyType
	}
	return ""
}

// rsaBits is the modulus size of an RSA key or certificate, 0 for others.
func rsaBits(key ssh.PublicKey) int {
	crypto, ok := plainKey(key).(ssh.CryptoPublicKey)
	if !ok {
		return 0
	}
	if k, ok := crypto.CryptoPublicKey().(*rsa.PublicKey); ok {
		return k.N.BitLen()
	}
	return 0
}
