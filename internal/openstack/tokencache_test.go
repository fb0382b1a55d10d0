package openstack

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// cached gives the one file of a cache.
func cached(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "tokens", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the cache holds %q, %v", files, err)
	}
	return files[0]
}

func TestTokenCache(t *testing.T) {
	f := newFake(t)
	dir := filepath.Join(t.TempDir(), "cache", "osssh")
	f.connect(ClientOptions{CacheDir: dir})
	path := cached(t, dir)
	if runtime.GOOS != "windows" {
		for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
		}
	}
	content, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(content), rightPassword) || !strings.Contains(string(content), tokenMark+"1") {
		t.Errorf("the cache holds %s, %v", content, err)
	}
	c := f.connect(ClientOptions{CacheDir: dir})
	if c.Calls() != 0 || c.UserID() != "uid" || c.ProjectID() != "pid" {
		t.Errorf("%d calls, user %q, project %q", c.Calls(), c.UserID(), c.ProjectID())
	}
	f.connect(ClientOptions{})
	if f.tokens() != 2 {
		t.Errorf("%d token requests: without a directory there is no cache", f.tokens())
	}
}

func TestRevokedCachedToken(t *testing.T) {
	f := newFake(t)
	dir := t.TempDir()
	f.on(serverPath, says(200, `{"server": {"id": "x"}}`))
	f.connect(ClientOptions{CacheDir: dir})
	f.revoke()
	c := f.connect(ClientOptions{CacheDir: dir})
	if _, err := c.Server(context.Background(), "x"); err != nil || f.tokens() != 2 {
		t.Errorf("%v after %d token requests", err, f.tokens())
	}
	content, _ := os.ReadFile(cached(t, dir))
	if !strings.Contains(string(content), tokenMark+"2") {
		t.Errorf("the cache holds %s", content)
	}
}

func TestUnusableCacheFiles(t *testing.T) {
	f := newFake(t)
	dir := t.TempDir()
	f.connect(ClientOptions{CacheDir: dir})
	path := cached(t, dir)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spoil := map[string]func() error{
		"nonsense": func() error { return os.WriteFile(path, []byte("{"), 0o600) },
		"empty":    func() error { return os.WriteFile(path, nil, 0o600) },
		"no token": func() error { return os.WriteFile(path, []byte(`{"expires": "2999-01-01T00:00:00Z"}`), 0o600) },
		"expired": func() error {
			soon := time.Now().Add(minValidity / 2).UTC().Format(time.RFC3339)
			return os.WriteFile(path, []byte(`{"token": "t", "expires": "`+soon+`"}`), 0o600)
		},
	}
	if runtime.GOOS != "windows" {
		spoil["readable by others"] = func() error { return os.Chmod(path, 0o640) }
		spoil["a symbolic link"] = func() error {
			other := filepath.Join(t.TempDir(), "x")
			return errors.Join(os.Rename(path, other), os.Symlink(other, path))
		}
		if os.Geteuid() == 0 {
			spoil["another user's"] = func() error { return os.Chown(path, 12345, 0) }
		}
	}
	for name, change := range spoil {
		t.Run(name, func(t *testing.T) {
			_ = os.Remove(path)
			if err := errors.Join(os.WriteFile(path, good, 0o600), change()); err != nil {
				t.Fatal(err)
			}
			before := f.tokens()
			f.connect(ClientOptions{CacheDir: dir})
			if f.tokens() != before+1 {
				t.Fatal("the file was used")
			}
			f.connect(ClientOptions{CacheDir: dir})
			if f.tokens() != before+1 {
				t.Error("the file was not replaced")
			}
		})
	}
}

func TestUnwritableCache(t *testing.T) {
	f := newFake(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var warned error
	f.connect(ClientOptions{CacheDir: file, Warn: func(err error) { warned = err }})
	if warned == nil {
		t.Error("no warning")
	}
}

func TestCacheKey(t *testing.T) {
	base := func() *Cloud { return (&fake{Server: &httptest.Server{}}).cloud() }
	name := cacheFile("d", base())
	other := map[string]func(*Cloud){
		"auth_url": func(c *Cloud) { c.AuthURL += "x" },
		"type":     func(c *Cloud) { c.Auth.Type = AuthTOTP },
		"user":     func(c *Cloud) { c.Auth.Username = "v" },
		"user id":  func(c *Cloud) { c.Auth.UserID = "v" },
		"domain":   func(c *Cloud) { c.Auth.UserDomainID = "v" },
		"project":  func(c *Cloud) { c.Auth.ProjectName = "v" },
		"trust":    func(c *Cloud) { c.Auth.TrustID = "v" },
		"system":   func(c *Cloud) { c.Auth.System = true },
		"app cred": func(c *Cloud) { c.Auth.ApplicationCredentialID = "v" },
	}
	for what, change := range other {
		c := base()
		change(c)
		if cacheFile("d", c) == name {
			t.Errorf("another %s has the same cache file", what)
		}
	}
	c := base()
	c.Auth.Password, c.Auth.Passcode, c.Auth.ApplicationCredentialSecret, c.Name = "other", "123", "s", "other name"
	if cacheFile("d", c) != name {
		t.Error("a secret has a part in the name of the cache file")
	}
	c.Auth.Password = ""
	if cacheFile("d", c) != name {
		t.Error("a password that is asked for has another cache file than one in clouds.yaml")
	}
	c.Auth.Type = AuthToken
	if cacheFile("d", c) != "" {
		t.Error("a login by token is cached, though only the secret says whose it is")
	}
}
