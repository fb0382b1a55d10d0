package keystore

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"golang.org/x/crypto/ssh"
)

// The format of OpenSSH, PROTOCOL.key:
//
//	"openssh-key-v1" 0  string cipher  string KDF  string KDF options
//	uint32 number of keys (1)  string public key  string private section
//	the tag, where the cipher has one
//
// and in the private section, encrypted as a whole:
//
//	uint32 check  uint32 check (equal)  string key type  the key's fields
//	string comment  1 2 3 … up to the cipher's block size
const opensshMagic = "openssh-key-v1\x00"

// opensshBox is the outer part.
type opensshBox struct {
	cipher  opensshCipher
	kdf     string
	salt    []byte
	rounds  uint32
	public  []byte
	private []byte
	tag     []byte
}

func parseOpenSSH(data []byte) (*File, error) {
	box, err := parseOpenSSHBox(data)
	if err != nil {
		return nil, err
	}
	public, err := parsePublicBlob(box.public)
	if err != nil {
		return nil, err
	}
	f := &File{Format: OpenSSH, Encrypted: box.cipher.name != "none", open: box.open}
	f.setPublic(public)
	if f.Encrypted {
		f.Encryption = Encryption{Cipher: box.cipher.name, KDF: box.kdf, Rounds: int(box.rounds)}
		return f, nil
	}
	section, err := box.section(nil)
	if unsupported := new(UnsupportedError); errors.As(err, &unsupported) {
		return f, nil // its public half can be told all the same
	}
	if err != nil {
		return nil, err
	}
	f.Comment = cleanComment(section.comment)
	return f, nil
}

func parseOpenSSHBox(data []byte) (*opensshBox, error) {
	rest, ok := bytes.CutPrefix(data, []byte(opensshMagic))
	if !ok {
		return nil, &CorruptError{What: "no openssh-key-v1"}
	}
	w := wire{rest: rest}
	cipherName, kdf, options := string(w.string()), string(w.string()), w.string()
	keys, public, private := w.uint32(), w.string(), w.string()
	if w.bad {
		return nil, &CorruptError{What: "cut off"}
	}
	if keys != 1 {
		return nil, &UnsupportedError{What: fmt.Sprintf("OpenSSH file of %d keys", keys), Why: "OpenSSH writes one key a file"}
	}
	cipher, ok := opensshCipherNamed(cipherName)
	if !ok {
		return nil, &UnsupportedError{What: fmt.Sprintf("cipher %q", cipherName), Why: "OpenSSH has no such cipher"}
	}
	box := &opensshBox{cipher: cipher, kdf: kdf, public: public, private: private, tag: w.take(uint64(cipher.tagSize))}
	if w.bad || len(w.rest) != 0 || len(private) == 0 || len(private)%cipher.blockSize != 0 {
		return nil, &CorruptError{What: "private section has a wrong length"}
	}
	return box, box.parseKDF(options)
}

func (box *opensshBox) parseKDF(options []byte) error {
	encrypted := box.cipher.name != "none"
	switch {
	case box.kdf == "none" && !encrypted && len(options) == 0:
		return nil
	case box.kdf != "none" && box.kdf != "bcrypt":
		return &UnsupportedError{What: fmt.Sprintf("key derivation %q", box.kdf), Why: "OpenSSH has bcrypt only"}
	case (box.kdf == "bcrypt") != encrypted:
		return &CorruptError{What: "cipher and key derivation do not belong together"}
	}
	w := wire{rest: options}
	box.salt, box.rounds = w.string(), w.uint32()
	if w.bad || len(w.rest) != 0 || len(box.salt) == 0 || box.rounds == 0 {
		return &CorruptError{What: "bcrypt options are broken"}
	}
	return limit("bcrypt", uint64(box.rounds), maxBcryptRounds, "rounds")
}

// opensshSection is the decrypted private section.
type opensshSection struct {
	name    string
	fields  [][]byte // contents of the key's strings and mpints
	comment string
}

