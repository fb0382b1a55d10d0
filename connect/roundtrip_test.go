package connect

import (
	"context"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// oneWay is how long the proxy of the round trip test holds every byte.
const oneWay = 25 * time.Millisecond

// slowLine is a proxy that holds each byte for oneWay in both directions, and
// counts flights: how often the client says something having heard something.
type slowLine struct {
	heard   atomic.Bool
	flights atomic.Int32
}

func (l *slowLine) to(t testing.TB, server Candidate) Candidate {
	return listen(t, func(client net.Conn) {
		upstream, err := net.Dial("tcp", server.String())
		if err != nil {
			return
		}
		defer upstream.Close()
		go hold(upstream, client, func() {
			if l.heard.Swap(false) {
				l.flights.Add(1)
			}
		}, func() {})
		hold(client, upstream, func() {}, func() { l.heard.Store(true) })
	})
}

// hold copies src to dst, each piece oneWay late.
func hold(dst, src net.Conn, came, delivered func()) {
	type piece struct {
		due  time.Time
		data []byte
	}
	pieces := make(chan piece, 1000)
	go func() {
		defer close(pieces)
		for {
			buf := make([]byte, 32<<10)
			n, err := src.Read(buf)
			if err != nil {
				return
			}
			came()
			pieces <- piece{time.Now().Add(oneWay), buf[:n]}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		delivered()
		if _, err := dst.Write(p.data); err != nil {
			break
		}
	}
	dst.Close()
	for range pieces {
	}
}

var withTerminal = SessionOptions{
	PTY: &PTY{Term: "xterm"},
	Env: []EnvVar{{"OSSSH_A", "1"}, {"OSSSH_B", "2"}, {"LANG", "C"}},
}

// The terminal and the environment cost no round trip: with them a session
// takes as many as without. They are counted, not timed, for a loaded machine
// has no sense of time.
func TestSSHDRoundTrips(t *testing.T) {
	server := startSSHD(t)
	var line slowLine
	client := dial(t, server.config, line.to(t, server.Candidate))
	flights := func(opts SessionOptions) int32 {
		fewest := int32(1000)
		for range 3 {
			line.heard.Store(true)
			line.flights.Store(0)
			opts.Command = "sleep 0.3" // keeps the answer and the exit apart
			if _, err := client.Session(context.Background(), opts); err != nil {
				t.Fatal(err)
			}
			time.Sleep(4 * oneWay) // for our last word to come through
			fewest = min(fewest, line.flights.Load())
		}
		return fewest
	}
	// The open; all requests; the end of input; the close.
	if bare, full := flights(SessionOptions{}), flights(withTerminal); bare != 4 || full != 4 {
		t.Errorf("bare %d flights, with terminal and environment %d, want 4", bare, full)
	}
}

// The same, seen from the server: only the command is waited for.
func TestOnlyTheCommandIsWaitedFor(t *testing.T) {
	f := newFake(t)
	var got []string
	f.session = func(channel ssh.Channel, requests <-chan *ssh.Request) {
		for r := range requests {
			if r.WantReply {
				r.Type += "?"
			}
			got = append(got, r.Type)
			if r.WantReply {
				_ = r.Reply(true, nil)
				exitStatus(channel, 0)
				_ = channel.Close()
			}
		}
	}
	client := dial(t, configFor(t), listen(t, f.serve))
	opts := withTerminal
	opts.Command = "true"
	if exit, _, _ := run(t, client, opts); exit.Status != 0 {
		t.Errorf("got %+v", exit)
	}
	if want := []string{"pty-req", "env", "env", "env", "exec?"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
