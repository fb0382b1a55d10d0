// Package keystore reads, matches, writes, converts and makes private keys.
//
// A key is read in two steps: Parse (or Read) tells all that can be told
// without a passphrase, above all the public half where the format shows it;
// Open decrypts the private half and verifies that the two belong together.
// Find and Scan look for the key that opens an instance by its public half, so
// that a passphrase is asked for one key only.
//
// All input is taken as hostile: every size and every cost of a key derivation
// is checked against the limits of limits.go before memory or time is spent.
package keystore

import (
	"crypto"
	"io/fs"

	"golang.org/x/crypto/ssh"
)

// Format is the format of a key file, by the name that people type.
type Format uint8

// The formats that are read. Public and RFC4716 hold a public key only.
const (
	_       Format = iota
	OpenSSH        // openssh-key-v1 (OpenSSH's PROTOCOL.key)
	PEM            // PKCS#1 (RFC 8017) or SEC 1 (RFC 5915), perhaps with DEK-Info encryption (RFC 1421)
	PKCS8          // RFC 5208 and 5958, encrypted with PBES2 (RFC 8018)
	PPK            // PuTTY's format, versions 2 and 3
	Public         // a line of authorized_keys, sshd(8)
	RFC4716        // "---- BEGIN SSH2 PUBLIC KEY ----"
)

// String gives the name that people type: "openssh", "pem", "pkcs8", "ppk",
// "public" or "rfc4716".
func (f Format) String() string {
	switch f {
	case OpenSSH:
		return "openssh"
	case PEM:
		return "pem"
	case PKCS8:
		return "pkcs8"
	case PPK:
		return "ppk"
	case Public:
		return "public"
	case RFC4716:
		return "rfc4716"
	}
	return "unknown"
}

// ParseFormat finds a format in which private keys are written by its name.
func ParseFormat(name string) (Format, bool) {
	for _, f := range []Format{OpenSSH, PEM, PKCS8, PPK} {
		if f.String() == name {
			return f, true
		}
	}
	return 0, false
}

// Encryption says how a file is encrypted. Fields that its KDF has not are zero.
type Encryption struct {
	Cipher      string // as the format names it: "aes256-ctr", "aes256-cbc", "DES-EDE3-CBC" …
	KDF         string // "bcrypt", "pbkdf2", "scrypt", "argon2id", "sha1", "md5" …
	Rounds      int    // bcrypt's rounds, PBKDF2's iterations
	MemoryKiB   int    // of Argon2 and scrypt
	Passes      int    // Argon2
	Parallelism int    // Argon2 and scrypt
}

// File is a key file that was read, not opened.
type File struct {
	Path    string // "" where it came from Parse
	Format  Format
	Version int    // of a PPK: 2 or 3; otherwise 0
	Type    string // the key's algorithm name, such as "ssh-ed25519"; "" where encryption hides it
	Bits    int    // RSA and ECDSA: size of modulus or curve; 0 where it is not known
	// Public is nil where encryption hides it and no .pub tells it. For key
	// types that x/crypto does not know it still tells type and blob.
	Public ssh.PublicKey
	// PublicBeside is set where Public comes from the file PATH.pub.
	PublicBeside bool
	Certificate  *ssh.Certificate // from inside a PPK or a public file, or from PATH-cert.pub; may be nil
	Comment      string           // control characters replaced, at most 1 KiB
	Encrypted    bool
	Encryption   Encryption  // zero where not encrypted
	Mode         fs.FileMode // permission bits; 0 where it came from Parse
	Unprotected  bool        // others may read it and it is the user's own: ssh would ignore it
	NeedsRepair  bool        // ssh refuses it as it lies there (CRLF, text before, no last newline): hand over Repaired

	open     func(passphrase []byte) (*Key, error)
	repaired []byte
}

// HasPrivate tells whether the file holds a private half at all.
func (f *File) HasPrivate() bool { return f.Format != Public && f.Format != RFC4716 }

// Hidden tells whether the public half is not known before the file is opened.
func (f *File) Hidden() bool { return f.Public == nil }

// Key is a private key whose two halves belong together.
type Key struct {
	Private     crypto.Signer // *rsa.PrivateKey, *ecdsa.PrivateKey or ed25519.PrivateKey
	Public      ssh.PublicKey
	Comment     string
	Certificate *ssh.Certificate // from inside a PPK; Marshal puts it into a PPK again
}
