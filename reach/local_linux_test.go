package reach

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// What a kernel 6.1 lists for a default route, a host route, an unreachable
// network, a blackhole, the network of an interface and a route by a gateway.
const procRoute = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT                                                       
d0	00000000	0100140A	0003	0	0	0	00000000	0	0	0                                                                                  
d0	0606060A	00000000	0005	0	0	0	FFFFFFFF	0	0	0                                                                                  
*	0000080A	00000000	0201	0	0	0	0000FFFF	0	0	0                                                                                    
*	0000090A	00000000	0001	0	0	0	0000FFFF	0	0	0                                                                                    
d0	0000140A	00000000	0001	0	0	0	00FFFFFF	0	0	0                                                                                 
d0	000010AC	0200140A	0003	0	0	0	0000F0FF	0	0	0                                                                                 
`

// The same of IPv6: a prohibited, an unreachable and a blackhole network all
// reject.
const procIPv6Route = `00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000020000000000000000000000001 00000400 00000001 00000000 00000003       d0
00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo
fd000020000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000004 00000000 00000001       d0
fd060000000000000000000000000000 30 00000000000000000000000000000000 00 fd000020000000000000000000000002 00000400 00000001 00000000 00000003       d0
fd070000000000000000000000000000 20 00000000000000000000000000000000 00 00000000000000000000000000000000 00000400 00000001 00000000 00200200       lo
fd080000000000000000000000000000 20 00000000000000000000000000000000 00 00000000000000000000000000000000 00000400 00000001 00000000 00200200       lo
fd090000000000000000000000000000 10 00000000000000000000000000000000 00 00000000000000000000000000000000 00000400 00000002 00000000 00200200       lo
fd0a0000000000000000000000000000 10 00000000000000000000000000000000 00 00000000000000000000000000000000 00000400 00000002 00000000 00000201       d0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
`

func prefixes(list ...string) (prefixes []netip.Prefix) {
	for _, s := range list {
		prefixes = append(prefixes, netip.MustParsePrefix(s))
	}
	return prefixes
}

func TestRoutes4(t *testing.T) {
	for _, c := range []struct {
		name, list string
		want       []netip.Prefix
	}{
		{"real", procRoute, prefixes("10.6.6.6/32", "10.20.0.0/24", "172.16.0.0/12")},
		{"nothing", "", nil},
		{"down", "d0 0000140A 00000000 0000 0 0 0 00FFFFFF 0 0 0", nil},
		{"short line", "d0 0000140A 00000000 0001", nil},
		{"no numbers", "d0 xx00140A 00000000 0001 0 0 0 00FFFFFF\nd0 0000140A 00000000 000x 0 0 0 00FFFFFF\nd0 0000140A 0 0001 0 0 0 x", nil},
		{"too long", "d0 0000140A0 00000000 0001 0 0 0 00FFFFFF", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := routes4(strings.NewReader(c.list)); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestRoutes6(t *testing.T) {
	row := func(address, bits, flags string) string {
		zero := strings.Repeat("0", 32)
		return strings.Join([]string{address, bits, zero, "00", zero, "00000400", "1", "0", flags, "d0"}, " ")
	}
	address := "fd06" + strings.Repeat("0", 28)
	for _, c := range []struct {
		name, list string
		want       []netip.Prefix
	}{
		{"real", procIPv6Route, prefixes("fd00:20::/64", "fd06::/48")},
		{"made", row(address, "30", "00000003"), prefixes("fd06::/48")},
		{"too many bits", row(address, "81", "00000003"), nil},
		{"short address", row(address[:30], "30", "00000003"), nil},
		{"no numbers", row(address, "xx", "00000003") + "\n" + row(address, "30", "x"), nil},
		{"short line", address + " 30", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := routes6(strings.NewReader(c.list)); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestLocalNetwork(t *testing.T) {
	local, err := LocalNetwork()
	if err != nil {
		t.Fatal(err)
	}
	if !local.OnLinkWith(netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("loopback is not on-link: %v", local.OnLink)
	}
}
