package connect

import (
	"context"
	"errors"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

// Client is a login. Its methods may be called from several goroutines.
type Client struct {
	ssh       *ssh.Client
	wire      *wire
	candidate Candidate
	hostKey   ssh.PublicKey
}

func newClient(conn ssh.Conn, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request, w *wire, c Candidate, key ssh.PublicKey) *Client {
	w.loggedIn.Store(true)
	return &Client{ssh: ssh.NewClient(conn, channels, requests), wire: w, candidate: c, hostKey: key}
}

// Candidate is the address that was logged in at.
func (c *Client) Candidate() Candidate { return c.candidate }

// HostKey is the accepted host key.
func (c *Client) HostKey() ssh.PublicKey { return c.hostKey }

// ServerVersion is the server's identification string, raw.
func (c *Client) ServerVersion() string { return string(c.ssh.ServerVersion()) }

// Close ends the connection and all its sessions, and returns when nothing of
// it is left.
func (c *Client) Close() error {
	err := c.ssh.Close()
	_ = c.ssh.Wait()
	return err
}

// Dial connects to an address from the server's side (RFC 4254 section 7.2).
// The connection knows no deadlines. A server that refuses is a *ForwardError.
func (c *Client) Dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := c.ssh.DialContext(ctx, "tcp", address)
	var refused *ssh.OpenChannelError
	if errors.As(err, &refused) {
		return nil, &ForwardError{Address: address, Prohibited: refused.Reason == ssh.Prohibited, Message: refused.Message}
	}
	return conn, err
}

// aliveWait is how long a server may take to say that it is still there.
const aliveWait = 5 * time.Second

// alive asks the server for an answer, any answer. It is how a channel that
// was closed is told from a connection that was lost.
func (c *Client) alive() bool {
	answered := make(chan error, 1)
	go func() {
		_, _, err := c.ssh.SendRequest("keepalive@openssh.com", true, nil)
		answered <- err
	}()
	select {
	case err := <-answered:
		return err == nil
	case <-time.After(aliveWait):
		return false
	}
}

// lost ends a connection that does not work any more and says why it does not.
func (c *Client) lost() *LostError {
	failure := c.wire.ended() // before Close makes one
	_ = c.ssh.Close()
	err := plain(c.ssh.Wait())
	var disconnect *DisconnectError
	if failure != nil && !errors.As(err, &disconnect) {
		err = failure
	}
	return &LostError{Err: err}
}
