package resolve

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"osssh/internal/openstack"
)

const (
	firstUnbound = 4   // floating IPs on the first page of a search for unbound ones
	moreUnbound  = 100 // on each further page
	maxUnbound   = 1000
	maxAsked     = 50 // floating IPs that are asked one by one for their forwardings
	askedAtOnce  = 8
)

// floatingFields is what Rank needs of a floating IP.
var floatingFields = []string{
	"id", "floating_ip_address", "floating_network_id", "fixed_ip_address", "port_id", "router_id", "status", "port_forwardings",
}

// unboundFloatingIPs gives the project's floating IPs that are bound to no
// port, which are those that may have forwardings. Neutron has no filter for
// them, and a project may have thousands of the others. But it sorts by the
// fixed address, which they lack: they come first or last, as the database has
// it (MySQL and PostgreSQL differ), so both ends are looked at, at once.
func unboundFloatingIPs(ctx context.Context, c *openstack.Client) ([]openstack.FloatingIP, error) {
	var ends [2][]openstack.FloatingIP
	var asking errgroup.Group
	for i, direction := range []string{"asc", "desc"} {
		asking.Go(func() (err error) {
			ends[i], err = unboundFrom(ctx, c, direction)
			return err
		})
	}
	err := asking.Wait()
	if openstack.IsNotFound(err) { // no router extension: no floating IPs
		return nil, nil
	}
	found := ends[0]
	for _, ip := range ends[1] {
		if !slices.ContainsFunc(found, func(have openstack.FloatingIP) bool { return have.ID == ip.ID }) {
			found = append(found, ip)
		}
	}
	return found, err
}

// unboundFrom reads floating IPs from one end as long as they are unbound.
func unboundFrom(ctx context.Context, c *openstack.Client, direction string) ([]openstack.FloatingIP, error) {
	query := url.Values{
		"project_id": {c.ProjectID()}, "sort_key": {"fixed_ip_address"}, "sort_dir": {direction},
		"fields": floatingFields,
	}
	var unbound []openstack.FloatingIP
	for limit := firstUnbound; len(unbound) < maxUnbound; limit = moreUnbound {
		query.Set("limit", strconv.Itoa(limit))
		page, err := c.FloatingIPs(ctx, query)
		if err != nil {
			return unbound, err
		}
		for _, ip := range page {
			if ip.PortID == "" {
				unbound = append(unbound, ip)
			}
		}
		if len(page) != limit || page[len(page)-1].PortID != "" { // longer: this neutron does not page
			break
		}
		query.Set("marker", page[len(page)-1].ID)
	}
	return unbound, nil
}

// completeForwardings asks for the forwardings that the floating IPs do not
// tell themselves: all of them without the extension expose-port-forwarding-in-fip,
// the ports of ranges, and where they lead without floating-ip-port-forwarding-detail.
// Wanted says which are worth a call. What could not be asked stays as it was.
func completeForwardings(ctx context.Context, c *openstack.Client, ips []openstack.FloatingIP,
	wanted func(openstack.PortForwarding) bool) error {
	var asking errgroup.Group
	asking.SetLimit(askedAtOnce)
	asked := 0
	for i := range ips {
		ip := &ips[i]
		lacks := slices.ContainsFunc(ip.PortForwardings, func(f openstack.PortForwarding) bool { return incomplete(f) && wanted(f) })
		// Neutron gives a floating IP a router with its first forwarding.
		hidden := ip.PortForwardings == nil && ip.PortID == "" && ip.RouterID != ""
		if !lacks && !hidden || asked == maxAsked {
			continue
		}
		asked++
		asking.Go(func() error {
			forwardings, err := c.PortForwardings(ctx, ip.ID)
			if err == nil {
				ip.PortForwardings = forwardings
			}
			if openstack.IsNotFound(err) { // deleted meanwhile, or no such extension
				return nil
			}
			return err
		})
	}
	return asking.Wait()
}

func incomplete(f openstack.PortForwarding) bool {
	inside, _ := portRange(f.InternalPort, f.InternalPortRange)
	outside, _ := portRange(f.ExternalPort, f.ExternalPortRange)
	return f.Protocol == "tcp" && (f.InternalPortID == "" || inside == 0 || outside == 0)
}

// mayLeadTo says whether a forwarding may lead to one of the ports, as far as
// it tells where it leads. Address ranges of networks overlap.
func mayLeadTo(ports []openstack.Port) func(openstack.PortForwarding) bool {
	return func(f openstack.PortForwarding) bool {
		return slices.ContainsFunc(ports, func(p openstack.Port) bool {
			return f.InternalPortID == p.ID || f.InternalPortID == "" && hasFixed(p, f.InternalIPAddress)
		})
	}
}

// portsBehind are the ports that a floating IP leads to, each once.
func portsBehind(ip openstack.FloatingIP) []string {
	var ids []string
	for _, f := range ip.PortForwardings {
		if f.InternalPortID != "" && !slices.Contains(ids, f.InternalPortID) {
			ids = append(ids, f.InternalPortID)
		}
	}
	if ip.PortID != "" && !slices.Contains(ids, ip.PortID) {
		ids = append(ids, ip.PortID)
	}
	return ids
}

// externalPort is the floating IP's port that a forwarding leads from to TCP
// port inside. Neutron admits ranges of one length, and several external ports
// to one internal (services/portforwarding/pf_plugin.py, _validate_ranges).
func externalPort(f openstack.PortForwarding, inside int) (uint16, bool) {
	if f.Protocol != "tcp" {
		return 0, false
	}
	from, to := portRange(f.InternalPort, f.InternalPortRange)
	outside, _ := portRange(f.ExternalPort, f.ExternalPortRange)
	port := outside + inside - from
	return uint16(port), 0 < from && from <= inside && inside <= to && 0 < outside && port <= 65535
}

// portRange reads a port, or a range of them as neutron writes it; 0, 0 where
// neither is known.
func portRange(port int, ports string) (from, to int) {
	if port > 0 {
		return port, port
	}
	first, last, _ := strings.Cut(ports, ":")
	low, errLow := strconv.ParseUint(first, 10, 16)
	high, errHigh := strconv.ParseUint(last, 10, 16)
	if errLow != nil || errHigh != nil {
		return 0, 0
	}
	return int(low), int(high)
}

// addFloatingIPs takes each floating IP once: one may lead to several ports.
func (w *Ways) addFloatingIPs(ips []openstack.FloatingIP) {
	for _, ip := range ips {
		if !slices.ContainsFunc(w.FloatingIPs, func(have openstack.FloatingIP) bool { return have.ID == ip.ID }) {
			w.FloatingIPs = append(w.FloatingIPs, ip)
		}
	}
}
