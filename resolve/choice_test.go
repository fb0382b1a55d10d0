package resolve

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"osssh/internal/openstack"
)

func TestParseChoice(t *testing.T) {
	for word, want := range map[string]Choice{
		"":                     {},
		"fixed":                {Kind: KindFixed},
		"floating":             {Kind: KindFloating},
		"forwarding":           {Network: "forwarding"},
		"Fixed":                {Network: "Fixed"},
		"10.0.0.5":             {Address: netip.MustParseAddr("10.0.0.5")},
		"::ffff:10.0.0.5":      {Address: netip.MustParseAddr("10.0.0.5")},
		"2001:db8::5":          {Address: netip.MustParseAddr("2001:db8::5")},
		"private":              {Network: "private"},
		"10.0.0.0/24":          {Network: "10.0.0.0/24"},
		"a network, two words": {Network: "a network, two words"},
	} {
		got := ParseChoice(word)
		if got != want || got.Given() != (word != "") {
			t.Errorf("%q: %+v, given %v", word, got, got.Given())
		}
		if again := ParseChoice(got.String()); again != got {
			t.Errorf("%q is written %q", word, got)
		}
	}
}

func TestRankChosen(t *testing.T) {
	twin := openstack.Network{ID: "n-twin", Name: "private"} // of the same name
	fromPublic := floatingIP("198.51.100.7", "p1", "10.0.0.5")
	fromPublic.FloatingNetworkID = publicNet.ID
	hidden := forwarding("198.51.100.8", "p2", "10.1.0.5", 2222, 22)
	hidden.FloatingNetworkID = "n-hidden"
	ways := Ways{
		Ports:       []openstack.Port{port("p1", privateNet, "10.0.0.5", "fd00::5"), port("p2", twin, "10.1.0.5"), port("p3", providerNet, "172.16.0.4", "fe80::5", "2001:db8::4")},
		FloatingIPs: []openstack.FloatingIP{fromPublic, hidden},
		Networks:    map[string]openstack.Network{publicNet.ID: publicNet, privateNet.ID: privateNet, providerNet.ID: providerNet, twin.ID: twin},
	}
	server := openstack.Server{AccessIPv4: "198.51.100.30"}
	nova := openstack.Server{Addresses: map[string][]openstack.Addr{
		"private": {{Address: "10.0.0.5", Type: "fixed"}, {Address: "198.51.100.7", Type: "floating"}}, "lab": {{Address: "10.1.0.5", Type: "fixed"}},
	}}
	for _, c := range []struct {
		word   string
		p      Preferences
		server openstack.Server
		ways   Ways
		want   string
	}{
		// What this machine seems not to reach goes last; IPv6 that it lacks, last of all.
		{word: "fixed", server: server, ways: ways, want: "172.16.0.4:22 10.0.0.5:22 10.1.0.5:22 [2001:db8::4]:22 [fd00::5]:22"},
		{word: "fixed", p: Preferences{Local: Local{IPv6: true}}, ways: ways, want: "[2001:db8::4]:22 172.16.0.4:22 10.0.0.5:22 10.1.0.5:22 [fd00::5]:22"},
		{word: "fixed", p: Preferences{Family: 4}, ways: ways, want: "172.16.0.4:22 10.0.0.5:22 10.1.0.5:22"},
		{word: "fixed", p: Preferences{Family: 6}, ways: ways, want: "[2001:db8::4]:22 [fd00::5]:22"},
		{word: "floating", server: server, ways: ways, want: "198.51.100.7:22 198.51.100.8:2222"},
		{word: "private", ways: ways, want: "198.51.100.7:22 198.51.100.8:2222 10.0.0.5:22 10.1.0.5:22 [fd00::5]:22"},
		{word: "n-twin", ways: ways, want: "198.51.100.8:2222 10.1.0.5:22"},
		{word: "public", ways: ways, want: "198.51.100.7:22"},
		{word: "n-hidden", ways: ways, want: "198.51.100.8:2222"},
		{word: "nowhere", server: server, ways: ways, want: ""},
		{word: "10.0.0.5", ways: ways, want: "10.0.0.5:22"},
		{word: "198.51.100.8", ways: ways, want: "198.51.100.8:2222"},
		{word: "198.51.100.30", server: server, ways: ways, want: "198.51.100.30:22"},
		{word: "198.51.100.31", server: server, ways: ways, want: ""},
		{word: "fe80::5", ways: ways, want: "[fe80::5]:22"},
		{word: "fixed", server: nova, want: "10.0.0.5:22 10.1.0.5:22"},
		{word: "floating", server: nova, want: "198.51.100.7:22"},
		{word: "private", server: nova, want: "198.51.100.7:22 10.0.0.5:22"},
		{word: "lab", server: nova, want: "10.1.0.5:22"},
	} {
		c.p.Cloud, c.p.Choice = &openstack.Cloud{}, ParseChoice(c.word)
		var got []string
		for _, candidate := range Rank(c.server, c.ways, c.p) {
			got = append(got, candidate.Address.String())
			if candidate.Why != Given {
				t.Errorf("%s: %s is %s", c.word, candidate.Address, candidate.Why)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.word, strings.Join(got, " "), c.want)
		}
	}
}

// The network that a floating IP comes from is asked for where a choice names it.
func TestExternalNetworks(t *testing.T) {
	n := target(bound("f", "198.51.100.8", "p", fixed).with("floating_network_id", "n-public"))
	n.records["networks"] = append(n.records["networks"], network("n-public").with("name", "public"))
	facts := Gather(context.Background(), n.connect(t), targetServer)
	p := Preferences{Cloud: &openstack.Cloud{}, Choice: ParseChoice("public")}
	ways, err := facts.Ways()
	if found := Rank(targetServer, ways, p); len(found) > 0 || err != nil {
		t.Errorf("nobody asked: %v, %v", found, err)
	}
	ways, err = facts.External()
	if found := Rank(targetServer, ways, p); len(found) != 1 || err != nil {
		t.Errorf("%v, %v", found, err)
	}
	if before, _ := facts.Ways(); len(before.Networks) != 1 {
		t.Errorf("the ways that others read have changed: %v", before.Networks)
	}
	asked := slices.DeleteFunc(n.requests("/networks"), func(uri string) bool { return !strings.Contains(uri, "id=n-public") })
	if again, _ := facts.External(); len(asked) != 1 || len(again.Networks) != 2 {
		t.Errorf("asked %q, again %s", asked, fmt.Sprint(again.Networks))
	}
}

func FuzzParseChoice(f *testing.F) {
	for _, seed := range []string{"fixed", "10.0.0.5", "fe80::1%eth0", "n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, word string) {
		c := ParseChoice(word)
		if c.Given() != (word != "") || ParseChoice(c.String()) != c {
			t.Errorf("%q: %+v, %q", word, c, c)
		}
	})
}
