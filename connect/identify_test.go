package connect

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestIdentify(t *testing.T) {
	for _, test := range []struct {
		name, says, want string
		broken           bool // the error is a *BannerError
	}{
		{"OpenSSH", "SSH-2.0-OpenSSH_9.2p1\r\n", "SSH-2.0-OpenSSH_9.2p1", false},
		{"lines before it", "welcome\r\nSSH-2.0-x\r\n", "SSH-2.0-x", false},
		{"SSH 1", "SSH-1.5-x\r\n", "", true},
		{"another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n", "", true},
		{"nothing", "", "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() {
				conn, err := listener.Accept()
				if err == nil {
					_, _ = io.WriteString(conn, test.says)
					_ = conn.Close()
				}
			}()
			got, err := Identify(t.Context(), netip.MustParseAddrPort(listener.Addr().String()))
			var banner *BannerError
			if got != test.want || errors.As(err, &banner) != test.broken {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// A server that accepts and says nothing holds nobody beyond the context.
func TestIdentifyEnds(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if version, err := Identify(ctx, netip.MustParseAddrPort(listener.Addr().String())); err == nil {
		t.Errorf("%q from a silent server", version)
	}
	if ctx.Err() == nil {
		t.Error("gave up before its time")
	}
}
