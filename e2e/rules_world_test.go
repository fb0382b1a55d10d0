//go:build e2e && linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"osssh/internal/openstack"
)

const (
	rulesAtOnce    = 4 // calls that change something
	connectTimeout = 3 * time.Second
	bindTimeout    = 90 * time.Second // for a round's rules to be in force
	clearTimeout   = 4 * time.Minute
)

// The laptop's addresses, see e2e/cloud/README.md.
var laptop = struct{ public, provider, provider6 netip.Addr }{
	netip.MustParseAddr("198.18.113.1"), netip.MustParseAddr("198.19.100.1"), netip.MustParseAddr("fd00:5e:100::1"),
}

// world is the servers and groups of the test.
type world struct {
	demo            *openstack.Client
	asDemo, asAdmin *writer // provider's ports are the administrator's to unsecure
	targets         []machine
	floating        machine           // private, with a floating IP
	plain           machine           // private and provider, without
	gateway         netip.Addr        // what plain's connects to a floating IP come from
	members         map[string]string // ids of ports that rounds make members of groups, by name
	ids             map[string]string // of groups, by name
	addressGroups   []string
	joined          map[string][]string // groups by member, as setMembers left them
}

// machine is an instance: a network namespace.
type machine struct {
	id, name          string
	private, provider leg
}

type leg struct {
	port     string
	v4, v6   netip.Addr
	floating netip.Addr
}

func (m machine) namespace() string { return "vm-" + m.id }

func (m machine) legs() [2]leg { return [2]leg{m.private, m.provider} }

func targetNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%starget%d", rulesPrefix, i+1)
	}
	return names
}

