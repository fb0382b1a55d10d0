package keystore

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/crypto/ssh"
)

// ErrNotKey says that a file holds no key in any known format.
var ErrNotKey = errors.New("no key in a known format")

// ErrNoPrivate says that a file holds a public key only.
var ErrNoPrivate = errors.New("file holds no private key")

// ErrNotInAgent says that the agent no longer has a key that it listed.
var ErrNotInAgent = errors.New("agent no longer has the key")

// PassphraseMissingError says that a file is encrypted and none was given.
type PassphraseMissingError struct{ Path string }

func (e *PassphraseMissingError) Error() string {
	return at(e.Path) + "private key is encrypted and no passphrase was given"
}

// WrongPassphraseError says that the passphrase does not open the file. Most
// formats cannot tell this from damage to their encrypted part.
type WrongPassphraseError struct{ Path string }

func (e *WrongPassphraseError) Error() string { return at(e.Path) + "wrong passphrase" }

// CorruptError says that a file is damaged or was tampered with: it breaks its
// format, its checksum is wrong, or its two halves do not belong together.
type CorruptError struct {
	Path string
	What string // what is wrong, such as "MAC does not match"
}

func (e *CorruptError) Error() string { return at(e.Path) + "corrupt key file: " + e.What }

// UnsupportedError says that a file is sound as far as can be seen, but of a
// kind that is not read.
type UnsupportedError struct {
	Path string
	What string // the kind, such as "ssh-dss" or "PPK version 1"
	Why  string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%sunsupported: %s: %s", at(e.Path), e.What, e.Why)
}

// LimitError says that reading a file would take more than is granted.
type LimitError struct {
	Path       string
	What       string // such as "Argon2 memory"
	Value, Max uint64
	Unit       string // such as "KiB"
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s%s of %d %s is over the limit of %d %s", at(e.Path), e.What, e.Value, e.Unit, e.Max, e.Unit)
}

// NotRegularError says that a path is not a regular file.
type NotRegularError struct {
	Path string
	Mode fs.FileMode
}

func (e *NotRegularError) Error() string {
	return fmt.Sprintf("%snot a regular file (%s)", at(e.Path), e.Mode.Type())
}

// UnprotectedError says that others than its owner may read a private key.
type UnprotectedError struct {
	Path string
	Mode fs.FileMode
}

func (e *UnprotectedError) Error() string {
	return fmt.Sprintf("%spermissions %04o are too open", at(e.Path), e.Mode.Perm())
}

// MismatchError says that an opened private key is not the one it was taken for.
type MismatchError struct {
	Path string
	Have ssh.PublicKey
	Want ssh.PublicKey // nil where only a fingerprint was known
}

func (e *MismatchError) Error() string {
	return at(e.Path) + "private key is another one than expected: " + ssh.FingerprintSHA256(e.Have)
}

// FormatError says that a format cannot hold a key as it was asked for.
type FormatError struct {
	Format    Format
	Type      string // the key's algorithm name
	Encrypted bool   // the format can hold the key, but not with a passphrase
}

func (e *FormatError) Error() string {
	if e.Encrypted {
		return fmt.Sprintf("format %s is written without a passphrase only", e.Format)
	}
	return fmt.Sprintf("format %s cannot hold a key of type %q", e.Format, e.Type)
}

// at gives the prefix that names a file in an error.
func at(path string) string {
	if path == "" {
		return ""
	}
	return fmt.Sprintf("%q: ", path)
}
