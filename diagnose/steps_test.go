package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/reach"
	"osssh/resolve"
)

// drawn is a path as the tests write it: a line for each step.
func drawn(all []Step) string {
	var text strings.Builder
	for _, s := range all {
		mark := map[Mark]string{NotReached: "–", Passed: "✓", Unsure: "?", Failed: "✗"}[s.Mark]
		line := fmt.Sprintf("%s: %s %s %s", s.Name, s.What, mark, s.Note)
		text.WriteString(strings.TrimSpace(line) + "\n")
	}
	return text.String()
}

// withKey gives web a key that matches its keypair.
func withKey(f *Facts, key ssh.PublicKey) *Facts {
	f.Way.Keys.Identities = []*keystore.Identity{{
		File: &keystore.File{Path: "/home/me/.ssh/work"}, Public: key, How: keystore.ByPublicKey,
	}}
	return f
}

// loggedIn is web with a login that works.
func loggedIn(f *Facts, key ssh.PublicKey) *Facts {
	f.Probes = []Probe{{
		Candidate: outerCandidate(), Version: "SSH-2.0-OpenSSH_9.2p1", HostKey: key, Ruling: reach.Remember,
		Logins: []LoginProbe{{User: "debian", Offered: []ssh.PublicKey{key}, Accepted: key, Signed: true, Exit: ptr(0)}},
	}}
	return f
}

func outerCandidate() resolve.Candidate { return silentWeb().Way.Candidates[0] }