// newWorld boots what the test needs, and takes it away in the end; with keep
// the servers stay for the next run.
func newWorld(ctx context.Context, t *testing.T, targets int, keep bool) *world {
	t.Helper()
	cloud, demo := connectAs(ctx, t, "demo")
	adminCloud, _ := connectAs(ctx, t, "admin")
	asDemo, err := newWriter(ctx, cloud)
	if err != nil {
		t.Fatal(err)
	}
	asAdmin, err := newWriter(ctx, adminCloud)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{demo: demo, asDemo: asDemo, asAdmin: asAdmin, members: make(map[string]string), ids: make(map[string]string)}
	t.Cleanup(func() {
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearTimeout)
		defer cancel()
		if err := w.clear(after, keep); err != nil {
			t.Errorf("clearing up: %v", err)
		}
	})
	for _, step := range []func() error{
		func() error { return w.clear(ctx, keep) },
		func() error { return w.boot(ctx, targets) },
		func() error { return w.find(ctx, targets) },
		func() error { return w.addMembers(ctx) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// boot starts the servers, or waits for those that are there.
func (w *world) boot(ctx context.Context, targets int) error {
	var calls errgroup.Group
	both := []string{"--network", "private", "--network", "provider", "--sg", "ssh-open"}
	calls.Go(func() error {
		return instances(ctx, append(targetNames(targets), append(both, "--fip")...)...)
	})
	calls.Go(func() error { return instances(ctx, rulesPrefix+"floating", "--sg", "ssh-open", "--fip") })
	calls.Go(func() error { return instances(ctx, append([]string{rulesPrefix + "plain"}, both...)...) })
	return calls.Wait()
}

// clear deletes all that the test, or one that was killed, has made.
func (w *world) clear(ctx context.Context, keep bool) error {
	servers, err := w.servers(ctx)
	if err != nil {
		return err
	}
	if keep {
		err = w.reset(ctx, servers)
	} else if len(servers) > 0 {
		args := []string{"--delete"}
		for _, s := range servers {
			args = append(args, s.Name)
		}
		err = instances(ctx, args...)
	}
	none := func(named) bool { return false }
	return errors.Join(err,
		w.asDemo.sweep(ctx, "ports", none), // only the bare members bear our names
		w.asDemo.sweep(ctx, "security-groups", none),
		w.asDemo.sweep(ctx, "address-groups", none))
}

func (w *world) servers(ctx context.Context) ([]openstack.Server, error) {
	var ours []openstack.Server
	for s, err := range w.demo.Servers(ctx) {
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(s.Name, rulesPrefix) {
			ours = append(ours, s)
		}
	}
	return ours, nil
}

// reset gives kept servers the group that they were made with.
func (w *world) reset(ctx context.Context, servers []openstack.Server) error {
	open, err := w.sshOpen(ctx)
	if err != nil || len(servers) == 0 {
		return err
	}
	filter := url.Values{}
	for _, s := range servers {
		filter.Add("device_id", s.ID)
	}
	ports, err := w.demo.Ports(ctx, filter)
	var calls errgroup.Group
	calls.SetLimit(rulesAtOnce)
	for _, p := range ports {
		calls.Go(func() error {
			return w.asAdmin.setPort(ctx, p.ID, object{"port_security_enabled": true, "security_groups": []string{open}})
		})
	}
	return errors.Join(err, calls.Wait())
}

func (w *world) sshOpen(ctx context.Context) (string, error) {
	found, err := w.demo.SecurityGroups(ctx, url.Values{"name": {"ssh-open"}})
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("group ssh-open: %d found: %w", len(found), err)
	}
	return found[0].ID, nil
}

// find reads ids and addresses of what was booted.
func (w *world) find(ctx context.Context, targets int) error {
	servers, err := w.servers(ctx)
	if err != nil {
		return err
	}
	machines := make(map[string]machine)
	for _, s := range servers {
		m := machine{id: s.ID, name: s.Name}
		if m.private, err = w.leg(ctx, s.ID, "private"); err != nil {
			return err
		}
		if m.provider, err = w.leg(ctx, s.ID, "provider"); err != nil {
			return err
		}
		machines[s.Name] = m
	}
	for _, name := range targetNames(targets) {
		w.targets = append(w.targets, machines[name])
	}
	w.floating, w.plain = machines[rulesPrefix+"floating"], machines[rulesPrefix+"plain"]
	w.members["floating"] = w.floating.private.port
	w.members["plain private"], w.members["plain provider"] = w.plain.private.port, w.plain.provider.port
	if w.ids["ssh-open"], err = w.sshOpen(ctx); err != nil {
		return err
	}
	routers, err := w.demo.Routers(ctx, url.Values{"name": {"router"}})
	if err != nil || len(routers) != 1 || routers[0].Gateway == nil {
		return fmt.Errorf("router: %v: %w", routers, err)
	}
	w.gateway = routers[0].Gateway.ExternalFixedIPs[0].IPAddress
	return nil
}

// leg reads a server's port on a network; the zero leg where it has none.
func (w *world) leg(ctx context.Context, server, network string) (l leg, err error) {
	id, err := networkID(ctx, w.demo, network)
	if err != nil {
		return l, err
	}
	ports, err := w.demo.Ports(ctx, url.Values{"device_id": {server}, "network_id": {id}})
	if err != nil || len(ports) == 0 {
		return l, err
	}
	l.port = ports[0].ID
	for _, f := range ports[0].FixedIPs {
		if f.IPAddress.Is4() {
			l.v4 = f.IPAddress
		} else {
			l.v6 = f.IPAddress
		}
	}
	floating, err := w.demo.FloatingIPs(ctx, url.Values{"port_id": {l.port}})
	if err == nil && len(floating) > 0 {
		l.floating = floating[0].FloatingIPAddress
	}
	return l, err
}

// addMembers makes ports without a server, which count as members all the same:
// some with address pairs that hold, or just miss, what connects come from.
func (w *world) addMembers(ctx context.Context) error {
	masked := func(a netip.Addr, bits int) string { return netip.PrefixFrom(a, bits).Masked().String() }
	for _, m := range []struct {
		name, network string
		pairs         []string
	}{
		{"bare provider", "provider", nil},
		{"bare private", "private", []string{flip(laptop.public, 31).String(), masked(flip(laptop.provider, 23), 24)}},
		{"pair of one", "isolated", []string{laptop.public.String(), w.floating.private.floating.String()}},
		{"pair of some", "private", []string{masked(laptop.provider, 24), masked(laptop.provider6, 64), masked(w.plain.private.v4, 29)}},
		{"pair of all", "isolated", []string{"0.0.0.0/0"}},
	} {
		network, err := networkID(ctx, w.demo, m.network)
		if err != nil {
			return err
		}
		body := object{"name": rulesPrefix + m.name, "network_id": network, "security_groups": []string{}}
		var pairs []object
		for _, p := range m.pairs {
			pairs = append(pairs, object{"ip_address": p})
		}
		if pairs != nil {
			body["allowed_address_pairs"] = pairs
		}
		var made named
		if err := w.asDemo.create(ctx, "ports", "port", body, &made); err != nil {
			return fmt.Errorf("port %s: %w", m.name, err)
		}
		w.members[m.name] = made.ID
	}
	return nil
}

// addAddressGroups makes the address groups that rules refer to.
func (w *world) addAddressGroups(ctx context.Context, d *draw) error {
	for i := range 3 {
		name := fmt.Sprintf("%saddresses%d", rulesPrefix, i)
		var made named
		if err := w.asDemo.create(ctx, "address-groups", "address_group",
			object{"name": name, "addresses": d.addressGroup()}, &made); err != nil {
			return fmt.Errorf("address group: %w", err)
		}
		w.ids[name] = made.ID
		w.addressGroups = append(w.addressGroups, name)
	}
	return nil
}

// sources are the addresses that connects come from, as the targets see them.
func (w *world) sources() []netip.Addr {
	return []netip.Addr{
		laptop.public, laptop.provider, laptop.provider6,
		w.floating.private.v4, w.floating.private.v6, w.floating.private.floating,
		w.plain.private.v4, w.plain.private.v6, w.plain.provider.v4, w.plain.provider.v6,
		w.gateway,
	}
}

// setMembers gives the member ports their groups; those of servers keep
// ssh-open, which lets their connects out.
func (w *world) setMembers(ctx context.Context, members map[string][]string) error {
	var calls errgroup.Group
	calls.SetLimit(rulesAtOnce)
	for name, port := range w.members {
		if slices.Equal(members[name], w.joined[name]) {
			continue
		}
		groups := []string{}
		if slices.Contains([]string{w.floating.private.port, w.plain.private.port, w.plain.provider.port}, port) {
			groups = append(groups, w.ids["ssh-open"])
		}
		for _, g := range members[name] {
			groups = append(groups, w.ids[g])
		}
		calls.Go(func() error { return w.asDemo.setPort(ctx, port, object{"security_groups": groups}) })
	}
	w.joined = members
	return calls.Wait()
}

// bind gives the targets' ports what was drawn for them. A port that answers
// the round's canary by what it had so far is silenced before.
func (w *world) bind(ctx context.Context, round int, drawn [][2]drawnPort) error {
	before, err := w.answering(round)
	if err != nil {
		return err
	}
	var silent []canary
	for i, target := range w.targets {
		for j, l := range target.legs() {
			if !slices.Contains(before, l) {
				continue
			}
			if err := w.bindPort(ctx, l, drawnPort{}); err != nil {
				return err
			}
			silent = append(silent, w.canaries(i, j, round, false)...)
		}
	}
	if err := awaitAll(ctx, silent); err != nil {
		return err
	}
	var calls errgroup.Group
	calls.SetLimit(rulesAtOnce)
	for i, target := range w.targets {
		for j, l := range target.legs() {
			calls.Go(func() error { return w.bindPort(ctx, l, drawn[i][j]) })
		}
	}
	return calls.Wait()
}

func (w *world) bindPort(ctx context.Context, l leg, p drawnPort) error {
	groups := []string{}
	for _, g := range p.groups {
		groups = append(groups, w.ids[g])
	}
	return w.asAdmin.setPort(ctx, l.port, object{"port_security_enabled": !p.unfiltered, "security_groups": groups})
}

// tracked tells which ports of targets must bear stateful groups: on each
// network the one whose tap comes first in neutron's order. The linuxbridge
// agent switches connection tracking for a whole bridge, as the group of its
// first tap says: with a stateless one there, stateful groups elsewhere would
// let no reply out by themselves.
func (w *world) tracked() [][2]bool {
	out := make([][2]bool, len(w.targets))
	for j := range 2 {
		first := 0
		for i, m := range w.targets {
			if m.legs()[j].port < w.targets[first].legs()[j].port {
				first = i
			}
		}
		out[first][j] = true
	}
	return out
}
