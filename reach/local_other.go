//go:build !linux

package reach

import "net/netip"

// routes is empty where the system has no plain list of them: then only
// on-link networks count as directly reachable.
func routes() []netip.Prefix { return nil }
