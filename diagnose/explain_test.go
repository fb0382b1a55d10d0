package diagnose

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/reach"
	"osssh/resolve"
	"osssh/secgroup"
	"osssh/sshconfig"
)

// whole is all that is known of a server by its floating IP, where everything is
// as it should be and a login works.
func whole(key ssh.PublicKey, changes ...func(*Facts)) *Facts {
	f := loginFacts(key, admitted("ubuntu", key))
	running, at := openstack.PowerRunning, netip.MustParseAddr
	f.Setup = Setup{Cloud: "demo", AuthURL: "https://cloud:5000/v3"}
	f.At = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	f.Nova.Server.ProjectID, f.Nova.Server.PowerState = "project", &running
	f.Nova.Server.Created = openstack.Time{Time: f.At.AddDate(0, 0, -3)}
	f.Nova.Server.LaunchedAt = f.Nova.Server.Created
	f.Nova.Image = openstack.Image{ID: "image-1", Name: "Ubuntu 24.04", OSDistro: "ubuntu"}
	f.Nova.ConsoleLen = 20000
	f.Nova.Console = console.Log{LoginAs: "ubuntu", Milestones: []console.Milestone{{Stage: console.Network}, {Stage: console.Metadata}, {Stage: console.SSHD}, {Stage: console.Finished}, {Stage: console.LoginPrompt}}}
	f.Neutron = Neutron{
		Ways: resolve.Ways{
			Ports:       []openstack.Port{nic("p1", "10.0.0.5", "s1", "g1")},
			FloatingIPs: []openstack.FloatingIP{{ID: "f1", FloatingIPAddress: at("198.18.0.9"), FixedIPAddress: at("10.0.0.5"), FloatingNetworkID: "out", PortID: "p1", RouterID: "r1", Status: "ACTIVE"}},
			Networks:    map[string]openstack.Network{"n1": {ID: "n1", Name: "lan", ProjectID: "project", AdminStateUp: true, MTU: 1450}},
		},
		Subnets:     []openstack.Subnet{{ID: "s1", NetworkID: "n1", IPVersion: 4, CIDR: netip.MustParsePrefix("10.0.0.0/24"), GatewayIP: at("10.0.0.1"), EnableDHCP: true}},
		Routers:     []openstack.Router{{ID: "r1", Name: "router", AdminStateUp: true, Status: "ACTIVE", Gateway: &openstack.Gateway{NetworkID: "out"}}},
		RouterPorts: []openstack.Port{{ID: "rp", DeviceID: "r1", DeviceOwner: "network:router_interface", NetworkID: "n1", FixedIPs: []openstack.FixedIP{{SubnetID: "s1", IPAddress: at("10.0.0.1")}}}},
		Groups:      []openstack.SecurityGroup{admits("g1", "ssh", "tcp", 22, "0.0.0.0/0")},
	}
	f.Probes[0].Candidate = candidate(resolve.Floating, resolve.KindFloating, "198.18.0.9:22", "10.0.0.5:22")
	return judged(with(f, changes...))
}

// judged asks the rules, and takes the probes' addresses for the candidates.
func judged(f *Facts) *Facts {
	f.Way.Candidates, f.Way.Verdicts = nil, nil
	for _, p := range f.Probes {
		if p.Through != "" {
			continue
		}
		f.Way.Candidates = append(f.Way.Candidates, p.Candidate)
		if port := f.port(p.Candidate.PortID); port != nil {
			source := netip.MustParseAddr("198.18.113.1")
			f.Way.Verdicts = append(f.Way.Verdicts, reach.Verdict{Candidate: p.Candidate, Source: source, Rules: secgroup.Evaluate(secgroup.Query{
				Port: *port, Groups: f.Neutron.Groups, Source: source,
				Destination: p.Candidate.Inside.Addr(), DestinationPort: int(p.Candidate.Inside.Port()),
			})})
		}
	}
	return f
}

