package keystore

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// home is a temporary home directory.
type home struct {
	t *testing.T
	string
}

func newHome(t *testing.T) home {
	t.Helper()
	h := home{t, t.TempDir()}
	for _, d := range []string{".ssh/osssh", "Downloads", "Documents", ".ssh/deeper"} {
		if err := os.MkdirAll(filepath.Join(h.string, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func (h home) path(name string) string { return filepath.Join(h.string, name) }

func (h home) put(name string, data []byte) string {
	h.t.Helper()
	if err := os.WriteFile(h.path(name), data, 0o600); err != nil {
		h.t.Fatal(err)
	}
	return h.path(name)
}

// fresh makes a new Ed25519 key; the kinds of the matrices are shared.
func fresh(t *testing.T) *Key {
	t.Helper()
	key, err := Generate(Ed25519, 0)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// as writes a key with a cheap derivation.
func as(t *testing.T, key *Key, o Options) []byte {
	t.Helper()
	var data []byte
	var err error
	switch o.Format {
	case OpenSSH:
		data, err = marshalOpenSSH(key, o.Comment, o.Passphrase, 1)
	case PKCS8:
		data, err = marshalPKCS8(key, o.Passphrase, 1000)
	default:
		data, err = key.Marshal(o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func find(t *testing.T, s Search, w Wanted) Result {
	t.Helper()
	r, err := Find(t.Context(), s, w)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// told gives a result as text: path relative to home, or "agent", and the reason.
func (h home) told(r Result) string {
	var out []string
	for _, id := range r.Identities {
		where := "agent"
		if id.File != nil {
			where, _ = filepath.Rel(h.string, id.File.Path)
		}
		how := [...]string{"", "fingerprint", "public", "pub file", "explicit", "name", "default"}[id.How]
		out = append(out, where+": "+how)
	}
	return strings.Join(out, "\n")
}

func (h home) misses(r Result) string {
	var out []string
	for _, m := range r.Misses {
		where, _ := filepath.Rel(h.string, m.Path)
		out = append(out, where+": "+[...]string{"", "other", "hidden", "public only", "unusable"}[m.Why])
	}
	return strings.Join(out, "\n")
}

func equal(t *testing.T, what, got string, want ...string) {
	t.Helper()
	if wanted := strings.Join(want, "\n"); got != wanted {
		t.Errorf("%s:\n%s\nwant:\n%s", what, got, wanted)
	}
}

func TestFindPlaces(t *testing.T) {
	key, other := fresh(t), fresh(t)
	h := newHome(t)
	mine := as(t, key, Options{Format: OpenSSH})
	h.put(".ssh/any name at all", mine)
	h.put(".ssh/osssh/work", mine)
	h.put(".ssh/osssh/work.pub", AuthorizedKey(key.Public, "")) // not a file more to look at
	h.put("work.pem", as(t, key, Options{Format: PKCS8}))
	h.put("Downloads/work (1).PEM", mine)
	h.put("Documents/work.ppk", as(t, key, Options{Format: PPK, PPKVersion: 2}))
	h.put("Downloads/x.key", mine)
	h.put("Downloads/no ending", mine)
	h.put(".ssh/deeper/work", mine)
	h.put(".ssh/id_other", as(t, other, Options{Format: OpenSSH}))
	h.put(".ssh/config", []byte("Host *\n"))
	if err := os.Symlink(h.path("work.pem"), h.path(".ssh/link")); err != nil {
		t.Fatal(err)
	}
	r := find(t, Search{Home: h.string}, Wanted{Public: key.Public, Name: "work"})
	equal(t, "found", h.told(r),
		".ssh/any name at all: public", ".ssh/link: public", ".ssh/osssh/work: public", "work.pem: public",
		"Downloads/work (1).PEM: public", "Downloads/x.key: public", "Documents/work.ppk: public")
	if r.Looked.Files != 8 || r.Looked.Keys != 8 || r.Looked.Truncated {
		t.Errorf("looked at %+v", r.Looked)
	}
}

func TestFindRanks(t *testing.T) {
	key, other, third := fresh(t), fresh(t), fresh(t)
	secret := []byte("x")
	h := newHome(t)
	h.put(".ssh/a-encrypted", as(t, key, Options{Format: OpenSSH, Passphrase: secret}))
	h.put(".ssh/b-plain", as(t, key, Options{Format: OpenSSH}))
	explicit := h.put("Documents/named", as(t, other, Options{Format: OpenSSH}))
	h.put(".ssh/c-open", as(t, key, Options{Format: OpenSSH}))
	if err := os.Chmod(h.path(".ssh/c-open"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.put(".ssh/d-installed", as(t, third, Options{Format: OpenSSH, Passphrase: secret}))
	// Hidden halves: by .pub, by name, by neither.
	h.put(".ssh/e-pub", as(t, key, Options{Format: PKCS8, Passphrase: secret}))
	h.put(".ssh/e-pub.pub", AuthorizedKey(key.Public, "beside"))
	h.put("Downloads/the key.pem", as(t, other, Options{Format: PKCS8, Passphrase: secret}))
	h.put("Downloads/else.pem", as(t, other, Options{Format: PKCS8, Passphrase: secret}))
	h.put(".ssh/the-key", as(t, other, Options{Format: OpenSSH}))
	digest, short := sha256.Sum256(third.Public.Marshal()), md5.Sum(third.Public.Marshal())

	for _, w := range []Wanted{
		{Public: key.Public, SHA256: [][]byte{{1}, digest[:]}, Name: "the_key"},
		{Public: key.Public, MD5: [][]byte{nil, short[:]}, Name: "the_key"},
	} {
		r := find(t, Search{Home: h.string, Explicit: []string{explicit}}, w)
		equal(t, "found", h.told(r),
			".ssh/d-installed: fingerprint",
			".ssh/b-plain: public", ".ssh/a-encrypted: public", ".ssh/e-pub: pub file", ".ssh/c-open: public",
			"Documents/named: explicit",
			".ssh/the-key: explicit", // the same key as the named one
			"Downloads/the key.pem: name")
		equal(t, "missed", h.misses(r), "Downloads/else.pem: hidden")
	}
	r := find(t, Search{Home: h.string}, Wanted{Public: key.Public, Name: "the-key"})
	equal(t, "missed", h.misses(r), ".ssh/the-key: other", "Downloads/else.pem: hidden")
}

func TestFindWithoutKnowledge(t *testing.T) {
	h := newHome(t)
	for i := range 8 {
		h.put(fmt.Sprintf(".ssh/id_%d", i), as(t, fresh(t), Options{Format: OpenSSH}))
	}
	h.put(".ssh/unnamed", as(t, fresh(t), Options{Format: OpenSSH}))
	h.put("Downloads/web.pem", as(t, fresh(t), Options{Format: OpenSSH}))
	r := find(t, Search{Home: h.string}, Wanted{Name: "web"})
	equal(t, "found", h.told(r), "Downloads/web.pem: name",
		".ssh/id_0: default", ".ssh/id_1: default", ".ssh/id_2: default", ".ssh/id_3: default", ".ssh/id_4: default")
	r = find(t, Search{Home: h.string}, Wanted{Name: "web", Public: fresh(t).Public})
	equal(t, "found where the key is known and not here", h.told(r))
	equal(t, "missed", h.misses(r), "Downloads/web.pem: other")
}

func TestFindExplicit(t *testing.T) {
	key, other := fresh(t), fresh(t)
	h := newHome(t)
	ppk := h.put("k.ppk", as(t, key, Options{Format: PPK, PPKVersion: 2}))
	private := h.put("elsewhere", as(t, key, Options{Format: OpenSSH}))
	pub := h.put("elsewhere.pub", AuthorizedKey(key.Public, ""))
	alone := h.put("alone.pub", AuthorizedKey(key.Public, ""))
	missing := h.path("missing")
	w := Wanted{Public: key.Public}

	r := find(t, Search{Explicit: []string{ppk}}, w)
	equal(t, "a PPK", h.told(r), "k.ppk: public")
	if !r.Identities[0].Explicit {
		t.Error("not marked as explicit")
	}
	r = find(t, Search{Explicit: []string{pub}}, w)
	equal(t, "a .pub with its private half", h.told(r), "elsewhere: public")
	r = find(t, Search{Explicit: []string{alone}}, w)
	equal(t, "a .pub alone", h.told(r))
	equal(t, "a .pub alone", h.misses(r), "alone.pub: public only")
	r = find(t, Search{Explicit: []string{missing, private}}, Wanted{Public: other.Public})
	equal(t, "another key", h.told(r), "elsewhere: explicit")
	equal(t, "a missing file", h.misses(r), "missing: unusable")
	if !errors.Is(r.Misses[0].Err, os.ErrNotExist) {
		t.Errorf("missing file: %v", r.Misses[0].Err)
	}
	text := h.put("text", []byte("no key\n"))
	r = find(t, Search{Explicit: []string{text}}, w)
	if len(r.Misses) != 1 || !errors.Is(r.Misses[0].Err, ErrNotKey) {
		t.Errorf("a text file: %+v", r.Misses)
	}
}

// TestFindExplicitFirst: of two installed keys, the one that the user named, though it
// has a passphrase; and of keys that only the user's word speaks for, in the user's order.
func TestFindExplicitFirst(t *testing.T) {
	one, two := fresh(t), fresh(t)
	first, second := sha256.Sum256(one.Public.Marshal()), sha256.Sum256(two.Public.Marshal())
	h := newHome(t)
	h.put(".ssh/one", as(t, one, Options{Format: OpenSSH}))
	named := h.put("two", as(t, two, Options{Format: OpenSSH, Passphrase: []byte("x")}))
	w := Wanted{SHA256: [][]byte{first[:], second[:]}}
	r := find(t, Search{Home: h.string, Explicit: []string{named}}, w)
	equal(t, "installed", h.told(r), "two: fingerprint", ".ssh/one: fingerprint")

	plain := h.put("three", as(t, fresh(t), Options{Format: OpenSSH}))
	r = find(t, Search{Explicit: []string{named, plain}}, Wanted{Public: h.public()})
	equal(t, "by word", h.told(r), "two: explicit", "three: explicit")
}

func TestFindPublicHalfAlone(t *testing.T) {
	key := fresh(t)
	h := newHome(t)
	h.put(".ssh/gone.pub", AuthorizedKey(key.Public, ""))
	r := find(t, Search{Home: h.string}, Wanted{Public: key.Public})
	equal(t, "found", h.told(r))
	equal(t, "missed", h.misses(r), ".ssh/gone.pub: public only")
}

// TestFindHostile: what lies in a home directory must not stop, block or swell a scan.
func TestFindHostile(t *testing.T) {
	key := fresh(t)
	h := newHome(t)
	mine := as(t, key, Options{Format: OpenSSH})
	h.put(".ssh/work", mine)
	if err := os.Mkdir(h.path(".ssh/id_rsa"), 0o700); err != nil {
		t.Fatal(err)
	}
	sparse := h.put("Downloads/huge.pem", mine)
	if err := os.Truncate(sparse, 2<<30); err != nil {
		t.Fatal(err)
	}
	h.put(".ssh/half", mine[:len(mine)/2])
	h.put(".ssh/empty", nil)
	h.put(".ssh/binary", []byte(strings.Repeat("\x00\xff", 4096)))
	if err := os.Symlink("loop", h.path(".ssh/loop")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(os.DevNull, h.path(".ssh/null")); err != nil {
		t.Fatal(err)
	}
	h.hostileFiles()
	r := find(t, Search{Home: h.string}, Wanted{Public: key.Public})
	equal(t, "found", h.told(r), ".ssh/work: public")
	equal(t, "missed", h.misses(r), ".ssh/half: unusable", "Downloads/huge.pem: unusable")
	var over *LimitError
	if !errors.As(r.Misses[1].Err, &over) || over.Path != sparse {
		t.Errorf("2 GiB: %v", r.Misses[1].Err)
	}
	for _, path := range []string{h.path(".ssh/id_rsa"), h.path(".ssh/null")} {
		var irregular *NotRegularError
		if _, err := Read(path); !errors.As(err, &irregular) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestFindThousands(t *testing.T) {
	h := newHome(t)
	key := fresh(t)
	data := as(t, key, Options{Format: OpenSSH})
	for i := range maxScanned + 50 {
		h.put(fmt.Sprintf(".ssh/key%05d", i), data)
	}
	begun := time.Now()
	index, err := Scan(t.Context(), Search{Home: h.string})
	if err != nil {
		t.Fatal(err)
	}
	if index.Looked.Files != maxScanned || !index.Looked.Truncated {
		t.Errorf("looked at %+v", index.Looked)
	}
	for range 1000 {
		if r := index.Match(Wanted{Name: "web", Public: h.public()}); len(r.Identities) != 0 {
			t.Fatal("matched another key")
		}
	}
	t.Logf("a scan of %d files and 1,000 matches took %v", maxScanned, time.Since(begun))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Scan(cancelled, Search{Home: h.string}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func (h home) public() ssh.PublicKey { return fresh(h.t).Public }

func TestNamedAs(t *testing.T) {
	for _, c := range []struct {
		file, name string
		want       bool
	}{
		{"web", "web", true}, {"web.pem", "web", true}, {"Web.PEM", "web", true}, {"web (1).pem", "web", true},
		{"web(12).pem", "web", true}, {"my-key.pem", "my key", true}, {"my_key.ppk", "my key", true},
		{"a@b.c.key", "a@b.c", true}, {"work.pk8", "work", true}, {"id_ed25519", "id_ed25519", true}, {"web.txt", "web", false},
		{"web2.pem", "web", false}, {"(1).pem", "1", true}, {".pem", "", false}, {"", "", false}, {"web", "", false},
	} {
		if got := namedAs(filepath.Join("dir", c.file), c.name); got != c.want {
			t.Errorf("%q as %q: %v", c.file, c.name, got)
		}
	}
}
