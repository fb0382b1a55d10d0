package keystore

import (
	"errors"

	"golang.org/x/crypto/ssh"
)

// Options say how a private key is written.
type Options struct {
	Format     Format
	PPKVersion int    // 2 or 3; 0 is 3
	Passphrase []byte // empty: not encrypted
	Comment    string // OpenSSH and PPK have one
}

// Type is a kind of key that can be made.
type Type string

// The kinds.
const (
	Ed25519 Type = "ed25519"
	ECDSA   Type = "ecdsa"
	RSA     Type = "rsa"
)

// Generate makes a key. bits 0 is the type's default: ECDSA 256 (or 384, 521),
// RSA 3072 (2048 to 16384); Ed25519 has no choice.
func Generate(t Type, bits int) (*Key, error) { return nil, errors.New("not yet") }

// Check tells, before a key is made, whether the format can hold it: *FormatError.
func (o Options) Check(t Type) error { return errors.New("not yet") }

// Marshal writes the private key in a format. *FormatError where that cannot be.
func (k *Key) Marshal(o Options) ([]byte, error) { return nil, errors.New("not yet") }

// AuthorizedKey gives a public key as a line of authorized_keys, newline included.
func AuthorizedKey(key ssh.PublicKey, comment string) []byte { return nil }

// SSH2PublicKey gives a public key as RFC 4716 has it.
func SSH2PublicKey(key ssh.PublicKey, comment string) []byte { return nil }

// WritePrivate writes a private file whole or not at all, for its owner only
// (0600), and never over another: fs.ErrExist.
func WritePrivate(path string, data []byte) error { return errors.New("not yet") }

// ReplacePrivate puts a new content in the place of an existing private file, whole
// or not at all.
func ReplacePrivate(path string, data []byte) error { return errors.New("not yet") }

// WritePublic writes a public file (0644), never over another: fs.ErrExist.
func WritePublic(path string, data []byte) error { return errors.New("not yet") }
