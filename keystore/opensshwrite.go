package keystore

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"math/big"
	"strings"
)

// Defaults of ssh-keygen since OpenSSH 9.4.
const (
	opensshCipherWritten = "aes256-ctr"
	opensshRoundsWritten = 24
	opensshSaltSize      = 16
)

// marshalOpenSSH writes the format with the given bcrypt rounds.
func marshalOpenSSH(k *Key, comment string, passphrase []byte, rounds int) ([]byte, error) {
	cipher, kdf := "none", "none"
	var options []byte
	if len(passphrase) > 0 {
		cipher, kdf = opensshCipherWritten, "bcrypt"
		salt := make([]byte, opensshSaltSize)
		rand.Read(salt)
		options = appendUint32(appendString(nil, salt), uint32(rounds))
	}
	box := opensshBox{rounds: uint32(rounds)}
	box.cipher, _ = opensshCipherNamed(cipher)
	plain, err := opensshPrivate(k, comment, box.cipher.blockSize)
	if err != nil {
		return nil, err
	}
	if len(passphrase) > 0 {
		material, err := bcryptPBKDF(passphrase, options[4:4+opensshSaltSize], rounds, box.cipher.keySize+box.cipher.ivSize)
		if err != nil {
			return nil, err
		}
		// CTR: to encrypt is to decrypt.
		if plain, err = box.cipher.open(material, plain, nil); err != nil {
			return nil, err
		}
	}
	out := []byte(opensshMagic)
	out = appendString(out, cipher)
	out = appendString(out, kdf)
	out = appendString(out, options)
	out = appendUint32(out, 1)
	out = appendString(out, k.Public.Marshal())
	out = appendString(out, plain)
	return encodePEM(labelOpenSSH, out), nil
}

// opensshPrivate gives the private section before it is encrypted.
func opensshPrivate(k *Key, comment string, blockSize int) ([]byte, error) {
	check := make([]byte, 4)
	rand.Read(check)
	out := append(check[:4:4], check...)
	out = appendString(out, k.Public.Type())
	switch key := k.Private.(type) {
	case *rsa.PrivateKey:
		numbers, err := rsaNumbers(key)
		if err != nil {
			return nil, err
		}
		out = appendMpint(out, key.N)
		out = appendMpint(out, big.NewInt(int64(key.E)))
		for _, n := range []*big.Int{numbers.d, numbers.iqmp, numbers.p, numbers.q} {
			out = appendMpint(out, n)
		}
	case *ecdsa.PrivateKey:
		point, scalar, err := ecdsaNumbers(key)
		if err != nil {
			return nil, err
		}
		out = appendString(out, strings.TrimPrefix(k.Public.Type(), "ecdsa-sha2-"))
		out = appendString(out, point)
		out = appendMpint(out, scalar)
	case ed25519.PrivateKey:
		out = appendString(out, key[ed25519.SeedSize:])
		out = appendString(out, key)
	default:
		return nil, &FormatError{Format: OpenSSH, Type: k.Public.Type()}
	}
	out = appendString(out, comment)
	for pad := byte(1); len(out)%blockSize != 0; pad++ {
		out = append(out, pad)
	}
	return out, nil
}

// encodePEM writes lines of 64 characters, as all readers take them.
func encodePEM(label string, data []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: data})
}
