package demo

import (
	"cmp"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// addEgress gives a group the two rules that neutron puts into each new one.
func (c *Cloud) addEgress(group any) {
	for _, family := range []string{"IPv4", "IPv6"} {
		c.insert("security-group-rules", object{
			"security_group_id": group, "direction": "egress", "ethertype": family, "description": nil})
	}
}

// protocols are the names that neutron knows (neutron_lib/constants.py, IP_PROTOCOL_MAP).
var protocols = []string{"ah", "dccp", "egp", "esp", "gre", "hopopt", "icmp", "igmp", "ip", "ipip", "ipv6-encap", "ipv6-frag",
	"ipv6-icmp", "icmpv6", "ipv6-nonxt", "ipv6-opts", "ipv6-route", "ospf", "pgm", "rsvp", "sctp", "tcp", "udp", "udplite", "vrrp"}

// checkRule refuses what neutron refuses of a new rule, and normalises it.
func (c *Cloud) checkRule(q object) *reply {
	for _, check := range []func(object) *reply{
		c.checkGroups, checkWords, checkProtocol, checkPrefix, checkRemotes, c.checkTwin,
	} {
		if wrong := check(q); wrong != nil {
			return wrong
		}
	}
	return nil
}

func (c *Cloud) checkGroups(q object) *reply {
	for field, path := range map[string]string{"security_group_id": "security-groups", "remote_group_id": "security-groups",
		"remote_address_group_id": "address-groups"} {
		col := c.network.collections[path]
		if id := text(q[field]); col.byID[id] == nil && (id != "" || field == "security_group_id") {
			return refuse(neutronError(http.StatusNotFound, col.error, fmt.Sprintf(col.message, id)))
		}
	}
	return nil
}

func checkWords(q object) *reply {
	if q["direction"] == nil {
		return refuse(badRequest("HTTPBadRequest", "Failed to parse request. Required attribute 'direction' not specified"))
	}
	for field, values := range map[string][]string{"direction": {"ingress", "egress"}, "ethertype": {"IPv4", "IPv6"}} {
		if v, given := q[field]; given && !slices.Contains(values, text(v)) {
			return refuse(badRequest("HTTPBadRequest", "Invalid input for %s. Reason: %v is not in valid_values.", field, v))
		}
	}
	return nil
}

func checkProtocol(q object) *reply {
	lowest, hasLow := number(q["port_range_min"])
	highest, hasHigh := number(q["port_range_max"])
	protocol := strings.ToLower(text(q["protocol"]))
	n, err := strconv.Atoi(protocol)
	switch {
	case protocol == "any" || protocol == "":
		q["protocol"] = nil
		if hasLow || hasHigh {
			return refuse(badRequest("SecurityGroupProtocolRequiredWithPorts", "Must also specify protocol if port range is given."))
		}
		return nil
	case !slices.Contains(protocols, protocol) && (err != nil || n < 0 || n > 255):
		return refuse(badRequest("SecurityGroupRuleInvalidProtocol", "Security group rule protocol %s not supported. Only protocol "+
			"values [None, '%s'] and integer representations [0 to 255] are supported.", protocol, strings.Join(protocols, "', '")))
	case slices.Contains([]string{"tcp", "udp", "6", "17"}, protocol) && (hasLow != hasHigh || lowest > highest):
		return refuse(badRequest("SecurityGroupInvalidPortRange", "For TCP/UDP protocols, port_range_min must be <= port_range_max"))
	}
	q["protocol"] = protocol
	if hasLow && lowest == 1 && highest == 65535 {
		q["port_range_min"], q["port_range_max"] = nil, nil
	}
	return nil
}

func checkPrefix(q object) *reply {
	prefix := text(q["remote_ip_prefix"])
	if prefix == "" {
		return nil
	}
	n, ok := normalized(prefix)
	if !ok {
		return refuse(badRequest("InvalidCIDR", "Invalid CIDR %s given as IP prefix.", prefix))
	}
	if netip.MustParsePrefix(n).Addr().Is6() != (text(q["ethertype"]) == "IPv6") {
		return refuse(badRequest("SecurityGroupRuleParameterConflict", "Conflicting value ethertype %s for CIDR %s",
			cmp.Or(text(q["ethertype"]), "IPv4"), prefix))
	}
	q["normalized_cidr"] = n
	if !strings.Contains(prefix, "/") {
		q["remote_ip_prefix"] = n
	}
	return nil
}

func checkRemotes(q object) *reply {
	given := 0
	for _, field := range []string{"remote_ip_prefix", "remote_group_id", "remote_address_group_id"} {
		if text(q[field]) != "" {
			given++
		}
	}
	if given > 1 { // neutron's own spelling
		return refuse(badRequest("SecurityGroupMultipleRemoteEntites",
			"Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided."))
	}
	return nil
}

// checkTwin refuses a rule that is there, whatever its description.
func (c *Cloud) checkTwin(q object) *reply {
	col := c.network.collections["security-group-rules"]
	for _, old := range col.rows {
		if sameRule(old, q, col.defaults) {
			return refuse(conflict("SecurityGroupRuleExists", "Security group rule already exists. Rule id is %s.", old["id"]))
		}
	}
	return nil
}

// sameRule compares as neutron does (neutron/db/securitygroups_db.py,
// _rules_equal): a protocol's number is its name, everywhere is no prefix, and
// prefixes that differ in host bits differ.
func sameRule(a, b, defaults object) bool {
	for _, key := range []string{"security_group_id", "direction", "ethertype", "protocol", "port_range_min",
		"port_range_max", "remote_ip_prefix", "remote_group_id", "remote_address_group_id"} {
		value := func(o object) string {
			v, ok := o[key]
			if !ok || v == nil {
				v = defaults[key]
			}
			switch {
			case key == "protocol" && v == "6":
				v = "tcp"
			case key == "remote_ip_prefix" && (v == "0.0.0.0/0" || v == "::/0"):
				v = nil
			}
			return fmt.Sprint(v)
		}
		if value(a) != value(b) {
			return false
		}
	}
	return true
}

// normalized is a rule's prefix as the firewall takes it, false if it is none.
func normalized(prefix string) (string, bool) {
	if a, err := netip.ParseAddr(prefix); err == nil {
		return netip.PrefixFrom(a, a.BitLen()).String(), true
	}
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		return "", false
	}
	return p.Masked().String(), true
}
