package demo

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// Where large segments are lost, nothing but the banner comes; small ones pass.
func TestBlackHole(t *testing.T) {
	c := start(t, Options{})
	mode := SSHBlackHole
	inject(t, c, Fault{Instance: "web", SSH: &mode})
	for _, small := range []bool{false, true} {
		dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) {
				if small {
					_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1200)
				}
			})
		}}
		conn, err := dialer.Dial("tcp", c.Instance("web").Address().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if !small {
			_ = conn.SetDeadline(time.Now().Add(500 * time.Millisecond))
		}
		_, _, _, err = ssh.NewClientConn(conn, "", &ssh.ClientConfig{User: "debian", HostKeyCallback: ssh.InsecureIgnoreHostKey()})
		if err == nil || strings.Contains(err.Error(), "unable to authenticate") != small {
			t.Errorf("small segments %t: %v", small, err)
		}
		_ = conn.Close()
	}
}
