package diagnose

import (
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"osssh/connect"
	"osssh/internal/openstack"
	"osssh/reach"
	"osssh/resolve"
	"osssh/sshconfig"
)

// shown is what the facts show of one cause, nil where it is not there.
func shown(t *testing.T, id string, f *Facts) *Finding {
	t.Helper()
	for _, cause := range Catalogue() {
		if cause.ID == id {
			return cause.Find(f)
		}
	}
	t.Fatalf("no cause %s", id)
	return nil
}

// factCase is one set of facts and what is to be found in it.
type factCase struct {
	name  string
	id    string
	facts *Facts
	want  Confidence
	says  []string // in the finding, its evidence or its fix
}

func checkCases(t *testing.T, cases []factCase) {
	for _, c := range cases {
		t.Run(c.id+" "+c.name, func(t *testing.T) {
			found := shown(t, c.id, c.facts)
			if found == nil {
				t.Fatal("not found")
			}
			if found.Confidence != c.want {
				t.Errorf("%s, want %s", found.Confidence, c.want)
			}
			if found.Fix == (Fix{}) {
				t.Error("nothing mends it")
			}
			text := strings.Join(append([]string{found.What, found.Fix.Command, found.Fix.Words}, found.Evidence...), "\n")
			for _, want := range c.says {
				if !strings.Contains(text, want) {
					t.Errorf("%q lacks %q", text, want)
				}
			}
		})
	}
}

// checkAbsent says that a cause is not found in near misses.
func checkAbsent(t *testing.T, id string, near map[string]*Facts) {
	t.Helper()
	for name, facts := range near {
		if found := shown(t, id, facts); found != nil {
			t.Errorf("%s: %s was found: %s", name, id, found.What)
		}
	}
}

var apiDown = &openstack.UnreachableError{URL: "https://cloud:5000/v3", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}

func apiError(status int) error {
	return &openstack.APIError{Service: "compute", Method: "GET", Path: "/servers/detail", Status: status, Message: "no", RequestID: "req-1"}
}

