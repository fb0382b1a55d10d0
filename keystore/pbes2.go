package keystore

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/scrypt"
)

// EncryptedPrivateKeyInfo of RFC 5958 with PBES2 of RFC 8018, A.4:
//
//	SEQUENCE { SEQUENCE { OID PBES2, SEQUENCE { KDF, cipher } }, OCTET STRING data }
//	KDF:    SEQUENCE { OID PBKDF2, SEQUENCE { OCTET STRING salt, INTEGER iterations,
//	                   INTEGER key length OPTIONAL, prf DEFAULT HMAC-SHA-1 } }
//	   or   SEQUENCE { OID scrypt, SEQUENCE { OCTET STRING salt, INTEGER N, r, p,
//	                   INTEGER key length OPTIONAL } }        (RFC 7914, section 7)
//	cipher: SEQUENCE { OID, OCTET STRING iv }
const (
	oidPBES2      = "1.2.840.113549.1.5.13"
	oidPBKDF2     = "1.2.840.113549.1.5.12"
	oidScrypt     = "1.3.6.1.4.1.11591.4.11"
	oidHMACSHA1   = "1.2.840.113549.2.7"
	oidHMACSHA224 = "1.2.840.113549.2.8"
	oidHMACSHA256 = "1.2.840.113549.2.9"
	oidHMACSHA384 = "1.2.840.113549.2.10"
	oidHMACSHA512 = "1.2.840.113549.2.11"
	oidAES128CBC  = "2.16.840.1.101.3.4.1.2"
	oidAES192CBC  = "2.16.840.1.101.3.4.1.22"
	oidAES256CBC  = "2.16.840.1.101.3.4.1.42"
	oid3DESCBC    = "1.2.840.113549.3.7"
)

// pbkdf2IterationsWritten is what OWASP asks for HMAC-SHA-256 (Password Storage
// Cheat Sheet, 2023): some 100 ms.
const pbkdf2IterationsWritten = 600_000

// pbes2 is an encryption whose parameters were checked.
type pbes2 struct {
	derive     func(passphrase []byte, size int) ([]byte, error)
	encryption Encryption
	keySize    int
	newBlock
	iv   []byte
	data []byte
}

func parseEncryptedPKCS8(der []byte) (*File, error) {
	p, err := parsePBES2(der)
	if err != nil {
		return nil, err
	}
	return &File{Format: PKCS8, Encrypted: true, Encryption: p.encryption, open: p.open}, nil
}

func (p *pbes2) open(passphrase []byte) (*Key, error) {
	key, err := p.derive(passphrase, p.keySize)
	if err != nil {
		return nil, err
	}
	block, err := p.newBlock(key)
	if err != nil {
		return nil, err
	}
	der, err := decryptCBC(block, p.iv, p.data)
	if err != nil {
		return nil, err
	}
	inner, err := splitPKCS8(der)
	if err != nil {
		return nil, &WrongPassphraseError{}
	}
	return inner.open()
}

func parsePBES2(der []byte) (*pbes2, error) {
	var (
		scheme           asn1.ObjectIdentifier
		algorithm, inner cryptobyte.String
		kdf, enc         cryptobyte.String
		p                pbes2
	)
	input := cryptobyte.String(der)
	if !input.ReadASN1(&input, casn1.SEQUENCE) || !input.ReadASN1(&algorithm, casn1.SEQUENCE) ||
		!algorithm.ReadASN1ObjectIdentifier(&scheme) || !input.ReadASN1Bytes(&p.data, casn1.OCTET_STRING) || !input.Empty() {
		return nil, &CorruptError{What: "no structure of encrypted PKCS#8"}
	}
	if scheme.String() != oidPBES2 {
		return nil, &UnsupportedError{What: fmt.Sprintf("PKCS#8 encryption %q", scheme), Why: "only PBES2 is read"}
	}
	if !algorithm.ReadASN1(&inner, casn1.SEQUENCE) || !inner.ReadASN1(&kdf, casn1.SEQUENCE) || !inner.ReadASN1(&enc, casn1.SEQUENCE) {
		return nil, &CorruptError{What: "PBES2 parameters are broken"}
	}
	keyLength, err := p.parseKDF(kdf)
	if err != nil {
		return nil, err
	}
	if err := p.parseCipher(enc); err != nil {
		return nil, err
	}
	if keyLength != 0 && keyLength != uint64(p.keySize) {
		return nil, &CorruptError{What: "key length does not belong to the cipher"}
	}
	return &p, nil
}

