package keystore

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// PuTTY's format, as the appendix "PPK file format" of PuTTY's manual has it:
//
//	PuTTY-User-Key-File-3: ssh-ed25519
//	Encryption: aes256-cbc                 or none
//	Comment: …
//	Public-Lines: 2                        then as many lines of base64
//	Key-Derivation: Argon2id               version 3, encrypted: five lines
//	Argon2-Memory: 8192                    KiB
//	Argon2-Passes: 13
//	Argon2-Parallelism: 1
//	Argon2-Salt: hex
//	Private-Lines: 1                       then as many lines of base64
//	Private-MAC: hex
//
// The header lines stand in this order; what follows the MAC is ignored. The
// MAC covers algorithm, encryption, comment, public blob, and the private blob
// decrypted, its padding included.
const ppkBegin = "PuTTY-User-Key-File-"

// maxPPKLines is PuTTY's own bound (sshpubk.c): 256 KiB in lines of 48 bytes.
const maxPPKLines = 5461

const (
	ppkPlain  = "none"
	ppkCipher = "aes256-cbc"
)

// ppk is a file taken apart.
type ppk struct {
	version    int
	algorithm  string
	encryption string
	comment    string // the bytes that the MAC covers
	public     []byte
	kdf        ppkArgon // version 3, encrypted
	private    []byte   // as it stands in the file
	mac        []byte
}

func parsePPK(text []byte) (*File, error) {
	p, err := splitPPK(text)
	if err != nil {
		return nil, err
	}
	public, err := parsePublicBlob(p.public)
	if err != nil {
		return nil, err
	}
	if public.Type() != p.algorithm {
		return nil, &CorruptError{What: "algorithm does not belong to the public key"}
	}
	f := &File{Format: PPK, Version: p.version, Comment: cleanComment(p.comment), open: p.open}
	f.setPublic(public)
	if p.encryption != ppkPlain {
		f.Encrypted = true
		f.Encryption = Encryption{Cipher: p.encryption, KDF: "sha1", Rounds: 1}
		if p.version == 3 {
			f.Encryption = p.kdf.describe(p.encryption)
		}
	}
	return f, nil
}

// ppkLines reads header lines in their fixed order; the first failure sticks.
type ppkLines struct {
	rest string
	bad  string // the header that is missing or broken
}

func (l *ppkLines) line() (string, bool) {
	if l.rest == "" {
		return "", false
	}
	var line string
	line, l.rest, _ = strings.Cut(l.rest, "\n")
	return line, true
}

func (l *ppkLines) header(name string) string {
	line, _ := l.line()
	value, ok := strings.CutPrefix(line, name+": ")
	if !ok && l.bad == "" {
		l.bad = name
	}
	return value
}

func (l *ppkLines) number(name string) uint64 {
	n, err := strconv.ParseUint(l.header(name), 10, 32)
	if err != nil && l.bad == "" {
		l.bad = name
	}
	return n
}

func (l *ppkLines) hex(name string) []byte {
	b, err := hex.DecodeString(l.header(name))
	if err != nil && l.bad == "" {
		l.bad = name
	}
	return b
}

