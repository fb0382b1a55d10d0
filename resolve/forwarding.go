package resolve

import (
	"strconv"
	"strings"

	"osssh/internal/openstack"
)

// externalPort is the floating IP's port that a forwarding leads from to TCP
// port inside. Neutron admits ranges of one length, and several external ports
// to one internal (services/portforwarding/pf_plugin.py, _validate_ranges).
func externalPort(f openstack.PortForwarding, inside int) (uint16, bool) {
	if f.Protocol != "tcp" {
		return 0, false
	}
	from, to := portRange(f.InternalPort, f.InternalPortRange)
	outside, _ := portRange(f.ExternalPort, f.ExternalPortRange)
	port := outside + inside - from
	return uint16(port), 0 < from && from <= inside && inside <= to && 0 < outside && port <= 65535
}

// portRange reads a port, or a range of them as neutron writes it; 0, 0 where
// neither is known.
func portRange(port int, ports string) (from, to int) {
	if port > 0 {
		return port, port
	}
	first, last, _ := strings.Cut(ports, ":")
	low, errLow := strconv.ParseUint(first, 10, 16)
	high, errHigh := strconv.ParseUint(last, 10, 16)
	if errLow != nil || errHigh != nil {
		return 0, 0
	}
	return int(low), int(high)
}
