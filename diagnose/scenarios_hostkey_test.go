package diagnose

import "osssh/internal/demo"

func hostKeyScenarios() []scenario {
	other := func(s *stage) string { return "openstack-" + s.Instance("bastion").ID() }
	return []scenario{
		{cause: "H1", name: "rebuilt, and the console tells nothing", breaks: func(s *stage) {
			s.remember(ownKnownHosts, "openstack-"+s.Instance("web").ID(), "web")
			s.rebuild("web")
			s.forgetful("web")
		}, mends: runFix},
		{cause: "H1", name: "rebuilt, and ssh knows the name", breaks: func(s *stage) {
			s.remember(userKnownHosts, s.called("web", "web"), "web")
			s.rebuild("web")
			s.forgetful("web")
		}, mends: runFix},
		{cause: "H1", name: "nothing tells why", breaks: func(s *stage) {
			s.remember(ownKnownHosts, "openstack-"+s.Instance("web").ID(), "web")
			s.instance("web", demo.SSHNewHostKeys)
			s.forgetful("web")
		}},
		{cause: "H2", name: "the name was another server's", breaks: func(s *stage) {
			s.remember(userKnownHosts, s.called("web", "web"), "bastion")
			s.forgetful("web")
		}, mends: runFix},
		{cause: "H2", name: "another server answers", breaks: func(s *stage) {
			s.remember(ownKnownHosts, other(s), "web")
			s.console("web", s.Instance("inner").Console())
		}},
		{cause: "H3", name: "nobody is asked", breaks: func(s *stage) {
			s.options = "StrictHostKeyChecking=yes"
			s.forgetful("web")
		}},
		{cause: "H4", name: "keys that no console told", breaks: func(s *stage) { s.instance("web", demo.SSHNewHostKeys) }},
		{cause: "H4", also: "U3", name: "foreign keys, and no key", breaks: func(s *stage) {
			s.instance("web", demo.SSHNewHostKeys)
			s.remove("ed25519", "ed25519.pub")
		}},
		{cause: "H4", name: "revoked", breaks: func(s *stage) { s.remember(userKnownHosts, "@revoked *", "web") }},
		{cause: "H5", name: "of one snapshot", beside: true, breaks: func(s *stage) { s.remember(ownKnownHosts, other(s), "web") }},
	}
}