func nic(id, address, subnet string, groups ...string) openstack.Port {
	secured := true
	return openstack.Port{
		ID: id, NetworkID: "n1", DeviceID: "id-1", DeviceOwner: "compute:nova", Status: "ACTIVE", AdminStateUp: true, PortSecurityEnabled: &secured,
		FixedIPs: []openstack.FixedIP{{SubnetID: subnet, IPAddress: netip.MustParseAddr(address)}}, SecurityGroups: groups,
	}
}

func candidate(why resolve.Why, kind resolve.Kind, address, inside string) resolve.Candidate {
	return resolve.Candidate{Why: why, Kind: kind, Address: netip.MustParseAddrPort(address), PortID: "p1", Inside: netip.MustParseAddrPort(inside)}
}

// admits is a group with one rule, for one port over TCP or whatever it is.
func admits(id, name, protocol string, port int, prefix string) openstack.SecurityGroup {
	family := "IPv4"
	if strings.Contains(prefix, ":") {
		family = "IPv6"
	}
	return openstack.SecurityGroup{ID: id, Name: name, Rules: []openstack.SecurityGroupRule{{
		ID: id + "-rule", SecurityGroupID: id, Direction: "ingress", EtherType: family,
		Protocol: &protocol, PortRangeMin: &port, PortRangeMax: &port, RemoteIPPrefix: &prefix,
	}}}
}

// endedAt is what a probe found in place of a working login.
func endedAt(stage connect.Stage, err error) func(*Facts) {
	return func(f *Facts) {
		p := &f.Probes[0]
		p.Failed, p.Logins = &connect.Attempt{Stage: stage, Err: err}, nil
		if stage < connect.StageKeyExchange {
			p.Version = ""
		}
		if stage < connect.StageHostKey {
			p.HostKey = nil
		}
	}
}

// Faults, one at a time, as facts.
var (
	silence    = endedAt(connect.StageDial, syscall.ETIMEDOUT)
	refusedTCP = endedAt(connect.StageDial, syscall.ECONNREFUSED)
	noBanner   = endedAt(connect.StageBanner, &connect.TimeoutError{Stage: connect.StageBanner})
	noGateway  = func(f *Facts) { f.Neutron.Routers[0].Gateway = nil }
	routerOff  = func(f *Facts) { f.Neutron.Routers[0].AdminStateUp = false }
	portOff    = func(f *Facts) { f.Neutron.Ways.Ports[0].AdminStateUp = false }
	networkOff = func(f *Facts) { f.Neutron.Ways.Networks["n1"] = openstack.Network{ID: "n1", Name: "lan"} }
	noGroup    = func(f *Facts) { f.Neutron.Ways.Ports[0].SecurityGroups = nil }
	onlyWeb    = func(f *Facts) {
		f.Neutron.Groups = []openstack.SecurityGroup{admits("g1", "web", "icmp", 8, "0.0.0.0/0")}
	}
	wrongPrefix = func(f *Facts) {
		f.Neutron.Groups = []openstack.SecurityGroup{admits("g1", "ssh", "tcp", 22, "192.0.2.0/24")}
	}
	keyGone = func(f *Facts) { f.Way.Keys.Identities = nil }
	keyOpen = func(f *Facts) { f.Way.Keys.Identities[0].File.Unprotected = true }
)

func is(status string) func(*Facts) { return func(f *Facts) { f.Nova.Server.Status = status } }

func booted(kind console.FaultID) func(*Facts) {
	return func(f *Facts) {
		f.Nova.Console = console.Log{Faults: []console.Fault{{ID: kind, Line: "line"}}, Milestones: []console.Milestone{{Stage: console.Kernel}}}
	}
}

func ids(findings []Finding) (all []string) {
	for _, f := range findings {
		all = append(all, fmt.Sprintf("%s %s", f.Cause.ID, f.Confidence))
	}
	return all
}

func has(findings []Finding, id string) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Cause.ID == id })
}