func (l *ppkLines) base64(name string) []byte {
	count := l.number(name)
	if count >= maxPPKLines {
		l.bad = name
	}
	var encoded strings.Builder
	for i := uint64(0); i < count && l.bad == ""; i++ {
		line, ok := l.line()
		if !ok || len(line) > 64 || len(line)%4 != 0 {
			l.bad = name
		}
		encoded.WriteString(line)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(encoded.String())
	if err != nil && l.bad == "" {
		l.bad = name
	}
	return b
}

func splitPPK(text []byte) (*ppk, error) {
	l := &ppkLines{rest: strings.TrimPrefix(string(text), ppkBegin)}
	first, _ := l.line()
	version, algorithm, _ := strings.Cut(first, ": ")
	p := &ppk{algorithm: algorithm}
	switch version {
	case "1":
		return nil, &UnsupportedError{What: "PPK version 1", Why: "PuTTY never released it"}
	case "2", "3":
		p.version = int(version[0] - '0')
	default:
		return nil, &UnsupportedError{What: fmt.Sprintf("PPK version %q", version), Why: "newer than version 3"}
	}
	p.encryption = l.header("Encryption")
	p.comment = l.header("Comment")
	p.public = l.base64("Public-Lines")
	if p.version == 3 && p.encryption != ppkPlain {
		p.kdf = ppkArgon{
			flavour: l.header("Key-Derivation"), memory: l.number("Argon2-Memory"), passes: l.number("Argon2-Passes"),
			parallelism: l.number("Argon2-Parallelism"), salt: l.hex("Argon2-Salt"),
		}
	}
	p.private = l.base64("Private-Lines")
	p.mac = l.hex("Private-MAC")
	if l.bad != "" {
		return nil, &CorruptError{What: "PPK header " + l.bad + " is missing or broken"}
	}
	return p, p.check()
}

func (p *ppk) check() error {
	if p.encryption == ppkPlain {
		return nil
	}
	if p.encryption != ppkCipher {
		return &UnsupportedError{What: fmt.Sprintf("PPK encryption %q", p.encryption), Why: "PuTTY has aes256-cbc only"}
	}
	if len(p.private) == 0 || len(p.private)%aes.BlockSize != 0 {
		return &CorruptError{What: "encrypted part has a wrong length"}
	}
	if p.version == 3 {
		return p.kdf.check()
	}
	return nil
}

func (p *ppk) open(passphrase []byte) (*Key, error) {
	if p.encryption == ppkPlain {
		return p.openWith(nil)
	}
	key, err := p.openWith(passphrase)
	if wrong := new(WrongPassphraseError); !errors.As(err, &wrong) {
		return key, err
	}
	// PuTTY on Windows takes the passphrase in the ANSI code page.
	if ansi, ok := windows1252(passphrase); ok {
		return p.openWith(ansi)
	}
	return nil, err
}

func (p *ppk) openWith(passphrase []byte) (*Key, error) {
	keys := p.keys(passphrase)
	plain := p.private
	if p.encryption != ppkPlain {
		block, err := aes.NewCipher(keys.cipher)
		if err != nil {
			return nil, err
		}
		plain = make([]byte, len(p.private))
		cipher.NewCBCDecrypter(block, keys.iv).CryptBlocks(plain, p.private)
	}
	if !hmac.Equal(p.sum(keys.mac, plain), p.mac) {
		if p.encryption != ppkPlain {
			return nil, &WrongPassphraseError{}
		}
		return nil, &CorruptError{What: "MAC does not match"}
	}
	return ppkKey(p.public, plain)
}

// ppkKey pairs the private blob with the public one, which may be a certificate.
func ppkKey(public, plain []byte) (*Key, error) {
	parsed, err := parsePublicBlob(public)
	if err != nil {
		return nil, err
	}
	cert, certified := parsed.(*ssh.Certificate)
	if certified {
		parsed = cert.Key
	}
	private, err := ppkPrivate(parsed, plain)
	if err != nil {
		return nil, err
	}
	key, err := newKey(private)
	if err != nil {
		return nil, err
	}
	key.Certificate = cert
	return key, nil
}

// sum is the MAC: HMAC-SHA-256 in version 3, HMAC-SHA-1 in version 2.
func (p *ppk) sum(key, plain []byte) []byte {
	newHash := func() hash.Hash { return sha1.New() }
	if p.version == 3 {
		newHash = sha256.New
	}
	var covered []byte
	for _, s := range [][]byte{[]byte(p.algorithm), []byte(p.encryption), []byte(p.comment), p.public, plain} {
		covered = appendString(covered, s)
	}
	mac := hmac.New(newHash, key)
	mac.Write(covered)
	return mac.Sum(nil)
}

// ppkPrivate reads the private blob: the numbers that the public one has not.
func ppkPrivate(public ssh.PublicKey, private []byte) (key crypto.Signer, err error) {
	half, w := wire{rest: public.Marshal()}, wire{rest: private}
	name := string(half.string())
	switch name {
	case ssh.KeyAlgoRSA:
		e, n := half.mpint(), half.mpint()
		d, p, q, iqmp := w.mpint(), w.mpint(), w.mpint(), w.mpint()
		if !w.bad {
			key, err = newRSA(n, e, d, iqmp, p, q)
		}
	case ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		curve, point := half.string(), half.string()
		key, err = newECDSA(string(curve), point, w.mpint())
	case ssh.KeyAlgoED25519:
		// The scalar's bytes from the least one on: zeros at its end may be missing.
		seed := w.string()
		if len(seed) < ed25519.SeedSize {
			seed = append(bytes.Clone(seed), make([]byte, ed25519.SeedSize-len(seed))...)
		}
		key, err = newEd25519(seed, half.string())
	default:
		return nil, errKeyType(name)
	}
	if w.bad {
		return nil, &CorruptError{What: "private part is cut off"}
	}
	return key, err
}
