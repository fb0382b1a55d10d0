package demo

import (
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// connectTimeout is how long Linux tries to connect to where nothing answers.
const connectTimeout = 127 * time.Second

// forward is a direct-tcpip channel (RFC 4254, 7.2): to loopback, or from this
// instance to another's fixed address.
func (l *login) forward(conn *ssh.ServerConn, asked ssh.NewChannel) {
	var q struct {
		Host       string
		Port       uint32
		Origin     string
		OriginPort uint32
	}
	if ssh.Unmarshal(asked.ExtraData(), &q) != nil || q.Port > 65535 {
		_ = asked.Reject(ssh.ConnectionFailed, "malformed request")
		return
	}
	if l.fault == SSHNoForward || l.user != conn.User() { // root's key has no-port-forwarding
		_ = asked.Reject(ssh.Prohibited, "open failed")
		return
	}
	target, reason := l.connect(conn, q.Host, int(q.Port))
	if target == nil {
		_ = asked.Reject(ssh.ConnectionFailed, reason)
		return
	}
	defer target.Close()
	channel, requests, err := asked.Accept()
	if err != nil {
		return
	}
	defer channel.Close()
	go ssh.DiscardRequests(requests)
	splice(channel, target)
}

// connect gives a connection to what the instance sees at an address, or says
// why there is none, in the words of connect(2).
func (l *login) connect(conn *ssh.ServerConn, host string, port int) (*net.TCPConn, string) {
	address, err := netip.ParseAddr(host)
	if host == "localhost" {
		address, err = loopback, nil
	}
	if err != nil {
		return nil, "Name or service not known"
	}
	if address.IsLoopback() {
		target, err := net.DialTimeout("tcp", net.JoinHostPort(address.String(), strconv.Itoa(port)), 10*time.Second)
		if err != nil {
			return nil, "Connection refused"
		}
		return target.(*net.TCPConn), ""
	}
	c := l.instance.cloud
	c.mu.Lock()
	other, admitted := c.inside(l.instance.server, address)
	met := doorDrops
	if other != nil && admitted {
		met = other.answer()
	}
	c.mu.Unlock()
	switch {
	case other == nil:
		return nil, "No route to host"
	case met == doorDrops:
		hold(conn, connectTimeout)
		return nil, "Connection timed out"
	case met == doorRefuses, port != 22 && port != other.door.addr.Port:
		return nil, "Connection refused"
	}
	near, far, err := pair()
	if err != nil {
		return nil, err.Error()
	}
	go other.serve(far)
	return near, ""
}

// hold waits, at most until the connection ends.
func hold(conn ssh.Conn, d time.Duration) {
	gone := make(chan struct{})
	go func() { _ = conn.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-time.After(d):
	}
}

// splice copies both ways until both are at their end.
func splice(channel ssh.Channel, target *net.TCPConn) {
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(channel, target)
		_ = channel.CloseWrite()
	})
	both.Go(func() {
		_, _ = io.Copy(target, channel)
		_ = target.CloseWrite()
	})
	both.Wait()
}