func TestLocalCauses(t *testing.T) {
	setup := func(err error) *Facts { return &Facts{Name: "web", Setup: Setup{Err: err, Cloud: "demo"}} }
	signIn := func(err error) *Facts { return &Facts{Name: "web", Setup: Setup{SignIn: err, Cloud: "demo"}} }
	password := &openstack.AuthError{Cloud: "demo", AuthType: openstack.AuthPassword, Status: 401, Message: "The request you have made requires authentication."}
	credential := &openstack.AuthError{Cloud: "demo", AuthType: openstack.AuthApplicationCredential, Status: 401, Message: "expired"}
	elsewhere := func(e Elsewhere) *Facts {
		return &Facts{Name: "web", Nova: Nova{Lookup: &resolve.NotFoundError{Name: "web"}, Elsewhere: []Elsewhere{e}}}
	}
	rules := &openstack.TokenRefusedError{Service: "compute", Method: "GET", Path: "/servers/detail", AuthType: openstack.AuthApplicationCredential}
	token := &openstack.TokenRefusedError{Service: "compute", Method: "GET", Path: "/servers/detail", AuthType: openstack.AuthToken}
	expired := &openstack.UnreachableError{URL: "https://cloud", Err: x509.CertificateInvalidError{
		Cert: &x509.Certificate{NotAfter: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}, Reason: x509.Expired}}
	proxied := signIn(apiDown)
	proxied.Setup.Proxy = "http://proxy:3128"
	checkCases(t, []factCase{
		{"nothing", "L1", setup(&openstack.NoCloudsError{Searched: []string{"/a", "/b"}}), Certain, []string{"/a, /b", "clouds.yaml"}},
		{"a slip", "L2", setup(&openstack.UnknownCloudError{Cloud: "prd", Clouds: []string{"demo", "prod"}, File: "/c"}), Certain, []string{`"prd"`, "osssh --os-cloud demo web", "prod"}},
		{"none of several", "L2", setup(&openstack.UnknownCloudError{Clouds: []string{"demo", "prod"}, File: "/c"}), Certain, []string{"several"}},
		{"no YAML", "L3", setup(&openstack.ConfigError{File: "/c", Line: 7, Err: errors.New("mapping values are not allowed")}), Certain, []string{"/c", "7"}},
		{"no password", "L4", signIn(&openstack.MissingSecretError{Cloud: "demo", Name: "password"}), Certain, []string{"password", "secure.yaml"}},
		{"wrong password", "L5", signIn(password), Certain, []string{"401", "requires authentication"}},
		{"expired credential", "L6", signIn(credential), Certain, []string{"application credential create"}},
		{"access rules", "L7", &Facts{Nova: Nova{Lookup: rules}}, Certain, []string{"GET /servers/detail of compute"}},
		{"unscoped", "L8", signIn(&openstack.UnscopedError{Cloud: "demo"}), Certain, []string{"project_name"}},
		{"other project", "L9", elsewhere(Elsewhere{Project: "lab two"}), Certain, []string{"osssh --os-project-name 'lab two' web"}},
		{"other region", "L10", elsewhere(Elsewhere{Region: "R2"}), Certain, []string{"osssh --os-region-name R2 web"}},
		{"a region that clouds.yaml does not list", "L10", &Facts{Setup: Setup{Cloud: "c", Regions: []string{"R9"},
			SignIn: &openstack.ServiceMissingError{Service: "compute", Region: "R9", Regions: []string{"R1"}, RegionUnknown: true}}}, Certain, []string{`region_name: R1 in the entry of cloud "c"`}},
		{"no such region", "L10", signIn(&openstack.ServiceMissingError{Service: "compute", Region: "R9", Regions: []string{"R1"}, RegionUnknown: true}), Certain, []string{"--os-region-name R1 web"}},
		{"expired certificate", "L11", signIn(expired), Certain, []string{"2026-01-02"}},
		{"unknown authority", "L11", signIn(&openstack.UnreachableError{URL: "https://c", Err: x509.UnknownAuthorityError{}}), Certain, []string{"cacert"}},
		{"refused", "L12", signIn(apiDown), Certain, []string{"VPN"}},
		{"through a proxy", "L12", proxied, Certain, []string{"http://proxy:3128", "NO_PROXY"}},
		{"unknown host", "L12", signIn(&openstack.UnreachableError{URL: "https://c", Err: &net.DNSError{Name: "c.internal", Err: "no such host"}}), Certain, []string{"c.internal"}},
		{"browser", "L13", setup(&openstack.AuthTypeError{Cloud: "demo", Type: "v3websso"}), Certain, []string{"v3websso", "application credential"}},
		{"mode", "L14", &Facts{Setup: Setup{SSHConfig: &sshconfig.PermissionError{Path: "/home/me/.ssh/config", Mode: 0o666}}}, Certain, []string{"chmod 600 /home/me/.ssh/config"}},
		{"revoked", "L15", &Facts{Name: "web", Nova: Nova{Lookup: token}}, Certain, []string{"--no-cache web"}},
	})
	checkAbsent(t, "L5", map[string]*Facts{"a credential": signIn(credential), "nothing": {}})
	checkAbsent(t, "L6", map[string]*Facts{"a password": signIn(password)})
	checkAbsent(t, "L7", map[string]*Facts{"another type": {Nova: Nova{Lookup: token}}})
	checkAbsent(t, "L9", map[string]*Facts{"a region": elsewhere(Elsewhere{Region: "R2"}), "found here": {Nova: Nova{Elsewhere: []Elsewhere{{Project: "x"}}}}})
	checkAbsent(t, "L10", map[string]*Facts{"a project": elsewhere(Elsewhere{Project: "x"}), "only neutron": {Nova: Nova{Lookup: &openstack.ServiceMissingError{Service: "network"}}}})
	checkAbsent(t, "L12", map[string]*Facts{"TLS": signIn(expired), "one service": {Nova: Nova{Lookup: apiDown}}})
	checkAbsent(t, "L15", map[string]*Facts{"access rules": {Nova: Nova{Lookup: rules}}})
}

