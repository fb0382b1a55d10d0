//go:build unix

package keystore

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// hostileFiles puts what blocks or streams where keys are looked for.
func (h home) hostileFiles() {
	h.t.Helper()
	for _, name := range []string{".ssh/fifo", ".ssh/fifo.pub", "Downloads/fifo.pem"} {
		if err := syscall.Mkfifo(h.path(name), 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	// A private key with a hidden half, whose .pub is a FIFO.
	h.put(".ssh/fifo-beside", as(h.t, fresh(h.t), Options{Format: PKCS8}))
	if err := syscall.Mkfifo(h.path(".ssh/fifo-beside.pub"), 0o600); err != nil {
		h.t.Fatal(err)
	}
	listener, err := net.Listen("unix", h.path(".ssh/s"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { listener.Close() })
}

func TestProtectRefusesFIFO(t *testing.T) {
	h := newHome(t)
	path := h.path("fifo")
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
	var irregular *NotRegularError
	if err := Protect(path); !errors.As(err, &irregular) {
		t.Errorf("got %v", err)
	}
	if _, err := Read(path); !errors.As(err, &irregular) {
		t.Errorf("got %v", err)
	}
}
