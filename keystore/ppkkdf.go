package keystore

import (
	"crypto/sha1"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-crypt/x/argon2"
)

// ppkKeys are the keys of one PPK.
type ppkKeys struct{ cipher, iv, mac []byte }

// keys derives the keys from a passphrase; an unencrypted file has none.
func (p *ppk) keys(passphrase []byte) ppkKeys {
	switch {
	case p.version == 2: // where there is none, the MAC's key comes from the empty one
		return ppkKeysV2(passphrase)
	case p.encryption == ppkPlain:
		return ppkKeys{} // the MAC's key is empty: it guards against accidents only
	}
	return p.kdf.keys(passphrase)
}

// ppkKeysV2 derives by SHA-1, without salt.
func ppkKeysV2(passphrase []byte) ppkKeys {
	digest := func(prefix string) []byte {
		sum := sha1.Sum(append([]byte(prefix), passphrase...))
		return sum[:]
	}
	key := append(digest("\x00\x00\x00\x00"), digest("\x00\x00\x00\x01")...)
	return ppkKeys{cipher: key[:32], iv: make([]byte, 16), mac: digest("putty-private-key-file-mac-key")}
}

// ppkArgon are the parameters of Argon2 (RFC 9106) in a version 3 file.
type ppkArgon struct {
	flavour     string // Argon2d, Argon2i, Argon2id
	memory      uint64 // KiB
	passes      uint64
	parallelism uint64
	salt        []byte
}

// check also keeps out what makes package argon2 panic.
func (a ppkArgon) check() error {
	switch a.flavour {
	case "Argon2d", "Argon2i", "Argon2id":
	default:
		return &UnsupportedError{What: fmt.Sprintf("PPK key derivation %q", a.flavour), Why: "PuTTY has Argon2 only"}
	}
	if a.passes == 0 || a.parallelism == 0 || a.memory < 8*a.parallelism {
		return &CorruptError{What: "Argon2 parameters are out of range"}
	}
	if err := limit("Argon2 parallelism", a.parallelism, maxArgonParallelism, "lanes"); err != nil {
		return err
	}
	if err := limit("Argon2 memory", a.memory, maxArgonMemory, "KiB"); err != nil {
		return err
	}
	return limit("Argon2 memory × passes", a.memory*a.passes, maxArgonWork, "KiB")
}

func (a ppkArgon) describe(cipher string) Encryption {
	return Encryption{
		Cipher: cipher, KDF: strings.ToLower(a.flavour),
		MemoryKiB: int(a.memory), Passes: int(a.passes), Parallelism: int(a.parallelism),
	}
}

func (a ppkArgon) keys(passphrase []byte) ppkKeys {
	derive := argon2.IDKey
	switch a.flavour {
	case "Argon2d":
		derive = argon2.DKey
	case "Argon2i":
		derive = argon2.IKey
	}
	out := derive(passphrase, a.salt, uint32(a.passes), uint32(a.memory), uint32(a.parallelism), 80)
	return ppkKeys{cipher: out[:32], iv: out[32:48], mac: out[48:]}
}

// windows1252 gives a passphrase as Windows programs of Western Europe pass it
// on; false where it is the same, or cannot be.
func windows1252(passphrase []byte) ([]byte, bool) {
	// The code page differs from ISO 8859-1 from 0x80 to 0x9F; a dot is unused.
	const upper = "€.‚ƒ„…†‡ˆ‰Š‹Œ.Ž..‘’“”•–—˜™š›œ.žŸ"
	if !utf8.Valid(passphrase) {
		return nil, false
	}
	var out []byte
	changed := false
	for _, r := range string(passphrase) {
		switch at := upperIndex(upper, r); {
		case r < 0x80:
			out = append(out, byte(r))
			continue
		case at >= 0:
			out = append(out, byte(0x80+at))
		case r >= 0xA0 && r <= 0xFF:
			out = append(out, byte(r))
		default:
			return nil, false
		}
		changed = true
	}
	return out, changed
}

// upperIndex counts characters, not bytes.
func upperIndex(table string, r rune) int {
	i := 0
	for _, c := range table {
		if c == r && r >= 0x80 {
			return i
		}
		i++
	}
	return -1
}