// Of two faults the one that the packet meets first is named first, the other
// one after it.
func TestTwoFaults(t *testing.T) {
	key := newPublicKey(t)
	for _, c := range []struct {
		first, later string
		faults       []func(*Facts)
	}{
		{"L14", "G3", []func(*Facts){silence, wrongPrefix, func(f *Facts) { f.Setup.SSHConfig = &sshconfig.PermissionError{Path: "/c"} }}},
		{"P1", "G3", []func(*Facts){silence, wrongPrefix, noGateway}},
		{"P3", "G1", []func(*Facts){silence, noGroup, routerOff}},
		{"P6", "S7", []func(*Facts){silence, is("SHUTOFF"), portOff}},
		{"P8", "G2", []func(*Facts){silence, onlyWeb, networkOff}},
		{"G3", "S7", []func(*Facts){silence, is("SHUTOFF"), wrongPrefix}},
		{"G2", "U3", []func(*Facts){silence, keyGone, onlyWeb}},
		{"G1", "O1", []func(*Facts){silence, booted(console.KernelPanic), noGroup}},
		{"S8", "U9", []func(*Facts){silence, keyOpen, is("PAUSED")}},
		{"S12", "O4", []func(*Facts){silence, booted(console.MetadataUnreachable), func(f *Facts) { four := 4; f.Nova.Server.PowerState = &four }}},
		{"O1", "U3", []func(*Facts){silence, keyGone, booted(console.KernelPanic)}},
		{"O5", "U9", []func(*Facts){refusedTCP, keyOpen, booted(console.SSHDFailed)}},
		{"T1", "U3", []func(*Facts){silence, keyGone}}, // though the later one is surer
		{"T2", "U9", []func(*Facts){refusedTCP, keyOpen}},
		{"T4", "U3", []func(*Facts){noBanner, keyGone}},
		{"H4", "U3", []func(*Facts){endedAt(connect.StageHostKey, &connect.HostKeyError{Key: key, Err: &reach.HostKeyRefusedError{Key: key, ByConsole: true}}), keyGone}},
	} {
		t.Run(c.first+" before "+c.later, func(t *testing.T) {
			d := Explain(whole(key, c.faults...))
			if d.Outcome != Broken || d.Causes[0].Cause.ID != c.first {
				t.Fatalf("%s: causes %v, later %v", d.Outcome, ids(d.Causes), ids(d.Later))
			}
			if !has(d.Causes[1:], c.later) && !has(d.Later, c.later) {
				t.Errorf("%s is not named: causes %v, later %v", c.later, ids(d.Causes), ids(d.Later))
			}
		})
	}
}

