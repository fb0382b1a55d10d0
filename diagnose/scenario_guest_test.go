package diagnose

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"osssh/internal/demo"
	"osssh/sshconfig"
)

// What is done inside an instance, and to the user's keys.

// writeSSHD writes the program that answers in the instances: OpenSSH's server,
// or what stage.instead has put in its place.
func writeSSHD(t *testing.T) string {
	t.Helper()
	sshd, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		t.Fatal("the scenarios need OpenSSH's server: ", err)
	}
	path := filepath.Join(t.TempDir(), "sshd")
	script := fmt.Sprintf("#!/bin/sh\ninstead=$(dirname \"$3\")/instead\n[ -x \"$instead\" ] && exec \"$instead\"\nexec %s \"$@\"\n", sshd)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// configure puts lines before the sshd_config of an instance: the first value counts.
func (s *stage) configure(instance, lines string) {
	s.t.Helper()
	name := s.inGuest(instance, "sshd_config")
	config, err := os.ReadFile(filepath.Join(s.Home(), name))
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(name, lines+"\n"+string(config), 0o600)
}

// instead lets a script answer in place of an instance's sshd: what it reads and
// writes is the connection.
func (s *stage) instead(instance, script string) {
	s.t.Helper()
	s.write(s.inGuest(instance, "instead"), "#!/bin/sh\n"+script+"\n", 0o700)
}

// inGuest names a file beside an instance's sshd_config, below the home directory.
func (s *stage) inGuest(instance, file string) string {
	return filepath.Join("instances", s.Instance(instance).ID(), "sshd", file)
}

// listens gives a port of this machine at which another protocol waits for its
// client to speak.
func (s *stage) listens() int {
	s.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

// image changes properties of an image.
func (s *stage) image(name string, set map[string]any) {
	s.inject(demo.Fault{Service: "glance", Record: "images/" + name, Set: set})
}

// server makes one on the provider network, which this machine reaches, and asks
// for it from then on.
func (s *stage) server(name, image, keypair string, metadata map[string]any) {
	s.t.Helper()
	first := func(service, collection, query string) any {
		return s.call(http.MethodGet, service+query, "")[collection].([]any)[0].(map[string]any)["id"]
	}
	q := map[string]any{
		"name": name, "imageRef": first("/image/v2/images?name=", "images", image),
		"flavorRef":       first("/compute/v2.1/flavors", "flavors", ""),
		"networks":        []any{map[string]any{"uuid": s.idOf("networks", "name=provider")}},
		"security_groups": []any{map[string]any{"name": "ssh-open"}},
		"metadata":        metadata,
	}
	if keypair != "" {
		q["key_name"] = keypair
	}
	s.call(http.MethodPost, "/compute/v2.1/servers", encode(s.t, map[string]any{"server": q}))
	s.request.Name = name
}

// twin makes a second server of a name and gives its id. It has no machine.
func (s *stage) twin(name string) string {
	s.t.Helper()
	s.inject(demo.Fault{Instance: name, Duplicate: true})
	for _, one := range s.call(http.MethodGet, "/compute/v2.1/servers?name="+name, "")["servers"].([]any) {
		if id := one.(map[string]any)["id"].(string); id != s.Instance(name).ID() {
			return id
		}
	}
	s.t.Fatal("there is no twin of " + name)
	return ""
}

// key is the path of one of the user's private keys.
func (s *stage) key(name string) string { return filepath.Join(s.Home(), ".ssh", name) }

// remove takes files out of ~/.ssh.
func (s *stage) remove(names ...string) {
	s.t.Helper()
	for _, name := range names {
		if err := os.Remove(s.key(name)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// rewrite changes a file of ~/.ssh.
func (s *stage) rewrite(name string, change func([]byte) []byte) {
	s.t.Helper()
	data, err := os.ReadFile(s.key(name))
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(filepath.Join(".ssh", name), string(change(data)), 0o600)
}

// tool runs a program of OpenSSH or PuTTY on the user's files.
func (s *stage) tool(name string, args ...string) []byte {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return out
}

// ownKnownHosts and userKnownHosts are osssh's file and the user's, below the
// home directory.
const (
	ownKnownHosts  = ".ssh/osssh/known_hosts"
	userKnownHosts = ".ssh/known_hosts"
)

// remember writes an instance's present host keys under a name.
func (s *stage) remember(file, name, instance string) {
	s.t.Helper()
	var text strings.Builder
	for _, key := range s.Instance(instance).HostKeys() {
		text.WriteString(name + " " + string(ssh.MarshalAuthorizedKey(key)))
	}
	s.write(file, text.String(), 0o600)
}

// called is the name that known_hosts has for an instance's port.
func (s *stage) called(name, instance string) string {
	return sshconfig.HostName(name, int(s.Instance(instance).Address().Port()))
}

// forgetful leaves no host keys on an instance's console, as after a reboot.
func (s *stage) forgetful(instance string) {
	text := s.Instance(instance).Console()
	if begin := strings.LastIndex(text, "<14>"); begin >= 0 {
		text = text[:strings.Index(text, "<14>")] + text[strings.LastIndex(text, "KEYS-----\r\n")+len("KEYS-----\r\n"):]
	}
	s.console(instance, text)
}

// rebuild gives an instance a new disk of its image.
func (s *stage) rebuild(instance string) {
	s.t.Helper()
	images := s.call(http.MethodGet, "/image/v2/images?name=debian-12", "")["images"].([]any)
	s.act(instance, encode(s.t, map[string]any{"rebuild": map[string]any{"imageRef": images[0].(map[string]any)["id"]}}))
}

// prints adds lines to what an instance's console has printed, or puts them in
// place of what it printed from a text on.
func (s *stage) prints(instance, from, lines string) {
	s.t.Helper()
	text := s.Instance(instance).Console()
	if from != "" {
		begin := strings.Index(text, from)
		if begin < 0 {
			s.t.Fatalf("the console does not show %q", from)
		}
		text = text[:begin]
	}
	if !bytes.HasSuffix([]byte(text), []byte("\n")) {
		text += "\r\n"
	}
	s.console(instance, text+strings.ReplaceAll(lines, "\n", "\r\n")+"\r\n")
}
