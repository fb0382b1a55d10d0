package diagnose

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"

	"osssh/connect"
	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/resolve"
)

func port(f *Facts) *openstack.Port { return &f.Neutron.Ways.Ports[0] }

func control(what string, same bool, err error) Control {
	return Control{What: what, Address: netip.MustParseAddrPort("198.18.113.30:22"), SamePath: same, Err: err}
}

// secondPort plugs web into a further network.
func secondPort(f *Facts) {
	f.Neutron.Ways.Ports = append(f.Neutron.Ways.Ports, openstack.Port{
		ID: "second-port", NetworkID: "net2", AdminStateUp: true, Status: "ACTIVE", SecurityGroups: []string{groupID},
		FixedIPs: []openstack.FixedIP{{SubnetID: "sub2", IPAddress: netip.MustParseAddr("10.30.0.5")}},
	})
	f.Neutron.Subnets = append(f.Neutron.Subnets, openstack.Subnet{
		ID: "sub2", NetworkID: "net2", IPVersion: 4, EnableDHCP: true, GatewayIP: netip.MustParseAddr("10.30.0.1"),
	})
}

func stalledWith(small *bool) *Facts {
	f := ended(connect.StageKeyExchange, &connect.TimeoutError{Stage: connect.StageKeyExchange})
	f.Probes[0].SmallSegments = small
	return f
}