// section decrypts. Where the cipher has a tag, a wrong passphrase cannot be told
// from damage; otherwise the two check numbers tell it.
func (box *opensshBox) section(passphrase []byte) (*opensshSection, error) {
	plain, err := box.decrypt(passphrase)
	if err != nil {
		return nil, err
	}
	w := wire{rest: plain}
	if a, b := w.uint32(), w.uint32(); w.bad || a != b {
		if box.cipher.name != "none" && box.cipher.tagSize == 0 {
			return nil, &WrongPassphraseError{}
		}
		return nil, &CorruptError{What: "check numbers differ"}
	}
	s := &opensshSection{name: string(w.string())}
	layout := opensshLayout(s.name)
	if layout == "" {
		return nil, errKeyType(s.name)
	}
	for _, kind := range layout {
		if kind == 'b' {
			s.fields = append(s.fields, []byte{w.byte()})
		} else {
			s.fields = append(s.fields, w.string())
		}
	}
	s.comment = string(w.string())
	if w.bad || len(w.rest) > 255 {
		return nil, &CorruptError{What: "private section is cut off"}
	}
	for i, pad := range w.rest {
		if pad != byte(i+1) {
			return nil, &CorruptError{What: "padding is wrong"}
		}
	}
	return s, nil
}

func (box *opensshBox) decrypt(passphrase []byte) ([]byte, error) {
	if box.cipher.name == "none" {
		return box.private, nil
	}
	material, err := bcryptPBKDF(passphrase, box.salt, int(box.rounds), box.cipher.keySize+box.cipher.ivSize)
	if err != nil {
		return nil, err
	}
	return box.cipher.open(material, box.private, box.tag)
}

// opensshLayout gives the fields of a private key by type, in order: 's' a
// string or an mpint, 'b' a byte. "": not known.
func opensshLayout(name string) string {
	switch name {
	case ssh.KeyAlgoRSA:
		return "ssssss" // n e d iqmp p q
	case algoDSA:
		return "sssss" // p q g y x
	case ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return "sss" // curve point scalar
	case ssh.KeyAlgoED25519:
		return "ss" // public, seed and public
	case ssh.KeyAlgoSKECDSA256:
		return "sssbss" // curve point application flags handle reserved
	case ssh.KeyAlgoSKED25519:
		return "ssbss" // public application flags handle reserved
	}
	return ""
}

func (box *opensshBox) open(passphrase []byte) (*Key, error) {
	section, err := box.section(passphrase)
	if err != nil {
		return nil, err
	}
	private, err := section.private()
	if err != nil {
		return nil, err
	}
	key, err := newKey(private)
	if err != nil {
		return nil, err
	}
	key.Comment = cleanComment(section.comment)
	return key, nil
}

func (s *opensshSection) private() (crypto.Signer, error) {
	var w wire
	number := func(i int) *big.Int { return w.number(s.fields[i]) }
	var key crypto.Signer
	var err error
	switch s.name {
	case ssh.KeyAlgoRSA:
		key, err = newRSA(number(0), number(1), number(2), number(3), number(4), number(5))
	case ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		if string(s.fields[0]) != strings.TrimPrefix(s.name, "ecdsa-sha2-") {
			return nil, &CorruptError{What: "curve does not belong to the key type"}
		}
		key, err = newECDSA(string(s.fields[0]), s.fields[1], number(2))
	case ssh.KeyAlgoED25519:
		if len(s.fields[1]) != ed25519.PrivateKeySize || !bytes.Equal(s.fields[1][ed25519.SeedSize:], s.fields[0]) {
			return nil, &CorruptError{What: "Ed25519 halves differ"}
		}
		key, err = newEd25519(s.fields[1][:ed25519.SeedSize], s.fields[0])
	default:
		err = errKeyType(s.name)
	}
	if w.bad {
		return nil, &CorruptError{What: "a number of the key is negative or too long"}
	}
	return key, err
}

// errKeyType says why a key of a type cannot be opened.
func errKeyType(name string) error {
	switch {
	case name == algoDSA:
		return errDSA()
	case strings.HasPrefix(name, "sk-"):
		return &UnsupportedError{What: name, Why: "a FIDO key is used through an agent"}
	case name == "ssh-ed448":
		return &UnsupportedError{What: name, Why: "no SSH server but PuTTY's kind takes Ed448"}
	}
	return &UnsupportedError{What: fmt.Sprintf("key type %q", name), Why: "not known here"}
}
