package resolve

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"osssh/internal/demo"
	"osssh/internal/openstack"
)

// neighboursOf puts the target on networks and tells who stands beside it: the
// server, where it is near, and its floating IPs.
func neighboursOf(t *testing.T, n *neutron, networks ...string) ([]string, Neighbours, error) {
	t.Helper()
	var ways Ways
	for _, id := range networks {
		ways.Ports = append(ways.Ports, openstack.Port{ID: "target-" + id, NetworkID: id, DeviceID: "target"})
		n.records["ports"] = append(n.records["ports"], legOf("target", id, "10.0.0.5"))
	}
	found, err := GatherNeighbours(context.Background(), n.connect(t), openstack.Server{ID: "target"}, ways)
	var got []string
	for _, s := range found.Servers {
		text := s.ServerID
		if s.Joined {
			text += " joined"
		}
		for _, port := range s.Near {
			text += " " + port.NetworkID
		}
		for _, ip := range s.Ways.FloatingIPs {
			text += " " + ip.ID
		}
		got = append(got, text)
	}
	return got, found, err
}

func network(id string) record {
	return record{"id": id, "name": id, "project_id": project, "shared": false, "router:external": false}
}

func (r record) with(key string, value any) record {
	changed := r.without()
	changed[key] = value
	return changed
}

func TestNeighbours(t *testing.T) {
	networks := []record{network("a"), network("b"), network("c"), network("d").with("shared", true).with("project_id", "operator"),
		network("public").with("router:external", true).with("project_id", "operator")}
	for _, c := range []struct {
		what   string
		ports  []record
		ips    []record
		on     []string
		want   []string
		refuse string
	}{
		{what: "nobody", on: []string{"a"}},
		{what: "no port at all"},
		{
			what: "on the same network: those with a floating IP first", on: []string{"a"},
			ports: []record{legOf("s1", "a", "10.0.0.6"), legOf("s2", "a", "10.0.0.7"), legOf("s3", "b", "10.1.0.6")},
			ips:   []record{bound("f", "198.51.100.7", "s2-a", "10.0.0.7")},
			want:  []string{"s2 a f", "s1 a"},
		},
		{
			what: "a forwarding, a leg on a shared network, one on an external network", on: []string{"a"},
			ports: []record{
				legOf("s1", "a", "10.0.0.6"), legOf("s2", "a", "10.0.0.7"), legOf("s3", "a", "10.0.0.8"), legOf("s3", "d", "198.51.100.9"),
				legOf("s4", "a", "10.0.0.9"), legOf("s4", "public", "198.51.100.10"),
				legOf("stranger", "d", "198.51.100.11"),
			},
			ips:  []record{forwarder("f", "198.51.100.7", []record{forward(2222, 22, "10.0.0.7", "s2-a")})},
			want: []string{"s2 a f", "s3 a", "s4 a", "s1 a"},
		},
		{
			what: "behind a router, and behind another one that does not lead here", on: []string{"a"},
			ports: []record{
				routerLeg("r", "a"), routerLeg("r", "b"), routerLeg("r2", "c"), legOf("s1", "b", "10.1.0.6"), legOf("s2", "c", "10.2.0.6"),
				legOf("s3", "a", "10.0.0.6"), legOf("s3", "b", "10.1.0.7"),
			},
			ips:  []record{bound("f", "198.51.100.7", "s1-b", "10.1.0.6")},
			want: []string{"s3 a", "s1 joined b f"},
		},
		{
			what: "several networks of the target", on: []string{"a", "b"},
			ports: []record{legOf("s1", "b", "10.1.0.6"), legOf("s1", "a", "10.0.0.6"), legOf("s2", "b", "10.1.0.7")},
			want:  []string{"s1 b a", "s2 b"},
		},
		{
			what: "not servers, not ours, not itself", on: []string{"a"},
			ports: []record{
				legOf("dhcp", "a", "10.0.0.2").with("device_owner", "network:dhcp"), legOf("lb", "a", "10.0.0.3").with("device_owner", "Octavia"),
				legOf("other", "a", "10.0.0.6").with("project_id", "theirs"), legOf("", "a", "10.0.0.7"), legOf("free", "a", "10.0.0.8").with("device_owner", ""),
			},
		},
		{
			what: "the legs that are not near, and what leads to them, are known too", on: []string{"a"},
			ports: []record{legOf("s1", "a", "10.0.0.6"), legOf("s1", "c", "10.2.0.6")},
			ips:   []record{bound("f", "198.51.100.7", "s1-c", "10.2.0.6")},
			want:  []string{"s1 a f"},
		},
		{
			what: "floating IPs may not be read", on: []string{"a"}, refuse: "floatingips",
			ports: []record{legOf("s1", "a", "10.0.0.6")}, ips: []record{bound("f", "198.51.100.7", "s1-a", "10.0.0.6")},
			want: []string{"s1 a"},
		},
		{
			what: "networks may not be read", on: []string{"a"}, refuse: "networks",
			ports: []record{legOf("s1", "a", "10.0.0.6")}, want: []string{"s1 a"},
		},
		{what: "ports may not be read", on: []string{"a"}, refuse: "ports", ports: []record{legOf("s1", "a", "10.0.0.6")}},
	} {
		n := &neutron{
			records:   map[string][]record{"ports": c.ports, "floatingips": append([]record{}, c.ips...), "networks": networks},
			forbidden: map[string]bool{c.refuse: true},
			ignored:   []string{"project_id"},
		}
		got, found, err := neighboursOf(t, n, c.on...)
		if !slices.Equal(got, c.want) || err != nil {
			t.Errorf("%s: got %q, want %q, %v", c.what, got, c.want, err)
		}
		if asked := n.requests("stranger"); len(asked) > 0 {
			t.Errorf("%s: asked %q", c.what, asked)
		}
		for _, s := range found.Servers {
			for _, port := range s.Near {
				if len(port.FixedIPs) == 0 || len(port.SecurityGroups) == 0 {
					t.Errorf("%s: the port is not whole: %+v", c.what, port)
				}
			}
		}
	}
}

