package reach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/keystore"
	"osssh/resolve"
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
func (c *Config) way(ctx context.Context, r Request) (dialFunc, func(), error) {
	nothing := func() {}
	if r.through != nil {
		return r.through, nothing, nil
	}
	hops, err := r.Settings.ProxyJump()
	if err != nil {
		return nil, nil, err
	}
	if len(hops) > 0 {
		return c.throughHops(ctx, r, hops)
	}
	remote := sshconfig.Remote{User: r.User}
	if command, err := r.Settings.ProxyCommand(remote); err != nil || command == "" {
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
		remote.Host, remote.Port = host, number
		command, err := r.Settings.ProxyCommand(remote)
		if err != nil {
			return nil, err
		}
		return c.dialCommand(command)
	}, nothing, nil
}

// throughHops logs in to one host after the other, each through the one before.
// Only the first one's own way is honoured, as in ssh.
func (c *Config) throughHops(ctx context.Context, r Request, hops []sshconfig.JumpHost) (dial dialFunc, end func(), err error) {
	var ends []func()
	end = func() {
		for i := len(ends) - 1; i >= 0; i-- {
			ends[i]()
		}
	}
	for _, hop := range hops {
		if slices.Contains(r.trail, hop.Host) {
			err = &JumpLoopError{Host: hop.Host}
		}
		var client *connect.Client
		var leave func()
		if err == nil {
			client, leave, err = c.enter(ctx, hop, dial, append(slices.Clone(r.trail), hop.Host))
		}
		if err != nil {
			end()
			return nil, nil, &HopError{Host: hop.Host, Err: err}
		}
		ends = append(ends, leave)
		dial = from(hop.Host, client)
	}
	return dial, end, nil
}

// from connects from a host on the way, and names it where it refuses to.
func from(host string, client *connect.Client) dialFunc {
	return func(ctx context.Context, address string) (net.Conn, error) {
		conn, err := client.Dial(ctx, address)
		var refused *connect.ForwardError
		if errors.As(err, &refused) {
			return nil, &HopError{Host: host, Err: err}
		}
		return conn, err
	}
}

// enter logs in to one host on the way, through dial unless that is nil. It is
// an instance if it bears an instance's name; the user's ssh_config, which gives
// a plain host its HostName, and an address go before.
func (c *Config) enter(ctx context.Context, j sshconfig.JumpHost, dial dialFunc, trail []string) (*connect.Client, func(), error) {
	s, err := c.SettingsOf(ctx, j)
	if err != nil {
		return nil, nil, err
	}
	r := Request{Name: j.Host, User: j.User, Port: j.Port, Settings: s, NoJump: true, through: dial, trail: trail}.settle()
	_, notAddress := netip.ParseAddr(j.Host)
	if s.HostName() == "" && notAddress != nil {
		lookup := startLookup(ctx, c, j.Host, true)
		client, plan, err := open(ctx, c, r, lookup)
		if err == nil {
			return client, func() { _ = client.Close(); plan.Close() }, nil
		}
		_, _, unfound := lookup.wait(ctx)
		var several *resolve.AmbiguousError
		if unfound == nil || errors.As(unfound, &several) {
			return nil, nil, err
		}
		client, end, err := c.enterPlain(ctx, r)
		var unknown *net.DNSError
		if errors.As(err, &unknown) {
			err = &NoHostError{Name: j.Host, Server: unfound, Host: unknown}
		}
		return client, end, err
	}
	return c.enterPlain(ctx, r)
}

// NoHostError says that a name on the way means neither a server nor a host, or
// that this could not be found out.
type NoHostError struct {
	Name   string
	Server error         // *resolve.NotFoundError, or the API's
	Host   *net.DNSError // of looking it up
}

func (e *NoHostError) Error() string { return fmt.Sprintf("%v; %v", e.Server, e.Host) }

// enterPlain logs in to a host that OpenStack does not know.
func (c *Config) enterPlain(ctx context.Context, r Request) (*connect.Client, func(), error) {
	h, err := c.newHop(r)
	if err != nil {
		return nil, nil, err
	}
	dial, end, err := c.way(ctx, h.request)
	if err != nil {
		return nil, nil, err
	}
	client, err := h.login(ctx, dial)
	if err != nil {
		end()
		return nil, nil, err
	}
	return client, func() { _ = client.Close(); end() }, nil
}

// JumpLoopError says that a host is on its own way.
type JumpLoopError struct{ Host string }

func (e *JumpLoopError) Error() string { return fmt.Sprintf("jump host loop via %q", e.Host) }

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

func (c *Config) newHop(r Request) (*hop, error) {
	h := &hop{config: c, request: r}
	if h.request.User == "" {
		h.request.User = c.LocalUser
	}
	if h.request.Port == 0 {
		h.request.Port = 22
	}
	if h.name = r.Settings.HostKeyAlias(); h.name == "" {
		h.name = sshconfig.HostName(r.Settings.Host(), h.request.Port)
	}
	known, files, err := c.userKnownHosts(r.Settings, h.request.remote())
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
	if err := h.config.accept(ctx, s, HostKeyQuestion{Name: h.name, Plain: true, Towards: h.request.towards(), Candidate: candidate, Key: unknown.Key}); err != nil {
		return err
	}
	if h.config.ReadOnly {
		return nil
	}
	if err := sshconfig.Add(h.file, h.name, unknown.Key, sshconfig.WriteOptions{Hash: s.HashKnownHosts()}); err != nil {
		h.config.note(Note{Kind: HostKeyNotRemembered, What: h.name, Err: err})
	}
	return nil
}
