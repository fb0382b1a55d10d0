package diagnose

import "osssh/internal/demo"

func sessionScenarios() []scenario {
	// command has every session run a script in place of what is asked for.
	command := func(script string) func(*stage) {
		return func(s *stage) {
			s.configure("web", "ForceCommand "+s.write("command", "#!/bin/sh\n"+script+"\n", 0o700))
		}
	}
	sshd := func(lines string) func(*stage) { return func(s *stage) { s.configure("web", lines) } }
	through := func(options string) func(*stage) {
		return func(s *stage) {
			s.request.Name, s.options = "inner", options
			s.instance("bastion", demo.SSHNoForward)
		}
	}
	return []scenario{
		{cause: "X1", name: "booting", sshd: true, breaks: command(`echo 'System is booting up. Unprivileged users are not permitted to log in yet. Please come back later.'; exit 1`)},
		{cause: "X1", name: "going down", sshd: true, breaks: command(`echo 'The system is going down. Unprivileged users are not permitted to log in anymore.'; exit 1`)},
		{cause: "X2", name: "nologin", sshd: true, breaks: sshd("ForceCommand /usr/sbin/nologin")},
		{cause: "X3", name: "no channel opens", breaks: func(s *stage) { s.instance("web", demo.SSHHangAfterAuth) }},
		{cause: "X3", name: "the shell hangs", sshd: true, breaks: sshd("ForceCommand sleep 30")},
		{cause: "X4", name: "a greeting", sshd: true, beside: true, breaks: command("echo Welcome to web; exit 0")},
		{cause: "X5", name: "by ProxyJump", breaks: through("ProxyJump=bastion")},
		{cause: "X5", name: "a jump host that was found", breaks: through("")},
		{cause: "X6", name: "a forced command", sshd: true, breaks: sshd("ForceCommand exit 254")},
		{cause: "X6", name: "no session is opened", sshd: true, breaks: sshd("MaxSessions 0")},
		{cause: "X6", name: "a shell that dies", sshd: true, breaks: command("kill -SEGV $$")},
	}
}
