package diagnose

import (
	"net/http"
	"net/netip"

	"osssh/internal/demo"
)

func groupScenarios() []scenario {
	named := func(name string) func(*stage) { return func(s *stage) { s.request.Name = name } }
	rules := func(all ...map[string]any) func(*stage) {
		return func(s *stage) { s.group("web", "odd", all...) }
	}
	ssh := func(s *stage) map[string]any {
		port := s.Instance("web").Address().Port()
		return map[string]any{"ethertype": "IPv4", "protocol": "tcp", "port_range_min": port, "port_range_max": port}
	}
	return []scenario{
		{cause: "G1", name: "a port without a group", breaks: func(s *stage) { s.record("ports/web", map[string]any{"security_groups": []any{}}) }, mends: runFix},
		{cause: "G2", name: "ping only", breaks: named("blocked"), mends: runFix},
		{cause: "G2", name: "the default group only", breaks: func(s *stage) {
			s.record("ports/web", map[string]any{"security_groups": []any{s.idOf("security-groups", "name=default")}})
			s.source = netip.MustParseAddr("198.51.100.7") // loopback is the floating IPs' address too
		}},
		{cause: "G2", name: "no ingress rule", breaks: rules(), mends: runFix},
		{cause: "G3", name: "another prefix", breaks: named("wrongcidr"), mends: runFix},
		{cause: "G3", name: "another prefix, from a known address", breaks: func(s *stage) {
			s.request.Name, s.source = "wrongcidr", loopbackAddress
		}, mends: runFix},
		{cause: "G3", name: "an address group", breaks: func(s *stage) {
			s.record("address-groups/", map[string]any{"name": "office", "addresses": []any{"192.0.2.0/24"}})
			rule := ssh(s)
			rule["remote_address_group_id"] = s.idOf("address-groups", "name=office")
			s.group("web", "odd", rule)
		}},
		{cause: "G4", name: "IPv6 only", breaks: direct(func(s *stage) {
			rule := ssh(s)
			rule["ethertype"] = "IPv6"
			s.group("web", "odd", rule)
		}), mends: runFix},
		{cause: "G5", name: "HTTPS only", breaks: rules(map[string]any{"ethertype": "IPv4", "protocol": "tcp", "port_range_min": 443, "port_range_max": 443}), mends: runFix},
		{cause: "G5", name: "UDP", breaks: func(s *stage) {
			rule := ssh(s)
			rule["protocol"] = "udp"
			s.group("web", "odd", rule)
		}, mends: runFix},
		{cause: "G6", name: "members of bastion", breaks: direct(func(s *stage) {
			s.record("ports/web", map[string]any{"security_groups": []any{s.idOf("security-groups", "name=ssh-group-only")}})
		}), mends: runFix},
		{cause: "G7", name: "on the second interface", breaks: func(s *stage) {
			s.record("ports/", map[string]any{"name": "second", "network_id": s.idOf("networks", "name=neighbour"), "device_id": s.Instance("web").ID(),
				"device_owner": "compute:nova", "mac_address": "fa:16:3e:00:00:02", "security_groups": []any{s.idOf("security-groups", "name=ssh-open")},
				"fixed_ips": []any{map[string]any{"subnet_id": s.idOf("subnets", "name=neighbour-v4"), "ip_address": "10.40.0.99"}}})
			s.record("ports/web", map[string]any{"security_groups": []any{s.idOf("security-groups", "name=ssh-none")}})
		}, mends: runFix},
		{cause: "G8", name: "stateless without egress", breaks: func(s *stage) {
			s.silence("web")
			id := s.group("web", "odd", ssh(s))
			for _, rule := range s.rows("security-group-rules", "direction=egress&security_group_id="+id) {
				s.call(http.MethodDelete, "/networking/v2.0/security-group-rules/"+rule["id"].(string), "")
			}
			s.record("security-groups/odd", map[string]any{"stateful": false})
		}},
		{cause: "G9", name: "made a moment ago", breaks: func(s *stage) {
			s.silence("web")
			s.group("web", "odd", ssh(s))
		}},
		{cause: "G10", name: "another project's group", breaks: func(s *stage) {
			s.request.Name = "blocked"
			s.inject(demo.Fault{Service: "neutron", Unreadable: "ssh-none"})
		}},
	}
}
