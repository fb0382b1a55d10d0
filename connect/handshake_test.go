package connect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// tampered lets a server's first bytes through and then does something else.
type tampered struct {
	net.Conn
	after  int
	tamper func(c net.Conn, rest []byte) error // nil result: go on
	once   bool
}

func (c *tampered) Write(p []byte) (int, error) {
	if c.once || len(p) <= c.after {
		c.after -= len(p)
		return c.Conn.Write(p)
	}
	c.once = true
	if _, err := c.Conn.Write(p[:c.after]); err != nil {
		return 0, err
	}
	if err := c.tamper(c.Conn, bytes.Clone(p[c.after:])); err != nil {
		return 0, err
	}
	return len(p), nil
}

func TestTamperedHandshakes(t *testing.T) {
	errCut := errors.New("cut")
	ways := map[string]func(net.Conn, []byte) error{
		"closed": func(c net.Conn, _ []byte) error { c.Close(); return errCut },
		"silent": func(c net.Conn, _ []byte) error { silent(c); return errCut },
		"flipped": func(c net.Conn, rest []byte) error {
			rest[0] ^= 0x40
			_, err := c.Write(rest)
			return err
		},
		"huge": func(c net.Conn, _ []byte) error {
			_, err := c.Write(bytes.Repeat([]byte{0xff}, 1<<20))
			return err
		},
		"zeros": func(c net.Conn, _ []byte) error {
			_, err := c.Write(make([]byte, 1<<20))
			return err
		},
	}
	// The handshake of a fake server is some 3,000 bytes long; at each of
	// these it is in another message or field.
	var cuts []int
	for n := 0; n < 3200; n += 53 {
		cuts = append(cuts, n)
	}
	for name, tamper := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var group sync.WaitGroup
			limit := make(chan struct{}, 16)
			for _, after := range cuts {
				group.Go(func() {
					limit <- struct{}{}
					defer func() { <-limit }()
					dialTampered(t, after, tamper)
				})
			}
			group.Wait()
		})
	}
}

func dialTampered(t *testing.T, after int, tamper func(net.Conn, []byte) error) {
	f := newFake(t)
	f.wrap = func(c net.Conn) net.Conn { return &tampered{Conn: c, after: after, tamper: tamper} }
	cfg := configFor(t)
	cfg.HandshakeTimeout = time.Second
	start := time.Now()
	client, err := Dial(context.Background(), []Candidate{listen(t, f.serve)}, cfg)
	if err == nil {
		client.Close() // the cut lies behind the login
		return
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("after %d: took %v", after, took)
	}
	var failed *DialError
	if !errors.As(err, &failed) || len(failed.Attempts) != 1 || failed.Attempts[0].Stage == StageDial {
		t.Errorf("after %d: %v", after, err)
	}
	if strings.Contains(err.Error(), "handshake failed") {
		t.Errorf("after %d: x/crypto's wrapping shows: %v", after, err)
	}
}

func TestHostKeyMustBeProved(t *testing.T) {
	f := newFake(t)
	f.config = &ssh.ServerConfig{NoClientAuth: true}
	f.config.AddHostKey(liar{f.hostKey, newSigner(t)})
	cfg := configFor(t)
	cfg.HostKey = func(context.Context, Candidate, ssh.PublicKey) error {
		t.Error("asked about a key that the server does not hold")
		return nil
	}
	_, err := Dial(context.Background(), []Candidate{listen(t, f.serve)}, cfg)
	failedDial(t, err, StageKeyExchange)
}

// liar shows one key and signs with another.
type liar struct{ shown, held ssh.Signer }

func (l liar) PublicKey() ssh.PublicKey { return l.shown.PublicKey() }
func (l liar) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return l.held.Sign(rand, data)
}

