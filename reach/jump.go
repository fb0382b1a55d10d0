package reach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/keystore"
	"osssh/sshconfig"
)

// dialFunc makes a connection to "host:port", by whatever way.
type dialFunc func(ctx context.Context, address string) (net.Conn, error)

// to makes it a candidate's Dial, which ends after timeout if there is one. nil,
// for TCP, stays nil.
func (d dialFunc) to(address string, timeout time.Duration) func(context.Context) (net.Conn, error) {
	if d == nil {
		return nil
	}
	return func(ctx context.Context) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, cmp.Or(timeout, connect.DefaultTimeout))
		defer cancel()
		return d(ctx, address)
	}
}

// way is what ssh_config's ProxyJump or ProxyCommand makes of dialling: nil for
// plain TCP. The second function ends the hosts on the way.
func (c *Config) way(ctx context.Context, s *sshconfig.Settings, user string) (dialFunc, func(), error) {
	hops, err := s.ProxyJump()
	if err != nil {
		return nil, nil, err
	}
	if len(hops) > 0 {
		return c.throughHops(ctx, hops)
	}
	nothing := func() {}
	if command, err := s.ProxyCommand(sshconfig.Remote{User: user}); err != nil || command == "" {
		return nil, nothing, err
	}
	return func(_ context.Context, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			return nil, err
		}
		command, err := s.ProxyCommand(sshconfig.Remote{Host: host, Port: number, User: user})
		if err != nil {
			return nil, err
		}
		return c.dialCommand(command)
	}, nothing, nil
}

// throughHops logs in to one host after the other, each through the one before.
// Only the first one's own way is honoured, as in ssh.
func (c *Config) throughHops(ctx context.Context, hops []sshconfig.JumpHost) (dial dialFunc, end func(), err error) {
	var ends []func()
	end = func() {
		for i := len(ends) - 1; i >= 0; i-- {
			ends[i]()
		}
	}
	for _, hop := range hops {
		h, err := c.newHop(ctx, hop)
		if err == nil && dial == nil {
			var endWay func()
			if dial, endWay, err = c.way(ctx, h.request.Settings, h.request.User); err == nil {
				ends = append(ends, endWay)
			}
		}
		var client *connect.Client
		if err == nil {
			client, err = h.login(ctx, dial)
		}
		if err != nil {
			end()
			return nil, nil, &HopError{Host: hop.Host, Err: err}
		}
		ends = append(ends, func() { _ = client.Close() })
		dial = client.Dial
	}
	return dial, end, nil
}

// HopError says that a host on the way does not let one in.
type HopError struct {
	Host string
	Err  error
}

func (e *HopError) Error() string { return fmt.Sprintf("jump host %q: %v", e.Host, e.Err) }
func (e *HopError) Unwrap() error { return e.Err }

// hop is a plain host on the way: one that ssh_config, known_hosts and the keys
// named there tell about, not OpenStack.
type hop struct {
	config  *Config
	request Request
	known   *sshconfig.KnownHosts
	name    string // as known_hosts knows it
	file    string // that a new host key goes into
}

func (c *Config) newHop(ctx context.Context, j sshconfig.JumpHost) (*hop, error) {
	s, err := c.SettingsOf(ctx, j)
	if err != nil {
		return nil, err
	}
	h := &hop{config: c, request: Request{Name: j.Host, User: j.User, Port: j.Port, Settings: s}.settle()}
	if h.request.User == "" {
		h.request.User = c.LocalUser
	}
	if h.request.Port == 0 {
		h.request.Port = 22
	}
	if h.name = s.HostKeyAlias(); h.name == "" {
		h.name = sshconfig.HostName(s.Host(), h.request.Port)
	}
	known, files, err := c.userKnownHosts(s, h.request.remote())
	if err != nil {
		return nil, err
	}
	h.known = known
	if len(files) > 0 {
		h.file = files[0]
	}
	return h, nil
}

// login logs in to the host: through another one, if dial is not nil, where
// its name is looked up then.
func (h *hop) login(ctx context.Context, dial dialFunc) (*connect.Client, error) {
	c, s := h.config, h.request.Settings
	c.stage("connecting to jump host " + h.request.Name)
	candidates, err := h.candidates(ctx, dial)
	if err != nil {
		return nil, err
	}
	p := &Plan{config: c, request: h.request}
	return connect.Dial(ctx, candidates, connect.Config{
		User:              h.request.User,
		Signers:           p.signersFor(scanKeys(ctx, c, h.request), keystore.Wanted{}),
		HostKey:           h.verify,
		HostKeyAlgorithms: h.algorithms(),
		Banner:            c.Banner,
		ConnectTimeout:    s.ConnectTimeout(),
		HandshakeTimeout:  s.ConnectTimeout(),
		Trace:             c.Trace,
		ClientVersion:     c.Version,
	})
}

func (h *hop) candidates(ctx context.Context, dial dialFunc) ([]connect.Candidate, error) {
	host, port, timeout := h.request.Settings.Host(), uint16(h.request.Port), h.request.Settings.ConnectTimeout()
	if dial != nil {
		address := net.JoinHostPort(host, strconv.Itoa(h.request.Port))
		nowhere := netip.AddrPortFrom(netip.IPv4Unspecified(), port)
		return []connect.Candidate{{Address: nowhere, Label: address, Dial: dial.to(address, timeout)}}, nil
	}
	addresses, err := lookUp(ctx, host)
	var candidates []connect.Candidate
	for _, address := range addresses {
		candidates = append(candidates, connect.Candidate{Address: netip.AddrPortFrom(address, port), Label: "jump host"})
	}
	return candidates, err
}

func (h *hop) algorithms() []string {
	return h.known.Lookup(h.name).Algorithms(preferredAlgorithms(h.request.Settings))
}

func (h *hop) verify(ctx context.Context, candidate connect.Candidate, key ssh.PublicKey) error {
	var err error
	s := h.request.Settings
	if s.HostKeyAlias() != "" {
		_, err = h.known.Lookup(h.name).Check(key, h.name, time.Now())
	} else {
		_, err = h.known.CheckHost(s.Host(), h.request.Port, key, time.Now())
	}
	var unknown *sshconfig.UnknownKeyError
	if !errors.As(err, &unknown) {
		return err
	}
	if err := h.config.accept(ctx, s, HostKeyQuestion{Name: h.name, Candidate: candidate, Key: unknown.Key}); err != nil {
		return err
	}
	if err := sshconfig.Add(h.file, h.name, unknown.Key, sshconfig.WriteOptions{Hash: s.HashKnownHosts()}); err != nil {
		h.config.note(Note{Kind: HostKeyNotRemembered, What: h.name, Err: err})
	}
	return nil
}
