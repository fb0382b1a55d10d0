package keystore

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"math/big"
)

// ppkWidth is the width of PuTTY's base64 lines: 48 bytes each.
const ppkWidth = 64

// ppkArgonWritten are the parameters that PuTTY starts from (sshpubk.c,
// ppk_save_default_parameters).
func ppkArgonWritten() ppkArgon {
	return ppkArgon{flavour: "Argon2id", memory: 8192, passes: 13, parallelism: 1}
}

// marshalPPK writes version 2 or 3. The salt of kdf is chosen here.
func marshalPPK(k *Key, comment string, passphrase []byte, version int, kdf ppkArgon) ([]byte, error) {
	private, err := ppkPrivateBlob(k)
	if err != nil {
		return nil, err
	}
	public := k.Public
	if k.Certificate != nil {
		public = k.Certificate
	}
	p := &ppk{
		version: version, algorithm: public.Type(), encryption: ppkPlain,
		comment: comment, public: public.Marshal(), private: private,
	}
	if len(passphrase) > 0 {
		p.encryption, p.kdf = ppkCipher, kdf
		p.kdf.salt = make([]byte, 16)
		rand.Read(p.kdf.salt)
	}
	if err := p.seal(passphrase); err != nil {
		return nil, err
	}
	return p.text(), nil
}

// seal computes the MAC and encrypts. The padding is the beginning of the blob's
// own SHA-1, as PuTTY does it; the MAC covers it.
func (p *ppk) seal(passphrase []byte) error {
	keys := p.keys(passphrase)
	if p.encryption == ppkPlain {
		p.mac = p.sum(keys.mac, p.private)
		return nil
	}
	if over := len(p.private) % aes.BlockSize; over != 0 {
		digest := sha1.Sum(p.private)
		p.private = append(p.private, digest[:aes.BlockSize-over]...)
	}
	p.mac = p.sum(keys.mac, p.private)
	block, err := aes.NewCipher(keys.cipher)
	if err != nil {
		return err
	}
	cipher.NewCBCEncrypter(block, keys.iv).CryptBlocks(p.private, p.private)
	return nil
}

func (p *ppk) text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%d: %s\n", ppkBegin, p.version, p.algorithm)
	fmt.Fprintf(&b, "Encryption: %s\nComment: %s\n", p.encryption, p.comment)
	writePPKLines(&b, "Public-Lines", p.public)
	if p.version == 3 && p.encryption != ppkPlain {
		fmt.Fprintf(&b, "Key-Derivation: %s\nArgon2-Memory: %d\nArgon2-Passes: %d\nArgon2-Parallelism: %d\nArgon2-Salt: %x\n",
			p.kdf.flavour, p.kdf.memory, p.kdf.passes, p.kdf.parallelism, p.kdf.salt)
	}
	writePPKLines(&b, "Private-Lines", p.private)
	fmt.Fprintf(&b, "Private-MAC: %x\n", p.mac)
	return b.Bytes()
}

func writePPKLines(b *bytes.Buffer, header string, data []byte) {
	length := base64.StdEncoding.EncodedLen(len(data))
	fmt.Fprintf(b, "%s: %d\n", header, (length+ppkWidth-1)/ppkWidth)
	writeBase64(b, data, ppkWidth)
}

func ppkPrivateBlob(k *Key) ([]byte, error) {
	switch key := k.Private.(type) {
	case *rsa.PrivateKey:
		numbers, err := rsaNumbers(key)
		if err != nil {
			return nil, err
		}
		var out []byte
		for _, n := range []*big.Int{numbers.d, numbers.p, numbers.q, numbers.iqmp} {
			out = appendMpint(out, n)
		}
		return out, nil
	case *ecdsa.PrivateKey:
		_, scalar, err := ecdsaNumbers(key)
		if err != nil {
			return nil, err
		}
		return appendMpint(nil, scalar), nil
	case ed25519.PrivateKey:
		return appendString(nil, key.Seed()), nil
	}
	return nil, &FormatError{Format: PPK, Type: k.Public.Type()}
}