func TestRekeyAsksOnceAndKeepsTheKey(t *testing.T) {
	f := newFake(t)
	f.config.RekeyThreshold = 256 // the least that x/crypto takes
	f.session = func(channel ssh.Channel, requests <-chan *ssh.Request) {
		for r := range requests {
			_ = r.Reply(true, nil)
			for range 20 {
				_, _ = channel.Write(make([]byte, 1000))
			}
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ S uint32 }{3}))
			_ = channel.Close()
		}
	}
	cfg := configFor(t)
	asked := 0
	cfg.HostKey = func(context.Context, Candidate, ssh.PublicKey) error { asked++; return nil }
	client := dial(t, cfg, listen(t, f.serve))
	var out bytes.Buffer
	exit, err := client.Session(context.Background(), SessionOptions{Command: "x", Stdout: &out})
	if err != nil || exit.Status != 3 || out.Len() != 20000 {
		t.Errorf("got %+v, %v, %d bytes", exit, err, out.Len())
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

func TestRekeyWithAnotherKeyIsRefused(t *testing.T) {
	a := &attempt{hostKey: newSigner(t).PublicKey()}
	if err := a.verify("", nil, a.hostKey); err != nil {
		t.Errorf("the same key: %v", err)
	}
	var hostKey *HostKeyError
	if err := a.verify("", nil, newSigner(t).PublicKey()); !errors.As(err, &hostKey) || !errors.Is(err, errKeyChanged) {
		t.Errorf("another key: %v", err)
	}
}

func TestNoCommonAlgorithm(t *testing.T) {
	f := newFake(t)
	cfg := configFor(t)
	cfg.HostKeyAlgorithms = []string{ssh.KeyAlgoRSASHA512}
	_, err := Dial(context.Background(), []Candidate{listen(t, f.serve)}, cfg)
	a := failedDial(t, err, StageKeyExchange)[0]
	var none *ssh.AlgorithmNegotiationError
	if !errors.As(a.Err, &none) || !slices.Contains(none.RequestedAlgorithms, ssh.KeyAlgoED25519) {
		t.Errorf("got %v", a.Err)
	}
}

func TestOldAlgorithmsAreNotOffered(t *testing.T) {
	all := transportAlgorithms()
	for _, name := range slices.Concat(all.KeyExchanges, all.Ciphers, all.MACs, defaultHostKeyAlgorithms()) {
		if strings.HasSuffix(name, "sha1") || strings.Contains(name, "cbc") || name == ssh.KeyAlgoRSA {
			t.Errorf("offers %s", name)
		}
	}
	if all.KeyExchanges[0] != ssh.KeyExchangeMLKEM768X25519 || defaultHostKeyAlgorithms()[0] != ssh.KeyAlgoED25519 {
		t.Error("the best is not the first")
	}
}

func TestTrace(t *testing.T) {
	f := newFake(t)
	f.config.ServerVersion = "SSH-2.0-fake"
	server := listen(t, f.serve)
	var kinds []EventKind
	cfg := configFor(t)
	cfg.ClientVersion = "SSH-2.0-osssh_test"
	cfg.Trace = func(e Event) {
		kinds = append(kinds, e.Kind)
		if e.Candidate.Address != server.Address {
			t.Errorf("%v is of %v", e.Kind, e.Candidate)
		}
		switch e.Kind {
		case EventServerVersion:
			if e.Text != "SSH-2.0-fake" {
				t.Errorf("version %q", e.Text)
			}
		case EventHostKey, EventHostKeyOK:
			if !bytes.Equal(e.Key.Marshal(), f.hostKey.PublicKey().Marshal()) {
				t.Error("another key")
			}
		case EventAlgorithms:
			if e.Algorithms.KeyExchange != ssh.KeyExchangeMLKEM768X25519 {
				t.Errorf("algorithms %+v", e.Algorithms)
			}
		case EventAuthMethods:
			if !slices.Equal(e.Methods, []string{"publickey"}) || !slices.Equal(e.Tried, []string{"none"}) {
				t.Errorf("methods %q, tried %q", e.Methods, e.Tried)
			}
		case EventSigners:
			if len(e.Signers) != 1 {
				t.Errorf("%d signers", len(e.Signers))
			}
		}
	}
	client := dial(t, cfg, server)
	want := []EventKind{EventDial, EventConnected, EventServerVersion, EventHostKey, EventHostKeyOK,
		EventAlgorithms, EventAuthMethods, EventSigners, EventLoggedIn}
	if !slices.Equal(kinds, want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
	if client.ServerVersion() != "SSH-2.0-fake" || client.HostKey() == nil {
		t.Errorf("version %q, key %v", client.ServerVersion(), client.HostKey())
	}
}

func TestTraceFailure(t *testing.T) {
	var got []Event
	cfg := configFor(t)
	cfg.Trace = func(e Event) { got = append(got, e) }
	_, err := Dial(context.Background(), []Candidate{closedPort(t)}, cfg)
	last := got[len(got)-1]
	if last.Kind != EventFailed || last.Stage != StageDial || !errors.Is(err, last.Err) {
		t.Errorf("got %+v", last)
	}
}