func TestPathCauses(t *testing.T) {
	silence := &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
	covers := openstack.FirewallGroup{ID: "fw", Name: "wall", AdminStateUp: true, Ports: []string{portID}}
	local := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EPERM)}
	checkCases(t, []factCase{
		{"of a floating IP", "P1", webWith(func(f *Facts) { f.Neutron.Routers[0].Gateway = nil }), Certain,
			[]string{"demo-router has no gateway", "openstack router set --external-gateway " + extID + " " + routerID}},
		{"of a server without a way in", "P1", webWith(func(f *Facts) { withoutWay(f); f.Neutron.Routers[0].Gateway = nil }), Certain,
			[]string{"openstack router set --external-gateway NETWORK " + routerID, "network list --external"}},
		{"of a floating IP that has no router", "P2", webWith(func(f *Facts) { f.Neutron.Ways.FloatingIPs[0].RouterID = "" }), Certain,
			[]string{"private-v4 (10.20.0.0/24) is on no router", "openstack router add subnet " + routerID + " " + subnetID}},
		{"of a floating IP whose router has left", "P2", webWith(func(f *Facts) { f.Neutron.RouterPorts = nil }), Certain, nil},
		{"of a server without a way in", "P2", webWith(func(f *Facts) { withoutWay(f); f.Neutron.RouterPorts, f.Neutron.Routers = nil, nil }), Certain,
			[]string{"no floating IP can lead there", "router add subnet ROUTER " + subnetID}},
		{"and the project has routers", "P2", webWith(func(f *Facts) {
			withoutWay(f)
			f.Neutron.SpareRouters = append([]openstack.Router{{ID: "dead-end"}}, f.Neutron.Routers...)
			f.Neutron.RouterPorts, f.Neutron.Routers = nil, nil
		}), Certain, []string{"openstack router add subnet " + routerID + " " + subnetID}},
		{"and the subnet has no gateway", "P2", webWith(func(f *Facts) {
			withoutWay(f)
			f.Neutron.RouterPorts, f.Neutron.Subnets[0].GatewayIP = nil, netip.Addr{}
		}), Certain, []string{"openstack subnet set --gateway ADDRESS " + subnetID}},
		{"off", "P3", webWith(func(f *Facts) { f.Neutron.Routers[0].AdminStateUp = false }), Certain,
			[]string{"demo-router is switched off", "openstack router set --enable " + routerID}},
		{"in error", "P3", webWith(func(f *Facts) { f.Neutron.Routers[0].Status = "ERROR" }), Certain, []string{"status ERROR"}},
		{"down", "P4", webWith(func(f *Facts) { f.Neutron.Ways.FloatingIPs[0].Status = "DOWN" }), Probable,
			[]string{"198.18.113.24 is DOWN", "unset --port " + fipID + " && openstack floating ip set --port " + portID + " " + fipID}},
		{"in error", "P4", webWith(func(f *Facts) { f.Neutron.Ways.FloatingIPs[0].Status = "ERROR" }), Probable, nil},
		{"others behind it are silent", "P5", webWith(func(f *Facts) { f.Control = []Control{control("server db", true, silence)} }), Probable,
			[]string{"behind router demo-router", "server db at 198.18.113.30:22 is silent too"}},
		{"others behind another answer", "P5", webWith(func(f *Facts) {
			f.Control = []Control{control("server db", true, silence), control("server far", false, nil)}
		}), Probable, []string{"server far at 198.18.113.30:22 answers"}},
		{"off", "P6", webWith(func(f *Facts) { port(f).AdminStateUp = false }), Certain, []string{"openstack port set --enable " + portID}},
		{"down", "P7", webWith(func(f *Facts) { port(f).Status = "DOWN" }), Probable, []string{"6e7e03a9 of web is DOWN", "reboot --hard " + webID}},
		{"not bound", "P7", webWith(func(f *Facts) { port(f).VIFType = "binding_failed" }), Probable, []string{"could not be bound"}},
		{"off", "P8", webWith(func(f *Facts) {
			f.Neutron.Ways.Networks[netID] = openstack.Network{ID: netID, Name: "private"}
		}), Certain, []string{"network private is switched off", "openstack network set --enable " + netID}},
		{"none", "P9", webWith(func(f *Facts) { f.Neutron.Subnets[0].GatewayIP = netip.Addr{} }), Probable,
			[]string{"has no gateway", "openstack subnet set --gateway 10.20.0.1 " + subnetID}},
		{"off", "P10", webWith(func(f *Facts) { f.Neutron.Subnets[0].EnableDHCP = false }), Probable,
			[]string{"no DHCP", "openstack subnet set --dhcp " + subnetID}},
		{"two interfaces", "P11", webWith(secondPort), Possible,
			[]string{"2 interfaces", "openstack floating ip set --port second-port " + fipID}},
		{"small segments pass", "P12", stalledWith(ptr(true)), Certain, []string{"small segments", "openstack network set --mtu 1280 " + netID}},
		{"only a stall", "P12", stalledWith(nil), Possible, []string{"stalls"}},
		{"another address", "P13", webWith(func(f *Facts) {
			f.Nova.Console.Addresses = []netip.Addr{netip.MustParseAddr("10.20.0.50")}
		}), Certain, []string{"set itself 10.20.0.50; its port has 10.20.0.97", "console url show"}},
		{"without a policy", "P14", webWith(func(f *Facts) { f.Neutron.FirewallGroups = []openstack.FirewallGroup{covers} }), Probable,
			[]string{"wall has no ingress policy", "--destination-port 22 --source-ip-address 198.18.113.1", "--ingress-firewall-policy ssh-web fw"}},
		{"with a policy, at the router", "P14", webWith(func(f *Facts) {
			covers.Ports, covers.IngressPolicyID = []string{"rp"}, "policy"
			f.Neutron.FirewallGroups = []openstack.FirewallGroup{covers}
		}), Possible, []string{"policy add rule policy ssh-web"}},
		{"all servers are silent", "P15", webWith(func(f *Facts) {
			f.Control = []Control{control("server far", false, silence), control("the cloud's API", false, nil)}
		}), Probable, []string{"lets no SSH out"}},
		{"the router answers, its servers do not", "P15", webWith(func(f *Facts) {
			f.Control = []Control{control("router demo-router", true, nil), control("server db", true, silence)}
		}), Probable, nil},
		{"this machine's firewall", "P15", ended(connect.StageDial, local), Certain, []string{"operation not permitted"}},
	})
}

