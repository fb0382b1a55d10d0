package reach

import (
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"osssh/internal/openstack"
	"osssh/resolve"
)

func passwordCloud(user, region string) *openstack.Cloud {
	return &openstack.Cloud{
		AuthURL: "https://keystone.example/v3", Region: region,
		Auth: openstack.Auth{Type: openstack.AuthPassword, Username: user, Password: "secret"},
	}
}

var someLogin = remembered{
	ServerID: "42", ServerName: "web", Address: netip.MustParseAddrPort("[2001:db8::1]:2222"), Why: resolve.Floating,
	User: "debian", PublicKey: "ssh-ed25519 AAAA", Confirmed: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
}

func TestNewMemory(t *testing.T) {
	cloud := passwordCloud("bob", "r")
	if NewMemory("", cloud) != nil {
		t.Error("memory without a directory")
	}
	byToken := passwordCloud("", "")
	byToken.Auth.Type = openstack.AuthToken
	if NewMemory(t.TempDir(), byToken) != nil {
		t.Error("memory of nobody")
	}
	dir := filepath.Join(t.TempDir(), "osssh")
	if NewMemory(dir, cloud) == nil {
		t.Error("no memory")
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory is made before anything is remembered")
	}
}

func TestMemoryRoundTrip(t *testing.T) {
	dir := t.TempDir()
	m := NewMemory(dir, passwordCloud("bob", "r"))
	for _, name := range []string{
		"web", "prod/web", "../../etc/passwd", "/", "", ".", "..", "a\x00b", "naïve \U0001F4A9", strings.Repeat("long", 1000),
	} {
		login := someLogin
		login.ServerName = name
		if _, ok := m.recall(name); ok {
			t.Errorf("%q is remembered before it was", name)
		}
		if err := m.store(name, login); err != nil {
			t.Fatal(err)
		}
		if got, ok := NewMemory(dir, passwordCloud("bob", "r")).recall(name); !ok || got != login {
			t.Errorf("%q: got %+v, want %+v", name, got, login)
		}
		for _, other := range []*Memory{NewMemory(dir, passwordCloud("eve", "r")), NewMemory(dir, passwordCloud("bob", "s"))} {
			if _, ok := other.recall(name); ok {
				t.Errorf("%q is remembered for another login too", name)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "servers", "*"))
	if err != nil || len(files) != 10 {
		t.Errorf("%d files: %v", len(files), err)
	}
	for range 2 { // what is not there is forgotten already
		if err := m.forget("web"); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := m.recall("web"); ok {
		t.Error("forgotten, but remembered")
	}
}

func TestMemoryIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "osssh")
	m := NewMemory(dir, passwordCloud("bob", "r"))
	if err := m.store("web", someLogin); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(m.path("web"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "secret") {
		t.Errorf("a secret is written: %s", data)
	}
	if runtime.GOOS == "windows" { // has no modes
		return
	}
	for path, want := range map[string]os.FileMode{
		dir: 0o700, filepath.Join(dir, "servers"): 0o700, m.path("web"): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: mode %o, want %o", path, got, want)
		}
	}
}

// What cannot be read, or does not say enough to log in, is forgotten.
func TestMemoryOfBrokenFiles(t *testing.T) {
	m := NewMemory(t.TempDir(), passwordCloud("bob", "r"))
	if err := m.store("web", someLogin); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(m.path("web"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":        "",
		"cut short":    string(whole[:len(whole)/2]),
		"no JSON":      "\x00\xff",
		"no object":    "[]",
		"null":         "null",
		"no server":    strings.Replace(string(whole), `"ServerID":"42"`, `"ServerID":""`, 1),
		"no address":   strings.Replace(string(whole), `[2001:db8::1]:2222`, ``, 1),
		"bad address":  strings.Replace(string(whole), `[2001:db8::1]:2222`, `web:22`, 1),
		"no key":       strings.Replace(string(whole), `ssh-ed25519 AAAA`, ``, 1),
		"another type": strings.Replace(string(whole), `"debian"`, `7`, 1),
	} {
		if err := os.WriteFile(m.path("web"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, ok := m.recall("web"); ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if err := m.store("web", someLogin); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.recall("web"); !ok {
		t.Error("a broken file is not written over")
	}
}

func TestMemoryThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := NewMemory(file, passwordCloud("bob", "r")).store("web", someLogin); err == nil {
		t.Error("no error")
	}
	m := NewMemory(t.TempDir(), passwordCloud("bob", "r"))
	if err := os.MkdirAll(filepath.Join(m.path("web"), "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := m.store("web", someLogin); err == nil {
		t.Error("no error")
	}
	if left, _ := filepath.Glob(filepath.Join(m.dir, "new-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestNoMemory(t *testing.T) {
	var m *Memory
	if _, ok := m.recall("web"); ok {
		t.Error("nothing remembers something")
	}
}
