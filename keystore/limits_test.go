package keystore

import (
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// TestLimits: what is over a limit is refused before any work: at once, and without memory.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
		what string // "": damaged rather than too large
	}{
		{"1 MiB and a byte", make([]byte, maxFile+1), "key file"},
		{"Argon2 memory", ppkWith("1048577", "1", "1"), "Argon2 memory"},
		{"Argon2 work", ppkWith("1048576", "17", "1"), "Argon2 memory × passes"},
		{"Argon2 passes", ppkWith("8", "4294967295", "1"), "Argon2 memory × passes"},
		{"Argon2 parallelism", ppkWith("1048576", "1", "256"), "Argon2 parallelism"},
		{"Argon2 memory 0", ppkWith("0", "1", "1"), ""},
		{"Argon2 memory below its lanes", ppkWith("63", "1", "8"), ""},
		{"Argon2 passes 0", ppkWith("64", "0", "1"), ""},
		{"Argon2 parallelism 0", ppkWith("64", "1", "0"), ""},
		{"Argon2 overflow", ppkWith("4294967296", "1", "1"), ""},
		{"bcrypt", opensshWith(4097), "bcrypt"},
		{"bcrypt most", opensshWith(1<<32 - 1), "bcrypt"},
		{"bcrypt none", opensshWith(0), ""},
		{"PBKDF2", pbes2With(pbkdf2Parameters(10_000_001)), "PBKDF2"},
		{"PBKDF2 0", pbes2With(pbkdf2Parameters(0)), ""},
		{"PBKDF2 -1", pbes2With(pbkdf2Parameters(-1)), ""},
		{"scrypt", pbes2With(scryptParameters(1<<21, 8, 1)), "scrypt memory"},
		{"scrypt N", pbes2With(scryptParameters(1<<62, 1, 1)), "scrypt memory"},
		{"scrypt r", pbes2With(scryptParameters(2, 1<<62, 1)), "scrypt memory"},
		{"scrypt N and r", pbes2With(scryptParameters(1<<61, 1<<61, 1)), "scrypt memory"},
		{"scrypt p times r", pbes2With(scryptParameters(2, 1<<22, 16)), "scrypt lanes"},
		{"scrypt p", pbes2With(scryptParameters(1024, 8, 17)), "scrypt parallelism"},
		{"scrypt N not a power of 2", pbes2With(scryptParameters(1000, 8, 1)), ""},
		{"RSA", rsaWith(16385), "RSA modulus"},
		{"RSA long", rsaWith(1 << 22), "RSA key"},
		{"public key", []byte("ssh-ed448 " + strings.Repeat("A", 100_000) + " me"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			begun, memory := time.Now(), allocated()
			_, err := Parse(c.data)
			if spent := allocated() - memory; spent > 100<<20 {
				t.Errorf("took %d MiB", spent>>20)
			}
			if spent := time.Since(begun); spent > 2*time.Second {
				t.Errorf("took %v", spent)
			}
			var over *LimitError
			if errors.As(err, &over) != (c.what != "") || over != nil && over.What != c.what {
				t.Errorf("got %v", err)
			}
			if err == nil {
				t.Error("accepted")
			}
		})
	}
}

