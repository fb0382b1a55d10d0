package resolve

import (
	"net/netip"

	"osssh/internal/openstack"
)

// Choice is the user's wish for one way in. The zero Choice leaves it to Rank;
// of several fields all must fit.
type Choice struct {
	Address netip.Addr // this one only, if valid
	Kind    Kind       // KindFixed, KindFloating (forwardings too), or "" for any
	Network string     // name or id of the network that a port stands on or a floating IP comes from; "" for any
}

// ParseChoice reads a word for a way in: "fixed", "floating", an address, else
// a network. A network of such a name is meant by its id.
func ParseChoice(word string) Choice {
	switch kind := Kind(word); kind {
	case KindFixed, KindFloating:
		return Choice{Kind: kind}
	}
	if address, err := netip.ParseAddr(word); err == nil {
		return Choice{Address: address.Unmap()}
	}
	return Choice{Network: word}
}

// Given says whether anything was chosen.
func (c Choice) Given() bool { return c != Choice{} }

// String is the word that ParseChoice reads, "" for the zero Choice.
func (c Choice) String() string {
	switch {
	case c.Address.IsValid():
		return c.Address.String()
	case c.Kind != "":
		return string(c.Kind)
	}
	return c.Network
}

// admits says whether a candidate is what was chosen. Networks are those that
// it stands for: two of one name both count.
func (c Choice) admits(candidate Candidate, networks []openstack.Network) bool {
	if c.Address.IsValid() && candidate.Address.Addr() != c.Address {
		return false
	}
	floating := candidate.Kind == KindFloating || candidate.Kind == KindForwarding
	if c.Kind == KindFixed && candidate.Kind != KindFixed || c.Kind == KindFloating && !floating {
		return false
	}
	if c.Network == "" {
		return true
	}
	for _, n := range networks {
		if n.ID == c.Network || n.Name == c.Network {
			return true
		}
	}
	return false
}
