package reach

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"osssh/connect"
	"osssh/internal/demo"
	"osssh/sshconfig"
)

// A jump host that is chosen may be opened by a key that only the command line
// names: the choice has counted on it.
func TestDetourByGivenKey(t *testing.T) {
	cloud := startDemo(t)
	elsewhere := filepath.Join(t.TempDir(), "ed25519")
	for _, suffix := range []string{"", ".pub"} {
		if err := os.Rename(filepath.Join(cloud.Home(), ".ssh", "ed25519"+suffix), elsewhere+suffix); err != nil {
			t.Fatal(err)
		}
	}
	l := newLogin(t, cloud)
	l.open(t, Request{Name: "inner", Identities: []string{elsewhere}})
	if !slices.Contains(l.noted(), Jumped) {
		t.Errorf("notes: %v", l.noted())
	}
}

// Where keypairs may not be read, a key file of a keypair's name is tried.
func TestDetourWithoutKeypairs(t *testing.T) {
	cloud := startDemo(t)
	inject(t, cloud, demo.Fault{Service: "nova", Path: "/v2.1/os-keypairs", Status: 403})
	l := newLogin(t, cloud)
	l.open(t, Request{Name: "inner"})
	if !slices.Contains(l.noted(), Jumped) {
		t.Errorf("notes: %v", l.noted())
	}
}

// A remembered jump host that takes connections and says nothing costs two
// tries of its ConnectTimeout, and is not the first to be tried again.
func TestDetourFromMemoryWhereSilent(t *testing.T) {
	cloud := startDemo(t)
	first := newLogin(t, cloud)
	first.open(t, Request{Name: "nofip"})
	past, _ := first.Memory.recall("nofip")
	silent := demo.SSHSilent
	inject(t, cloud, demo.Fault{Instance: past.JumpName, SSH: &silent})
	l := newLogin(t, cloud)
	l.SettingsOf = func(ctx context.Context, hop sshconfig.JumpHost) (*sshconfig.Settings, error) {
		return sshconfig.Evaluate(ctx, sshconfig.Options{Host: hop.Host, Home: cloud.Home(), Overrides: []string{"ConnectTimeout=1"}})
	}
	l.open(t, Request{Name: "nofip"})
	now, _ := l.Memory.recall("nofip")
	if now.Jump == past.Jump || now.Jump == "" {
		t.Errorf("through %q, then %q", past.JumpName, now.JumpName)
	}
	if took := time.Since(l.began); took > 3900*time.Millisecond {
		t.Errorf("took %v", took)
	}
	if dials := len(l.dialled); dials != 4 { // memory's, twice the silent one, the next
		t.Errorf("%d dials", dials)
	}
}

// A server that is waited for may start its SSH server behind a jump host: nobody
// else can see that.
func TestDetourWaits(t *testing.T) {
	cloud := startDemo(t)
	refuse, healthy := demo.SSHRefuse, demo.SSHHealthy
	inject(t, cloud, demo.Fault{Instance: "nofip", SSH: &refuse})
	var nowhere *NoAddressError
	if _, err := newLogin(t, cloud).try(t, Request{Name: "nofip"}); !errors.As(err, &nowhere) {
		t.Fatalf("not waited for: %v", err)
	}
	up := time.AfterFunc(time.Second, func() { inject(t, cloud, demo.Fault{Instance: "nofip", SSH: &healthy}) })
	defer up.Stop()
	l := newLogin(t, cloud)
	l.open(t, Request{Name: "nofip", Wait: 30 * time.Second})
	if took := time.Since(l.began); took < time.Second {
		t.Errorf("took %v", took)
	}
}

func TestHurry(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []connect.EventKind
		want   bool
	}{
		{"nothing connected", []connect.EventKind{connect.EventDial}, false},
		{"no banner", []connect.EventKind{connect.EventDial, connect.EventConnected}, true},
		{"a banner", []connect.EventKind{connect.EventConnected, connect.EventServerVersion}, false},
		{"failed", []connect.EventKind{connect.EventConnected, connect.EventFailed}, false},
		{"failed at once", []connect.EventKind{connect.EventFailed}, false},
	} {
		given := make(chan struct{}, 1)
		var seen []connect.EventKind
		trace := hurry(func(e connect.Event) { seen = append(seen, e.Kind) }, 20*time.Millisecond, func() { given <- struct{}{} })
		for _, kind := range c.events {
			trace(connect.Event{Kind: kind})
		}
		gaveUp := false
		select {
		case <-given:
			gaveUp = true
		case <-time.After(60 * time.Millisecond):
		}
		if gaveUp != c.want || !slices.Equal(seen, c.events) {
			t.Errorf("%s: gave up %v, handed on %v", c.name, gaveUp, seen)
		}
	}
}

// What a stranger could have done at an address is no sign of the instance.
func TestAwaitSilence(t *testing.T) {
	own, shared := netip.MustParseAddrPort("127.0.0.1:22"), netip.MustParseAddrPort("127.0.0.2:22")
	connected, version := connect.Event{Kind: connect.EventConnected}, connect.Event{Kind: connect.EventServerVersion}
	failed := func(stage connect.Stage, err error) connect.Event {
		return connect.Event{Kind: connect.EventFailed, Stage: stage, Err: err}
	}
	other := &connect.HostKeyError{Err: errors.New("another")}
	refused := failed(connect.StageDial, syscall.ECONNREFUSED)
	for _, c := range []struct {
		name   string
		at     netip.AddrPort
		events []connect.Event
		want   error // nil: a jump host is looked for
	}{
		{"silent", own, nil, nil},
		{"unreachable", own, []connect.Event{failed(connect.StageDial, syscall.EHOSTUNREACH)}, nil},
		{"refused", own, []connect.Event{refused}, errAnswered},
		{"closed", own, []connect.Event{connected, failed(connect.StageBanner, errors.New("EOF"))}, errAnswered},
		{"another host key", own, []connect.Event{connected, version, failed(connect.StageHostKey, other)}, errAnswered},
		{"takes its time", own, []connect.Event{connected}, context.DeadlineExceeded},
		{"shared, silent", shared, nil, nil},
		{"shared, refused", shared, []connect.Event{refused}, nil},
		{"shared, connected and silent", shared, []connect.Event{connected}, nil},
		{"shared, closed", shared, []connect.Event{connected, failed(connect.StageBanner, errors.New("EOF"))}, nil},
		{"shared, no key type in common", shared, []connect.Event{connected, version, failed(connect.StageKeyExchange, errors.New("no common algorithm"))}, nil},
		{"shared, another host key", shared, []connect.Event{connected, version, failed(connect.StageHostKey, other)}, nil},
		{"shared, speaks", shared, []connect.Event{connected, version}, context.DeadlineExceeded},
		{"shared, key not taken", shared, []connect.Event{connected, version, failed(connect.StageAuth, errors.New("no"))}, errAnswered},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &watch{began: time.Now().Add(-silencePatience), open: 1, shared: []netip.AddrPort{shared}, changed: make(chan struct{}, 1)}
			for _, e := range c.events {
				e.Candidate.Address = c.at
				w.follow(e)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if err := w.awaitSilence(ctx, silencePatience); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}