// TestWithinLimits: the most that is granted is read.
func TestWithinLimits(t *testing.T) {
	for name, data := range map[string][]byte{
		"Argon2": ppkWith("1048576", "16", "1"),
		"bcrypt": opensshWith(maxBcryptRounds),
		"PBKDF2": pbes2With(pbkdf2Parameters(maxPBKDF2Iterations)),
		"scrypt": pbes2With(scryptParameters(1<<20, 8, 16)),
	} {
		f, err := Parse(data)
		if err != nil || !f.Encrypted {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadTooLarge(t *testing.T) {
	path := store(t, "key", nil)
	if err := os.Truncate(path, 2<<30); err != nil {
		t.Fatal(err)
	}
	memory := allocated()
	var over *LimitError
	if _, err := Read(path); !errors.As(err, &over) || over.Path != path {
		t.Errorf("got %v", err)
	}
	if spent := allocated() - memory; spent > 1<<20 {
		t.Errorf("took %d bytes", spent)
	}
}

// TestSlowText: text made to be slow to take apart.
func TestSlowText(t *testing.T) {
	full := func(s string) []byte { return []byte(strings.Repeat(s, maxFile/len(s))) }
	for name, data := range map[string][]byte{
		"BEGIN lines":     full("-----BEGIN RSA PRIVATE KEY-----\n"),
		"empty blocks":    full("-----BEGIN A-----\n-----END A-----\n"),
		"BEGIN unended":   full("-----BEGIN "),
		"headers":         append([]byte("-----BEGIN RSA PRIVATE KEY-----\n"), full("A: b\n")[:maxFile-64]...),
		"public lines":    full("ssh-rsa AAAA\n"),
		"one public line": full("ssh-ed25519 "),
		"quotes":          full(`"\`),
		"continued":       append([]byte(ssh2Begin+"\n"), full("\\\n")[:maxFile-64]...),
		"PPK lines":       append([]byte(ppkBegin+"3: a\nEncryption: none\nComment: \nPublic-Lines: 5460\n"), full("AAAA\n")[:maxFile-128]...),
	} {
		begun, memory := time.Now(), allocated()
		if f, err := Parse(data); err == nil {
			t.Errorf("%s: read as %s", name, f.Format)
		}
		if spent := time.Since(begun); spent > 2*time.Second {
			t.Errorf("%s took %v", name, spent)
		}
		if spent := allocated() - memory; spent > 100<<20 {
			t.Errorf("%s took %d MiB", name, spent>>20)
		}
	}
}

// allocated counts all that was ever allocated: an upper bound of what was used.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// ppkWith is an encrypted PPK with given Argon2 parameters.
func ppkWith(memory, passes, parallelism string) []byte {
	return fmt.Appendf(nil, ppkBegin+`3: ssh-ed25519
Encryption: aes256-cbc
Comment: x
Public-Lines: 2
AAAAC3NzaC1lZDI1NTE5AAAAIPBO4WmzMu+6zYABnr4mq5+fJZf3hdFD4nPo0Atw
P+qI
Key-Derivation: Argon2id
Argon2-Memory: %s
Argon2-Passes: %s
Argon2-Parallelism: %s
Argon2-Salt: 00112233445566778899aabbccddeeff
Private-Lines: 1
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
Private-MAC: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
`, memory, passes, parallelism)
}

// opensshWith is an encrypted OpenSSH file that asks for so many rounds.
func opensshWith(rounds uint32) []byte {
	public := appendString(appendString(nil, "ssh-ed25519"), make([]byte, 32))
	out := appendString([]byte(opensshMagic), "aes256-ctr")
	out = appendString(out, "bcrypt")
	out = appendString(out, appendUint32(appendString(nil, make([]byte, 16)), rounds))
	out = appendString(appendUint32(out, 1), public)
	out = appendString(out, make([]byte, 128))
	return encodePEM(labelOpenSSH, out)
}

// pbes2With is an encrypted PKCS#8 file with a given key derivation.
func pbes2With(kdf func(*cryptobyte.Builder)) []byte {
	sequence := func(b *cryptobyte.Builder, f func(*cryptobyte.Builder)) { b.AddASN1(casn1.SEQUENCE, f) }
	var b cryptobyte.Builder
	sequence(&b, func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid(oidPBES2))
			sequence(b, func(b *cryptobyte.Builder) {
				sequence(b, kdf)
				sequence(b, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oid(oidAES256CBC))
					b.AddASN1OctetString(make([]byte, 16))
				})
			})
		})
		b.AddASN1OctetString(make([]byte, 64))
	})
	return encodePEM(labelEncrypted, b.BytesOrPanic())
}

func pbkdf2Parameters(iterations int64) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid(oidPBKDF2))
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1OctetString(make([]byte, 8))
			b.AddASN1Int64(iterations)
		})
	}
}

func scryptParameters(n, r, p int64) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid(oidScrypt))
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1OctetString(make([]byte, 8))
			for _, n := range []int64{n, r, p} {
				b.AddASN1Int64(n)
			}
		})
	}
}

// rsaWith is a PKCS#1 file whose modulus has so many bits.
func rsaWith(bits uint) []byte {
	modulus := new(big.Int).Lsh(big.NewInt(1), bits-1)
	der, err := asn1.Marshal(struct {
		Version int
		N       *big.Int
		E       int
	}{0, modulus, 65537})
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: labelRSA, Bytes: der})
}

// TestLargestRSA: verifying the largest key that is taken is bounded in time.
func TestLargestRSA(t *testing.T) {
	// Not a key: the factors are no primes, and d is not their inverse of e.
	one := big.NewInt(1)
	p := new(big.Int).Sub(new(big.Int).Lsh(one, maxRSABits/2), one)
	q := new(big.Int).Sub(p, big.NewInt(2))
	n := new(big.Int).Mul(p, q)
	begun := time.Now()
	if _, err := newRSA(n, big.NewInt(65537), new(big.Int).Sub(n, one), q, p, q); err == nil {
		t.Error("accepted")
	}
	if spent := time.Since(begun); spent > 5*time.Second {
		t.Errorf("took %v", spent)
	}
}
