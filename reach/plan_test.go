package reach

import (
	"testing"

	"osssh/internal/openstack"
)

func TestMayAnswer(t *testing.T) {
	addresses := map[string][]openstack.Addr{"private": {{Address: "10.0.0.1"}}}
	for _, c := range []struct {
		status    string
		addresses map[string][]openstack.Addr
		want      bool
	}{
		{"ACTIVE", addresses, true},
		{"RESCUE", addresses, true},
		{"REBOOT", addresses, true},
		{"HARD_REBOOT", addresses, true},
		{"PASSWORD", addresses, true},
		{"MIGRATING", addresses, true},
		{"RESIZE", addresses, true},
		{"VERIFY_RESIZE", addresses, true},
		{"REVERT_RESIZE", addresses, true},
		{"REBUILD", addresses, true},
		{"UNKNOWN", addresses, true},
		{"ERROR", addresses, true},
		{"ERROR", nil, false},
		{"BUILD", addresses, false},
		{"SHUTOFF", addresses, false},
		{"PAUSED", addresses, false},
		{"SUSPENDED", addresses, false},
		{"SHELVED", addresses, false},
		{"SHELVED_OFFLOADED", addresses, false},
		{"SOFT_DELETED", addresses, false},
		{"DELETED", addresses, false},
	} {
		if got := mayAnswer(openstack.Server{Status: c.status, Addresses: c.addresses}); got != c.want {
			t.Errorf("%s with %d addresses: %v", c.status, len(c.addresses), got)
		}
	}
}