func TestCloudCauses(t *testing.T) {
	lookup := func(err error) *Facts { return &Facts{Name: "web", Nova: Nova{Lookup: err}} }
	missing := &openstack.ServiceMissingError{Service: "network", Region: "R1", Interface: "public"}
	answering := []Probe{{Version: "SSH-2.0-x"}}
	internal := lookup(apiDown)
	internal.Setup.Interface = "internal"
	detail := lookup(apiError(500))
	detail.Nova.ListWorks = true
	checkCases(t, []factCase{
		{"no neutron", "C1", &Facts{Neutron: Neutron{Missing: missing}}, Certain, []string{"network_endpoint_override"}},
		{"look-up", "C2", lookup(apiError(403)), Certain, []string{"GET /servers/detail", "member", "req-1"}},
		{"neutron", "C2", &Facts{Neutron: Neutron{Missing: apiError(403)}}, Certain, nil},
		{"look-up", "C3", lookup(apiError(503)), Certain, []string{"503", "req-1"}},
		{"a login page", "C3", lookup(&openstack.BodyError{URL: "https://c", Status: 200, ContentType: "text/html", Start: "<html>"}), Certain, []string{"https://c", "<html>"}},
		{"too many", "C4", lookup(apiError(429)), Certain, []string{"wait"}},
		{"only details", "C5", detail, Probable, []string{"operator"}},
		{"unknown", "C6", &Facts{Nova: Nova{Server: &openstack.Server{ID: "id-1", Status: "UNKNOWN"}}}, Certain, []string{"id-1"}},
		{"406", "C7", lookup(apiError(406)), Certain, nil},
		{"one service", "C8", lookup(apiDown), Certain, []string{"https://cloud:5000/v3"}},
		{"internal", "C8", internal, Certain, []string{"osssh --os-interface public web"}},
	})
	checkAbsent(t, "C1", map[string]*Facts{"a server answers": {Neutron: Neutron{Missing: missing}, Probes: answering}})
	checkAbsent(t, "C2", map[string]*Facts{"a server answers": {Neutron: Neutron{Missing: apiError(403)}, Probes: answering}, "500": lookup(apiError(500))})
	checkAbsent(t, "C3", map[string]*Facts{"only details": detail, "404": lookup(apiError(404))})
	checkAbsent(t, "C8", map[string]*Facts{"keystone too": {Setup: Setup{SignIn: apiDown}}})
}

func serverFacts(status string) *Facts {
	return &Facts{Name: "web", Phase: Probed, Nova: Nova{UserID: "me", Server: &openstack.Server{ID: "id-1", Name: "web", Status: status}}}
}

func TestServerCauses(t *testing.T) {
	at := openstack.Time{Time: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)}
	lookup := func(err error) *Facts { return &Facts{Name: "web", Nova: Nova{Lookup: err}} }
	off := serverFacts("SHUTOFF")
	off.Nova.Actions = []openstack.Action{{Action: "stop", UserID: "me", Start: at}, {Action: "create", UserID: "you"}}
	broken := serverFacts("ERROR")
	broken.Nova.Server.Fault = &openstack.Fault{Code: 500, Message: "No valid host was found", Created: at}
	building := serverFacts("BUILD")
	building.Nova.Server.TaskState = "spawning"
	stopping, snapshot, four := serverFacts("ACTIVE"), serverFacts("ACTIVE"), 4
	stopping.Nova.Server.TaskState, snapshot.Nova.Server.TaskState = "powering-off", "image_uploading"
	crashed := serverFacts("ACTIVE")
	crashed.Nova.Server.PowerState = &four
	host := serverFacts("ACTIVE")
	host.Nova.Server.HostStatus = "DOWN"
	noConsole := serverFacts("ACTIVE")
	noConsole.Nova.ConsoleErr, noConsole.Probes = apiError(500), []Probe{{Failed: &connect.Attempt{Stage: connect.StageDial, Err: syscall.ETIMEDOUT}}}
	answers := *noConsole
	answers.Probes = []Probe{{Version: "SSH-2.0-x"}}
	near := &resolve.NotFoundError{Name: "web", Near: []openstack.Server{{Name: "Web 1"}}}
	gone := &resolve.NotFoundError{Name: "web", Deleted: []openstack.Server{{ID: "id-0", Updated: at}}}
	several := &resolve.AmbiguousError{Name: "web", Servers: []openstack.Server{{ID: "id-1", Created: at}, {ID: "id-2", Created: openstack.Time{Time: at.Add(time.Hour)}}}}
	checkCases(t, []factCase{
		{"another case", "S1", lookup(near), Certain, []string{"osssh 'Web 1'"}},
		{"nothing near", "S1", lookup(&resolve.NotFoundError{Name: "web"}), Certain, []string{"osssh list"}},
		{"two", "S2", lookup(several), Certain, []string{"osssh id-2", "id-1"}},
		{"gone", "S3", lookup(gone), Certain, []string{"2026-11-20", "id-0"}},
		{"restorable", "S4", serverFacts("SOFT_DELETED"), Certain, []string{"openstack server restore id-1"}},
		{"spawning", "S5", building, Certain, []string{"spawning", "osssh --wait web"}},
		{"fault", "S6", broken, Certain, []string{"No valid host"}},
		{"stopped", "S7", off, Certain, []string{"osssh --start web", "stop by you at 2026-11-20 08:00 UTC"}},
		{"paused", "S8", serverFacts("PAUSED"), Certain, []string{"paused", "--start"}},
		{"suspended", "S8", serverFacts("SUSPENDED"), Certain, []string{"suspended"}},
		{"offloaded", "S9", serverFacts("SHELVED_OFFLOADED"), Certain, []string{"shelved"}},
		{"rescue", "S10", serverFacts("RESCUE"), Certain, []string{"unrescue id-1"}},
		{"rebuild", "S11", serverFacts("REBUILD"), Certain, []string{"--wait"}},
		{"a task", "S11", stopping, Certain, []string{"powering-off"}},
		{"crashed", "S12", crashed, Certain, []string{"reboot --hard id-1"}},
		{"for administrators", "S13", host, Certain, []string{"DOWN"}},
		{"no console", "S13", noConsole, Possible, []string{"500"}},
	})
	checkAbsent(t, "S1", map[string]*Facts{"deleted": lookup(gone)})
	checkAbsent(t, "S7", map[string]*Facts{"running": serverFacts("ACTIVE"), "not looked at": {}})
	checkAbsent(t, "S11", map[string]*Facts{"a snapshot": snapshot, "running": serverFacts("ACTIVE"), "building": building})
	checkAbsent(t, "S12", map[string]*Facts{"not told": serverFacts("ACTIVE"), "off": off})
	checkAbsent(t, "S13", map[string]*Facts{"it answers": &answers})
}