// Where a login works no cause is named, whatever else is strange.
func TestHealthy(t *testing.T) {
	key, other := newPublicKey(t), newPublicKey(t)
	by := func(c resolve.Candidate) func(*Facts) { return func(f *Facts) { f.Probes[0].Candidate = c } }
	group := func(g openstack.SecurityGroup) func(*Facts) {
		return func(f *Facts) { f.Neutron.Groups = []openstack.SecurityGroup{g} }
	}
	as := func(login LoginProbe, l resolve.Login) func(*Facts) {
		return func(f *Facts) { f.Probes[0].Logins, f.Way.Login = []LoginProbe{login}, l }
	}
	gap := func(what string, status int) func(*Facts) {
		return func(f *Facts) { f.Gaps = append(f.Gaps, Gap{What: what, Err: apiError(status)}) }
	}
	forbidden := apiError(403)
	through := func(f *Facts) {
		f.Neutron.Ways.FloatingIPs = nil
		f.Probes = append([]Probe{{Candidate: candidate(resolve.OnLink, resolve.KindFixed, "10.0.0.5:22", "10.0.0.5:22"), Failed: &connect.Attempt{Err: syscall.ETIMEDOUT}}}, f.Probes...)
		f.Probes[1].Candidate, f.Probes[1].Through = candidate(resolve.Behind, resolve.KindFixed, "10.0.0.5:22", "10.0.0.5:22"), "bastion"
		f.Way.Jump = &reach.Jump{Server: openstack.Server{Name: "bastion"}, To: netip.MustParseAddrPort("10.0.0.5:22"), PortID: "p1", From: netip.MustParseAddr("10.0.0.7"), Rules: secgroup.Verdict{Answer: secgroup.Allow, Reason: secgroup.RuleAdmits}}
	}
	secondNIC := func(f *Facts) {
		f.Neutron.Ways.Ports = append(f.Neutron.Ways.Ports, nic("p2", "10.1.0.5", "s2"))
		f.Neutron.Subnets = append(f.Neutron.Subnets, openstack.Subnet{ID: "s2", IPVersion: 4, GatewayIP: netip.MustParseAddr("10.1.0.1")})
	}
	lockedKey := LoginProbe{User: "ubuntu", Accepted: key, Methods: []string{"publickey"}}
	six := func(f *Facts) {
		f.Neutron.Ways.FloatingIPs = nil
		f.Neutron.Ways.Ports[0] = nic("p1", "2001:db8::5", "s1", "g1")
		f.Neutron.Subnets[0] = openstack.Subnet{ID: "s1", NetworkID: "n1", IPVersion: 6, GatewayIP: netip.MustParseAddr("2001:db8::1")}
		f.Neutron.Groups = []openstack.SecurityGroup{admits("g1", "ssh6", "tcp", 22, "::/0")}
		f.Probes[0].Candidate = candidate(resolve.Global, resolve.KindFixed, "[2001:db8::5]:22", "[2001:db8::5]:22")
	}
	forwarding := func(f *Facts) {
		ip := &f.Neutron.Ways.FloatingIPs[0]
		ip.PortID, ip.FixedIPAddress = "", netip.Addr{}
		ip.PortForwardings = []openstack.PortForwarding{{Protocol: "tcp", ExternalPort: 2222, InternalPort: 22, InternalIPAddress: netip.MustParseAddr("10.0.0.5"), InternalPortID: "p1"}}
		f.Probes[0].Candidate = candidate(resolve.Forwarding, resolve.KindForwarding, "198.18.0.9:2222", "10.0.0.5:22")
	}
	provider := func(f *Facts) {
		f.Neutron.Ways.FloatingIPs, f.Neutron.Routers, f.Neutron.RouterPorts = nil, nil, nil
		f.Neutron.Ways.Networks["n1"] = openstack.Network{ID: "n1", External: true, Shared: true, AdminStateUp: true}
		f.Probes[0].Candidate = candidate(resolve.External, resolve.KindFixed, "10.0.0.5:22", "10.0.0.5:22")
	}
	for _, c := range []struct {
		name    string
		changes []func(*Facts)
	}{
		{"as it should be", nil},
		{"port forwarding", []func(*Facts){forwarding}},
		{"IPv6 only", []func(*Facts){six}},
		{"provider network", []func(*Facts){provider}},
		{"on-link", []func(*Facts){provider, by(candidate(resolve.OnLink, resolve.KindFixed, "10.0.0.5:22", "10.0.0.5:22"))}},
		{"jump host", []func(*Facts){through}},
		{"ProxyJump", []func(*Facts){func(f *Facts) { f.Way.Proxied, f.Probes[0].Through = true, "gate" }}},
		{"port security off", []func(*Facts){noGroup, func(f *Facts) { off := false; f.Neutron.Ways.Ports[0].PortSecurityEnabled = &off }}},
		{"no rule at all, noop driver", []func(*Facts){noGroup}},
		{"rules that deny", []func(*Facts){wrongPrefix}},
		{"another user", []func(*Facts){as(admitted("fritz", key), resolve.Login{User: "fritz", From: "given"})}},
		{"root", []func(*Facts){as(admitted("root", key), resolve.Login{User: "root", From: "given"})}},
		{"root told the user", []func(*Facts){func(f *Facts) {
			f.Way.Login = resolve.Login{User: "root", Guess: true}
			f.Probes[0].Logins = []LoginProbe{hinted("root", "ubuntu", key), admitted("ubuntu", key)}
		}}},
		{"SSH on another port", []func(*Facts){group(admits("g1", "ssh", "tcp", 2200, "0.0.0.0/0")), by(candidate(resolve.Floating, resolve.KindFloating, "198.18.0.9:2200", "10.0.0.5:2200"))}},
		{"shared group", []func(*Facts){func(f *Facts) { f.Neutron.Groups[0].Shared, f.Neutron.Groups[0].ProjectID = true, "theirs" }}},
		{"group unreadable", []func(*Facts){func(f *Facts) { f.Neutron.Groups = nil }}},
		{"neutron forbidden", []func(*Facts){gap("ports, networks and floating IPs", 403), func(f *Facts) { f.Neutron = Neutron{Missing: forbidden} }}},
		{"no neutron", []func(*Facts){func(f *Facts) { f.Neutron = Neutron{Missing: &openstack.ServiceMissingError{Service: "network"}} }}},
		{"console forbidden", []func(*Facts){gap("console log", 403), func(f *Facts) { f.Nova.Console, f.Nova.ConsoleLen, f.Nova.ConsoleErr = console.Log{}, 0, forbidden }}},
		{"keypair forbidden", []func(*Facts){gap("keypair", 403), func(f *Facts) {
			f.Nova.Keypair, f.Nova.KeypairErr = nil, forbidden
			f.Way.Keys.Identities[0].How = keystore.ByDefault
		}}},
		{"actions forbidden", []func(*Facts){gap("action log", 403)}},
		{"routers forbidden", []func(*Facts){gap("routers", 403), func(f *Facts) { f.Neutron.Routers, f.Neutron.RouterPorts = nil, nil }}},
		{"no console", []func(*Facts){func(f *Facts) {
			f.Nova.Console, f.Nova.ConsoleLen = console.Log{}, 0
			f.Probes[0].Ruling = reach.Ask
		}}},
		{"unknown source", []func(*Facts){wrongPrefix, func(f *Facts) {
			f.Way.Verdicts = []reach.Verdict{{Candidate: f.Probes[0].Candidate, Rules: secgroup.Verdict{Reason: secgroup.SourceUnknown}}}
		}}},
		{"floating IP DOWN (OVN)", []func(*Facts){func(f *Facts) { f.Neutron.Ways.FloatingIPs[0].Status = "DOWN" }}},
		{"VERIFY_RESIZE", []func(*Facts){is("VERIFY_RESIZE")}},
		{"ERROR, and runs", []func(*Facts){is("ERROR")}},
		{"stale power state", []func(*Facts){func(f *Facts) { four := 4; f.Nova.Server.PowerState = &four }}},
		{"encrypted key", []func(*Facts){as(lockedKey, resolve.Login{User: "ubuntu"}), func(f *Facts) { f.Way.Keys.Identities[0].File.Encrypted = true }}},
		{"several interfaces", []func(*Facts){secondNIC}},
		{"keypair of another", []func(*Facts){func(f *Facts) {
			f.Nova.Server.UserID, f.Nova.Keypair, f.Nova.KeypairErr = "you", nil, apiError(404)
			f.Way.Keys.Identities = []*keystore.Identity{keyFile("/k/id_ed25519", other, keystore.ByDefault)}
		}}},
		{"no keypair", []func(*Facts){func(f *Facts) {
			f.Nova.Server.KeyName, f.Nova.Keypair, f.Nova.KeypairErr = "", nil, resolve.ErrNoKeypair
		}}},
		{"keypair imported anew", []func(*Facts){func(f *Facts) { f.Nova.Keypair.CreatedAt = openstack.Time{Time: f.At} }}},
		{"faults of an earlier stage", []func(*Facts){func(f *Facts) {
			f.Nova.Console.Faults = []console.Fault{{ID: console.MetadataUnreachable}, {ID: console.NoDHCPLease}, {ID: console.OutOfMemory}, {ID: console.NoSpace}}
		}}},
		{"no exit status", []func(*Facts){as(LoginProbe{User: "ubuntu", Accepted: key, Signed: true}, resolve.Login{User: "ubuntu"})}},
		{"locked server, snapshot under way", []func(*Facts){func(f *Facts) { f.Nova.Server.Locked, f.Nova.Server.TaskState = true, "image_uploading" }}},
		{"another address is silent", []func(*Facts){func(f *Facts) {
			f.Probes = append(f.Probes, Probe{Candidate: candidate(resolve.Shared, resolve.KindFixed, "10.0.0.5:22", "10.0.0.5:22"), Failed: &connect.Attempt{Err: syscall.ETIMEDOUT}})
		}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Explain(whole(key, c.changes...))
			if d.Outcome != Healthy || d.Login == nil || len(d.Causes) > 0 {
				t.Errorf("%s: causes %v, later %v", d.Outcome, ids(d.Causes), ids(d.Later))
			}
			for _, later := range d.Later {
				if later.Cause.Layer < HostKey && later.Cause.Layer > Name {
					t.Errorf("later: %s", later)
				}
			}
		})
	}
}

