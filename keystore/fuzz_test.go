package keystore

import (
	"bytes"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

// seeds gives the files of testdata/seeds: throwaway keys that open nothing, as
// ssh-keygen 9.2, openssl 3.0 and puttygen 0.78 wrote them. The passphrase of the
// encrypted ones is "seed".
func seeds(f testing.TB, pattern string) [][]byte {
	f.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "seeds", pattern))
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds %s: %v", pattern, err)
	}
	var out [][]byte
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		out = append(out, data)
	}
	return out
}

// blocks gives the content of the seeds' armour.
func blocks(f testing.TB, pattern string) [][]byte {
	f.Helper()
	var out [][]byte
	for _, text := range seeds(f, pattern) {
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			out = append(out, block.Bytes)
		}
	}
	return out
}

// cheap tells whether a fuzzer may pay for the key derivation.
func cheap(e Encryption) bool {
	return e.Rounds <= 4 && e.MemoryKiB*max(e.Passes, 1) <= 256 && e.Parallelism <= 4
}

// opened opens a parsed file and, if it is a key, holds it to what must be true
// of every key: its halves fit, and written in any format and read again it is the same.
func opened(t *testing.T, f *File) {
	t.Helper()
	if f.Public != nil {
		if again, err := parsePublicBlob(f.Public.Marshal()); err != nil || again.Type() != f.Public.Type() {
			t.Fatalf("public half %q is not read again: %v", f.Public.Type(), err)
		}
	}
	if !f.HasPrivate() || !cheap(f.Encryption) {
		return
	}
	key, err := f.Open([]byte("seed"))
	if err != nil {
		return
	}
	if f.Public != nil && !sameKey(key.Public, f.Public) {
		t.Fatal("the halves do not fit")
	}
	for _, o := range []Options{{Format: OpenSSH}, {Format: PEM}, {Format: PKCS8}, {Format: PPK, PPKVersion: 2}, {Format: PPK}} {
		data, err := key.Marshal(o)
		if err != nil {
			continue // the format cannot hold it
		}
		again, err := Parse(data)
		if err != nil {
			t.Fatalf("%s: %v", o.Format, err)
		}
		reopened, err := again.Open(nil)
		if err != nil {
			t.Fatalf("%s: %v", o.Format, err)
		}
		if !sameKey(reopened.Public, key.Public) || !bytes.Equal(privateBytes(t, reopened), privateBytes(t, key)) {
			t.Fatalf("%s: another key", o.Format)
		}
		if (o.Format == OpenSSH || o.Format == PPK) && reopened.Comment != key.Comment {
			t.Fatalf("%s: comment %q became %q", o.Format, key.Comment, reopened.Comment)
		}
	}
}

// FuzzParse takes whole files of any format.
func FuzzParse(f *testing.F) {
	for _, seed := range seeds(f, "*") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := Parse(data); err == nil {
			opened(t, file)
		}
	})
}

// FuzzOpenSSH takes the content of the armour.
func FuzzOpenSSH(f *testing.F) {
	for _, seed := range blocks(f, "openssh-*") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := parseOpenSSH(data); err == nil {
			opened(t, file)
		}
	})
}

// FuzzDER takes PKCS#1, SEC 1 and PKCS#8, plain and encrypted.
func FuzzDER(f *testing.F) {
	for _, seed := range blocks(f, "p[ek][mc]*") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, label := range []string{labelRSA, labelEC, labelPKCS8, labelEncrypted} {
			if file, err := parseBlock(&pem.Block{Type: label, Bytes: data}); err == nil {
				opened(t, file)
			}
		}
	})
}

// FuzzPPK mends the MAC, so that what stands behind it is reached.
func FuzzPPK(f *testing.F) {
	for _, seed := range seeds(f, "ppk*") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := parsePPK(data)
		if err != nil {
			return
		}
		opened(t, file)
		p, err := splitPPK(data)
		if err != nil || p.encryption != ppkPlain {
			return
		}
		p.mac = p.sum(p.keys(nil).mac, p.private)
		if file, err = parsePPK(p.text()); err != nil {
			t.Fatalf("written again it is not read: %v", err)
		}
		opened(t, file)
	})
}

// FuzzPublic takes public keys as lines, in RFC 4716 and in wire form.
func FuzzPublic(f *testing.F) {
	for _, seed := range seeds(f, "public-*") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := Parse(data); err == nil && !file.HasPrivate() {
			for _, written := range [][]byte{AuthorizedKey(file.Public, file.Comment), SSH2PublicKey(file.Public, file.Comment)} {
				again, err := Parse(written)
				if err != nil || !sameKey(again.Public, file.Public) {
					t.Fatalf("%v reading\n%s", err, written)
				}
			}
		}
		if key, err := parsePublicBlob(data); err == nil && key.Type() == "" {
			t.Fatal("a key without a type")
		}
	})
}
