package sshconfig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// tool finds a program that the tests cannot do without.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = filepath.Join("/usr/sbin", name)
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("%s is needed (apt-get install openssh-client openssh-server)", name)
		}
	}
	return path
}

func writeFile(t testing.TB, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// testKey is a key pair that can stand in a file.
type testKey struct {
	private crypto.Signer
	signer  ssh.Signer
}

func newKey(t testing.TB, keyType string) testKey {
	t.Helper()
	var private crypto.Signer
	var err error
	switch keyType {
	case ssh.KeyAlgoED25519:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case ssh.KeyAlgoECDSA256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ssh.KeyAlgoRSA:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		t.Fatalf("no generator for %s", keyType)
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return testKey{private, signer}
}

func (k testKey) public() ssh.PublicKey { return k.signer.PublicKey() }

// text is the key as it stands in a file: type and base64.
func (k testKey) text() string { return keyText(k.public()) }

func keyText(k ssh.PublicKey) string {
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(k)), "\n")
}

func (k testKey) write(t testing.TB, path string) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(k.private, "")
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, path, string(pem.EncodeToMemory(block)))
}

// hostCert is a certificate for key, signed by ca.
func hostCert(t testing.TB, key, ca testKey, change func(*ssh.Certificate)) *ssh.Certificate {
	t.Helper()
	return hostCertBy(t, key, ca.signer, change)
}

// sha1Signer signs as old authorities did.
func sha1Signer(t testing.TB, key testKey) ssh.Signer {
	t.Helper()
	signer, err := ssh.NewSignerWithAlgorithms(key.signer.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func hostCertBy(t testing.TB, key testKey, ca ssh.Signer, change func(*ssh.Certificate)) *ssh.Certificate {
	t.Helper()
	cert := &ssh.Certificate{
		Key:         key.public(),
		CertType:    ssh.HostCert,
		KeyId:       "test",
		ValidBefore: ssh.CertTimeInfinity,
	}
	if change != nil {
		change(cert)
	}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	return cert
}

func parse(t testing.TB, content string) (*KnownHosts, []Problem) {
	t.Helper()
	k, problems, err := ParseKnownHosts(strings.NewReader(content), "kh")
	if err != nil {
		t.Fatal(err)
	}
	return k, problems
}
