package reach

import (
	"net"
	"net/netip"

	"osssh/resolve"
)

// LocalNetwork reads which networks this machine is on and has routes to.
func LocalNetwork() (resolve.Local, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return resolve.Local{}, err
	}
	local := resolve.Local{Routes: routes()}
	for _, a := range addresses {
		network, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		address, _ := netip.AddrFromSlice(network.IP)
		bits, _ := network.Mask.Size()
		address = address.Unmap()
		local.OnLink = append(local.OnLink, netip.PrefixFrom(address, bits).Masked())
		local.IPv6 = local.IPv6 || address.Is6() && address.IsGlobalUnicast()
	}
	return local, nil
}

// LocalAddress is the address that this machine sends from on the way to another,
// zero where it has no way. A NAT may give it another one.
func LocalAddress(to netip.AddrPort) netip.Addr {
	address, _ := localAddress(to)
	return address
}
