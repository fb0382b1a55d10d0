package connect

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestDialTakesTheNextAtOnceWhenOneFails(t *testing.T) {
	good := listen(t, newFake(t).serve)
	start := time.Now()
	client := dial(t, configFor(t), closedPort(t), good)
	if client.Candidate().Address != good.Address {
		t.Errorf("logged in at %v", client.Candidate())
	}
	if took := time.Since(start); took > stagger {
		t.Errorf("took %v", took)
	}
}

func TestDialDoesNotWaitForASilentOne(t *testing.T) {
	var closed sync.WaitGroup
	closed.Add(1)
	mute := listen(t, func(c net.Conn) { silent(c); closed.Done() })
	start := time.Now()
	dial(t, configFor(t), mute, listen(t, newFake(t).serve))
	if took := time.Since(start); took < stagger || took > 8*stagger {
		t.Errorf("took %v, want 250 ms of patience", took)
	}
	closed.Wait() // the loser is closed
}

func TestDialPrefersTheFirst(t *testing.T) {
	var second atomic.Int32
	other := newFake(t)
	client := dial(t, configFor(t), listen(t, newFake(t).serve),
		listen(t, func(c net.Conn) { second.Add(1); other.serve(c) }))
	if second.Load() != 0 || client.Candidate().Label != "test" {
		t.Error("the second was dialled although the first answered")
	}
}

func TestDialPutsOffTheNextWhileOneShowsLife(t *testing.T) {
	f := newFake(t)
	f.wrap = func(c net.Conn) net.Conn { return &hesitant{Conn: c, times: 2} }
	var second atomic.Int32
	slow := listen(t, f.serve)
	dial(t, configFor(t), slow, listen(t, func(c net.Conn) { second.Add(1); silent(c) }))
	if second.Load() != 0 {
		t.Error("the second was dialled although the first came along")
	}
}

// hesitant thinks before each of its first writes: the identification and the
// key exchange.
type hesitant struct {
	net.Conn
	times int
}

func (c *hesitant) Write(p []byte) (int, error) {
	if c.times > 0 {
		c.times--
		time.Sleep(200 * time.Millisecond)
	}
	return c.Conn.Write(p)
}

func TestDialKeepsEveryFailure(t *testing.T) {
	cfg := configFor(t)
	cfg.HandshakeTimeout = 100 * time.Millisecond
	_, err := Dial(context.Background(), []Candidate{
		closedPort(t),
		listen(t, func(c net.Conn) { io.WriteString(c, "Not allowed at this time\r\n") }),
		listen(t, func(c net.Conn) { io.WriteString(c, "SSH-2.0-x\r\n"); silent(c) }),
		listen(t, silent),
		listen(t, func(c net.Conn) { io.WriteString(c, "220 mail ESMTP\r\n"); silent(c) }),
	}, cfg)
	attempts := failedDial(t, err, StageDial, StageBanner, StageKeyExchange, StageBanner, StageBanner)
	if !errors.Is(attempts[0].Err, syscall.ECONNREFUSED) {
		t.Errorf("refused: %v", attempts[0].Err)
	}
	var banner *BannerError
	if !errors.As(attempts[1].Err, &banner) || banner.Text != "Not allowed at this time\n" {
		t.Errorf("refused in words: %v", attempts[1].Err)
	}
	for _, a := range attempts[2:] {
		var timeout *TimeoutError
		if !errors.As(a.Err, &timeout) || timeout.Stage != a.Stage || timeout.After != cfg.HandshakeTimeout {
			t.Errorf("silent: %v", a.Err)
		}
	}
	if !errors.As(attempts[4].Err, &banner) || banner.Text != "220 mail ESMTP\n" {
		t.Errorf("another protocol: %v", attempts[4].Err)
	}
}

func TestDialWithoutCandidates(t *testing.T) {
	_, err := Dial(context.Background(), nil, configFor(t))
	failedDial(t, err)
	if err.Error() != "no address to dial" {
		t.Errorf("got %q", err)
	}
}

func TestDialWantsCallbacks(t *testing.T) {
	if _, err := Dial(context.Background(), nil, Config{}); err == nil {
		t.Error("a host key would be trusted blindly")
	}
}

