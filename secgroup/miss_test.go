package secgroup

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
)

// The nearest miss is what a person most likely meant to be the rule for SSH.
func TestNearestMiss(t *testing.T) {
	const (
		narrow  = "ingress IPv4 tcp 22 192.0.2.0/24"
		ping    = "ingress IPv4 icmp - -"
		web     = "ingress IPv4 tcp 443 -"
		v6      = "ingress IPv6 tcp 22 -"
		self4   = "ingress IPv4 - - sg:g"
		self6   = "ingress IPv6 - - sg:g"
		udp     = "ingress IPv4 udp 53 -"
		ping6   = "ingress IPv6 icmpv6 - -"
		farther = "ingress IPv4 tcp 443 192.0.2.0/24"
	)
	for _, v := range []struct {
		name   string
		rules  []string
		want   string
		fields []Field
	}{
		{"alone", []string{narrow}, narrow, []Field{Remote}},
		{"the prefix rather than the default group", []string{self4, self6, narrow}, narrow, []Field{Remote}},
		{"the other family rather than icmp", []string{ping, v6}, v6, []Field{Family}},
		{"the default group rather than icmp", []string{ping, self4}, self4, []Field{Remote}},
		{"a port rather than a protocol", []string{ping, web}, web, []Field{Port}},
		{"one field rather than two later ones", []string{udp, "ingress IPv6 - - -"}, "ingress IPv6 - - -", []Field{Family}},
		{"fewer fields", []string{farther, udp, ping6, web}, web, []Field{Port}},
		{"all that stands in the way", []string{farther}, farther, []Field{Port, Remote}},
		{"protocol and port", []string{udp}, udp, []Field{Protocol, Port}},
		{"type and code of icmp are no ports", []string{"ingress IPv4 icmp 8-0 -"}, "ingress IPv4 icmp 8-0 -", []Field{Protocol}},
	} {
		t.Run(v.name, func(t *testing.T) {
			for range 2 {
				q := query(t, v.rules...).members("g", Members{Complete: true})
				miss := Evaluate(q).Miss
				if miss == nil {
					t.Fatal("no miss")
				}
				if miss.Rule.ID != v.want || !slices.Equal(miss.Fields, v.fields) {
					t.Errorf("got %q by %v, want %q by %v", miss.Rule.ID, miss.Fields, v.want, v.fields)
				}
				if miss.Rule.GroupID != "g" || miss.Rule.GroupName != "name-of-g" {
					t.Errorf("group %q %q", miss.Rule.GroupID, miss.Rule.GroupName)
				}
				if miss.Only(v.fields[0]) != (len(v.fields) == 1) {
					t.Errorf("Only(%v) with %v", v.fields[0], miss.Fields)
				}
				slices.Reverse(v.rules)
			}
		})
	}
	if miss := Evaluate(query(t)).Miss; miss != nil {
		t.Errorf("a miss %v without ingress rules", miss)
	}
}

func TestAdmits(t *testing.T) {
	prefix := netip.MustParsePrefix
	for _, v := range []struct {
		rule string
		want Admits
	}{
		{"ingress IPv4 tcp 22 192.0.2.9/24", Admits{EtherType: "IPv4", Protocol: "tcp", First: 22, Last: 22, Prefix: prefix("192.0.2.0/24")}},
		{"ingress IPv4 6 20-25 192.0.2.9", Admits{EtherType: "IPv4", Protocol: "tcp", First: 20, Last: 25, Prefix: prefix("192.0.2.9/32")}},
		{"ingress IPv4 ANY - 192.0.2.9/0", Admits{EtherType: "IPv4", Prefix: prefix("0.0.0.0/0")}},
		{"ingress IPv6 - - -", Admits{EtherType: "IPv6", Prefix: prefix("::/0")}},
		{"ingress IPv6 - - sg:g", Admits{EtherType: "IPv6", RemoteGroupID: "g"}},
		{"ingress IPv4 132 - ag:a", Admits{EtherType: "IPv4", Protocol: "132", AddressGroupID: "a"}},
		{"ingress IPv4 tcp 22 nowhere", Admits{EtherType: "IPv4", Protocol: "tcp", First: 22, Last: 22}},
		{"ingress IPX tcp - -", Admits{EtherType: "IPX", Protocol: "tcp"}},
	} {
		got := Rule{SecurityGroupRule: rule(t, v.rule)}.Admits()
		if !reflect.DeepEqual(got, v.want) {
			t.Errorf("%s: got %+v, want %+v", v.rule, got, v.want)
		}
		if anywhere := got.Prefix.IsValid() && got.Prefix.Bits() == 0; got.Anywhere() != anywhere {
			t.Errorf("%s: Anywhere %v", v.rule, got.Anywhere())
		}
	}
}

// Names are what --json and debug lines show: each has its own.
func TestNames(t *testing.T) {
	seen := make(map[string]bool)
	for r := NotEvaluated; r <= StatelessReply; r++ {
		if seen[r.String()] {
			t.Errorf("reason %d: %q is taken", r, r)
		}
		seen[r.String()] = true
	}
	if got := []string{Unknown.String(), Deny.String(), Allow.String(), Family.String(), Protocol.String(), Port.String(), Remote.String()}; !slices.Equal(got,
		[]string{"unknown", "deny", "allow", "family", "protocol", "port", "remote"}) {
		t.Error(got)
	}
}
