package demo

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// TestJumpFaults: what a jump host's client sees of each fault, at the jump
// host and at the instance behind it.
func TestJumpFaults(t *testing.T) {
	c := start(t, Options{})
	client := dial(t, c.Instance("bastion"), "debian")
	port, _ := signIn(t, c).portOf("nofip")
	address := sourceOf(c.network.collections["ports"].byID[port], loopback).String() + ":22"
	for _, test := range []struct {
		instance string
		fault    SSHFault
		want     string // the banner, or what the refusal says; "": neither comes
	}{
		{"nofip", SSHHealthy, "SSH-2.0-"},
		{"nofip", SSHRefuse, "Connection refused"},
		{"nofip", SSHSilent, ""},
		{"nofip", SSHBacklog, ""},
	} {
		inject(t, c, Fault{Instance: test.instance, SSH: &test.fault})
		patience := 5 * time.Second
		if test.want == "" {
			patience = 300 * time.Millisecond
		}
		if got := firstWords(client, address, patience); test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s %s: %q", test.instance, test.fault, got)
		}
	}
	healthy, closed := SSHHealthy, SSHNoForward
	inject(t, c, Fault{Instance: "nofip", SSH: &healthy})
	inject(t, c, Fault{Instance: "bastion", SSH: &closed})
	client = dial(t, c.Instance("bastion"), "debian") // a login keeps the state that it began with
	if got := firstWords(client, address, 5*time.Second); !strings.Contains(got, "administratively prohibited") {
		t.Errorf("a jump host that refuses: %q", got)
	}
	if out, err := newSession(t, client).Output("hostname"); err != nil || string(out) != "bastion\n" {
		t.Errorf("its own login: %q %v", out, err)
	}
	status := "SHUTOFF"
	inject(t, c, Fault{Instance: "nofip", ServerStatus: &status})
	if got := firstWords(dial(t, c.Instance("web"), "debian"), address, 5*time.Second); !strings.Contains(got, "No route to host") {
		t.Errorf("a target that is off: %q", got)
	}
}

// firstWords is what comes back from an address behind a jump host in time.
func firstWords(client *ssh.Client, address string, patience time.Duration) string {
	answer := make(chan string, 1)
	var conn net.Conn
	go func() {
		var err error
		if conn, err = client.Dial("tcp", address); err != nil {
			answer <- err.Error()
			return
		}
		banner := make([]byte, 8)
		_, _ = io.ReadFull(conn, banner)
		answer <- string(banner)
	}()
	select {
	case words := <-answer:
		if conn != nil {
			_ = conn.Close()
		}
		return words
	case <-time.After(patience):
		return ""
	}
}

func newSession(t *testing.T, client *ssh.Client) *ssh.Session {
	t.Helper()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	return session
}
