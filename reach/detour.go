package reach

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"osssh/connect"
	"osssh/resolve"
	"osssh/sshconfig"
)

const (
	// jumpPatience bounds the connecting to each jump host that is tried, and
	// from there to the server.
	jumpPatience = 5 * time.Second
	// detourLabel marks the candidate that leads through a jump host.
	detourLabel = "through a jump host"
)

// detour is the way through another server of the project. It stands in the same
// race as the direct ways, and sets out once these are silent.
type detour struct {
	plan  *Plan
	watch *watch

	jump *Jump  // that was taken; nil: none
	end  func() // ends its connection
	err  error  // why there is none
}

// mayDetour says whether a jump host may be looked for: not where the user or
// ssh_config names the way.
func (p *Plan) mayDetour() bool {
	return p.facts != nil && !p.request.NoJump && !p.request.proxied() && !p.request.Choice.Given() && p.request.Settings.HostName() == ""
}

// candidate is the detour in the race. Its address is known once it is taken.
func (d *detour) candidate() connect.Candidate {
	port := resolve.SSHPort(d.plan.Server, d.plan.request.Port)
	return connect.Candidate{
		Address: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)),
		Label:   detourLabel, Dial: d.dial,
	}
}

// dial waits for the direct ways, looks for jump hosts and takes the first one
// that lets itself be taken; one that memory has just tried in vain comes last.
func (d *detour) dial(ctx context.Context) (net.Conn, error) {
	if err := d.watch.awaitSilence(ctx, askingPatience); err != nil {
		return nil, err
	}
	search := sync.OnceValues(func() ([]Jump, error) { return d.plan.Jumps(ctx) })
	go search()
	if err := d.watch.awaitSilence(ctx, silencePatience); err != nil {
		return nil, err
	}
	jumps, err := search()
	spent := d.plan.request.spent
	slices.SortStableFunc(jumps, func(a, b Jump) int { return compareBool(a.Server.ID == spent, b.Server.ID == spent) })
	none := &NoJumpError{}
	for _, jump := range jumps {
		conn, end, failed := d.plan.config.through(ctx, d.plan.request, jump.Server.ID, jump.Server.Name, jump.To, 0)
		if failed == nil {
			d.jump, d.end = &jump, end
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		none.Tried = append(none.Tried, HopError{Host: jump.Server.Name, Err: failed})
		err = none
		if d.plan.request.Wait > 0 && silentBehind(failed) { // it is the server that is waited for
			break
		}
	}
	d.err = err
	return nil, err
}

// leave ends the jump host's connection, if there is one.
func (d *detour) leave() {
	if d != nil && d.end != nil {
		d.end()
	}
}

// through logs in to a server and connects to an address from there. Each of both
// may be silent as long as silence (0: jumpPatience). The second function ends the
// server's connection.
func (c *Config) through(ctx context.Context, r Request, id, name string, to netip.AddrPort, silence time.Duration) (net.Conn, func(), error) {
	settings, err := c.SettingsOf(ctx, sshconfig.JumpHost{Host: name})
	if err != nil {
		return nil, nil, err
	}
	jump := Request{Name: id, Family: r.Family, Identities: r.Identities, Settings: settings, NoJump: true, patience: jumpPatience, silence: silence, trail: append(r.trail[:len(r.trail):len(r.trail)], id)}.settle()
	_, known := c.Memory.recall(id)
	client, plan, err := open(ctx, c, jump, startLookup(ctx, c, id, !known))
	if err != nil {
		return nil, nil, err
	}
	end := func() { _ = client.Close(); plan.Close() }
	c.stage("connecting to " + to.String() + " through " + name)
	limited, cancel := context.WithTimeout(ctx, cmp.Or(silence, jumpPatience))
	defer cancel()
	conn, err := client.Dial(limited, to.String())
	if err != nil {
		end()
		return nil, nil, err
	}
	return conn, end, nil
}
