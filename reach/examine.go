package reach

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/openstack"
	"osssh/resolve"
	"osssh/sshconfig"
)

// The steps of a login one by one, for who wants to see where it ends.

// Locate is Explore for a server that is found, as far as its addresses: these
// can be dialled while Complete waits for the rest. All of it is asked for
// within ctx.
func Locate(ctx context.Context, c *Config, r Request, client *openstack.Client, server openstack.Server) *Plan {
	r = r.settle()
	return locate(ctx, c, r, client, server, scanKeys(ctx, c, r))
}

// Complete adds the host keys, the user and the keys to a plan of Locate. A
// console log that has not come when ctx ends says nothing.
func (p *Plan) Complete(ctx context.Context) { p.complete(ctx) }

// Facts are the APIs' answers about the server.
func (p *Plan) Facts() *resolve.Facts { return p.facts }

// Vouch rules on a host key that a server presents, and does nothing about it:
// Ask means that a login would ask the user. The errors are
// *HostKeyRefusedError, and ErrStrict where the user must not be asked.
func (p *Plan) Vouch(ctx context.Context, candidate connect.Candidate, key ssh.PublicKey) (Ruling, error) {
	ruling, err := p.hostKeys.judge(ctx, candidate, key)
	if err == nil && ruling == Ask && p.request.Settings.StrictHostKeyChecking() == sshconfig.CheckStrict {
		err = fmt.Errorf("%w: %w", ErrStrict, connect.ErrStop)
	}
	return ruling, err
}

// OthersWith are the aliases of other servers under which osssh's own file has a
// host key. What of that file cannot be read tells nothing.
func (p *Plan) OthersWith(key ssh.PublicKey) []string {
	own, _, err := sshconfig.ReadKnownHosts(p.config.KnownHosts)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(own.NamesOf(plainKey(key)), func(name string) bool {
		return !strings.HasPrefix(name, "openstack-") || strings.HasPrefix(name, "openstack-"+p.Server.ID)
	})
}

// HostKeyAlgorithms are those that a login offers, best first.
func (p *Plan) HostKeyAlgorithms() []string { return p.hostKeys.algorithms() }

// MayDetour says whether a login looks for a jump host where the addresses are
// silent: not where the user or ssh_config names the way.
func (p *Plan) MayDetour() bool { return p.mayDetour() }

// Through is the way that the user prescribes: a function that dials by it, nil
// where there is none, and one that ends the hosts on it.
func (p *Plan) Through(ctx context.Context) (dial func(context.Context, resolve.Candidate) (net.Conn, error), end func(), err error) {
	request := p.request
	request.User = p.Login.User
	way, end, err := p.config.way(ctx, request)
	if err != nil || way == nil {
		return nil, end, err
	}
	return func(ctx context.Context, c resolve.Candidate) (net.Conn, error) {
		return way.to(cmp.Or(p.far, c.Address.String()), request.connectTimeout())(ctx)
	}, end, nil
}

// DialJump logs in to a jump host and connects to the server from there. The
// second function ends the jump host's connection. Each of both
// may be silent as long as silence (0: as in a login).
func (p *Plan) DialJump(ctx context.Context, jump Jump, silence time.Duration) (net.Conn, func(), error) {
	return p.config.through(ctx, p.request, jump.Server.ID, jump.Server.Name, jump.To, silence)
}

// MayBeStranger says whether another machine may have a candidate's address, in
// a network that this machine is on: then its host key decides.
func (p *Plan) MayBeStranger(c resolve.Candidate) bool { return shared(c) }

// SourceFor is this machine as the port behind an address sees it, the zero Addr
// where that is not known.
func (c *Config) SourceFor(address netip.AddrPort) netip.Addr { return c.sourceFor(address) }