// What looks like a cause of the path and is none.
func TestNoPathCauses(t *testing.T) {
	silence := &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
	fine := silentWeb()
	for _, cause := range pathCauses() {
		if found := cause.Find(fine); found != nil {
			t.Errorf("%s was found in a path that is fine: %s", cause.ID, found.What)
		}
	}
	provider := func(change func(*Facts)) *Facts { // on an external network, without any router
		return webWith(func(f *Facts) {
			f.Neutron.Ways.FloatingIPs, f.Neutron.Routers, f.Neutron.RouterPorts = nil, nil, nil
			f.Neutron.Ways.Networks[netID] = openstack.Network{ID: netID, External: true, AdminStateUp: true}
			c := &f.Way.Candidates[0]
			c.Kind, c.Why, c.Address = resolve.KindFixed, resolve.External, netip.AddrPortFrom(fixedIP, 22)
			f.judge()
			change(f)
		})
	}
	same := func(*Facts) {}
	onLink := webWith(func(f *Facts) {
		f.Neutron.Subnets[0].GatewayIP = netip.Addr{}
		f.Way.Candidates[0].Why, f.Way.Candidates[0].Kind = resolve.OnLink, resolve.KindFixed
	})
	for id, near := range map[string]map[string]*Facts{
		"P1": {"on an external network": provider(same), "another router leads out": webWith(func(f *Facts) {
			withoutWay(f)
			f.Neutron.Routers = append(f.Neutron.Routers, openstack.Router{ID: "r2"})
			f.Neutron.RouterPorts = append(f.Neutron.RouterPorts, openstack.Port{DeviceID: "r2", FixedIPs: f.Neutron.RouterPorts[0].FixedIPs})
		}), "another's router": webWith(func(f *Facts) { withoutWay(f); f.Neutron.Routers = nil })},
		"P2": {
			"on an external network": provider(same),
			"another's network": webWith(func(f *Facts) {
				f.Neutron.RouterPorts = nil
				f.Neutron.Ways.Networks[netID] = openstack.Network{ID: netID, ProjectID: "p2", AdminStateUp: true, Shared: true}
			}),
			"routers may not be read": webWith(func(f *Facts) { f.Neutron.RouterPorts = nil; f.Asked = []Asked{{What: "routers", Err: apiError(403)}} }),
		},
		"P3": {"one of two works": webWith(func(f *Facts) {
			f.Neutron.Ways.FloatingIPs, f.Way.Candidates[0].Why, f.Way.Candidates[0].Kind = nil, resolve.Routed, resolve.KindFixed
			f.Neutron.Routers[0].AdminStateUp = false
			f.Neutron.Routers = append(f.Neutron.Routers, openstack.Router{ID: "r2", AdminStateUp: true})
			f.Neutron.RouterPorts = append(f.Neutron.RouterPorts, openstack.Port{DeviceID: "r2", FixedIPs: f.Neutron.RouterPorts[0].FixedIPs})
		})},
		"P4": {"the server is off": webWith(func(f *Facts) { f.Nova.Server.Status = "SHUTOFF"; f.Neutron.Ways.FloatingIPs[0].Status = "DOWN" })},
		"P5": {
			"another one answers": webWith(func(f *Facts) {
				f.Control = []Control{control("server a", true, silence), control("server b", true, nil)}
			}),
			"all others are silent": webWith(func(f *Facts) {
				f.Control = []Control{control("server a", true, silence), control("server b", false, silence)}
			}),
			"the router answers": webWith(func(f *Facts) {
				f.Control = []Control{control("router r", true, nil), control("server b", true, silence)}
			}),
			"the server is answered": webWith(func(f *Facts) { f.Control = []Control{control("server a", true, silence)}; f.Probes[0].Failed = nil }),
		},
		"P7": {
			"the server is off":  webWith(func(f *Facts) { f.Nova.Server.Status = "SHUTOFF"; port(f).Status = "DOWN" }),
			"SR-IOV":             webWith(func(f *Facts) { port(f).VNICType = "direct"; port(f).Status = "DOWN" }),
			"it is switched off": webWith(func(f *Facts) { port(f).AdminStateUp = false; port(f).Status = "DOWN" }),
		},
		"P8": {"the network may not be read": webWith(func(f *Facts) { delete(f.Neutron.Ways.Networks, netID) })},
		"P9": {"a neighbour": onLink, "IPv6": webWith(func(f *Facts) { f.Neutron.Subnets[0].GatewayIP = netip.Addr{}; f.Neutron.Subnets[0].IPVersion = 6 })},
		"P10": {
			"a config drive": webWith(func(f *Facts) { f.Neutron.Subnets[0].EnableDHCP = false; f.Nova.Server.ConfigDrive = "True" }),
			"the guest has its address": webWith(func(f *Facts) {
				f.Neutron.Subnets[0].EnableDHCP = false
				f.Nova.Console.Addresses = []netip.Addr{fixedIP}
			}),
		},
		"P11": {"only one has a gateway": webWith(func(f *Facts) { secondPort(f); f.Neutron.Subnets[1].GatewayIP = netip.Addr{} })},
		"P12": {"no banner": ended(connect.StageBanner, &connect.TimeoutError{Stage: connect.StageBanner})},
		"P13": {
			"the right one among others": webWith(func(f *Facts) {
				f.Nova.Console.Addresses = []netip.Addr{netip.MustParseAddr("172.17.0.1"), fixedIP}
			}),
			"an allowed pair": webWith(func(f *Facts) {
				port(f).AllowedAddressPairs = []openstack.AddressPair{{IPAddress: "10.20.0.48/29"}}
				f.Nova.Console.Addresses = []netip.Addr{netip.MustParseAddr("10.20.0.50")}
			}),
			"IPv6 alone": webWith(func(f *Facts) { f.Nova.Console.Addresses = []netip.Addr{netip.MustParseAddr("2001:db8::1")} }),
		},
		"P14": {"it covers another port": webWith(func(f *Facts) {
			f.Neutron.FirewallGroups = []openstack.FirewallGroup{{ID: "fw", Ports: []string{"other"}}}
		})},
		"P15": {
			"another one answers": webWith(func(f *Facts) {
				f.Control = []Control{control("server a", false, silence), control("server b", true, nil)}
			}),
			"only the API was tried": webWith(func(f *Facts) { f.Control = []Control{control("the cloud's API", false, nil)} }),
		},
	} {
		checkAbsent(t, id, near)
	}
}

// A finding on one way is less sure where the rules leave another one open.
func TestAnotherWayIsOpen(t *testing.T) {
	f := silentWeb()
	secondPort(f)
	f.Way.Candidates = append(f.Way.Candidates, resolve.Candidate{
		Address: netip.MustParseAddrPort("10.30.0.5:22"), Why: resolve.Routed, Kind: resolve.KindFixed,
		PortID: "second-port", Inside: netip.MustParseAddrPort("10.30.0.5:22"),
	})
	f.judge()
	port(f).AdminStateUp = false
	if found := findPortDisabled(f); found == nil || found.Confidence != Probable {
		t.Errorf("got %v, want a probable finding", found)
	}
}

// The console's milestones and the guest's age decide how sure a closed port is.
func TestYoungServer(t *testing.T) {
	f := silentWeb()
	f.Nova.Console.Milestones = []console.Milestone{{Stage: console.CloudInitNetwork}}
	if f.bootTells() {
		t.Error("a server that was launched days ago is still booting")
	}
	f.Nova.Actions = []openstack.Action{{Action: "reboot", Start: openstack.Time{Time: began}}}
	if !f.bootTells() {
		t.Error("a server that was just rebooted has booted")
	}
}
