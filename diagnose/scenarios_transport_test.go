package diagnose

import "osssh/internal/demo"

func transportScenarios() []scenario {
	web := func(fault demo.SSHFault) func(*stage) { return func(s *stage) { s.instance("web", fault) } }
	instead := func(script string) func(*stage) { return func(s *stage) { s.instead("web", script) } }
	sshd := func(lines string) func(*stage) { return func(s *stage) { s.configure("web", lines) } }
	// bySSH: osssh never speaks it, OpenSSH's client does if it is asked.
	bySSH := func(s *stage, fix Fix) {
		s.shell(fix.Command)
		s.configure("web", "Ciphers aes128-ctr\nKexAlgorithms curve25519-sha256")
	}
	return []scenario{
		{cause: "T1", name: "SYNs are dropped in the guest", breaks: func(s *stage) { s.silence("web") }},
		{cause: "T2", name: "nothing listens", breaks: web(demo.SSHRefuse)},
		{cause: "T2", name: "another port was typed", breaks: func(s *stage) { s.request.Port = 2 }, mends: runLogin},
		{cause: "T2", name: "behind a port forwarding", breaks: func(s *stage) {
			s.request.Name = "forwarded"
			s.instance("forwarded", demo.SSHRefuse)
		}},
		{cause: "T3", name: "seen by the jump host", breaks: func(s *stage) {
			s.request.Name, s.options = s.twin("web"), "ProxyJump=bastion" // the twin has no machine
			s.group(s.request.Name, "ssh", map[string]any{"protocol": "tcp"})
		}},
		{cause: "T4", name: "it says nothing", breaks: web(demo.SSHSilent)},
		{cause: "T4", name: "another protocol waits at the port that was typed", breaks: func(s *stage) {
			s.request.Port = s.listens()
		}, mends: runLogin},
		{cause: "T5", name: "it hangs up", breaks: web(demo.SSHClose)},
		{cause: "T5", name: "it resets", breaks: web(demo.SSHReset)},
		{cause: "T5", name: "it hangs up in the key exchange", breaks: web(demo.SSHCloseInKex)},
		{cause: "T5", name: "MaxStartups", sshd: true, breaks: instead(`printf 'Exceeded MaxStartups\r\n'`)},
		{cause: "T6", name: "PerSourcePenalties", sshd: true, breaks: instead(`printf 'Not allowed at this time\r\n'`)},
		{cause: "T7", name: "a web server", sshd: true, breaks: instead(`printf 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'`)},
		{cause: "T7", name: "a mail server", sshd: true, breaks: instead(`printf '220 web ESMTP Postfix\r\n'; sleep 20`)},
		{cause: "T7", name: "SSH 1", sshd: true, breaks: instead(`printf 'SSH-1.5-1.2.27\n'; sleep 20`)},
		{cause: "T8", name: "an old cipher", sshd: true, breaks: sshd("Ciphers 3des-cbc"), mends: bySSH},
		{cause: "T8", also: "U3", name: "an old cipher, and no key", sshd: true, breaks: func(s *stage) {
			s.configure("web", "Ciphers 3des-cbc")
			s.remove("ed25519", "ed25519.pub")
		}},
		{cause: "T8", name: "an old key exchange", sshd: true, breaks: sshd("KexAlgorithms diffie-hellman-group14-sha1"), mends: bySSH},
		{cause: "T8", name: "RSA host keys with SHA-1", sshd: true, breaks: sshd("HostKeyAlgorithms ssh-rsa"), mends: func(s *stage, fix Fix) {
			s.shell(fix.Command)
			s.options = "HostKeyAlgorithms=+ssh-rsa"
		}},
	}
}
