package keystore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"unicode/utf16"
)

// manglings are what editors, mail and shells do to a key file.
func manglings() map[string]func([]byte) []byte {
	with := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(old), []byte(new)) }
	}
	return map[string]func([]byte) []byte{
		"untouched":       bytes.Clone,
		"CRLF":            with("\n", "\r\n"),
		"CR":              with("\n", "\r"),
		"no last newline": bytes.TrimSpace,
		"BOM":             func(b []byte) []byte { return append([]byte("\xEF\xBB\xBF"), b...) },
		"UTF-16":          toUTF16,
		"text behind":     func(b []byte) []byte { return append(bytes.Clone(b), "some text\n"...) },
		"text before":     func(b []byte) []byte { return append([]byte("some text\n"), b...) },
		"blank line":      func(b []byte) []byte { return append([]byte("\n"), b...) },
	}
}

func toUTF16(b []byte) []byte {
	out := []byte("\xFF\xFE")
	for _, unit := range utf16.Encode([]rune(string(b))) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	return out
}

// TestMangled: what was mangled is read, and NeedsRepair says exactly whether
// ssh-keygen refuses it; it reads what Repaired gives.
func TestMangled(t *testing.T) {
	kind := keyKinds()[1]
	reader := readerTools()[0]
	for name, mangle := range manglings() {
		for _, w := range allWritten() {
			for _, passphrase := range []string{"", "open sesame"} {
				o := w.options
				o.Passphrase, o.Comment = []byte(passphrase), "me"
				if o.Check("ecdsa") != nil {
					continue
				}
				t.Run(name+"/"+w.name+"/"+passphrase, func(t *testing.T) {
					t.Parallel()
					path := store(t, "key", mangle(kind.marshal(t, o)))
					if o.Format == PPK && (name == "text before" || name == "blank line") {
						// PuTTY wants its line first, too.
						if _, err := Read(path); !errors.Is(err, ErrNotKey) {
							t.Errorf("got %v", err)
						}
						return
					}
					f, _ := mustOpen(t, path, passphrase, kind.key(t))
					if o.Format == PPK {
						return
					}
					if _, err := reader.public(t, path, passphrase); (err != nil) != f.NeedsRepair {
						t.Errorf("needs repair is %v, ssh-keygen says %v", f.NeedsRepair, err)
					}
					repaired := store(t, "repaired", f.Repaired())
					if public, err := reader.public(t, repaired, passphrase); err != nil || !sameKey(public, kind.key(t).Public) {
						t.Errorf("repaired: %v", err)
					}
				})
			}
		}
	}
}

// TestTampered: one flipped bit gives an error, or leaves the key what it was
// (in a comment, in white space, in what no checksum covers). Never another key.
func TestTampered(t *testing.T) {
	for _, w := range allWritten() {
		for _, kind := range []keyKind{keyKinds()[1], keyKinds()[4]} {
			for _, passphrase := range []string{"", "x"} {
				o := w.options
				o.Passphrase = []byte(passphrase)
				if o.Check(string(kind.kind)) != nil || kind.kind == Ed25519 && o.Format == PKCS8 {
					continue // a bare seed: each is a key
				}
				t.Run(w.name+"/"+kind.name+"/"+passphrase, func(t *testing.T) {
					t.Parallel()
					whole := kind.marshal(t, o)
					want := kind.key(t)
					step := 1
					if passphrase != "" {
						step = 29 // each costs a key derivation
					}
					for i := 0; i < len(whole); i += step {
						data := bytes.Clone(whole)
						data[i] ^= 1
						f, err := Parse(data)
						if err != nil {
							continue
						}
						if f.HasPrivate() && f.Encryption.Rounds > 1000 {
							continue // the flip made it costly
						}
						if key, err := f.Open([]byte(passphrase)); err == nil && !sameKey(key.Public, want.Public) {
							t.Fatalf("byte %d flipped gives another key", i)
						}
					}
				})
			}
		}
	}
}

// TestTruncated: no half file is a key, where the format has an end.
func TestTruncated(t *testing.T) {
	for _, w := range allWritten() {
		whole := keyKinds()[1].marshal(t, w.options)
		for i := range len(whole) - 2 { // the last newline may miss, and PPK's last digit does show
			f, err := Parse(whole[:i])
			if err != nil {
				continue
			}
			if _, err := f.Open(nil); err == nil {
				t.Errorf("%s: %d of %d bytes are a key", w.name, i, len(whole))
			}
		}
	}
}

// TestForgedHalves: a file whose checksum is right and whose halves are of two keys.
func TestForgedHalves(t *testing.T) {
	key, other := fresh(t), fresh(t)
	forged := &Key{Private: key.Private, Public: other.Public}
	var corrupt *CorruptError
	for _, w := range []written{allWritten()[0], allWritten()[3], allWritten()[4]} {
		for _, passphrase := range []string{"", "x"} {
			o := w.options
			o.Passphrase = []byte(passphrase)
			data := as(t, forged, o)
			f, err := Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Open([]byte(passphrase)); !errors.As(err, &corrupt) {
				t.Errorf("%s: %v", w.name, err)
			}
		}
	}
	// PPK without a passphrase: its MAC tells damage.
	data := strings.Replace(string(as(t, key, Options{Format: PPK, Comment: "one"})), "Comment: one", "Comment: two", 1)
	f, err := Parse([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Open(nil); !errors.As(err, &corrupt) || corrupt.What != "MAC does not match" {
		t.Errorf("PPK with another comment: %v", err)
	}
}

// TestComments: a comment is a stranger's text.
func TestComments(t *testing.T) {
	key := fresh(t)
	for comment, want := range map[string]string{
		"":                         "",
		"two\nlines\x1b[31m":       "two lines [31m",
		"latin \xE4":               "latin \uFFFD",
		strings.Repeat("ö", 10000): strings.Repeat("ö", maxComment/2),
	} {
		for _, format := range []Format{OpenSSH, PPK} {
			data, err := key.Marshal(Options{Format: format, Comment: comment})
			if err != nil {
				t.Fatal(err)
			}
			f, err := Parse(data)
			if err != nil || f.Comment != want {
				t.Errorf("%s: %q, %v", format, f.Comment, err)
			}
		}
		f, err := Parse(AuthorizedKey(key.Public, comment))
		if err != nil || f.Comment != want {
			t.Errorf("line: %q, %v", f.Comment, err)
		}
	}
	// What a writer without our care wrote is cleaned as it is read.
	data, err := marshalOpenSSH(key, "two\nlines", nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := f.Open(nil); err != nil || f.Comment != "two lines" || opened.Comment != "two lines" {
		t.Errorf("%q, %v", f.Comment, err)
	}
}
