package diagnose

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"osssh/internal/demo"
	"osssh/resolve"
)

// healthy is a cloud in which a login works, whatever else is unusual.
type healthy struct {
	name string
	set  func(*stage)
	// tells is the one cause that may be told beside the login, "" where none may.
	tells string
}

func healthyVariants() []healthy {
	ask := func(name string) func(*stage) { return func(s *stage) { s.request.Name = name } }
	forbidden := func(service, path string) func(*stage) {
		return func(s *stage) {
			s.inject(demo.Fault{Service: service, Path: path, Status: http.StatusForbidden})
		}
	}
	shown := func(field string, value any) func(*stage) {
		return func(s *stage) { s.record("servers/web", map[string]any{field: value}) }
	}
	return []healthy{
		// ways
		{name: "a floating IP", set: ask("web")},
		{name: "a port forwarding", set: ask("forwarded")},
		{name: "a port forwarding of a floating IP that is DOWN for neutron", set: func(s *stage) {
			s.request.Name = "forwarded"
			for _, ip := range s.rows("floatingips", "") {
				if ip["port_id"] == nil {
					s.record("floatingips/"+ip["id"].(string), map[string]any{"status": "DOWN"})
				}
			}
		}},
		{name: "a provider network", set: ask("direct")},
		{name: "a jump host that is found", set: ask("nofip")},
		{name: "a jump host to another network", set: ask("beside")},
		{name: "a jump host that is typed", set: func(s *stage) { s.request.Name, s.options = "inner", "ProxyJump=bastion" }},
		{name: "from another instance", set: func(s *stage) { s.request.Name, s.via = "inner", "bastion" }},
		{name: "IPv6 only", set: func(s *stage) {
			s.request.Family = 6
			s.relay("::1", "web")
			s.record("servers/web", map[string]any{"accessIPv6": "::1"})
		}},
		{name: "two floating IPs, one of them dead", set: func(s *stage) {
			s.record("floatingips/", map[string]any{
				"floating_ip_address": "127.0.0.3", "floating_network_id": s.idOf("networks", "name=public"), "status": "ACTIVE",
				"port_id":          s.idOf("ports", "device_id="+s.Instance("web").ID()),
				"fixed_ip_address": "10.20.0.99", "router_id": s.idOf("routers", "name=router"),
			})
		}},
		{name: "two networks", set: ask("twonets")},
		{name: "two networks, one switched off", set: func(s *stage) {
			s.request.Name = "twonets"
			s.record("ports/twonets", map[string]any{"admin_state_up": false})
		}},
		{name: "SSH on another port, typed", set: func(s *stage) {
			s.record("servers/web", map[string]any{"metadata": map[string]any{}})
			s.request.Port = int(s.Instance("web").Address().Port())
		}},
		{name: "ssh_config names its floating IP", set: func(s *stage) {
			s.userFile = s.write(".ssh/config", "Host web\n  HostName 127.0.0.1\n  User debian\n", 0o600)
		}},
		{name: "an address is typed", set: func(s *stage) {
			for _, ip := range s.rows("ports", "device_id="+s.Instance("web").ID())[0]["fixed_ips"].([]any) {
				s.request.Name = ip.(map[string]any)["ip_address"].(string)
			}
		}},
		{name: "an id is typed", set: func(s *stage) { s.request.Name = s.Instance("web").ID() }},
		{name: "another cloud", set: func(s *stage) { s.env["OS_CLOUD"] = "other" }},
		// rules
		{name: "port security off", set: func(s *stage) {
			s.record("ports/web", map[string]any{"port_security_enabled": false, "security_groups": []any{}})
		}},
		{name: "another project's security group", set: func(s *stage) {
			s.inject(demo.Fault{Service: "neutron", Unreadable: "ssh-open"})
		}},
		{name: "a narrow rule", set: func(s *stage) {
			s.group("web", "narrow", map[string]any{"protocol": "tcp", "remote_ip_prefix": "127.0.0.0/8"})
		}},
		{name: "an address group", set: func(s *stage) {
			made := s.call(http.MethodPost, "/networking/v2.0/address-groups", `{"address_group":{"name":"office","addresses":["127.0.0.1/32"]}}`)
			s.group("web", "office", map[string]any{"remote_address_group_id": made["address_group"].(map[string]any)["id"]})
		}},
		{name: "an unknown source", set: func(s *stage) {
			s.adjust = func(c *Config) { c.Reach.Local = resolve.Local{} }
		}},
		// what may not be seen
		{name: "no neutron", set: func(s *stage) { s.inject(demo.Fault{Service: "neutron", Missing: true}) }},
		{name: "neutron forbids", set: forbidden("neutron", "/v2.0")},
		{name: "security groups forbidden", set: forbidden("neutron", "/v2.0/security-groups")},
		{name: "routers forbidden", set: forbidden("neutron", "/v2.0/routers")},
		{name: "the console forbidden", set: forbidden("nova", "/v2.1/servers/*/action")},
		{name: "keypairs forbidden", set: forbidden("nova", "/v2.1/os-keypairs")},
		{name: "actions forbidden", set: forbidden("nova", "/v2.1/servers/*/os-instance-actions")},
		{name: "images forbidden", set: forbidden("glance", "/v2/images")},
		{name: "an application credential", set: func(s *stage) { s.env["OS_CLOUD"] = "demo-appcred" }},
		{name: "no console", set: func(s *stage) {
			s.inject(demo.Fault{Service: "nova", Path: "/v2.1/servers/*/action", Status: http.StatusNotFound})
		}},
		{name: "an empty console", set: func(s *stage) { s.console("web", "") }},
		{name: "a console that has forgotten the host keys", set: func(s *stage) { s.forgetful("web") }},
		// states
		{name: "VERIFY_RESIZE", set: func(s *stage) { s.status("web", "VERIFY_RESIZE") }},
		{name: "a stale power state", set: shown("OS-EXT-STS:power_state", 4)},
		{name: "a snapshot under way", set: shown("OS-EXT-STS:task_state", "image_uploading")},
		{name: "locked", set: func(s *stage) { s.act("web", `{"lock":null}`) }},
		{name: "booted from a volume", set: ask("volboot")},
		{name: "rebooted", set: func(s *stage) { s.act("web", `{"reboot":{"type":"SOFT"}}`) }},
		{name: "rebuilt", set: func(s *stage) {
			s.remember(ownKnownHosts, "openstack-"+s.Instance("web").ID(), "web")
			s.rebuild("web")
		}},
		// guests
		{name: "faults of long ago on the console", set: func(s *stage) {
			s.prints("web", "", "[   12.1] url_helper.py[WARNING]: Calling 'http://169.254.169.254/openstack' failed [1/120s]: request error [timed out]\n"+
				"[  812.3] systemd-journald[201]: Failed to write entry: No space left on device\n"+
				"[ 8123.4] Out of memory: Killed process 611 (java) total-vm:15432kB, anon-rss:1204kB\n"+
				"[ 9000.1] EXT4-fs error (device vdb1): ext4_lookup:1851: inode #2: comm ls: deleted inode referenced: 12\n"+
				"[FAILED] Failed to start backup.service - Nightly backup.\n")
		}},
		{name: "a greeting that speaks of an expired account", set: func(s *stage) { s.instance("web", demo.SSHBannerEscape) }},
		{name: "Windows with an SSH server", set: func(s *stage) { s.image("debian-12", map[string]any{"os_type": "windows"}) }},
		{name: "an image that calls itself Talos", set: func(s *stage) { s.image("debian-12", map[string]any{"os_distro": "talos"}) }},
		// host keys
		{name: "known_hosts has another key for its address", set: func(s *stage) {
			s.remember(userKnownHosts, s.called("127.0.0.1", "web"), "bastion")
		}},
		{name: "StrictHostKeyChecking, and the console tells", set: func(s *stage) { s.options = "StrictHostKeyChecking=yes" }},
		{name: "memory tells, the console is empty", set: func(s *stage) {
			s.remember(ownKnownHosts, "openstack-"+s.Instance("web").ID(), "web")
			s.console("web", "")
			s.options = "StrictHostKeyChecking=yes"
		}},
		// users
		{name: "the user of the image's os_distro", set: func(s *stage) { s.server("redhat", "fedora-distro-only", "ed25519", nil) }},
		{name: "the user of the server's metadata", set: func(s *stage) {
			s.server("special", "debian-12", "ed25519", map[string]any{"osssh_user": "cloud-user"})
		}},
		{name: "only the console tells the user", set: func(s *stage) { s.server("plain", "noprops", "ed25519", nil) }},
		{name: "nothing tells the user", set: func(s *stage) {
			s.server("plain", "noprops", "ed25519", nil)
			s.console("plain", "")
		}},
		// keys
		{name: "an encrypted key", tells: "U10", set: func(s *stage) { s.encrypt("ed25519") }},
		{name: "a key of the agent alone", set: func(s *stage) { s.intoAgent("ed25519") }},
		{name: "a PPK file", set: func(s *stage) {
			s.tool("puttygen", s.key("ed25519"), "-O", "private", "-o", s.key("work.ppk"))
			s.remove("ed25519", "ed25519.pub")
		}},
		{name: "a key file with CR LF", set: func(s *stage) {
			s.rewrite("ed25519", func(key []byte) []byte { return bytes.ReplaceAll(key, []byte("\n"), []byte("\r\n")) })
		}},
		{name: "a key file that others may read, and the agent has it too", set: func(s *stage) {
			key := read(s, "ed25519")
			s.intoAgent("ed25519")
			s.write(".ssh/ed25519", string(key), 0o644)
		}},
		{name: "a broken key file besides", set: func(s *stage) {
			s.write(".ssh/broken", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n", 0o600)
		}},
		{name: "another user's keypair, told by the console", set: func(s *stage) { s.foreign() }},
		{name: "a keypair that was deleted since", set: func(s *stage) { s.call(http.MethodDelete, "/compute/v2.1/os-keypairs/ed25519", "") }},
		{name: "a key that user data brought", set: shown("key_name", nil)},
		{name: "a keypair made anew, and the former key is here", set: func(s *stage) {
			former := read(s, "ed25519")
			s.anew("ed25519")
			s.write(".ssh/former", string(former), 0o600)
		}},
		{name: "a wrong key is named besides", set: func(s *stage) { s.request.Identities = []string{s.key("rsa")} }},
	}
}

// relay leads from an instance's port on another address of this machine to it.
func (s *stage) relay(address, instance string) {
	s.t.Helper()
	target := s.Instance(instance).Address()
	listener, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(int(target.Port()))))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target.String())
			if err != nil {
				_ = near.Close()
				continue
			}
			go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
			go func() { _, _ = io.Copy(near, far); _ = near.Close() }()
		}
	}()
}

