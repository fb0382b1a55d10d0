package diagnose

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"osssh/internal/openstack"
	"osssh/reach"
	"osssh/resolve"
	"osssh/secgroup"
)

const (
	// maxControls is how many other servers are tried, controlPatience how long
	// each of them, and pickPatience how long it may take to choose them.
	maxControls     = 3
	controlPatience = time.Second
	pickPatience    = 2500 * time.Millisecond
	// maxPicked bounds how many floating IPs are looked at for that.
	maxPicked   = 12
	askedAtOnce = 6
)

// control connects to others where the server is silent: what else answers tells
// whether it is this machine's network, the cloud, or the server alone.
func (p *probing) control(ctx context.Context, direct []*probe) {
	all := func(*probe) bool { return true }
	if len(direct) == 0 || !p.silent(ctx, earlySilence, direct, all) {
		return
	}
	controls := p.pickControls(ctx)
	if !p.silent(ctx, silencePatience, direct, all) {
		return
	}
	var trying sync.WaitGroup
	if p.gathering.facts.Setup.Proxy == "" {
		trying.Go(func() {
			for _, address := range apiAddresses(ctx, p.gathering.config.Cloud.AuthURL) {
				p.tryControl(ctx, Control{What: "the cloud's API", Address: address})
			}
		})
	}
	for _, c := range controls {
		trying.Go(func() { p.tryControl(ctx, c) })
	}
	trying.Wait()
}

// tryControl makes one connection; that it is refused is an answer too.
func (p *probing) tryControl(ctx context.Context, c Control) {
	limited, end := context.WithTimeout(ctx, controlPatience)
	defer end()
	began := time.Now()
	conn, err := new(net.Dialer).DialContext(limited, "tcp", c.Address.String())
	if err == nil {
		_ = conn.Close()
	}
	if c.Took = time.Since(began); err != nil && !isRefused(err) {
		c.Err = err
	}
	p.gathering.noteUnlessEnded(func(f *Facts) {
		f.Control = append(f.Control, c)
		f.Asked = append(f.Asked, Asked{What: c.What + " at " + c.Address.String(), Source: "tcp", Took: c.Took, Err: c.Err})
	})
}

// apiAddresses are where the API listens: one address, for one is enough.
func apiAddresses(ctx context.Context, authURL string) []netip.AddrPort {
	u, err := url.Parse(authURL)
	if err != nil || u.Hostname() == "" {
		return nil
	}
	service := u.Port()
	if service == "" {
		service = u.Scheme
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", service)
	if err != nil {
		return nil
	}
	addresses := []netip.Addr{}
	if literal, ok := addressOf(u.Hostname()); ok {
		addresses = append(addresses, literal)
	} else {
		addresses = lookUp(ctx, u.Hostname())
	}
	if len(addresses) == 0 {
		return nil
	}
	return []netip.AddrPort{netip.AddrPortFrom(addresses[0], uint16(port))}
}

// pickControls chooses servers of the project whose floating IPs the rules let
// this machine through to: behind the same router first, then behind others.
func (p *probing) pickControls(ctx context.Context) []Control {
	ctx, end := context.WithTimeout(ctx, pickPatience)
	defer end()
	var ips []openstack.FloatingIP
	select {
	case ips = <-p.neighbours:
	case <-ctx.Done():
		return nil
	}
	ways, _ := p.plan.Facts().Ways() // what lacks leaves fewer to choose from
	ips = mixed(ips, ways)
	if len(ips) == 0 {
		return nil
	}
	var controls []Control
	_ = p.gathering.ask("servers to compare with", "neutron", nil, func() (err error) {
		controls, err = p.admitting(ctx, ips, ways)
		return err
	})
	return controls
}

// mixed are the floating IPs of other servers, by turns behind the same router
// and behind another one.
func mixed(ips []openstack.FloatingIP, ways resolve.Ways) []openstack.FloatingIP {
	var near, far []openstack.FloatingIP
	for _, ip := range ips {
		mine := slices.ContainsFunc(ways.Ports, func(port openstack.Port) bool { return port.ID == ip.PortID })
		switch {
		case ip.PortID == "" || mine:
		case onRouterOf(ip, ways):
			near = append(near, ip)
		default:
			far = append(far, ip)
		}
	}
	var turns []openstack.FloatingIP
	for i := range max(len(near), len(far)) {
		turns = append(turns, near[min(i, len(near)):min(i+1, len(near))]...)
		turns = append(turns, far[min(i, len(far)):min(i+1, len(far))]...)
	}
	return turns[:min(len(turns), maxPicked)]
}

// onRouterOf says whether a floating IP is at the router that the server's own
// floating IPs are at.
func onRouterOf(ip openstack.FloatingIP, ways resolve.Ways) bool {
	return slices.ContainsFunc(ways.FloatingIPs, func(own openstack.FloatingIP) bool {
		return own.RouterID != "" && own.RouterID == ip.RouterID
	})
}

// admitting gives those whose rules surely admit this machine, by a prefix and
// not by who it is, and whose servers run.
func (p *probing) admitting(ctx context.Context, ips []openstack.FloatingIP, ways resolve.Ways) ([]Control, error) {
	ids, groupIDs := url.Values{}, url.Values{}
	for _, ip := range ips {
		ids["id"] = addOnce(ids["id"], ip.PortID)
	}
	ports, err := p.client.Ports(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, port := range ports {
		for _, id := range port.SecurityGroups {
			groupIDs["id"] = addOnce(groupIDs["id"], id)
		}
	}
	groups, err := p.client.SecurityGroups(ctx, groupIDs)
	if err != nil {
		return nil, err
	}
	found := make([]*Control, len(ips))
	var asking errgroup.Group
	asking.SetLimit(askedAtOnce)
	for i, ip := range ips {
		at := slices.IndexFunc(ports, func(port openstack.Port) bool { return port.ID == ip.PortID })
		if at < 0 || ports[at].DeviceID == "" {
			continue
		}
		asking.Go(func() error {
			server, err := p.client.Server(ctx, ports[at].DeviceID)
			if openstack.IsNotFound(err) { // another project's, or a load balancer
				return nil
			}
			if err != nil || server.Status != "ACTIVE" {
				return err
			}
			sshPort := uint16(resolve.SSHPort(*server, 0))
			c := resolve.Candidate{
				Address: netip.AddrPortFrom(ip.FloatingIPAddress, sshPort), PortID: ip.PortID,
				Inside: netip.AddrPortFrom(ip.FixedIPAddress, sshPort),
			}
			source := p.gathering.config.SourceFor(c.Address)
			if reach.Evaluate(c, source, ports, groups, secgroup.Facts{}).Answer == secgroup.Allow {
				found[i] = &Control{What: "server " + server.Name, Address: c.Address, SamePath: onRouterOf(ip, ways)}
			}
			return nil
		})
	}
	err = asking.Wait()
	var controls []Control
	for _, c := range found {
		if c != nil && len(controls) < maxControls {
			controls = append(controls, *c)
		}
	}
	if len(controls) > 0 {
		err = nil
	}
	return controls, err
}
