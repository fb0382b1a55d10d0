package diagnose

import (
	"crypto/ed25519"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/openstack"
	"osssh/reach"
	"osssh/resolve"
	"osssh/secgroup"
)

// The facts that the tests of paths, rules and wires begin with: web has a
// floating IP that a router leads to its one port, its rules admit 198.18.113.1,
// and TCP is silent.
const (
	webID    = "6a1f0c52-0000-4000-8000-000000000001"
	portID   = "6e7e03a9-0000-4000-8000-000000000002"
	routerID = "4f1d2e3c-0000-4000-8000-000000000003"
	netID    = "0b9c8d7e-0000-4000-8000-000000000004"
	subnetID = "5a6b7c8d-0000-4000-8000-000000000005"
	extID    = "9e8d7c6b-0000-4000-8000-000000000006"
	fipID    = "1f2e3d4c-0000-4000-8000-000000000007"
	groupID  = "7c6b5a49-0000-4000-8000-000000000008"
)

var (
	began   = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	fixedIP = netip.MustParseAddr("10.20.0.97")
	here    = netip.MustParseAddr("198.18.113.1")
	outer   = netip.MustParseAddrPort("198.18.113.24:22")
)

func silentWeb() *Facts {
	f := &Facts{At: began, Name: "web", Phase: Probed}
	f.Setup.Cloud = "demo"
	f.Setup.Local.OnLink = []netip.Prefix{netip.MustParsePrefix("198.18.113.0/24")}
	f.Nova.Server = &openstack.Server{ID: webID, Name: "web", Status: "ACTIVE", ProjectID: "p1", KeyName: "work",
		LaunchedAt: openstack.Time{Time: began.Add(-80 * time.Hour)}}
	f.Neutron.Ways = resolve.Ways{
		Ports: []openstack.Port{{
			ID: portID, NetworkID: netID, Status: "ACTIVE", AdminStateUp: true, ProjectID: "p1",
			FixedIPs: []openstack.FixedIP{{SubnetID: subnetID, IPAddress: fixedIP}}, SecurityGroups: []string{groupID},
		}},
		FloatingIPs: []openstack.FloatingIP{{
			ID: fipID, FloatingIPAddress: outer.Addr(), FixedIPAddress: fixedIP, FloatingNetworkID: extID,
			PortID: portID, RouterID: routerID, Status: "ACTIVE",
		}},
		Networks: map[string]openstack.Network{
			netID: {ID: netID, Name: "private", ProjectID: "p1", AdminStateUp: true, MTU: 1450},
		},
	}
	f.Neutron.External = []openstack.Network{{ID: extID, Name: "public", AdminStateUp: true, External: true}}
	f.Neutron.Subnets = []openstack.Subnet{{
		ID: subnetID, Name: "private-v4", NetworkID: netID, IPVersion: 4, EnableDHCP: true,
		CIDR: netip.MustParsePrefix("10.20.0.0/24"), GatewayIP: netip.MustParseAddr("10.20.0.1"),
	}}
	f.Neutron.Routers = []openstack.Router{{
		ID: routerID, Name: "demo-router", AdminStateUp: true, Status: "ACTIVE", Gateway: &openstack.Gateway{NetworkID: extID},
	}}
	f.Neutron.RouterPorts = []openstack.Port{{
		ID: "rp", DeviceID: routerID, NetworkID: netID,
		FixedIPs: []openstack.FixedIP{{SubnetID: subnetID, IPAddress: netip.MustParseAddr("10.20.0.1")}},
	}}
	f.Neutron.Groups = []openstack.SecurityGroup{{ID: groupID, Name: "ssh-open", Rules: []openstack.SecurityGroupRule{ssh22("0.0.0.0/0")}}}
	f.Way.Candidates = []resolve.Candidate{{
		Address: outer, Why: resolve.Floating, Kind: resolve.KindFloating, PortID: portID, Inside: netip.AddrPortFrom(fixedIP, 22),
	}}
	f.judge()
	f.Probes = []Probe{silentProbe(f.Way.Candidates[0])}
	return f
}

// judge makes the verdicts anew, from 198.18.113.1.
func (f *Facts) judge() { f.judgeFrom(here, secgroup.Facts{}) }

func (f *Facts) judgeFrom(source netip.Addr, facts secgroup.Facts) {
	f.Way.Verdicts = nil
	for _, c := range f.Way.Candidates {
		f.Way.Verdicts = append(f.Way.Verdicts, reach.Verdict{
			Candidate: c, Source: source,
			Rules: reach.Evaluate(c, source, f.Neutron.Ways.Ports, f.Neutron.Groups, facts),
		})
	}
}

func silentProbe(c resolve.Candidate) Probe {
	return failedProbe(c, connect.StageDial, &connect.TimeoutError{Stage: connect.StageDial, After: tcpPatience})
}

func failedProbe(c resolve.Candidate, stage connect.Stage, err error) Probe {
	p := Probe{Candidate: c, Took: 2200 * time.Millisecond, Failed: &connect.Attempt{Stage: stage, Err: err, Duration: 2 * time.Second}}
	if stage > connect.StageBanner {
		p.Version = "SSH-2.0-OpenSSH_9.2p1"
	}
	return p
}

// ended is the facts with their probe ended so.
func ended(stage connect.Stage, err error) *Facts {
	f := silentWeb()
	f.Probes[0] = failedProbe(f.Way.Candidates[0], stage, err)
	return f
}

// webWith is the facts after a change.
func webWith(change func(*Facts)) *Facts {
	f := silentWeb()
	change(f)
	return f
}

// ruledBy is the facts with these rules in the port's group, and the verdict of
// them.
func ruledBy(name string, rules ...openstack.SecurityGroupRule) *Facts {
	f := silentWeb()
	for i := range rules {
		rules[i].SecurityGroupID = groupID
	}
	f.Neutron.Groups = []openstack.SecurityGroup{{ID: groupID, Name: name, Rules: rules}}
	f.judge()
	return f
}

func ptr[T any](v T) *T { return &v }

// rule is an ingress rule over IPv4.
func rule(protocol string, first, last int, prefix string) openstack.SecurityGroupRule {
	r := openstack.SecurityGroupRule{ID: "1a2b3c4d-0000-4000-8000-000000000009", Direction: "ingress", EtherType: "IPv4"}
	if protocol != "" {
		r.Protocol = &protocol
	}
	if first > 0 {
		r.PortRangeMin, r.PortRangeMax = &first, &last
	}
	if prefix != "" {
		r.RemoteIPPrefix = &prefix
	}
	return r
}

func ssh22(prefix string) openstack.SecurityGroupRule { return rule("tcp", 22, 22, prefix) }

func fromMembers(r openstack.SecurityGroupRule, id string) openstack.SecurityGroupRule {
	r.RemoteGroupID = &id
	return r
}

// withoutWay takes the floating IP away, and with it every way in.
func withoutWay(f *Facts) {
	f.Neutron.Ways.FloatingIPs, f.Way.Candidates, f.Way.Verdicts, f.Probes = nil, nil, nil, nil
}

func aKey(t *testing.T) ssh.PublicKey {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
