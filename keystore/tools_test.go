package keystore

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// tool runs a program that must be installed, and fails the test if it fails.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := tryTool(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// tryTool gives both outputs together.
func tryTool(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s must be installed: %v", name, err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "DISPLAY=", "SSH_ASKPASS_REQUIRE=never", "PUTTYDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// store writes a file of mode 0600 and gives its path.
func store(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// keyKind is one kind of key of the matrices.
type keyKind struct {
	name string
	kind Type
	bits int
}

func keyKinds() []keyKind {
	return []keyKind{
		{"rsa", RSA, 2048}, {"ecdsa256", ECDSA, 256}, {"ecdsa384", ECDSA, 384}, {"ecdsa521", ECDSA, 521}, {"ed25519", Ed25519, 0},
	}
}

// made keeps one key of each kind: making RSA keys takes long.
var made sync.Map

func (k keyKind) key(t *testing.T) *Key {
	t.Helper()
	once, _ := made.LoadOrStore(k.name, sync.OnceValues(func() (*Key, error) { return Generate(k.kind, k.bits) }))
	key, err := once.(func() (*Key, error))()
	if err != nil {
		t.Fatal(err)
	}
	clone := *key
	return &clone
}

// marshal writes a key with a cheap key derivation: the matrices test formats.
func (k keyKind) marshal(t *testing.T, o Options) []byte {
	t.Helper()
	key := k.key(t)
	var data []byte
	var err error
	switch o.Format {
	case OpenSSH:
		data, err = marshalOpenSSH(key, o.Comment, o.Passphrase, 1)
	case PEM:
		data, err = marshalPEM(key)
	case PKCS8:
		data, err = marshalPKCS8(key, o.Passphrase, 1000)
	case PPK:
		cheap := ppkArgon{flavour: "Argon2id", memory: 64, passes: 1, parallelism: 1}
		data, err = marshalPPK(key, o.Comment, o.Passphrase, o.PPKVersion, cheap)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// mustOpen reads and opens a file, and holds its private half against a key.
func mustOpen(t *testing.T, path, passphrase string, want *Key) (*File, *Key) {
	t.Helper()
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	key, err := f.Open([]byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(privateBytes(t, key), privateBytes(t, want)) {
		t.Fatal("private half differs")
	}
	if !sameKey(key.Public, want.Public) {
		t.Fatal("public half differs")
	}
	return f, key
}

// privateBytes is equal for equal keys: of an RSA key's primes, tools put either first.
func privateBytes(t *testing.T, k *Key) []byte {
	t.Helper()
	if key, ok := k.Private.(*rsa.PrivateKey); ok {
		primes := []string{key.Primes[0].String(), key.Primes[1].String()}
		slices.Sort(primes)
		return []byte(fmt.Sprint(key.N, key.E, primes))
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.Private)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
