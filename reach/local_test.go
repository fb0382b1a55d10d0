package reach

import (
	"net/netip"
	"testing"
)

func TestLocalAddress(t *testing.T) {
	loopback := netip.MustParseAddr("127.0.0.1")
	if got := LocalAddress(netip.AddrPortFrom(loopback, 22)); got != loopback {
		t.Errorf("to itself from %s", got)
	}
}