func TestDisagreements(t *testing.T) {
	key := newPublicKey(t)
	for name, c := range map[string]struct {
		f    *Facts
		says string
	}{
		"noop driver":     {whole(key, wrongPrefix), "security groups deny 198.18.0.9:22"},
		"no group":        {whole(key, noGroup), "security groups deny"},
		"stale state":     {whole(key, func(f *Facts) { four := 4; f.Nova.Server.PowerState = &four }), "shut down"},
		"floating IP":     {whole(key, func(f *Facts) { f.Neutron.Ways.FloatingIPs[0].Status = "DOWN" }), "198.18.0.9 as DOWN"},
		"denied login":    {whole(key, wrongPrefix, func(f *Facts) { f.Probes[0].Logins = []LoginProbe{refusal("ubuntu", key)} }), "security groups deny"},
		"all agree":       {whole(key), ""},
		"by another way":  {whole(key, wrongPrefix, func(f *Facts) { f.Probes[0].Through = "gate" }), ""},
		"nothing answers": {whole(key, wrongPrefix, silence), ""},
	} {
		got := strings.Join(Explain(c.f).Disagreements, "\n")
		if (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q, want %q", name, got, c.says)
		}
	}
}

// What was not found out, and would tell more, is said.
func TestUndecided(t *testing.T) {
	key := newPublicKey(t)
	f := whole(key, silence, is("VERIFY_RESIZE"), func(f *Facts) {
		f.Gaps = []Gap{{What: "action log", Err: apiError(403)}, {What: "image", Err: errors.New("timeout")}}
		f.Control = []Control{{What: "server db"}}
	})
	d := Explain(f)
	if d.Outcome != Undecided || len(d.Causes) > 0 {
		t.Fatalf("%s: %v", d.Outcome, ids(d.Causes))
	}
	out, settle := strings.Join(d.RuledOut, "\n"), strings.Join(d.Settle, "\n")
	for _, want := range []string{"cloud demo", "security groups: they let you through to 198.18.0.9:22", "the boot", "private key", "server db answers"} {
		if !strings.Contains(out, want) {
			t.Errorf("ruled out %q lacks %q", out, want)
		}
	}
	for _, want := range []string{"action log: not seen (compute answers 403)", "image: not seen (timeout)"} {
		if !strings.Contains(settle, want) {
			t.Errorf("%q lacks %q", settle, want)
		}
	}
	d = Explain(&Facts{Phase: Found, Nova: Nova{Server: &openstack.Server{ID: "id-1", Status: "ACTIVE"}}})
	if d.Outcome != Undecided || !slices.Contains(d.Settle, "the asking did not come to its end: try once more") {
		t.Errorf("cut short: %s, %q", d.Outcome, d.Settle)
	}
	for _, d := range []Diagnosis{Explain(whole(key)), Explain(whole(key, silence, noGateway))} {
		if len(d.RuledOut)+len(d.Settle) > 0 {
			t.Errorf("%s, and still ruled out %q, to settle %q", d.Outcome, d.RuledOut, d.Settle)
		}
	}
}
