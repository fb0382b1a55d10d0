package diagnose

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"sync"

	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/reach"
	"osssh/resolve"
)

// examine asks for everything about a server that is found, and dials it beside
// that as soon as its addresses are known.
func (g *gathering) examine(client *openstack.Client, server openstack.Server) {
	ctx, end := context.WithTimeout(g.ctx, apiPatience)
	defer end()
	var plan *reach.Plan
	var ways resolve.Ways
	_ = g.ask("ports, networks and floating IPs", "neutron", nil, func() (err error) {
		if plan = g.tried; plan == nil {
			plan = reach.Locate(ctx, g.config, g.request, client, server)
		}
		ways, err = plan.Facts().Ways()
		if err != nil && len(ways.Ports) == 0 {
			g.noteUnlessEnded(func(f *Facts) { f.Neutron.Missing = err })
		}
		return err
	})
	g.note(func(f *Facts) {
		f.Neutron.Ways = ways
		f.Way.Candidates, f.Way.Proxied = plan.Candidates, plan.Proxied()
		f.Way.Problems = slices.Clone(plan.Problems)
	})

	probing := newProbing(g, plan, client)
	var probes sync.WaitGroup
	if g.tried == nil {
		probes.Go(func() { probing.run(g.ctx) })
	}

	var asking sync.WaitGroup
	asking.Go(func() { g.askRules(ctx, client, plan, ways) })
	asking.Go(func() { g.askRouters(ctx, client, ways) })
	asking.Go(func() { g.askFloatingIPs(ctx, client, probing) })
	asking.Go(func() { g.askNova(ctx, client, plan) })
	asking.Go(func() { g.findStale(ctx, plan, ways) })
	var completing sync.WaitGroup
	completing.Go(func() { g.complete(ctx, plan, probing) })

	asking.Wait()
	g.reached(Addressed)
	completing.Wait()
	g.reached(Matched)
	probes.Wait()
	g.reached(Probed)
}

// complete waits for the keys and the console, and lets the logins begin.
func (g *gathering) complete(ctx context.Context, plan *reach.Plan, probing *probing) {
	patient, end := context.WithTimeout(ctx, consolePatience)
	defer end()
	var log console.Log
	var text string
	err := g.ask("console log", "nova", openstack.IsNotFound, func() (err error) {
		if g.tried == nil {
			plan.Complete(patient)
		}
		if log, err = within(patient, plan.Facts().Console); err == nil {
			text, err = plan.Facts().ConsoleText()
		}
		return err
	})
	g.noteUnlessEnded(func(f *Facts) {
		f.Nova.Console, f.Nova.ConsoleLen, f.Nova.ConsoleErr = log, len(text), err
		f.Way.Problems = slices.Clone(plan.Problems)
		f.Way.Login, f.Way.Keys, f.Way.HostKeys = plan.Login, plan.Keys, plan.HostKeys()
	})
	close(probing.completed)
}

// askRules asks for the security groups, and judges each candidate by them.
func (g *gathering) askRules(ctx context.Context, client *openstack.Client, plan *reach.Plan, ways resolve.Ways) {
	var groups []openstack.SecurityGroup
	_ = g.ask("security groups", "neutron", openstack.IsNotFound, func() (err error) {
		groups, err = plan.Groups()
		return err
	})
	g.note(func(f *Facts) { f.Neutron.Groups = groups })
	var verdicts []reach.Verdict
	_ = g.ask("members of remote groups", "neutron", nil, func() error {
		if g.via != "" {
			verdicts = plan.VerdictsFrom(ctx, g.sourceBehind(ctx, client, ways))
		} else {
			verdicts = plan.Verdicts(ctx)
		}
		var errs []error
		for _, v := range verdicts {
			errs = append(errs, v.Err)
		}
		return errors.Join(errs...)
	})
	g.noteUnlessEnded(func(f *Facts) { f.Way.Verdicts = verdicts })
}

// sourceBehind tells whom the server's ports see when one comes from the
// instance that the way begins at: its fixed address, on the candidate's network
// first. On the way to a floating IP it is that of a router, or its own.
func (g *gathering) sourceBehind(ctx context.Context, client *openstack.Client, ways resolve.Ways) func(resolve.Candidate) netip.Addr {
	var ports []openstack.Port
	_ = g.ask("ports of "+g.via, "neutron", nil, func() error {
		server, err := resolve.Find(ctx, client, g.via)
		if err == nil {
			ports, err = client.Ports(ctx, url.Values{"device_id": {server.ID}})
		}
		return err
	})
	return func(c resolve.Candidate) netip.Addr { return sourceAmong(ports, ways, c) }
}

func sourceAmong(ports []openstack.Port, ways resolve.Ways, c resolve.Candidate) (source netip.Addr) {
	if c.Kind != resolve.KindFixed {
		return source
	}
	at := slices.IndexFunc(ways.Ports, func(p openstack.Port) bool { return p.ID == c.PortID })
	for _, port := range ports {
		near := at >= 0 && port.NetworkID == ways.Ports[at].NetworkID
		for _, ip := range port.FixedIPs {
			if ip.IPAddress.Is4() == c.Address.Addr().Is4() && (near || !source.IsValid()) {
				source = ip.IPAddress
			}
		}
	}
	return source
}

// routerInterfaces are the owners of the ports by which routers join networks
// (neutron_lib.constants).
var routerInterfaces = []string{
	"network:router_interface", "network:router_interface_distributed", "network:ha_router_replicated_interface",
}