func TestAddressCauses(t *testing.T) {
	address := netip.MustParseAddr
	private := serverFacts("ACTIVE")
	private.Neutron.Ways.Ports = []openstack.Port{{ID: "p1", FixedIPs: []openstack.FixedIP{{IPAddress: address("10.0.0.5")}, {IPAddress: address("10.0.0.6")}}}}
	with := func(change func(*Facts)) *Facts {
		f := *private
		change(&f)
		return &f
	}
	silent := []Probe{{Failed: &connect.Attempt{Stage: connect.StageDial, Err: syscall.ETIMEDOUT}}}
	reachable := with(func(f *Facts) { f.Way.Candidates = []resolve.Candidate{{Kind: resolve.KindFloating}} })
	bound := func(fixed string) []openstack.FloatingIP {
		return []openstack.FloatingIP{{ID: "f1", FloatingIPAddress: address("198.18.0.9"), PortID: "p1", FixedIPAddress: address(fixed)}}
	}
	forwarded := func(inner int) resolve.Ways {
		return resolve.Ways{Ports: private.Neutron.Ways.Ports, FloatingIPs: []openstack.FloatingIP{{ID: "f1", FloatingIPAddress: address("198.18.0.9"),
			PortForwardings: []openstack.PortForwarding{{Protocol: "tcp", ExternalPort: 2222, InternalPort: inner, InternalPortID: "p1", InternalIPAddress: address("10.0.0.5")}}}}}
	}
	typed := func(owner AddressOwner) *Facts {
		owner.Address = address("198.18.0.9")
		return &Facts{Name: "198.18.0.9", Nova: Nova{Lookup: &resolve.NotFoundError{Name: "198.18.0.9"}}, Neutron: Neutron{Owner: &owner}}
	}
	six := with(func(f *Facts) {
		f.Neutron.Ways.Ports = []openstack.Port{{ID: "p1", FixedIPs: []openstack.FixedIP{{IPAddress: address("fd00::5")}}}}
	})
	near := resolve.Candidate{Why: resolve.OnLink, Address: netip.MustParseAddrPort("10.0.0.5:22")}
	stranger := with(func(f *Facts) {
		f.Setup.Local.OnLink = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}
		f.Probes = []Probe{{Candidate: near, Version: "SSH-2.0-x", Failed: &connect.Attempt{Stage: connect.StageHostKey, Err: &reach.HostKeyRefusedError{}}}}
	})
	checkCases(t, []factCase{
		{"no port", "A1", serverFacts("ACTIVE"), Certain, []string{"server add network id-1"}},
		{"no address", "A1", with(func(f *Facts) { f.Neutron.Ways.Ports = []openstack.Port{{ID: "p1"}} }), Certain, []string{"p1"}},
		{"a free floating IP", "A2", with(func(f *Facts) { f.Neutron.FreeIPs = []openstack.FloatingIP{{FloatingIPAddress: address("198.18.0.7")}} }), Certain, []string{"server add floating ip id-1 198.18.0.7"}},
		{"none free", "A2", with(func(f *Facts) {
			f.Neutron.Routers = []openstack.Router{{Gateway: &openstack.Gateway{NetworkID: "net-1"}}}
		}), Certain, []string{"floating ip create -f value -c floating_ip_address net-1", "10.0.0.5"}},
		{"free", "A3", typed(AddressOwner{Floating: &openstack.FloatingIP{ID: "f1"}}), Certain, []string{"bound to no port"}},
		{"second address", "A4", with(func(f *Facts) { f.Probes, f.Neutron.Ways.FloatingIPs = silent, bound("10.0.0.6") }), Probable, []string{"--fixed-ip-address 10.0.0.5 f1"}},
		{"an address that the guest does not show", "A4", with(func(f *Facts) {
			f.Probes, f.Neutron.Ways.FloatingIPs = silent, bound("10.0.0.5")
			f.Nova.Console.Addresses = []netip.Addr{address("10.0.0.6")}
		}), Probable, []string{"--fixed-ip-address 10.0.0.6 f1"}},
		{"ssh_config", "A5", with(func(f *Facts) { f.Way.Stale = []StaleAddress{{Address: address("198.18.0.200")}} }), Certain, []string{"198.18.0.200", "HostName"}},
		{"DNS", "A5", with(func(f *Facts) { f.Way.Stale = []StaleAddress{{Address: address("198.18.0.200"), DNS: true}} }), Possible, []string{"198.18.0.200", "DNS"}},
		{"the outer port typed", "A6", with(func(f *Facts) { f.Neutron.Ways, f.Port = forwarded(22), 2222 }), Certain, []string{"osssh web", "2222"}},
		{"to another port", "A6", with(func(f *Facts) { f.Neutron.Ways = forwarded(80) }), Certain, []string{"--internal-protocol-port 22 --external-protocol-port 2223 f1"}},
		{"IPv6", "A7", six, Certain, []string{"fd00::5"}},
		{"stranger", "A8", stranger, Probable, []string{"10.0.0.0/24", "another host key"}},
		{"balancer", "A9", typed(AddressOwner{Port: &openstack.Port{ID: "p9", DeviceOwner: "Octavia"}}), Certain, []string{"Octavia"}},
		{"shared", "A9", typed(AddressOwner{VIPOf: []openstack.Port{{ID: "p9", DeviceID: "id-9"}}}), Certain, []string{"id-9"}},
	})
	checkAbsent(t, "A1", map[string]*Facts{"an address": private, "building": serverFacts("BUILD"), "neutron missing": {Phase: Probed, Nova: private.Nova, Neutron: Neutron{Missing: apiError(403)}}})
	checkAbsent(t, "A2", map[string]*Facts{"reachable": reachable, "a jump host": with(func(f *Facts) { f.Way.Jump = &reach.Jump{} }), "no address": serverFacts("ACTIVE"), "forwarded": with(func(f *Facts) { f.Neutron.Ways = forwarded(80) })})
	checkAbsent(t, "A3", map[string]*Facts{"balancer": typed(AddressOwner{Floating: &openstack.FloatingIP{}, Port: &openstack.Port{DeviceOwner: "Octavia"}})})
	checkAbsent(t, "A4", map[string]*Facts{"shown by the guest": with(func(f *Facts) {
		f.Probes, f.Neutron.Ways.FloatingIPs = silent, bound("10.0.0.6")
		f.Nova.Console.Addresses = []netip.Addr{address("10.0.0.5"), address("10.0.0.6")}
	}), "the first": with(func(f *Facts) { f.Probes, f.Neutron.Ways.FloatingIPs = silent, bound("10.0.0.5") }), "it answers": with(func(f *Facts) { f.Neutron.Ways.FloatingIPs = bound("10.0.0.6") })})
	checkAbsent(t, "A6", map[string]*Facts{"found": with(func(f *Facts) {
		f.Neutron.Ways, f.Way.Candidates = forwarded(22), []resolve.Candidate{{Kind: resolve.KindForwarding}}
	})})
	checkAbsent(t, "A7", map[string]*Facts{"IPv4 too": private, "IPv6 here": func() *Facts { f := *six; f.Setup.Local.IPv6 = true; return &f }()})
}