func TestDialUnusableAddress(t *testing.T) {
	_, err := Dial(context.Background(), []Candidate{{Address: netip.AddrPort{}}}, configFor(t))
	failedDial(t, err, StageDial)
}

// Two servers show their keys at the same time; only one question may be open,
// and the answer to it ends the race.
func TestOneQuestionAtATime(t *testing.T) {
	var open, most, asked atomic.Int32
	cfg := configFor(t)
	cfg.HandshakeTimeout = 600 * time.Millisecond // runs out while the question is open, if it runs
	cfg.HostKey = func(_ context.Context, c Candidate, _ ssh.PublicKey) error {
		asked.Add(1)
		most.Store(max(most.Load(), open.Add(1)))
		defer open.Add(-1)
		time.Sleep(time.Second)
		return nil
	}
	// Slow enough that the second is begun, and both are ready at once.
	late := func(f *fake) func(net.Conn) {
		return func(c net.Conn) { time.Sleep(300 * time.Millisecond); f.serve(c) }
	}
	one, two := listen(t, late(newFake(t))), listen(t, late(newFake(t)))
	check := nothingLeft(t)
	client := dial(t, cfg, one, two)
	if asked.Load() != 1 || most.Load() != 1 {
		t.Errorf("asked %d times, %d at once", asked.Load(), most.Load())
	}
	client.Close()
	check()
}

func TestRefusedHostKeyLeavesTheOthersInTheRace(t *testing.T) {
	bad, good := listen(t, newFake(t).serve), listen(t, newFake(t).serve)
	cfg := configFor(t)
	refusal := errors.New("unknown")
	cfg.HostKey = func(_ context.Context, c Candidate, _ ssh.PublicKey) error {
		if c.Address == bad.Address {
			return refusal
		}
		return nil
	}
	if client := dial(t, cfg, bad, good); client.Candidate().Address != good.Address {
		t.Errorf("logged in at %v", client.Candidate())
	}
	_, err := Dial(context.Background(), []Candidate{bad}, cfg)
	a := failedDial(t, err, StageHostKey)[0]
	var hostKey *HostKeyError
	if !errors.As(a.Err, &hostKey) || hostKey.Key == nil || !errors.Is(err, refusal) {
		t.Errorf("got %v", a.Err)
	}
}

func TestErrStopEndsTheRace(t *testing.T) {
	var asked int
	cfg := configFor(t)
	cfg.HostKey = func(context.Context, Candidate, ssh.PublicKey) error { asked++; return ErrStop }
	one, two := listen(t, newFake(t).serve), listen(t, newFake(t).serve)
	check := nothingLeft(t)
	_, err := Dial(context.Background(), []Candidate{one, two}, cfg)
	failedDial(t, err, StageHostKey)
	if asked != 1 || !errors.Is(err, ErrStop) {
		t.Errorf("asked %d times, %v", asked, err)
	}
	check()
}

func TestGate(t *testing.T) {
	f := newFake(t)
	var authenticating, opened atomic.Bool
	f.config.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		authenticating.Store(true)
		return nil, nil
	}
	f.config.NoClientAuth = true
	f.config.NoClientAuthCallback = func(ssh.ConnMetadata) (*ssh.Permissions, error) {
		authenticating.Store(true)
		return nil, errors.New("no")
	}
	server := listen(t, f.serve)
	cfg := configFor(t)
	cfg.HandshakeTimeout = 300 * time.Millisecond
	cfg.Gate = func(context.Context) error {
		time.Sleep(500 * time.Millisecond) // the clock stands still
		if authenticating.Load() {
			t.Error("authenticates before the gate is open")
		}
		opened.Store(true)
		return nil
	}
	dial(t, cfg, server)
	if !opened.Load() {
		t.Error("the gate was not asked")
	}

	shut := errors.New("another instance by now")
	cfg.Gate = func(context.Context) error { return shut }
	_, err := Dial(context.Background(), []Candidate{server, server}, cfg)
	failedDial(t, err, StageGate)
	if !errors.Is(err, shut) {
		t.Errorf("got %v", err)
	}
}

func TestCancelledBeforeItBegins(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Dial(ctx, []Candidate{listen(t, silent)}, configFor(t))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
