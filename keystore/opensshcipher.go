package keystore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"

	"golang.org/x/crypto/chacha20"
	//lint:ignore SA1019 the format wants the bare MAC: chacha20poly1305 frames it otherwise
	"golang.org/x/crypto/poly1305" //nolint:staticcheck // as above
)

// opensshCipher is a cipher of `ssh -Q cipher`, all of which ssh-keygen -Z takes.
// Sizes are bytes, as in OpenSSH's cipher.c.
type opensshCipher struct {
	name                                string
	keySize, ivSize, blockSize, tagSize int
	open                                func(material, data, tag []byte) ([]byte, error)
}

func opensshCipherNamed(name string) (opensshCipher, bool) {
	switch name {
	case "none":
		return opensshCipher{name: name, blockSize: 8}, true
	case "3des-cbc":
		return opensshCipher{name: name, keySize: 24, ivSize: 8, blockSize: 8, open: openCBC(24, des.NewTripleDESCipher)}, true
	case "aes128-cbc":
		return aesCipher(name, 16, openCBC), true
	case "aes192-cbc":
		return aesCipher(name, 24, openCBC), true
	case "aes256-cbc", "rijndael-cbc@lysator.liu.se":
		return aesCipher(name, 32, openCBC), true
	case "aes128-ctr":
		return aesCipher(name, 16, openCTR), true
	case "aes192-ctr":
		return aesCipher(name, 24, openCTR), true
	case "aes256-ctr":
		return aesCipher(name, 32, openCTR), true
	case "aes128-gcm@openssh.com":
		return opensshCipher{name: name, keySize: 16, ivSize: 12, blockSize: 16, tagSize: 16, open: openGCM(16)}, true
	case "aes256-gcm@openssh.com":
		return opensshCipher{name: name, keySize: 32, ivSize: 12, blockSize: 16, tagSize: 16, open: openGCM(32)}, true
	case "chacha20-poly1305@openssh.com":
		return opensshCipher{name: name, keySize: 64, blockSize: 8, tagSize: 16, open: openChacha}, true
	}
	return opensshCipher{}, false
}

type newBlock func(key []byte) (cipher.Block, error)
type openFunc func(material, data, tag []byte) ([]byte, error)

func aesCipher(name string, keySize int, mode func(int, newBlock) openFunc) opensshCipher {
	return opensshCipher{
		name: name, keySize: keySize, ivSize: aes.BlockSize, blockSize: aes.BlockSize,
		open: mode(keySize, aes.NewCipher),
	}
}

func openCBC(keySize int, construct newBlock) openFunc {
	return func(material, data, _ []byte) ([]byte, error) {
		block, err := construct(material[:keySize])
		if err != nil {
			return nil, err
		}
		out := make([]byte, len(data))
		cipher.NewCBCDecrypter(block, material[keySize:]).CryptBlocks(out, data)
		return out, nil
	}
}

func openCTR(keySize int, construct newBlock) openFunc {
	return func(material, data, _ []byte) ([]byte, error) {
		block, err := construct(material[:keySize])
		if err != nil {
			return nil, err
		}
		out := make([]byte, len(data))
		cipher.NewCTR(block, material[keySize:]).XORKeyStream(out, data)
		return out, nil
	}
}

func openGCM(keySize int) openFunc {
	return func(material, data, tag []byte) ([]byte, error) {
		block, err := aes.NewCipher(material[:keySize])
		if err != nil {
			return nil, err
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		sealed := append(data[:len(data):len(data)], tag...)
		out, err := gcm.Open(nil, material[keySize:], sealed, nil)
		if err != nil {
			return nil, &WrongPassphraseError{}
		}
		return out, nil
	}
}

// openChacha follows OpenSSH's PROTOCOL.chacha20poly1305 with sequence number 0
// and nothing but data: the first 32 bytes of key encrypt, the others, which
// are for packet lengths, are not used; block 0 is the key of the MAC.
func openChacha(material, data, tag []byte) ([]byte, error) {
	stream, err := chacha20.NewUnauthenticatedCipher(material[:32], make([]byte, chacha20.NonceSize))
	if err != nil {
		return nil, err
	}
	var macKey [32]byte
	stream.XORKeyStream(macKey[:], macKey[:])
	var mac [16]byte
	poly1305.Sum(&mac, data, &macKey)
	if subtle.ConstantTimeCompare(mac[:], tag) != 1 {
		return nil, &WrongPassphraseError{}
	}
	stream.SetCounter(1)
	out := make([]byte, len(data))
	stream.XORKeyStream(out, data)
	return out, nil
}
