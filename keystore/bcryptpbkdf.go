package keystore

import (
	"crypto/sha512"
	"encoding/binary"

	//lint:ignore SA1019 bcrypt is made of it
	"golang.org/x/crypto/blowfish" //nolint:staticcheck // as above
)

// bcryptHashSize is the output of one bcrypt hash here: 8 words of 32 bits.
const bcryptHashSize = 32

// bcryptPBKDF derives size bytes as OpenBSD's bcrypt_pbkdf(3) does: PBKDF2 with
// bcrypt in the place of HMAC, and the output bytes of the blocks interleaved.
func bcryptPBKDF(passphrase, salt []byte, rounds, size int) ([]byte, error) {
	blocks := (size + bcryptHashSize - 1) / bcryptHashSize
	out := make([]byte, blocks*bcryptHashSize)
	hashed := sha512.Sum512(passphrase)
	for block := range blocks {
		saltHash := sha512.Sum512(binary.BigEndian.AppendUint32(salt[:len(salt):len(salt)], uint32(block+1)))
		hash, err := bcryptHash(hashed[:], saltHash[:])
		if err != nil {
			return nil, err
		}
		sum := hash
		for range rounds - 1 {
			saltHash = sha512.Sum512(hash[:])
			if hash, err = bcryptHash(hashed[:], saltHash[:]); err != nil {
				return nil, err
			}
			for i := range sum {
				sum[i] ^= hash[i]
			}
		}
		for i, b := range sum {
			out[i*blocks+block] = b
		}
	}
	return out[:size], nil
}

// bcryptHash is bcrypt with cost 6, a plaintext of its own, and the words of the
// result in little-endian order.
func bcryptHash(passphrase, salt []byte) (out [bcryptHashSize]byte, err error) {
	c, err := blowfish.NewSaltedCipher(passphrase, salt)
	if err != nil {
		return out, err
	}
	for range 64 {
		blowfish.ExpandKey(salt, c)
		blowfish.ExpandKey(passphrase, c)
	}
	copy(out[:], "OxychromaticBlowfishSwatDynamite")
	for i := 0; i < len(out); i += blowfish.BlockSize {
		for range 64 {
			c.Encrypt(out[i:], out[i:])
		}
	}
	for i := 0; i < len(out); i += 4 {
		binary.LittleEndian.PutUint32(out[i:], binary.BigEndian.Uint32(out[i:]))
	}
	return out, nil
}