func (p *pbes2) parseCipher(s cryptobyte.String) error {
	var oid asn1.ObjectIdentifier
	if !s.ReadASN1ObjectIdentifier(&oid) {
		return &CorruptError{What: "PBES2 cipher is broken"}
	}
	blockSize := aes.BlockSize
	p.newBlock = aes.NewCipher
	switch oid.String() {
	case oidAES128CBC:
		p.keySize, p.encryption.Cipher = 16, "aes-128-cbc"
	case oidAES192CBC:
		p.keySize, p.encryption.Cipher = 24, "aes-192-cbc"
	case oidAES256CBC:
		p.keySize, p.encryption.Cipher = 32, "aes-256-cbc"
	case oid3DESCBC:
		p.keySize, p.encryption.Cipher = 24, "des-ede3-cbc"
		p.newBlock, blockSize = des.NewTripleDESCipher, des.BlockSize
	default:
		return &UnsupportedError{What: fmt.Sprintf("PBES2 cipher %q", oid), Why: "only AES and DES-EDE3 in CBC mode are read"}
	}
	if !s.ReadASN1Bytes(&p.iv, casn1.OCTET_STRING) || len(p.iv) != blockSize {
		return &CorruptError{What: "PBES2 cipher has a wrong IV"}
	}
	return nil
}

// parseKDF also gives the key length where the file states one.
func (p *pbes2) parseKDF(s cryptobyte.String) (keyLength uint64, err error) {
	var (
		oid    asn1.ObjectIdentifier
		params cryptobyte.String
	)
	if !s.ReadASN1ObjectIdentifier(&oid) || !s.ReadASN1(&params, casn1.SEQUENCE) {
		return 0, &CorruptError{What: "PBES2 key derivation is broken"}
	}
	switch oid.String() {
	case oidPBKDF2:
		return p.parsePBKDF2(params)
	case oidScrypt:
		return p.parseScrypt(params)
	}
	return 0, &UnsupportedError{What: fmt.Sprintf("PBES2 key derivation %q", oid), Why: "only PBKDF2 and scrypt are read"}
}

func (p *pbes2) parsePBKDF2(s cryptobyte.String) (keyLength uint64, err error) {
	var (
		salt       []byte
		iterations uint64
		prf        cryptobyte.String
		hasPRF     bool
	)
	if !s.ReadASN1Bytes(&salt, casn1.OCTET_STRING) || !s.ReadASN1Integer(&iterations) || iterations == 0 ||
		!readOptionalInteger(&s, &keyLength) || !s.ReadOptionalASN1(&prf, &hasPRF, casn1.SEQUENCE) {
		return 0, &CorruptError{What: "PBKDF2 parameters are broken"}
	}
	if err := limit("PBKDF2", iterations, maxPBKDF2Iterations, "iterations"); err != nil {
		return 0, err
	}
	newHash := sha1.New
	if hasPRF {
		if newHash, err = hashOfPRF(prf); err != nil {
			return 0, err
		}
	}
	p.encryption.KDF, p.encryption.Rounds = "pbkdf2", int(iterations)
	p.derive = func(passphrase []byte, size int) ([]byte, error) {
		return pbkdf2.Key(newHash, string(passphrase), salt, int(iterations), size)
	}
	return keyLength, nil
}

