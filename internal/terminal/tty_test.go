//go:build unix

package terminal

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// openPair gives a TTY whose other end the test types on.
func openPair(t *testing.T) (*TTY, *keyboard) {
	t.Helper()
	ptmx, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ptmx.Close(); tty.Close() })
	k := &keyboard{typed: ptmx.WriteString, shown: make(chan string, 100)}
	go func() {
		buf := make([]byte, 1024)
		for {
			n, err := ptmx.Read(buf)
			if err != nil {
				return
			}
			k.shown <- string(buf[:n])
		}
	}()
	return &TTY{in: tty, out: tty}, k
}

type keyboard struct {
	typed func(string) (int, error)
	shown chan string
}

// screen is what was shown until nothing more comes for a moment.
func (k *keyboard) screen() string {
	var all strings.Builder
	for {
		select {
		case s := <-k.shown:
			all.WriteString(s)
		case <-time.After(100 * time.Millisecond):
			return all.String()
		}
	}
}

func TestAskSecretDoesNotEchoAndRestores(t *testing.T) {
	tty, keys := openPair(t)
	before, err := unix.IoctlGetTermios(int(tty.in.Fd()), ioctlGetTermios)
	if err != nil {
		t.Fatal(err)
	}
	go func() { time.Sleep(50 * time.Millisecond); keys.typed("s3cret\n") }()
	got, err := tty.AskSecret(context.Background(), "passphrase: ")
	if err != nil || string(got) != "s3cret" {
		t.Fatalf("got %q, %v", got, err)
	}
	if screen := keys.screen(); screen != "passphrase: \r\n" {
		t.Errorf("screen shows %q", screen)
	}
	after, _ := unix.IoctlGetTermios(int(tty.in.Fd()), ioctlGetTermios)
	if *after != *before {
		t.Error("the terminal is not as it was")
	}
}

func TestAskSecretCancelledRestores(t *testing.T) {
	tty, _ := openPair(t)
	before, _ := unix.IoctlGetTermios(int(tty.in.Fd()), ioctlGetTermios)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := tty.AskSecret(ctx, "passphrase: "); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("err = %v", err)
	}
	after, _ := unix.IoctlGetTermios(int(tty.in.Fd()), ioctlGetTermios)
	if *after != *before {
		t.Error("the terminal is not as it was")
	}
}

func TestConfirmTakesOnlyYes(t *testing.T) {
	for typed, want := range map[string]bool{"y\n": true, "YES\n": true, "\n": false, "n\n": false, "yep\n": false} {
		tty, keys := openPair(t)
		go keys.typed(typed)
		if got, err := tty.Confirm(context.Background(), "sure?"); err != nil || got != want {
			t.Errorf("%q: got %v, %v", typed, got, err)
		}
	}
}

func TestChooseTakesWholeNumbers(t *testing.T) {
	for _, tt := range []struct {
		typed string
		want  int // -1: none
	}{
		{"7\nx\n2\n", 1},
		{" 1 \n", 0},
		{"2x\n2 1\n1\n", 0},
		{"2x\n1.5\n0\n", -1},
		{"-1\n99999999999999999999\n0x1\n", -1},
		{"\n\n\n", -1},
	} {
		tty, keys := openPair(t)
		go keys.typed(tt.typed)
		got, err := tty.Choose(context.Background(), "two servers bear the name:", []string{"a", "b"})
		if tt.want < 0 && err == nil || tt.want >= 0 && (err != nil || got != tt.want) {
			t.Errorf("%q: got %d, %v", tt.typed, got, err)
		}
	}
}
