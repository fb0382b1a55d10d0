package diagnose

import (
	"fmt"
	"strings"

	"osssh/internal/demo"
)

// record changes a record of nova or neutron behind the APIs' back.
func (s *stage) record(record string, set map[string]any) {
	service := "neutron"
	if strings.HasPrefix(record, "servers/") {
		service = "nova"
	}
	s.inject(demo.Fault{Service: service, Record: record, Set: set})
}

// silence drops what comes for an instance, as a fault that neutron knows
// nothing of would.
func (s *stage) silence(name string) { s.instance(name, demo.SSHBacklog) }

func pathScenarios() []scenario {
	set := func(record, field string, value any) func(*stage) {
		return func(s *stage) { s.record(record, map[string]any{field: value}) }
	}
	return []scenario{
		{cause: "P1", name: "behind a floating IP", breaks: set("routers/router", "external_gateway_info", nil), mends: runFix},
		{cause: "P3", name: "switched off", breaks: set("routers/router", "admin_state_up", false), mends: runFix},
	}
}

var _ = fmt.Sprint