func hashOfPRF(s cryptobyte.String) (func() hash.Hash, error) {
	var oid asn1.ObjectIdentifier
	if !s.ReadASN1ObjectIdentifier(&oid) {
		return nil, &CorruptError{What: "PBKDF2 parameters are broken"}
	}
	switch oid.String() {
	case oidHMACSHA1:
		return sha1.New, nil
	case oidHMACSHA224:
		return sha256.New224, nil
	case oidHMACSHA256:
		return sha256.New, nil
	case oidHMACSHA384:
		return sha512.New384, nil
	case oidHMACSHA512:
		return sha512.New, nil
	}
	return nil, &UnsupportedError{What: fmt.Sprintf("PBKDF2 with %q", oid), Why: "only HMAC with SHA-1 and SHA-2 is read"}
}

func (p *pbes2) parseScrypt(s cryptobyte.String) (keyLength uint64, err error) {
	var (
		salt                         []byte
		cost, blockSize, parallelism uint64
	)
	if !s.ReadASN1Bytes(&salt, casn1.OCTET_STRING) || !s.ReadASN1Integer(&cost) || !s.ReadASN1Integer(&blockSize) ||
		!s.ReadASN1Integer(&parallelism) || !readOptionalInteger(&s, &keyLength) ||
		cost < 2 || cost&(cost-1) != 0 || blockSize == 0 || parallelism == 0 {
		return 0, &CorruptError{What: "scrypt parameters are broken"}
	}
	if err := limit("scrypt parallelism", parallelism, maxScryptParallelism, "lanes"); err != nil {
		return 0, err
	}
	// No factor may be so large that a product overflows.
	const most = maxScryptMemory/128 + 1
	memory := 128 * min(blockSize, most) * min(cost, most)
	if err := limit("scrypt memory", memory, maxScryptMemory, "bytes"); err != nil {
		return 0, err
	}
	if err := limit("scrypt lanes", 128*blockSize*parallelism, maxScryptLanes, "bytes"); err != nil {
		return 0, err
	}
	p.encryption.KDF, p.encryption.MemoryKiB = "scrypt", int(memory/1024)
	p.encryption.Parallelism = int(parallelism)
	p.derive = func(passphrase []byte, size int) ([]byte, error) {
		return scrypt.Key(passphrase, salt, int(cost), int(blockSize), int(parallelism), size)
	}
	return keyLength, nil
}

// readOptionalInteger leaves n at 0 where there is none.
func readOptionalInteger(s *cryptobyte.String, n *uint64) bool {
	return !s.PeekASN1Tag(casn1.INTEGER) || s.ReadASN1Integer(n)
}

// encryptPBES2 writes PBKDF2 with HMAC-SHA-256 and AES-256-CBC: OpenSSL's own
// default since 1.1, which ssh-keygen reads too.
func encryptPBES2(der, passphrase []byte, iterations int) ([]byte, error) {
	salt, iv := make([]byte, 16), make([]byte, aes.BlockSize)
	rand.Read(salt)
	rand.Read(iv)
	key, err := pbkdf2.Key(sha256.New, string(passphrase), salt, iterations, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	pad := aes.BlockSize - len(der)%aes.BlockSize
	data := append(der[:len(der):len(der)], bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(data, data)
	type algorithm struct {
		OID    asn1.ObjectIdentifier
		Params any
	}
	return asn1.Marshal(struct {
		Algorithm algorithm
		Data      []byte
	}{
		algorithm{oid(oidPBES2), struct{ KDF, Cipher algorithm }{
			algorithm{oid(oidPBKDF2), struct {
				Salt       []byte
				Iterations int
				PRF        algorithm
			}{salt, iterations, algorithm{oid(oidHMACSHA256), asn1.NullRawValue}}},
			algorithm{oid(oidAES256CBC), iv},
		}},
		data,
	})
}

func oid(dotted string) asn1.ObjectIdentifier {
	var id asn1.ObjectIdentifier
	for part := range strings.SplitSeq(dotted, ".") {
		n, _ := strconv.Atoi(part)
		id = append(id, n)
	}
	return id
}
