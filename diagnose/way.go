package diagnose

import (
	"net/netip"
	"slices"
	"strings"

	"osssh/internal/openstack"
	"osssh/reach"
	"osssh/resolve"
	"osssh/secgroup"
)

// way is one way to the server: a candidate with what the APIs know of the
// stations on it. What is not known is nil.
type way struct {
	candidate resolve.Candidate
	jump      *reach.Jump // that it leads through
	port      *openstack.Port
	network   *openstack.Network
	subnet    *openstack.Subnet
	floating  *openstack.FloatingIP
	verdict   *reach.Verdict
	probe     *Probe
}

// ways are all ways to the server, best first, the one by a jump host last. There
// are none as long as no server is found. The hosts that a user prescribes lead to
// the best address only.
func (f *Facts) ways() []way {
	if f.Nova.Server == nil {
		return nil
	}
	candidates := f.Way.Candidates
	if f.Way.Proxied {
		candidates = candidates[:min(len(candidates), 1)]
	}
	var all []way
	for _, candidate := range candidates {
		all = append(all, f.wayBy(candidate))
	}
	if jump := f.Way.Jump; jump != nil {
		w := f.wayBy(resolve.Candidate{
			Address: jump.To, Why: resolve.Behind, Kind: resolve.KindFixed, PortID: jump.PortID, Inside: jump.To,
		})
		w.jump = jump
		w.verdict = &reach.Verdict{Candidate: w.candidate, Source: jump.From, Rules: jump.Rules}
		all = append(all, w)
	}
	return all
}

func (f *Facts) wayBy(c resolve.Candidate) way {
	w := way{candidate: c, port: f.port(c.PortID)}
	if w.port != nil {
		if network, ok := f.Neutron.Ways.Networks[w.port.NetworkID]; ok {
			w.network = &network
		}
		w.subnet = f.subnetOf(*w.port, c.Inside.Addr())
	}
	if c.Kind == resolve.KindFloating || c.Kind == resolve.KindForwarding {
		w.floating = find(f.Neutron.Ways.FloatingIPs, func(ip openstack.FloatingIP) bool {
			return ip.FloatingIPAddress == c.Address.Addr()
		})
	}
	w.verdict = find(f.Way.Verdicts, func(v reach.Verdict) bool { return v.Candidate.Address == c.Address })
	w.probe = find(f.Probes, func(p Probe) bool { return p.Candidate.Address == c.Address })
	return w
}

// find gives the first element that fits, nil where none does.
func find[T any](all []T, fits func(T) bool) *T {
	if i := slices.IndexFunc(all, fits); i >= 0 {
		return &all[i]
	}
	return nil
}

func (f *Facts) port(id string) *openstack.Port {
	return find(f.Neutron.Ways.Ports, func(p openstack.Port) bool { return p.ID == id })
}

// subnetOf is the subnet that one of a port's addresses is of.
func (f *Facts) subnetOf(port openstack.Port, address netip.Addr) *openstack.Subnet {
	fixed := find(port.FixedIPs, func(ip openstack.FixedIP) bool { return ip.IPAddress == address })
	if fixed == nil {
		return nil
	}
	return find(f.Neutron.Subnets, func(s openstack.Subnet) bool { return s.ID == fixed.SubnetID })
}

// routersOn are the routers with an interface on a subnet, as far as they may be
// read, and whether there are any at all.
func (f *Facts) routersOn(subnetID string) (routers []openstack.Router, any bool) {
	for _, port := range f.Neutron.RouterPorts {
		if !slices.ContainsFunc(port.FixedIPs, func(ip openstack.FixedIP) bool { return ip.SubnetID == subnetID }) {
			continue
		}
		any = true
		if router := f.router(port.DeviceID); router != nil {
			routers = append(routers, *router)
		}
	}
	return routers, any
}

func (f *Facts) router(id string) *openstack.Router {
	return find(f.Neutron.Routers, func(r openstack.Router) bool { return r.ID == id })
}

// routers are those that may lead along a way: that of the floating IP, else
// those on the subnet of an address that is not reached directly.
func (f *Facts) routers(w way) []openstack.Router {
	switch {
	case w.floating != nil && w.floating.RouterID != "":
		if router := f.router(w.floating.RouterID); router != nil {
			return []openstack.Router{*router}
		}
		return nil
	case w.subnet == nil || w.jump != nil || w.candidate.Why == resolve.OnLink || w.network != nil && w.network.External:
		return nil
	}
	routers, _ := f.routersOn(w.subnet.ID)
	return routers
}

// open says whether the rules let a login pass on a way.
func (w way) open() bool {
	return w.verdict != nil && w.verdict.Err == nil && w.verdict.Rules.Answer == secgroup.Allow
}

// sure lowers the confidence of what is found on one way where another way is
// open by the rules: then something else may stop the login.
func (f *Facts) sure(here way, c Confidence) Confidence {
	for _, other := range f.ways() {
		if other.candidate.Address != here.candidate.Address && other.candidate.PortID != here.candidate.PortID && other.open() {
			return min(c, Probable)
		}
	}
	return c
}

// running says whether the server is in a state in which its ports are up.
func (f *Facts) running() bool { return f.Nova.Server != nil && f.Nova.Server.Status == "ACTIVE" }

// short is enough of an id to find it by.
func short(id string) string {
	first, _, _ := strings.Cut(id, "-")
	return first
}