// askRouters asks for the subnets of the server's networks, for the routers on
// them, and for firewall groups on the way.
func (g *gathering) askRouters(ctx context.Context, client *openstack.Client, ways resolve.Ways) {
	networks, routers, covered := url.Values{}, url.Values{}, []string{}
	for _, port := range ways.Ports {
		covered = append(covered, port.ID)
		networks["network_id"] = addOnce(networks["network_id"], port.NetworkID)
	}
	if len(ways.Ports) == 0 {
		return
	}
	outside := url.Values{}
	for _, ip := range ways.FloatingIPs {
		routers["id"] = addOnce(routers["id"], ip.RouterID)
		if _, known := ways.Networks[ip.FloatingNetworkID]; !known {
			outside["id"] = addOnce(outside["id"], ip.FloatingNetworkID)
		}
	}
	var asking sync.WaitGroup
	asking.Go(func() {
		if len(outside["id"]) == 0 {
			return
		}
		var external []openstack.Network
		_ = g.ask("external networks", "neutron", nil, func() (err error) {
			external, err = client.Networks(ctx, outside)
			return err
		})
		g.note(func(f *Facts) { f.Neutron.External = external })
	})
	asking.Go(func() {
		var subnets []openstack.Subnet
		_ = g.ask("subnets", "neutron", nil, func() (err error) {
			subnets, err = client.Subnets(ctx, networks)
			return err
		})
		g.note(func(f *Facts) { f.Neutron.Subnets = subnets })
	})
	var groups []openstack.FirewallGroup
	asking.Go(func() {
		_ = g.ask("firewall groups", "neutron", openstack.IsNotFound, func() (err error) {
			groups, err = client.FirewallGroups(ctx)
			return err
		})
	})
	_ = g.ask("routers", "neutron", openstack.IsNotFound, func() error {
		ports, err := client.Ports(ctx, url.Values{"device_owner": routerInterfaces, "network_id": networks["network_id"]})
		if err != nil {
			return err
		}
		for _, port := range ports {
			routers["id"] = addOnce(routers["id"], port.DeviceID)
			covered = append(covered, port.ID)
		}
		g.note(func(f *Facts) { f.Neutron.RouterPorts = ports })
		if len(routers["id"]) == 0 {
			spare, err := client.Routers(ctx, url.Values{"project_id": {client.ProjectID()}})
			g.note(func(f *Facts) { f.Neutron.SpareRouters = spare })
			return err
		}
		found, err := client.Routers(ctx, routers)
		g.note(func(f *Facts) { f.Neutron.Routers = found })
		return err
	})
	asking.Wait()
	groups = slices.DeleteFunc(groups, func(group openstack.FirewallGroup) bool {
		return !slices.ContainsFunc(group.Ports, func(id string) bool { return slices.Contains(covered, id) })
	})
	g.note(func(f *Facts) { f.Neutron.FirewallGroups = groups })
}

func addOnce(list []string, value string) []string {
	if value == "" || slices.Contains(list, value) {
		return list
	}
	return append(list, value)
}

// maxFloatingIPs is how many of the project's floating IPs are looked at.
const maxFloatingIPs = "200"

// askFloatingIPs asks for the project's floating IPs: the free ones could serve
// the server, the others show whether anything of the cloud answers.
func (g *gathering) askFloatingIPs(ctx context.Context, client *openstack.Client, probing *probing) {
	var ips []openstack.FloatingIP
	_ = g.ask("floating IPs of the project", "neutron", openstack.IsNotFound, func() (err error) {
		ips, err = client.FloatingIPs(ctx, url.Values{"project_id": {client.ProjectID()}, "limit": {maxFloatingIPs}})
		return err
	})
	var free []openstack.FloatingIP
	for _, ip := range ips {
		// one that serves forwardings only has a router all the same
		if ip.PortID == "" && ip.RouterID == "" && len(ip.PortForwardings) == 0 && ip.ProjectID == client.ProjectID() {
			free = append(free, ip)
		}
	}
	g.note(func(f *Facts) { f.Neutron.FreeIPs = free })
	probing.neighbours <- ips
}

// askNova asks for what nova and glance tell beside the console.
func (g *gathering) askNova(ctx context.Context, client *openstack.Client, plan *reach.Plan) {
	facts := plan.Facts()
	var asking sync.WaitGroup
	asking.Go(func() {
		_ = g.ask("action log", "nova", nil, func() error {
			actions, err := client.Actions(ctx, plan.Server.ID)
			g.note(func(f *Facts) { f.Nova.Actions = actions })
			return err
		})
	})
	asking.Go(func() {
		_ = g.ask("image", "glance", nil, func() error {
			image, err := within(ctx, facts.Image)
			g.note(func(f *Facts) { f.Nova.Image = image })
			return err
		})
	})
	asking.Go(func() {
		expected := func(err error) bool { return errors.Is(err, resolve.ErrNoKeypair) || openstack.IsNotFound(err) }
		_ = g.ask("keypair", "nova", expected, func() error {
			keypair, err := within(ctx, facts.Keypair)
			g.noteUnlessEnded(func(f *Facts) { f.Nova.Keypair, f.Nova.KeypairErr = keypair, err })
			return err
		})
	})
	asking.Wait()
}

// within waits for an answer until ctx ends.
func within[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		value, err := ask()
		answered <- answer{value, err}
	}()
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
