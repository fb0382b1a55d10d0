package diagnose

import (
	"net/http"

	"osssh/internal/demo"
)

func serverScenarios() []scenario {
	named := func(name string) func(*stage) { return func(s *stage) { s.request.Name = name } }
	after := func(action string) func(*stage) { return func(s *stage) { s.act("web", action) } }
	in := func(status string) func(*stage) { return func(s *stage) { s.status("web", status) } }
	deleted := func(s *stage) { s.call(http.MethodDelete, "/compute/v2.1/servers/"+s.Instance("web").ID(), "") }
	return []scenario{
		{cause: "S1", name: "two letters swapped", breaks: named("wbe"), mends: runLogin},
		{cause: "S1", name: "another case", breaks: named("WEB"), mends: runLogin},
		{cause: "S1", name: "nothing like it", breaks: named("qqqqqqqq")},
		{cause: "S2", name: "two of one name", breaks: func(s *stage) { s.inject(demo.Fault{Instance: "web", Duplicate: true}) }},
		{cause: "S3", name: "by its name", breaks: deleted},
		{cause: "S4", name: "by its name", breaks: in("SOFT_DELETED"), mends: runFix},
		{cause: "S4", name: "by its id", breaks: func(s *stage) {
			s.status("web", "SOFT_DELETED")
			s.request.Name = s.Instance("web").ID()
		}},
		{cause: "S5", name: "scheduling", breaks: func(s *stage) {
			s.status("web", "BUILD")
			s.record("servers/web", map[string]any{"OS-EXT-STS:task_state": "scheduling"})
		}},
		{cause: "S6", name: "with a fault", breaks: in("ERROR")},
		{cause: "S7", name: "stopped", breaks: after(`{"os-stop":null}`), mends: runFix},
		{cause: "S8", name: "paused", breaks: after(`{"pause":null}`), mends: runFix},
		{cause: "S8", name: "suspended", breaks: after(`{"suspend":null}`), mends: runFix},
		{cause: "S9", name: "offloaded", breaks: after(`{"shelve":null}`), mends: runFix},
		{cause: "S10", name: "another user", breaks: func(s *stage) {
			s.act("web", `{"rescue":{}}`)
			s.instance("web", demo.SSHRootMessage)
		}, mends: func(s *stage, fix Fix) {
			s.instance("web", demo.SSHHealthy) // the other user was the rescue system's
			runFix(s, fix)
		}},
		{cause: "S11", name: "rebooting", breaks: func(s *stage) {
			s.inject(demo.Fault{Instance: "web", Metadata: map[string]string{"demo_task": "5s"}})
			s.act("web", `{"reboot":{"type":"HARD"}}`)
		}, mends: runFix},
		{cause: "S11", name: "migrating cold", breaks: func(s *stage) {
			s.silence("web")
			s.record("servers/web", map[string]any{"OS-EXT-STS:task_state": "resize_migrating"})
		}},
		{cause: "S12", name: "crashed", breaks: func(s *stage) {
			s.silence("web")
			s.record("servers/web", map[string]any{"OS-EXT-STS:power_state": 6})
		}},
		{cause: "S13", name: "as an administrator sees it", breaks: func(s *stage) {
			s.silence("web")
			s.record("servers/web", map[string]any{"host_status": "DOWN"})
		}},
		{cause: "S13", name: "no console", breaks: func(s *stage) {
			s.silence("web")
			s.inject(demo.Fault{Service: "nova", Method: http.MethodPost, Path: "/v2.1/servers/*/action", Status: http.StatusInternalServerError})
		}},
	}
}