func TestSteps(t *testing.T) {
	key := aKey(t)
	fingerprint := ssh.FingerprintSHA256(key)
	front := "you: 198.18.113.1, on-link ✓\nfloating IP: 198.18.113.24 → port 6e7e03a9 (10.20.0.97) ✓\n" +
		"router: demo-router, gateway on public ✓\n"
	group := "security group: ssh-open ✓\n"
	running := "instance: web, ACTIVE, running 3 days ✓\n"
	mine := `key: /home/me/.ssh/work (ed25519) matches keypair "work" ✓` + "\n"
	forwarded := func(f *Facts) {
		c := &f.Way.Candidates[0]
		c.Kind, c.Why, c.Address = resolve.KindForwarding, resolve.Forwarding, netipPort("198.18.113.24:2222")
		f.judge()
		f.Probes = []Probe{silentProbe(*c)}
	}
	jumped := func(f *Facts) {
		f.Way.Jump = &reach.Jump{Server: openstack.Server{Name: "bastion"}, From: netipPort("10.20.0.5:1").Addr(), To: netipPort("10.20.0.97:22"),
			PortID: portID, Rules: f.wayBy(outerCandidate()).verdict.Rules}
	}
	for _, c := range []struct {
		name  string
		facts *Facts
		want  string
	}{
		{"healthy", loggedIn(withKey(silentWeb(), key), key), front + group + running + "sshd: OpenSSH_9.2p1 ✓\n" +
			"host key: ed25519 " + fingerprint + ", as its console shows ✓\n" + mine + "login: as debian ✓\n"},
		{"closed by the rules", withKey(ruledBy("ssh-wrong-cidr", ssh22("192.0.2.0/24")), key), front +
			"security group: ssh-wrong-cidr ✗ tcp/22 only from 192.0.2.0/24\n" + running + "sshd: not reached –\n" + mine},
		{"the wire contradicts the rules", loggedIn(withKey(ruledBy("ssh-wrong-cidr", ssh22("192.0.2.0/24")), key), key), front +
			"security group: ssh-wrong-cidr ✓ though its rules say: tcp/22 only from 192.0.2.0/24\n" + running + "sshd: OpenSSH_9.2p1 ✓\n" +
			"host key: ed25519 " + fingerprint + ", as its console shows ✓\n" + mine + "login: as debian ✓\n"},
		{"no gateway", webWith(func(f *Facts) { f.Neutron.Routers[0].Gateway = nil }),
			"you: 198.18.113.1, on-link ✓\nfloating IP: 198.18.113.24 → port 6e7e03a9 (10.20.0.97) ✓\n" +
				"router: demo-router, no gateway ✗ router demo-router has no gateway\n" + group + running + "sshd: not reached –\n" +
				`key: none here that matches keypair "work" ✗` + "\n"},
		{"port off", withKey(webWith(func(f *Facts) { port(f).AdminStateUp = false }), key), front +
			"port: 6e7e03a9 on private ✗ port 6e7e03a9 of web is switched off\n" + group + running + "sshd: not reached –\n" + mine},
		{"stopped", withKey(webWith(func(f *Facts) { f.Nova.Server.Status = "SHUTOFF" }), key), front + group +
			"instance: web, SHUTOFF ✗ web is switched off (SHUTOFF)\n" + "sshd: not reached –\n" + mine},
		{"silent", withKey(silentWeb(), key), front + group + running + "sshd: 198.18.113.24:22 ✗ no answer for 2.2s\n" + mine},
		{"refused", withKey(refusedAnd(func(f *Facts) {
			f.Nova.Console.Milestones = []console.Milestone{{Stage: console.Kernel}, {Stage: console.LoginPrompt}}
		}), key), front + group + running + "sshd: 198.18.113.24:22 ✗ connection refused\n" + mine},
		{"refused, and the boot has stopped", withKey(refusedAnd(func(f *Facts) {
			f.Nova.Console.Milestones = []console.Milestone{{Stage: console.Kernel}}
		}), key), front + group + running + "boot: up to the kernel ✓\nsshd: 198.18.113.24:22 ✗ connection refused\n" + mine},
		{"port forwarding", withKey(webWith(forwarded), key),
			"you: 198.18.113.1, on-link ✓\nport forwarding: 198.18.113.24:2222 → 10.20.0.97:22 ✓\nrouter: demo-router, gateway on public ✓\n" +
				group + running + "sshd: 198.18.113.24:2222 ✗ no answer for 2.2s\n" + mine},
		{"fixed address", withKey(webWith(func(f *Facts) {
			c := &f.Way.Candidates[0]
			c.Kind, c.Why, c.Network, c.Address = resolve.KindFixed, resolve.External, "provider", netipPort("198.18.113.77:22")
			f.judge()
			f.Probes = nil
		}), key), "you: 198.18.113.1, on-link ✓\naddress: 198.18.113.77 on provider ✓\n" + group + running + "sshd: not reached –\n" + mine},
		{"a jump host alone", withKey(webWith(func(f *Facts) {
			jumped(f)
			withoutWay(f)
			loggedIn(f, key).Probes[0].Through = "bastion"
		}), key), "you: this machine ✓\n" + group + running + "jump host: bastion (10.20.0.5) → 10.20.0.97:22 ✓\nsshd: OpenSSH_9.2p1 ✓\n" +
			"host key: ed25519 " + fingerprint + ", as its console shows ✓\n" + mine + "login: as debian ✓\n"},
		{"a jump host in place of a silent address", withKey(webWith(func(f *Facts) {
			jumped(f)
			f.Probes = append(f.Probes, Probe{Candidate: resolve.Candidate{Address: netipPort("10.20.0.97:22")}, Through: "bastion", Version: "SSH-2.0-x"})
		}), key), front + group + running + "jump host: bastion (10.20.0.5) → 10.20.0.97:22 ✓ 198.18.113.24 is silent\nsshd: x ✓\n" + mine},
		{"no address", webWith(withoutWay), "you: this machine ✓\naddress: none ✗ " +
			"web has private addresses only (10.20.0.97), which cannot be reached from here\n" + running + "sshd: not reached –\n" +
			`key: none here that matches keypair "work" ✗` + "\n"},
		{"port security off", withKey(webWith(func(f *Facts) {
			port(f).SecurityGroups, port(f).PortSecurityEnabled = nil, ptr(false)
			f.judge()
		}), key), front + "security group: none: port security is off ✓\n" + running + "sshd: 198.18.113.24:22 ✗ no answer for 2.2s\n" + mine},
		{"groups may not be read", withKey(webWith(func(f *Facts) {
			f.Way.Verdicts[0] = reach.Verdict{Candidate: f.Way.Candidates[0], Err: apiError(403)}
		}), key), "you: this machine, on-link ✓\nfloating IP: 198.18.113.24 → port 6e7e03a9 (10.20.0.97) ✓\n" +
			"router: demo-router, gateway on public ✓\nsecurity group: ssh-open ? could not be read\n" + running +
			"sshd: 198.18.113.24:22 ✗ no answer for 2.2s\n" + mine},
		{"no such server", &Facts{Name: "wbe", Phase: Found, Nova: Nova{Lookup: &resolve.NotFoundError{Name: "wbe"}}},
			"name: wbe ✗ no server wbe in this project\ninstance: not reached –\nsshd: not reached –\n"},
		{"no cloud", &Facts{Name: "web", Setup: Setup{Err: &openstack.NoCloudsError{}}},
			"cloud:  ✗ no clouds.yaml, and no OS_* variables of an openrc file\ninstance: not reached –\nsshd: not reached –\n"},
		{"not signed in yet", &Facts{Name: "web"}, ""},
		{"a host key that nobody vouches for", withKey(func() *Facts {
			f := ended(connect.StageHostKey, &connect.HostKeyError{Key: key, Err: reach.ErrStrict})
			f.Probes[0].HostKey = key
			return f
		}(), key), front + group + running + "sshd: OpenSSH_9.2p1 ✓\nhost key: ed25519 " + fingerprint +
			" ✗ nothing vouches for the host key that 198.18.113.24:22 shows: StrictHostKeyChecking is yes\n" + mine},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := drawn(steps(c.facts)); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

// A step that was drawn stays as it is while more becomes known.
func TestStepsGrow(t *testing.T) {
	key := aKey(t)
	for name, make := range map[string]func() *Facts{
		"healthy":  func() *Facts { return loggedIn(withKey(silentWeb(), key), key) },
		"closed":   func() *Facts { return withKey(ruledBy("ssh-wrong-cidr", ssh22("192.0.2.0/24")), key) },
		"stopped":  func() *Facts { return webWith(func(f *Facts) { f.Nova.Server.Status = "SHUTOFF" }) },
		"refused":  func() *Facts { return ended(connect.StageDial, errno(syscall.ECONNREFUSED)) },
		"overrule": func() *Facts { return loggedIn(ruledBy("closed"), key) },
	} {
		var last []Step
		for phase := Found; phase <= Probed; phase++ {
			f := make()
			f.Phase = phase
			if phase < Probed {
				f.Probes = nil
			}
			now := steps(f)
			if len(now) < len(last) || !slices.Equal(last, now[:len(last)]) {
				t.Errorf("%s: at phase %d\n%sbecame\n%s", name, phase, drawn(last), drawn(now))
			}
			last = now
		}
		if len(last) < 5 {
			t.Errorf("%s: only %d steps", name, len(last))
		}
	}
}

func TestStepsOfNothing(t *testing.T) {
	for phase := Begun; phase <= Probed; phase++ {
		_ = steps(&Facts{Phase: phase})
		_ = steps(&Facts{Phase: phase, Nova: Nova{Server: &openstack.Server{}}})
	}
}
