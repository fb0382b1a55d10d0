package diagnose

import (
	"bytes"
	"net/http"
	"os"

	"osssh/internal/demo"
)

func userScenarios() []scenario {
	as := func(user string) func(*stage) { return func(s *stage) { s.request.User = user } }
	sshd := func(lines string) func(*stage) { return func(s *stage) { s.configure("web", lines) } }
	command := func(script string) func(*stage) {
		return func(s *stage) {
			s.configure("web", "ForceCommand "+s.write("command", "#!/bin/sh\n"+script+"\n", 0o700))
		}
	}
	return []scenario{
		{cause: "U1", name: "another image's user", breaks: as("ubuntu"), mends: runLogin},
		{cause: "U1", name: "the image's user is told another", breaks: func(s *stage) { s.instance("web", demo.SSHRootMessage) }, mends: func(s *stage, fix Fix) {
			s.shell(fix.Command)
			s.request.User = "admin"
		}},
		{cause: "U2", name: "cloud-init's words", breaks: as("root"), mends: runLogin},
		{cause: "U2", name: "cirros' words", breaks: func(s *stage) { s.request.Name, s.request.User = "direct", "root" }, mends: func(s *stage, fix Fix) {
			s.shell(fix.Command)
			s.request.User = ""
		}},
		{cause: "U3", name: "gone", breaks: func(s *stage) { s.remove("ed25519", "ed25519.pub") }},
		{cause: "U3", name: "only its public half is here", breaks: func(s *stage) { s.remove("ed25519") }},
		{cause: "U4", name: "named by -i", breaks: func(s *stage) {
			s.request.Identities, s.options = []string{s.key("rsa")}, "IdentitiesOnly=yes"
		}, mends: func(s *stage, fix Fix) {
			s.shell(fix.Command)
			s.request.Identities, s.options = nil, ""
		}},
		{cause: "U5", name: "none at all", breaks: func(s *stage) { s.server("keyless", "debian-12", "", nil) }},
		{cause: "U6", name: "made anew under its name", breaks: func(s *stage) { s.anew("ed25519") }},
		{cause: "U7", name: "a colleague's server", breaks: func(s *stage) { s.foreign(); s.remove("ed25519", "ed25519.pub") }},
		{cause: "U8", name: "no authorized keys", breaks: func(s *stage) {
			s.server("keyless", "debian-12", "", nil)
			s.record("servers/keyless", map[string]any{"key_name": "ed25519"})
		}},
		{cause: "U9", name: "a key file that others may read", breaks: func(s *stage) { s.chmod("ed25519", 0o644) }, mends: runFix},
		{cause: "U10", name: "encrypted, and nobody is asked", breaks: func(s *stage) {
			s.encrypt("ed25519")
			s.options = "BatchMode=yes"
		}},
		{cause: "U10", name: "encrypted whole, and nobody is asked", breaks: func(s *stage) {
			s.server("nova-made", "debian-12", "generated", nil)
			s.tool("ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-m", "PEM", "-f", s.key("generated.pem"))
			s.options = "BatchMode=yes"
		}},
		{cause: "U11", name: "one try", sshd: true, breaks: func(s *stage) {
			s.configure("web", "MaxAuthTries 2")
			s.inject(demo.Fault{Service: "nova", Path: "/v2.1/os-keypairs", Status: http.StatusForbidden})
			s.console("web", "")
			s.request.Identities = []string{s.key("rsa"), s.key("ecdsa"), s.key("generated.pem"), s.key("ed25519")}
		}},
		{cause: "U12", name: "RSA with SHA-1 only", breaks: func(s *stage) {
			s.server("old", "debian-12", "rsa", nil)
			s.instance("old", demo.SSHOld)
		}},
		{cause: "U13", name: "cut short", breaks: func(s *stage) {
			s.remove("ed25519.pub")
			s.rewrite("ed25519", func(key []byte) []byte { return key[:len(key)/2] })
		}},
		{cause: "U13", name: "its middle is damaged", breaks: func(s *stage) {
			s.remove("ed25519.pub")
			s.rewrite("ed25519", func(key []byte) []byte { return bytes.Replace(key, []byte("b3BlbnNzaC1r"), []byte("b3BlbnNzaC1s"), 1) })
		}},
		{cause: "U14", name: "others may write authorized_keys", sshd: true, breaks: func(s *stage) {
			s.configure("web", "StrictModes yes")
			s.write(s.inGuest("web", "authorized_keys"), string(read(s, "ed25519.pub")), 0o666)
		}},
		{cause: "U14", name: "the key was taken out", sshd: true, breaks: func(s *stage) {
			s.write(s.inGuest("web", "authorized_keys"), "", 0o600)
		}},
		{cause: "U15", name: "a password besides", sshd: true, breaks: sshd("PermitRootLogin yes\nPasswordAuthentication yes\nAuthenticationMethods publickey,password")},
		{cause: "U15", name: "passwords only", sshd: true, breaks: sshd("PermitRootLogin yes\nPasswordAuthentication yes\nPubkeyAuthentication no")},
		{cause: "U16", name: "the password has expired", sshd: true, breaks: command("echo 'WARNING: Your password has expired.'; echo 'Password change required but no TTY available.'; exit 1")},
		{cause: "U16", name: "the account has expired", sshd: true, breaks: func(s *stage) {
			banner := s.write("banner", "Your account has expired; please contact your system administrator.\n", 0o600)
			s.configure("web", "DenyUsers *\nBanner "+banner)
		}},
		{cause: "U17", name: "Windows", breaks: func(s *stage) {
			s.image("debian-12", map[string]any{"os_type": "windows", "os_distro": "windows", "os_admin_user": nil})
			s.instance("web", demo.SSHRefuse)
		}},
	}
}

func read(s *stage, name string) []byte {
	s.t.Helper()
	data, err := os.ReadFile(s.key(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

// chmod changes the mode of a file of ~/.ssh.
func (s *stage) chmod(name string, mode os.FileMode) {
	s.t.Helper()
	if err := os.Chmod(s.key(name), mode); err != nil {
		s.t.Fatal(err)
	}
}

// encrypt gives a key file a passphrase.
func (s *stage) encrypt(name string) {
	s.t.Helper()
	s.tool("ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", s.key(name))
}

// anew replaces a keypair by another of its name, whose private half is here.
func (s *stage) anew(name string) {
	s.t.Helper()
	s.remove(name, name+".pub")
	s.tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", s.key(name))
	s.call(http.MethodDelete, "/compute/v2.1/os-keypairs/"+name, "")
	s.call(http.MethodPost, "/compute/v2.1/os-keypairs", encode(s.t, map[string]any{
		"keypair": map[string]any{"name": name, "public_key": string(read(s, name+".pub"))}}))
}

// foreign makes web another user's, whose keypair nova does not show.
func (s *stage) foreign() {
	s.record("servers/web", map[string]any{"user_id": "0123456789abcdef0123456789abcdef", "key_name": "theirs"})
}
