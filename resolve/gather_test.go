package resolve

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"osssh/internal/openstack"
)

const fixed = "10.0.0.5"

// target is a server with one port, p, on network "private".
func target(floating ...record) *neutron {
	p := legOf("target", "private", fixed)
	p["id"] = "p"
	return &neutron{records: map[string][]record{
		"ports": {p}, "floatingips": append([]record{}, floating...), "networks": {{"id": "private", "name": "private"}},
	}, forwards: map[string][]record{}}
}

var targetServer = openstack.Server{ID: "target", Addresses: map[string][]openstack.Addr{"private": {{Address: fixed, Type: "fixed"}}}}

func rankAll(server openstack.Server, ways Ways) string {
	var got []string
	for _, c := range Rank(server, ways, Preferences{Cloud: &openstack.Cloud{}}) {
		got = append(got, fmt.Sprintf("%s>%s", c.Address, c.Inside))
	}
	return strings.Join(got, " ")
}

func TestForwardings(t *testing.T) {
	whole := forward(2222, 22, fixed, "p")
	for _, c := range []struct {
		what     string
		floating []record
		behind   map[string][]record // what is told only if asked
		want     string
		calls    int // for single floating IPs
	}{
		{
			what:     "one that tells all",
			floating: []record{forwarder("f", "198.51.100.7", []record{whole})},
			want:     "198.51.100.7:2222>10.0.0.5:22",
		},
		{
			what:     "several to the SSH port, and others",
			floating: []record{forwarder("f", "198.51.100.7", []record{whole, forward(2200, 22, fixed, "p"), forward(8080, 80, fixed, "p")})},
			want:     "198.51.100.7:2200>10.0.0.5:22 198.51.100.7:2222>10.0.0.5:22",
		},
		{
			what:     "UDP",
			floating: []record{forwarder("f", "198.51.100.7", []record{{"protocol": "udp", "external_port": 22, "internal_port": 22, "internal_ip_address": fixed, "internal_port_id": "p"}})},
		},
		{
			what:     "UDP, and where it leads is hidden",
			floating: []record{forwarder("f", "198.51.100.7", []record{{"protocol": "udp", "internal_ip_address": fixed, "internal_port_id": "p"}})},
		},
		{
			what:     "another server's",
			floating: []record{forwarder("f", "198.51.100.7", []record{forward(2222, 22, "10.0.0.6", "q")})},
		},
		{
			what:     "a range, which the floating IP hides",
			floating: []record{forwarder("f", "198.51.100.7", []record{whole.without("external_port", "internal_port")})},
			behind: map[string][]record{"f": {{
				"protocol": "tcp", "external_port": nil, "internal_port": nil, "external_port_range": "2200:2230", "internal_port_range": "10:40",
				"internal_ip_address": fixed, "internal_port_id": "p",
			}}},
			want: "198.51.100.7:2212>10.0.0.5:22", calls: 1,
		},
		{
			what: "no internal_port_id, and two networks with one address",
			floating: []record{
				forwarder("f", "198.51.100.7", []record{whole.without("internal_port_id")}),
				forwarder("g", "198.51.100.8", []record{whole.without("internal_port_id")}),
				forwarder("h", "198.51.100.9", []record{forward(2222, 22, "10.0.0.6", "q").without("internal_port_id")}),
			},
			behind: map[string][]record{"f": {forward(2222, 22, fixed, "q")}, "g": {whole}},
			want:   "198.51.100.8:2222>10.0.0.5:22", calls: 2,
		},
		{
			what: "floating IPs that show no forwardings",
			floating: []record{
				forwarder("f", "198.51.100.7", nil), forwarder("g", "198.51.100.8", nil).without("router_id"),
				bound("h", "198.51.100.9", "q", "10.0.0.6").without("port_forwardings"),
			},
			behind: map[string][]record{"f": {whole}, "g": {whole}, "h": {whole}},
			want:   "198.51.100.7:2222>10.0.0.5:22", calls: 1,
		},
		{
			what:     "free floating IPs and one bound to the port",
			floating: []record{forwarder("f", "198.51.100.7", []record{}), bound("g", "198.51.100.8", "p", fixed)},
			want:     "198.51.100.8:22>10.0.0.5:22",
		},
	} {
		for _, nullsLast := range []bool{false, true} {
			n := target(c.floating...)
			n.forwards, n.nullsLast, n.ignored = c.behind, nullsLast, []string{"port_id"}
			ways, err := Gather(context.Background(), n.connect(t), targetServer).Ways()
			if got := rankAll(targetServer, ways); got != c.want || err != nil {
				t.Errorf("%s: got %q, want %q, %v", c.what, got, c.want, err)
			}
			for _, ip := range ways.FloatingIPs {
				if !slices.Contains(portsBehind(ip), "p") {
					t.Errorf("%s: %s leads elsewhere", c.what, ip.ID)
				}
			}
			if asked := n.requests("/port_forwardings"); len(asked) != c.calls {
				t.Errorf("%s: asked %q", c.what, asked)
			}

			n = target(c.floating...)
			n.forwards = c.behind
			n.records["servers"] = []record{{"id": "target", "name": "target"}}
			all, err := GatherAll(t.Context(), n.connect(t))
			if err != nil {
				t.Fatal(err)
			}
			if got := rankAll(targetServer, all.Ways(targetServer)); got != c.want || len(all.Gaps) > 0 {
				t.Errorf("%s, in a listing: got %q, want %q, %v", c.what, got, c.want, all.Gaps)
			}
		}
	}
}

