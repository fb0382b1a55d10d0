package connect

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

func TestWireKeepsTheEndBack(t *testing.T) {
	tests := []struct {
		name     string
		loggedIn bool
		end      func(local, remote net.Conn)
		late     bool
	}{
		{"handshake", false, func(_, remote net.Conn) { remote.Close() }, false},
		{"login", true, func(_, remote net.Conn) { remote.Close() }, true},
		{"closed here", true, func(local, _ net.Conn) { local.Close() }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			accepted := make(chan net.Conn, 1)
			server := listen(t, func(c net.Conn) { accepted <- c; io.WriteString(c, "SSH-2.0-x\r\n"); time.Sleep(time.Second) })
			local, err := net.Dial("tcp", server.String())
			if err != nil {
				t.Fatal(err)
			}
			defer local.Close()
			w := newWire(local, func(string) {})
			if n, err := w.Read(make([]byte, 100)); n != len("SSH-2.0-x\r\n") || err != nil {
				t.Fatalf("got %d, %v", n, err)
			}
			w.loggedIn.Store(tt.loggedIn)
			remote := <-accepted
			start := time.Now()
			tt.end(local, remote)
			if _, err := w.Read(make([]byte, 100)); err == nil || !errors.Is(w.ended(), err) {
				t.Errorf("got %v, keeps %v", err, w.ended())
			}
			if late := time.Since(start) >= settle; late != tt.late {
				t.Errorf("came after %v", time.Since(start))
			}
		})
	}
}

// What came in one piece with the identification is not lost.
func TestWireHandsOnWhatFollows(t *testing.T) {
	server := listen(t, func(c net.Conn) { io.WriteString(c, "hello\r\nSSH-2.0-x\nrest") })
	conn, err := net.Dial("tcp", server.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var version string
	all, err := io.ReadAll(newWire(conn, func(v string) { version = v }))
	if string(all) != "SSH-2.0-x\r\nrest" || version != "SSH-2.0-x" || err != nil {
		t.Errorf("got %q, version %q, %v", all, version, err)
	}
}
