//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"osssh/internal/openstack"
	"osssh/secgroup"
)

// way is one connect to port 22 of a target: where it starts, where it is
// dialled, which port it reaches, and what that sees as its source.
type way struct {
	what      string
	namespace string
	from, to  netip.Addr
	port      string
	source    netip.Addr
}

func (w *world) ways(m machine) []way {
	f, p := w.floating, w.plain
	private, provider := m.private.port, m.provider.port
	return []way{
		{"laptop to floating IP", laptopNamespace, laptop.public, m.private.floating, private, laptop.public},
		{"laptop to provider", laptopNamespace, laptop.provider, m.provider.v4, provider, laptop.provider},
		{"laptop to provider IPv6", laptopNamespace, laptop.provider6, m.provider.v6, provider, laptop.provider6},
		{"instance to fixed IP", f.namespace(), f.private.v4, m.private.v4, private, f.private.v4},
		{"instance to fixed IPv6", f.namespace(), f.private.v6, m.private.v6, private, f.private.v6},
		{"instance with floating IP to floating IP", f.namespace(), f.private.v4, m.private.floating, private, f.private.floating},
		{"other instance to fixed IP", p.namespace(), p.private.v4, m.private.v4, private, p.private.v4},
		{"other instance to fixed IPv6", p.namespace(), p.private.v6, m.private.v6, private, p.private.v6},
		{"other instance to floating IP", p.namespace(), p.private.v4, m.private.floating, private, w.gateway},
		{"other instance to provider", p.namespace(), p.provider.v4, m.provider.v4, provider, p.provider.v4},
		{"other instance to provider IPv6", p.namespace(), p.provider.v6, m.provider.v6, provider, p.provider.v6},
	}
}

// comparison is one verdict and what became of the connect.
type comparison struct {
	name    string // of the case
	way     way
	verdict secgroup.Verdict
	ml2     secgroup.Verdict // where it is known that neutron's agents enforce the rules, as they do here
	reached bool
	ports   []openstack.Port
	groups  []openstack.SecurityGroup
}

// compare evaluates every way to every target from what the demo user reads,
// and tries it.
func (w *world) compare(ctx context.Context, round int) ([]comparison, error) {
	var compared []comparison
	var attempts []*attempt
	byNamespace := make(map[string][]*attempt)
	found := make([][]comparison, len(w.targets))
	var reads errgroup.Group
	for i, target := range w.targets {
		reads.Go(func() (err error) { found[i], err = w.verdicts(ctx, target); return err })
	}
	if err := reads.Wait(); err != nil {
		return nil, err
	}
	for i := range w.targets {
		for _, c := range found[i] {
			c.name = fmt.Sprintf("round %d, target %d", round, i)
			compared = append(compared, c)
			a := &attempt{from: netip.AddrPortFrom(c.way.from, 0), to: netip.AddrPortFrom(c.way.to, 22)}
			attempts = append(attempts, a)
			byNamespace[c.way.namespace] = append(byNamespace[c.way.namespace], a)
		}
	}
	if err := connectFrom(byNamespace, connectTimeout); err != nil {
		return nil, err
	}
	for i, a := range attempts {
		if a.err != nil {
			return nil, fmt.Errorf("%s: %w", compared[i], a.err)
		}
		compared[i].reached = a.reached
	}
	return compared, nil
}

// verdicts gathers the facts about one target as osssh does, and evaluates
// every way to it.
func (w *world) verdicts(ctx context.Context, m machine) ([]comparison, error) {
	ports, err := w.demo.Ports(ctx, url.Values{"device_id": {m.id}})
	if err != nil {
		return nil, err
	}
	ids := url.Values{}
	for _, p := range ports {
		for _, g := range p.SecurityGroups {
			ids.Add("id", g)
		}
	}
	var groups []openstack.SecurityGroup
	if len(ids) > 0 {
		if groups, err = w.demo.SecurityGroups(ctx, ids); err != nil {
			return nil, err
		}
	}
	facts, err := secgroup.Gather(ctx, w.demo, ports, groups)
	if err != nil {
		return nil, err
	}
	var out []comparison
	for _, way := range w.ways(m) {
		i := slices.IndexFunc(ports, func(p openstack.Port) bool { return p.ID == way.port })
		q := secgroup.Query{
			Port: ports[i], Groups: groups, Facts: facts,
			Source: way.source, Destination: way.to, DestinationPort: 22,
		}
		c := comparison{way: way, verdict: secgroup.Evaluate(q), ports: ports, groups: groups}
		q.Facts.Backend = secgroup.ML2
		c.ml2 = secgroup.Evaluate(q)
		out = append(out, c)
	}
	return out, nil
}

// doubts are the reasons for which a tenant cannot tell. Any other is a fact
// that was there to read.
var doubts = []secgroup.Reason{
	secgroup.AddressGroupMissed, secgroup.StatelessReply, secgroup.ReplyUncertain, secgroup.ProtocolZero, secgroup.PairsUnknown,
}

// wrong says what is wrong with a verdict; "" if nothing.
func (c comparison) wrong() string {
	if c.ml2.Reason == secgroup.PairsUnknown {
		return "a doubt about address pairs, though the backend is known"
	}
	for _, v := range []secgroup.Verdict{c.verdict, c.ml2} {
		switch {
		case !v.Certain() && !slices.Contains(doubts, v.Reason):
			return "a doubt without need"
		case v.Certain() && (v.Answer == secgroup.Allow) != c.reached:
			return "disagreement"
		}
	}
	return ""
}

func (c comparison) String() string {
	return fmt.Sprintf("%s, %s (%s from %s): verdict %s (%s), with ML2 known %s (%s), reached %t", c.name, c.way.what, c.way.to, c.way.source,
		c.verdict.Answer, c.verdict.Reason, c.ml2.Answer, c.ml2.Reason, c.reached)
}

// rules prints what is bound to the port that was dialled.
func (c comparison) rules() string {
	var b strings.Builder
	for _, p := range c.ports {
		if p.ID != c.way.port {
			continue
		}
		fmt.Fprintf(&b, "port security %t, %d groups\n", p.PortSecurityEnabled == nil || *p.PortSecurityEnabled, len(p.SecurityGroups))
		for _, g := range c.groups {
			if !slices.Contains(p.SecurityGroups, g.ID) {
				continue
			}
			fmt.Fprintf(&b, "  %s %s stateful %t\n", g.Name, g.ID, g.Stateful == nil || *g.Stateful)
			for _, r := range g.Rules {
				fmt.Fprintf(&b, "    %s %+v\n", r.Direction, secgroup.Rule{SecurityGroupRule: r}.Admits())
			}
		}
	}
	return b.String()
}