// A project may have many floating IPs: the few that may forward are
// found at either end of the sorted listing.
func TestForwardingsAmongMany(t *testing.T) {
	for _, unbound := range []int{1, 4, 150} {
		for _, nullsLast := range []bool{false, true} {
			n := target()
			n.nullsLast = nullsLast
			for i := range 300 {
				n.records["floatingips"] = append(n.records["floatingips"], bound(fmt.Sprintf("b%d", i), "198.51.100.1", "q", fmt.Sprintf("10.1.%d.%d", i/250, i%250)))
			}
			for i := range unbound - 1 {
				n.records["floatingips"] = append(n.records["floatingips"], forwarder(fmt.Sprintf("a%d", i), "198.51.100.2", []record{}))
			}
			n.records["floatingips"] = append(n.records["floatingips"], forwarder("z", "198.51.100.3", []record{forward(2222, 22, fixed, "p")}))
			ways, err := Gather(context.Background(), n.connect(t), targetServer).Ways()
			if got := rankAll(targetServer, ways); got != "198.51.100.3:2222>10.0.0.5:22" || err != nil {
				t.Errorf("%d unbound ones, last %v: got %q, %v", unbound, nullsLast, got, err)
			}
			if asked := n.requests("/floatingips"); len(asked) > 3+(unbound+99)/100 {
				t.Errorf("%d unbound ones, last %v: %d requests", unbound, nullsLast, len(asked))
			}
		}
	}
}

// Where nova shows a floating IP nobody looks for forwardings.
func TestForwardingsNotSought(t *testing.T) {
	n := target(bound("f", "198.51.100.8", "p", fixed), forwarder("g", "198.51.100.7", []record{forward(2222, 22, fixed, "p")}))
	server := openstack.Server{ID: "target", Addresses: map[string][]openstack.Addr{"private": {{Address: "198.51.100.8", Type: "floating"}}}}
	ways, err := Gather(context.Background(), n.connect(t), server).Ways()
	if got := rankAll(server, ways); got != "198.51.100.8:22>10.0.0.5:22" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if asked := n.requests("floatingips?"); len(asked) != 1 || !strings.Contains(asked[0], "port_id=p") {
		t.Errorf("asked %q", asked)
	}
}

// Floating IPs that hide their forwardings are asked one by one: not too many,
// and not all at once.
func TestForwardingsAskedWithin(t *testing.T) {
	n := target()
	n.delay = func(path string) time.Duration {
		if strings.HasSuffix(path, "/port_forwardings") {
			return 2 * time.Millisecond
		}
		return 0
	}
	for i := range 80 {
		n.records["floatingips"] = append(n.records["floatingips"], forwarder(fmt.Sprintf("f%02d", i), "198.51.100.2", nil))
	}
	if _, err := Gather(context.Background(), n.connect(t), targetServer).Ways(); err != nil {
		t.Error(err)
	}
	// Beside them: the keypair is not asked for, the image neither; groups, console, networks, floating IPs are.
	if asked := n.requests("/port_forwardings"); len(asked) != maxAsked || n.most > askedAtOnce+5 {
		t.Errorf("%d asked, %d at once", len(asked), n.most)
	}
}

