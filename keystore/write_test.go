package keystore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// alone fails if anything else lies in the directory: a temporary file was left.
func alone(t *testing.T, directory string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(names, e.Name()) {
			t.Errorf("left in the directory: %s", e.Name())
		}
	}
}

func TestWritePrivate(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "made", "here")
	path := filepath.Join(directory, "key")
	if err := WritePrivate(path, []byte("first")); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]fs.FileMode{path: 0o600, directory: 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if err := WritePrivate(path, []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	if content(t, path) != "first" {
		t.Error("overwritten")
	}
	alone(t, directory, "key")
}

func TestWriteOverNothing(t *testing.T) {
	directory := t.TempDir()
	link, target := filepath.Join(directory, "link"), filepath.Join(directory, "target")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := WritePrivate(link, []byte("x")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a dangling link: %v", err)
	}
	if _, err := os.Stat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Error("wrote through a link")
	}
	if err := WritePrivate(directory, []byte("x")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a directory: %v", err)
	}
	alone(t, directory, "link")
}

func TestWriteRace(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "key")
	var written atomic.Int32
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			switch err := WritePrivate(path, []byte("whole")); {
			case err == nil:
				written.Add(1)
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		})
	}
	group.Wait()
	if written.Load() != 1 || content(t, path) != "whole" {
		t.Errorf("%d wrote", written.Load())
	}
	alone(t, directory, "key")
}

func TestReplacePrivate(t *testing.T) {
	directory := t.TempDir()
	path, link := filepath.Join(directory, "key"), filepath.Join(directory, "link")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("key", link); err != nil {
		t.Fatal(err)
	}
	if err := ReplacePrivate(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || content(t, path) != "new" {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := ReplacePrivate(filepath.Join(directory, "missing"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	// A failing rename leaves nothing behind.
	inner := filepath.Join(directory, "inner")
	if err := os.MkdirAll(filepath.Join(inner, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := ReplacePrivate(inner, []byte("x")); err == nil {
		t.Error("replaced a directory")
	}
	alone(t, directory, "key", "link", "inner")
}

func TestWritePublic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pub")
	if err := WritePublic(path, []byte("line\n")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o711 != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := WritePublic(path, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
}

func TestGenerate(t *testing.T) {
	for _, c := range []struct {
		kind Type
		bits int
		name string
		size int
	}{
		{Ed25519, 0, "ssh-ed25519", 0}, {Ed25519, 256, "ssh-ed25519", 0}, {ECDSA, 0, "ecdsa-sha2-nistp256", 256},
		{ECDSA, 384, "ecdsa-sha2-nistp384", 384}, {ECDSA, 521, "ecdsa-sha2-nistp521", 521}, {RSA, 2048, "ssh-rsa", 2048},
		{RSA, 0, "ssh-rsa", 3072},
	} {
		key, err := Generate(c.kind, c.bits)
		if err != nil || key.Public.Type() != c.name || bits(key.Public) != c.size {
			t.Errorf("%s %d: %+v, %v", c.kind, c.bits, key, err)
		}
	}
	var unsupported *UnsupportedError
	for kind, bits := range map[Type]int{Ed25519: 512, ECDSA: 224, RSA: 1024, "dsa": 0, "": 0} {
		if _, err := Generate(kind, bits); !errors.As(err, &unsupported) {
			t.Errorf("%s %d: %v", kind, bits, err)
		}
	}
	if _, err := Generate(RSA, 16385); !errors.As(err, &unsupported) {
		t.Errorf("RSA of 16385 bits: %v", err)
	}
	if err := RSA.Check(16384); err != nil {
		t.Errorf("RSA of 16384 bits: %v", err)
	}
}
