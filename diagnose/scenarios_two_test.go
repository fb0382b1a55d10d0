package diagnose

import (
	"os"
	"path/filepath"

	"osssh/internal/demo"
)

// twoFaultScenarios break two things at once: what a login meets first is named
// first, and the other one after it.
func twoFaultScenarios() []scenario {
	noKeys := func(s *stage) {
		if err := os.RemoveAll(filepath.Join(s.Home(), ".ssh")); err != nil {
			s.t.Fatal(err)
		}
	}
	stopped := func(name string) func(*stage) { return func(s *stage) { s.act(name, `{"os-stop":null}`) } }
	named := func(name string) func(*stage) { return func(s *stage) { s.request.Name = name } }
	set := func(record, field string, value any) func(*stage) {
		return func(s *stage) { s.record(record, map[string]any{field: value}) }
	}
	both := func(all ...func(*stage)) func(*stage) {
		return func(s *stage) {
			for _, breaks := range all {
				breaks(s)
			}
		}
	}
	return []scenario{
		{cause: "L14", also: "G2", name: "ssh_config and no rule", breaks: both(named("blocked"), func(s *stage) {
			s.userFile = s.write(".ssh/config", "Host *\n", 0o666)
		})},
		{cause: "P2", also: "A2", name: "no router, and so no floating IP", breaks: named("island")},
		{cause: "P1", also: "G3", name: "no gateway and a prefix", breaks: both(named("wrongcidr"), set("routers/router", "external_gateway_info", nil))},
		{cause: "P1", also: "P6", name: "the router, then the port", breaks: both(set("routers/router", "external_gateway_info", nil), set("ports/web", "admin_state_up", false))},
		{cause: "P3", also: "G2", name: "the router and the rules", breaks: both(named("blocked"), set("routers/router", "admin_state_up", false))},
		{cause: "P3", also: "S7", name: "the router and the server", breaks: both(stopped("web"), set("routers/router", "admin_state_up", false))},
		{cause: "P6", also: "G1", name: "the port and its groups", breaks: both(set("ports/web", "admin_state_up", false), set("ports/web", "security_groups", []any{}))},
		{cause: "P8", also: "S12", name: "the network and the hypervisor", breaks: both(set("networks/private", "admin_state_up", false), set("servers/web", "OS-EXT-STS:power_state", 4))},
		{cause: "P8", also: "U3", name: "the network and the key", breaks: both(set("networks/private", "admin_state_up", false), noKeys)},
		{cause: "G2", also: "S7", name: "no rule, and stopped", breaks: both(named("blocked"), stopped("blocked"))},
		{cause: "G3", also: "S8", name: "a prefix, and paused", breaks: both(named("wrongcidr"), func(s *stage) { s.act("wrongcidr", `{"pause":null}`) })},
		{cause: "G2", also: "U3", name: "no rule, and no key", breaks: both(named("blocked"), noKeys)},
		{cause: "G1", also: "U9", name: "no group, and a key that others can read", breaks: both(set("ports/web", "security_groups", []any{}), func(s *stage) {
			if err := os.Chmod(filepath.Join(s.Home(), ".ssh", "ed25519"), 0o644); err != nil {
				s.t.Fatal(err)
			}
		})},
		{cause: "S7", also: "U3", name: "stopped, and no key", breaks: both(stopped("web"), noKeys)},
		{cause: "S12", also: "U3", name: "crashed, and no key", breaks: both(func(s *stage) { s.silence("web") }, set("servers/web", "OS-EXT-STS:power_state", 6), noKeys)},
		{cause: "T2", also: "U3", name: "nothing listens, and no key", breaks: both(func(s *stage) { s.instance("web", demo.SSHRefuse) }, noKeys)},
		{cause: "A6", also: "U3", name: "the inner port, and no key", breaks: both(named("forwarded"), func(s *stage) { s.request.Port = 22 }, noKeys)},
	}
}