// What neutron refuses does not hold the rest.
func TestWaysPartlyRefused(t *testing.T) {
	whole := []record{bound("f", "198.51.100.8", "p", fixed)}
	for _, c := range []struct {
		what, path  string
		want        string
		errExpected bool
	}{
		{"networks", "networks", "198.51.100.8:22>10.0.0.5:22", true},
		{"floating IPs", "floatingips", "", true},
		{"ports", "ports", "", true},
	} {
		n := target(whole...)
		n.forbidden = map[string]bool{c.path: true}
		ways, err := Gather(context.Background(), n.connect(t), targetServer).Ways()
		if got := rankAll(openstack.Server{}, ways); got != c.want || (err != nil) != c.errExpected {
			t.Errorf("%s: got %q, %v", c.what, got, err)
		}
	}
	n := target()
	n.records["floatingips"] = nil // no router extension
	ways, err := Gather(context.Background(), n.connect(t), targetServer).Ways()
	if err != nil || len(ways.Ports) != 1 || len(ways.Networks) != 1 {
		t.Errorf("without floating IPs: %+v, %v", ways, err)
	}
	n = target(forwarder("f", "198.51.100.7", nil), forwarder("g", "198.51.100.8", nil))
	n.forwards = map[string][]record{"g": {forward(2222, 22, fixed, "p")}}
	n.broken = map[string]bool{"floatingips/f/port_forwardings": true}
	ways, err = Gather(context.Background(), n.connect(t), targetServer).Ways()
	if got := rankAll(targetServer, ways); got != "198.51.100.8:2222>10.0.0.5:22" || err == nil {
		t.Errorf("one floating IP does not answer: %q, %v", got, err)
	}
}

func TestExternalPort(t *testing.T) {
	for _, c := range []struct {
		f    openstack.PortForwarding
		want uint16
	}{
		{openstack.PortForwarding{Protocol: "tcp", ExternalPort: 2222, InternalPort: 22}, 2222},
		{openstack.PortForwarding{Protocol: "udp", ExternalPort: 2222, InternalPort: 22}, 0},
		{openstack.PortForwarding{Protocol: "tcp", ExternalPort: 2222, InternalPort: 23}, 0},
		{openstack.PortForwarding{Protocol: "tcp", ExternalPortRange: "2222:2222", InternalPortRange: "22:22"}, 2222},
		{openstack.PortForwarding{Protocol: "tcp", ExternalPortRange: "3000:3010", InternalPortRange: "20:30"}, 3002},
		{openstack.PortForwarding{Protocol: "tcp", ExternalPortRange: "3000:3010", InternalPortRange: "22:22"}, 3000}, // many to one
		{openstack.PortForwarding{Protocol: "tcp", ExternalPortRange: "3000:3010", InternalPortRange: "23:33"}, 0},
		{openstack.PortForwarding{Protocol: "tcp", InternalPort: 22}, 0},
		{openstack.PortForwarding{Protocol: "tcp", ExternalPort: 70000, InternalPort: 22}, 0},
		{openstack.PortForwarding{Protocol: "tcp", ExternalPort: -1, InternalPort: 22}, 0},
		{openstack.PortForwarding{Protocol: "tcp", ExternalPortRange: "65530:65535", InternalPortRange: "10:40"}, 0},
		{openstack.PortForwarding{Protocol: "tcp", ExternalPortRange: "x:y", InternalPortRange: ":"}, 0},
	} {
		if got, ok := externalPort(c.f, 22); got != c.want && ok || ok != (c.want != 0) {
			t.Errorf("%+v: got %d, %v", c.f, got, ok)
		}
	}
}

func FuzzPortRange(f *testing.F) {
	for _, seed := range []string{"22:22", "1:65535", ":", "-1:3", "65536:1", "9:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ports string) {
		from, to := portRange(0, ports)
		if from < 0 || from > 65535 || to < 0 || to > 65535 {
			t.Errorf("%q: %d to %d", ports, from, to)
		}
		pf := openstack.PortForwarding{Protocol: "tcp", ExternalPortRange: ports, InternalPortRange: "1:65535"}
		if port, ok := externalPort(pf, 22); ok && port == 0 {
			t.Errorf("%q: port 0", ports)
		}
	})
}