// Whatever the project's size: few calls, little read, and the servers that can
// be of use among the hundred.
func TestNeighboursOfMany(t *testing.T) {
	n := &neutron{records: map[string][]record{"networks": {network("a"), network("b"), network("d").with("shared", true)}}}
	for i := range 1200 {
		n.records["ports"] = append(n.records["ports"], legOf(fmt.Sprintf("s%04d", i), "a", "10.0.0.6"), legOf(fmt.Sprintf("t%04d", i), "b", "10.1.0.6"))
	}
	n.records["ports"] = append(n.records["ports"], routerLeg("r", "a"), routerLeg("r", "b"),
		legOf("bastion", "a", "10.0.0.7"), legOf("hop", "b", "10.1.0.7"), legOf("edge", "a", "10.0.0.8"), legOf("edge", "d", "198.51.100.8"),
		legOf("stranger", "d", "198.51.100.9"))
	n.records["floatingips"] = []record{bound("f", "198.51.100.7", "bastion-a", "10.0.0.7"), bound("g", "198.51.100.6", "hop-b", "10.1.0.7")}
	got, _, err := neighboursOf(t, n, "a")
	if len(got) != maxNeighbours-1 || err != nil { // the stranger was looked at
		t.Errorf("%d found, %v", len(got), err)
	}
	for i, want := range []string{"bastion a f", "edge a", "s0000 a"} {
		if len(got) <= i || got[i] != want {
			t.Errorf("%d: got %q, want %q", i, got[:min(len(got), 4)], want)
		}
	}
	if got[len(got)-1] != "hop joined b g" {
		t.Errorf("the last is %q", got[len(got)-1])
	}
	if calls := len(n.requests("")); calls > 12 {
		t.Errorf("%d calls", calls)
	}
	for _, uri := range n.requests("/ports") {
		if !strings.Contains(uri, "limit=1000") && strings.Count(uri, "device_id=") != maxNeighbours {
			t.Errorf("without a bound: %s", uri)
		}
	}
}

func TestNeighboursFailing(t *testing.T) {
	n := &neutron{
		records: map[string][]record{"ports": {legOf("s1", "a", "10.0.0.6")}, "networks": {}, "floatingips": {}},
		broken:  map[string]bool{"floatingips": true},
	}
	if got, _, err := neighboursOf(t, n, "a"); !slices.Equal(got, []string{"s1 a"}) || err == nil {
		t.Errorf("got %q, %v", got, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := n.connect(t)
	cancel()
	ways := Ways{Ports: []openstack.Port{{ID: "p", NetworkID: "a"}}}
	if found, err := GatherNeighbours(ctx, c, openstack.Server{ID: "target"}, ways); err == nil || len(found.Servers) > 0 {
		t.Errorf("ended: %v, %v", found, err)
	}
}

// The demo cloud: private and isolated networks, a router, a shared network.
func TestNeighboursInDemo(t *testing.T) {
	cloud, err := demo.Start(t.Context(), demo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.Close()
	loaded, err := openstack.Load(openstack.Options{Home: cloud.Home(), Env: func(name string) string {
		for _, variable := range cloud.Env() {
			if value, ok := strings.CutPrefix(variable, name+"="); ok {
				return value
			}
		}
		return ""
	}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := openstack.Connect(t.Context(), loaded, openstack.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	names := map[string]string{}
	for s, err := range c.Servers(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names[s.ID] = s.Name
	}
	for name, want := range map[string][]string{
		"nofip": {"bastion", "web", "inner", "twonets"}, "direct": {"twonets"}, "island": {},
	} {
		server, err := Find(t.Context(), c, name)
		if err != nil {
			t.Fatal(err)
		}
		ways, err := Gather(t.Context(), c, server).Ways()
		if err != nil {
			t.Fatal(err)
		}
		found, err := GatherNeighbours(t.Context(), c, server, ways)
		if err != nil {
			t.Error(err)
		}
		reachable := map[string]bool{}
		for _, s := range found.Servers {
			reachable[names[s.ServerID]] = len(Rank(openstack.Server{}, s.Ways, Preferences{Cloud: loaded})) > 0
		}
		for _, other := range want {
			if _, ok := reachable[other]; !ok {
				t.Errorf("%s: no neighbour %s: %v", name, other, reachable)
			}
		}
		if name == "island" && len(reachable) > 0 {
			t.Errorf("the island has neighbours: %v", reachable)
		}
		if name == "nofip" && (!reachable["bastion"] || !reachable["twonets"] || reachable["inner"]) {
			t.Errorf("who can be reached: %v", reachable)
		}
	}
}