// intoAgent moves a private key from its file to an agent.
func (s *stage) intoAgent(name string) {
	s.t.Helper()
	private, err := ssh.ParseRawPrivateKey(read(s, name))
	if err != nil {
		s.t.Fatal(err)
	}
	keys := agent.NewKeyring().(agent.ExtendedAgent)
	if err := keys.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		s.t.Fatal(err)
	}
	s.remove(name, name+".pub")
	s.adjust = func(c *Config) { c.Reach.Keys.Agent = keys }
}

// No false alarm: where a login works, that is what is said.
func TestNoFalseAlarm(t *testing.T) {
	var results confusion
	t.Run("all", func(t *testing.T) {
		for _, variant := range healthyVariants() {
			t.Run(variant.name, func(t *testing.T) { results.watch(t, variant) })
		}
	})
	t.Log(results.String())
}

func (r *confusion) watch(t *testing.T, variant healthy) {
	s := newStage(t, false)
	variant.set(s)
	began := time.Now()
	f, d := s.diagnose()
	took := time.Since(began)
	r.add(scenario{cause: Healthy.String(), name: variant.name}, d.Outcome, d.Causes, took)
	if took > patience {
		t.Errorf("it took %v", took)
	}
	if d.Outcome != Healthy || len(d.Causes) > 0 || d.Login == nil {
		t.Fatalf("it is healthy\n%s", describe(f, d))
	}
	for _, later := range d.Later {
		if later.Cause.ID != variant.tells {
			t.Errorf("%s is told beside a login that works\n%s", later.Cause.ID, describe(f, d))
		}
	}
}
