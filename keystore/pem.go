package keystore

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/ecdsa"
	"crypto/md5"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ssh"
)

// PKCS#1 (RFC 8017, A.1.2) and SEC 1 (RFC 5915), plain or encrypted as OpenSSL
// did before PKCS#8: header `DEK-Info: CIPHER,IV` (RFC 1421), key by
// EVP_BytesToKey with MD5 and one round.

func parseTraditional(block *pem.Block) (*File, error) {
	f := &File{Format: PEM}
	if block.Type == labelRSA {
		f.Type = ssh.KeyAlgoRSA
	}
	if info, ok := block.Headers["DEK-Info"]; ok {
		dek, err := parseDEKInfo(info)
		if err != nil {
			return nil, err
		}
		f.Encrypted, f.Encryption = true, Encryption{Cipher: dek.name, KDF: "md5", Rounds: 1}
		f.open = func(passphrase []byte) (*Key, error) {
			der, err := dek.decrypt(passphrase, block.Bytes)
			if err != nil {
				return nil, err
			}
			if _, err := traditionalPublic(block.Type, der); err != nil {
				return nil, &WrongPassphraseError{}
			}
			return openTraditional(block.Type, der)
		}
		return f, nil
	}
	public, err := traditionalPublic(block.Type, block.Bytes)
	if err != nil {
		return nil, err
	}
	f.setPublic(public)
	f.open = func([]byte) (*Key, error) { return openTraditional(block.Type, block.Bytes) }
	return f, nil
}

// traditionalPublic reads the public half. RSA is not verified yet: that takes
// long, and a scan looks at hundreds of files.
func traditionalPublic(label string, der []byte) (ssh.PublicKey, error) {
	if label == labelRSA {
		return pkcs1Public(der)
	}
	key, err := openSEC1(der, "")
	if err != nil {
		return nil, err
	}
	return key.Public, nil
}

func pkcs1Public(der []byte) (ssh.PublicKey, error) {
	if err := limit("RSA key", uint64(len(der)), maxPKCS1, "bytes"); err != nil {
		return nil, err
	}
	var version uint64
	n, e := new(big.Int), new(big.Int)
	input := cryptobyte.String(der)
	if !input.ReadASN1(&input, casn1.SEQUENCE) || !input.ReadASN1Integer(&version) ||
		!input.ReadASN1Integer(n) || !input.ReadASN1Integer(e) {
		return nil, &CorruptError{What: "no PKCS#1 structure"}
	}
	if err := checkRSAPublic(n, e); err != nil {
		return nil, err
	}
	return ssh.NewPublicKey(&rsa.PublicKey{N: n, E: int(e.Int64())})
}

func openTraditional(label string, der []byte) (*Key, error) {
	if label == labelRSA {
		return openPKCS1(der)
	}
	return openSEC1(der, "")
}

func openPKCS1(der []byte) (*Key, error) {
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return nil, &CorruptError{What: "RSA numbers do not belong together"}
	}
	if err := checkRSA(key); err != nil {
		return nil, err
	}
	return newKey(key)
}

// dekInfo is the header of an encrypted PEM block.
type dekInfo struct {
	name    string
	keySize int
	newBlock
	iv []byte
}

func parseDEKInfo(header string) (*dekInfo, error) {
	name, digits, _ := strings.Cut(header, ",")
	dek := &dekInfo{name: name, newBlock: aes.NewCipher}
	switch name {
	case "DES-EDE3-CBC":
		dek.keySize, dek.newBlock = 24, des.NewTripleDESCipher
	case "AES-128-CBC":
		dek.keySize = 16
	case "AES-192-CBC":
		dek.keySize = 24
	case "AES-256-CBC":
		dek.keySize = 32
	default:
		return nil, &UnsupportedError{What: fmt.Sprintf("PEM cipher %q", name), Why: "only AES and DES-EDE3 in CBC mode are read"}
	}
	blockSize := aes.BlockSize
	if dek.keySize == 24 && name == "DES-EDE3-CBC" {
		blockSize = des.BlockSize
	}
	var err error
	if dek.iv, err = hex.DecodeString(strings.TrimSpace(digits)); err != nil || len(dek.iv) != blockSize {
		return nil, &CorruptError{What: "DEK-Info has a wrong IV"}
	}
	return dek, nil
}

// decrypt derives the key as EVP_BytesToKey does: D1 = MD5(passphrase salt), D2 =
// MD5(D1 passphrase salt) …; the salt is the first 8 bytes of the IV.
func (dek *dekInfo) decrypt(passphrase, data []byte) ([]byte, error) {
	var key, digest []byte
	for len(key) < dek.keySize {
		h := md5.New()
		h.Write(digest)
		h.Write(passphrase)
		h.Write(dek.iv[:8])
		digest = h.Sum(nil)
		key = append(key, digest...)
	}
	block, err := dek.newBlock(key[:dek.keySize])
	if err != nil {
		return nil, err
	}
	return decryptCBC(block, dek.iv, data)
}

// decryptCBC also takes off the padding of PKCS#7; a wrong one means a wrong
// passphrase.
func decryptCBC(block cipher.Block, iv, data []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(data) == 0 || len(data)%size != 0 {
		return nil, &CorruptError{What: "encrypted part has a wrong length"}
	}
	out := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, data)
	pad := int(out[len(out)-1])
	if pad == 0 || pad > size {
		return nil, &WrongPassphraseError{}
	}
	body, tail := out[:len(out)-pad], out[len(out)-pad:]
	if !bytes.Equal(tail, bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, &WrongPassphraseError{}
	}
	return body, nil
}

// marshalPEM writes PKCS#1 or SEC 1, plain.
func marshalPEM(k *Key) ([]byte, error) {
	switch key := k.Private.(type) {
	case *rsa.PrivateKey:
		return encodePEM(labelRSA, x509.MarshalPKCS1PrivateKey(key)), nil
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			return nil, err
		}
		return encodePEM(labelEC, der), nil
	}
	return nil, &FormatError{Format: PEM, Type: k.Public.Type()}
}
