package secgroup

import (
	"fmt"
	"net/netip"
	"strings"

	"osssh/internal/openstack"
)

// Admits is what a rule lets through, in one spelling for each meaning.
type Admits struct {
	EtherType string // "IPv4" or "IPv6"
	Protocol  string // lower-case name, a number where neutron gives one we do not use; "" = all
	// First and Last bound the ports, both included; 0 and 0 = all.
	First, Last int
	// Prefix is masked as the firewall enforces it. It is the zero Prefix
	// where the rule names a group or its prefix is not readable;
	// 0.0.0.0/0 or ::/0 where it admits every address.
	Prefix         netip.Prefix
	RemoteGroupID  string
	AddressGroupID string
}

// Anywhere reports whether every address of the family is let through.
func (a Admits) Anywhere() bool { return a.Prefix.IsValid() && a.Prefix.Bits() == 0 }

// Service is what is let through, whoever asks: "tcp/22", "tcp/20-25", "icmp",
// "everything".
func (a Admits) Service() string {
	switch {
	case a.Protocol == "":
		return "everything"
	case a.First == 0 && a.Last == 0:
		return a.Protocol
	case a.First == a.Last:
		return fmt.Sprintf("%s/%d", a.Protocol, a.First)
	}
	return fmt.Sprintf("%s/%d-%d", a.Protocol, a.First, a.Last)
}

// Admits reads the rule's fields as neutron's drivers do
// (neutron/extensions/securitygroup.py).
func (r Rule) Admits() Admits {
	a := Admits{
		EtherType:      r.EtherType,
		Protocol:       protocolOf(r.SecurityGroupRule),
		RemoteGroupID:  deref(r.RemoteGroupID),
		AddressGroupID: deref(r.RemoteAddressGroupID),
	}
	if r.PortRangeMin != nil && r.PortRangeMax != nil {
		a.First, a.Last = *r.PortRangeMin, *r.PortRangeMax
	}
	if a.RemoteGroupID == "" && a.AddressGroupID == "" {
		a.Prefix, _ = prefixOf(r.SecurityGroupRule)
	}
	return a
}

// protocolOf gives a rule's protocol in lower case, "" for all, "tcp" for "6".
func protocolOf(r openstack.SecurityGroupRule) string {
	switch p := strings.ToLower(deref(r.Protocol)); p {
	case "any":
		return ""
	case "6":
		return "tcp"
	default:
		return p
	}
}

// prefixOf gives the remote prefix as enforced: host bits are masked away, no
// prefix is every address of the rule's family, a bare address is itself.
func prefixOf(r openstack.SecurityGroupRule) (netip.Prefix, bool) {
	if r.RemoteIPPrefix == nil || *r.RemoteIPPrefix == "" {
		return anywhere(r.EtherType)
	}
	return parsePrefix(*r.RemoteIPPrefix)
}

func anywhere(etherType string) (netip.Prefix, bool) {
	switch etherType {
	case "IPv4":
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), true
	case "IPv6":
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0), true
	}
	return netip.Prefix{}, false
}

// parsePrefix reads an address or a prefix, and masks it.
func parsePrefix(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
