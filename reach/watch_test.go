package reach

import (
	"errors"
	"net/netip"
	"testing"

	"osssh/resolve"
	"osssh/secgroup"
)

func TestPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "2001:4860::1": true,
		"10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "fd00::1": false,
		"100.64.0.1": false, "100.127.255.255": false, "100.128.0.0": true, "100.63.255.255": true,
		"127.0.0.1": false, "::1": false, "169.254.1.1": false, "fe80::1": false, "224.0.0.1": false, "0.0.0.0": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

func TestSourceFor(t *testing.T) {
	here, there := netip.MustParseAddrPort("127.0.0.1:22"), netip.MustParseAddrPort("10.20.0.9:22")
	onLink := resolve.Local{OnLink: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	given := netip.MustParseAddr("192.0.2.7")
	for _, c := range []struct {
		name   string
		config Config
		to     netip.AddrPort
		want   netip.Addr
	}{
		{"a NAT may stand between", Config{Local: onLink}, there, netip.Addr{}},
		{"on-link", Config{Local: onLink}, here, here.Addr()},
		{"given", Config{Local: onLink, Source: given}, there, given},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.config.sourceFor(c.to); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestAllDenied(t *testing.T) {
	denied := Verdict{Rules: secgroup.Verdict{Answer: secgroup.Deny, Reason: secgroup.NoRule}}
	probably := Verdict{Rules: secgroup.Verdict{Answer: secgroup.Unknown, Reason: secgroup.SourceUnknown}}
	allowed := Verdict{Rules: secgroup.Verdict{Answer: secgroup.Allow}}
	failed := denied
	failed.Err = errors.New("403")
	for _, c := range []struct {
		name     string
		verdicts []Verdict
		want     bool
	}{
		{"none", nil, false},
		{"one", []Verdict{denied}, true},
		{"both", []Verdict{denied, denied}, true},
		{"one is open", []Verdict{denied, allowed}, false},
		{"one is not known", []Verdict{{}, denied}, false},
		{"one could not be judged", []Verdict{denied, failed}, false},
		{"one is only probable", []Verdict{denied, probably}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := allDenied(c.verdicts); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
