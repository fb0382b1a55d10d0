package keystore

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestUnreadable: a file that may not be read is told only if it is named as a key.
func TestUnreadable(t *testing.T) {
	h := newHome(t)
	key := h.put("Downloads/work.pem", as(t, fresh(t), Options{Format: OpenSSH}))
	other := h.put(".ssh/other", as(t, fresh(t), Options{Format: OpenSSH}))
	for _, path := range []string{key, other} {
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Root reads all: this thread does so as nobody. It is not unlocked, and so
		// ends with the goroutine.
		runtime.LockOSThread()
		for _, directory := range []string{filepath.Dir(h.string), h.string, h.path(".ssh"), h.path("Downloads")} {
			if err := os.Chmod(directory, 0o755); err != nil {
				t.Error(err)
			}
		}
		if os.Getuid() == 0 {
			unix.SetfsuidRetUid(65534)
		}
		if r := readCandidate(candidate{path: key}); !errors.Is(r.err, os.ErrPermission) {
			t.Errorf("%s: %v", key, r.err)
		}
		if r := readCandidate(candidate{path: other}); !errors.Is(r.err, ErrNotKey) {
			t.Errorf("%s: %v", other, r.err)
		}
		if r := readCandidate(candidate{path: other, explicit: true}); !errors.Is(r.err, os.ErrPermission) {
			t.Errorf("%s, named by the user: %v", other, r.err)
		}
	}()
	<-done
}
