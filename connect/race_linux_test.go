package connect

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// fullBacklog is an address that leaves connections without an answer.
func fullBacklog(t *testing.T) Candidate {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := name.(*syscall.SockaddrInet4).Port
	c := Candidate{Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))}
	for range 4 {
		conn, err := net.DialTimeout("tcp", c.String(), 100*time.Millisecond)
		if err != nil {
			return c
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the backlog is never full")
	return c
}

func TestDialTCPTimeout(t *testing.T) {
	cfg := configFor(t)
	cfg.ConnectTimeout = 100 * time.Millisecond
	_, err := Dial(context.Background(), []Candidate{fullBacklog(t)}, cfg)
	a := failedDial(t, err, StageDial)[0]
	var timeout *TimeoutError
	if !errors.As(a.Err, &timeout) || timeout.After != cfg.ConnectTimeout || a.Duration < cfg.ConnectTimeout {
		t.Errorf("got %v after %v", a.Err, a.Duration)
	}
}

// Whatever a Dial is doing, the end of its context ends it at once, and leaves
// neither a goroutine nor a socket.
func TestCancelLeavesNothing(t *testing.T) {
	deaf := make(chan struct{})
	block := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	f := newFake(t)
	good := listen(t, f.serve)
	tests := []struct {
		name  string
		to    Candidate
		alter func(*Config)
		stage Stage
	}{
		{"tcp", fullBacklog(t), func(*Config) {}, StageDial},
		{"banner", listen(t, silent), func(*Config) {}, StageBanner},
		{"key exchange", listen(t, func(c net.Conn) { io.WriteString(c, "SSH-2.0-x\r\n"); silent(c) }), func(*Config) {}, StageKeyExchange},
		{"host key", good, func(c *Config) {
			c.HostKey = func(ctx context.Context, _ Candidate, _ ssh.PublicKey) error { return block(ctx) }
		}, StageHostKey},
		{"gate", good, func(c *Config) { c.Gate = block }, StageGate},
		{"signers", good, func(c *Config) {
			c.Signers = func(ctx context.Context) ([]ssh.Signer, error) { return nil, block(ctx) }
		}, StageAuth},
		{"a callback that does not obey", good, func(c *Config) { c.Gate = func(context.Context) error { <-deaf; return nil } }, StageGate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := configFor(t)
			tt.alter(&cfg)
			check := nothingLeft(t)
			cause := errors.New("ctrl-C")
			ctx, cancel := context.WithCancelCause(context.Background())
			time.AfterFunc(150*time.Millisecond, func() { cancel(cause) })
			start := time.Now()
			_, err := Dial(ctx, []Candidate{tt.to}, cfg)
			if took := time.Since(start); took > time.Second {
				t.Errorf("took %v", took)
			}
			failedDial(t, err, tt.stage)
			if !errors.Is(err, cause) {
				t.Errorf("got %v", err)
			}
			if tt.name == "a callback that does not obey" {
				close(deaf)
			}
			check()
		})
	}
}
