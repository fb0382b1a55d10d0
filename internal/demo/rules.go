package demo

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// addEgress gives a group the two rules that neutron puts into each new one.
func (c *Cloud) addEgress(group any) {
	for _, family := range []string{"IPv4", "IPv6"} {
		c.insert("security-group-rules", object{
			"security_group_id": group, "direction": "egress", "ethertype": family, "description": nil})
	}
}

// checkRule refuses what neutron refuses of a new rule, and normalises it.
func (c *Cloud) checkRule(q object) *reply {
	groups := c.network.collections["security-groups"]
	for _, field := range []string{"security_group_id", "remote_group_id"} {
		if id := text(q[field]); groups.byID[id] == nil && (id != "" || field == "security_group_id") {
			return refuse(neutronError(http.StatusNotFound, groups.error, fmt.Sprintf(groups.message, id)))
		}
	}
	lowest, hasLow := number(q["port_range_min"])
	highest, hasHigh := number(q["port_range_max"])
	if protocol := strings.ToLower(text(q["protocol"])); protocol == "any" || protocol == "" {
		q["protocol"] = nil
		if hasLow || hasHigh {
			return refuse(badRequest("SecurityGroupProtocolRequiredWithPorts", "Must also specify protocol if port range is given."))
		}
	} else {
		q["protocol"] = protocol
		if slices.Contains([]string{"tcp", "udp", "6", "17"}, protocol) && (hasLow != hasHigh || lowest > highest) {
			return refuse(badRequest("SecurityGroupInvalidPortRange", "For TCP/UDP protocols, port_range_min must be <= port_range_max"))
		}
	}
	if hasLow && lowest == 1 && highest == 65535 {
		q["port_range_min"], q["port_range_max"] = nil, nil
	}
	if prefix := text(q["remote_ip_prefix"]); prefix != "" {
		n, ok := normalized(prefix)
		if !ok {
			return refuse(badRequest("InvalidCIDR", "Invalid CIDR %s given as IP prefix.", prefix))
		}
		if netip.MustParsePrefix(n).Addr().Is6() != (text(q["ethertype"]) == "IPv6") {
			return refuse(badRequest("SecurityGroupRuleParameterConflict", "Conflicting value ethertype %s for CIDR %s", q["ethertype"], prefix))
		}
		q["normalized_cidr"] = n
	}
	if text(q["remote_ip_prefix"]) != "" && text(q["remote_group_id"]) != "" {
		return refuse(badRequest("SecurityGroupMultipleRemoteEntities",
			"Only one of remote_ip_prefix, remote_group_id or remote_address_group_id may be provided."))
	}
	defaults := c.network.collections["security-group-rules"]
	for _, old := range c.network.collections["security-group-rules"].rows {
		if sameRule(old, q, defaults.defaults) {
			return refuse(conflict("SecurityGroupRuleExists", "Security group rule already exists. Rule id is %s.", old["id"]))
		}
	}
	return nil
}

func sameRule(a, b, defaults object) bool {
	for _, key := range []string{"security_group_id", "direction", "ethertype", "protocol", "port_range_min",
		"port_range_max", "normalized_cidr", "remote_group_id", "remote_address_group_id"} {
		value := func(o object) string {
			v, ok := o[key]
			if !ok {
				v = defaults[key]
			}
			return fmt.Sprint(v)
		}
		if value(a) != value(b) {
			return false
		}
	}
	return true
}

// normalized is a rule's prefix as the firewall takes it, nil if it is none.
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
