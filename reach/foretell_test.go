package reach

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"

	"osssh/internal/console"
	"osssh/resolve"
	"osssh/secgroup"
	"osssh/sshconfig"
)

// overridden are the settings of a user without an ssh_config who gives -o.
func overridden(t *testing.T, name, home string, options ...string) *sshconfig.Settings {
	t.Helper()
	settings, err := sshconfig.Evaluate(t.Context(), sshconfig.Options{Host: name, Home: home, Overrides: options, LocalUser: "me"})
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

// What is foretold of a login to each server: whether it dials one of its
// addresses, and whether it looks for a jump host and finds one.
func TestDetour(t *testing.T) {
	cloud := startDemo(t)
	for _, c := range []struct {
		request Request
		nowhere bool
		jumps   bool
		err     bool
	}{
		{Request{Name: "web"}, false, false, false},
		{Request{Name: "forwarded"}, false, false, false},
		{Request{Name: "nofip"}, true, true, false},
		{Request{Name: "nofip", NoJump: true}, true, false, false},
		{Request{Name: "nofip", Choice: resolve.ParseChoice("fixed")}, false, false, false},
		{Request{Name: "inner", Choice: resolve.ParseChoice("floating")}, true, false, false},
		{Request{Name: "blocked"}, false, false, true},
		{Request{Name: "blocked", NoJump: true}, false, false, false},
		{Request{Name: "island"}, true, false, true},
	} {
		l := newLogin(t, cloud)
		c.request.Settings = noSettings(t, c.request.Name, l.Keys.Home)
		plan, err := Explore(t.Context(), &l.Config, c.request)
		if err != nil {
			t.Fatal(err)
		}
		jumps, err := plan.Detour(t.Context(), plan.Verdicts(t.Context()))
		var none *NoJumpError
		if (plan.Nowhere() != nil) != c.nowhere || (len(jumps) > 0) != c.jumps || errors.As(err, &none) != c.err || len(jumps) > maxJumps {
			t.Errorf("%s %v: nowhere %v, %d jump hosts, %v", c.request.Name, c.request.Choice, plan.Nowhere(), len(jumps), err)
		}
		if len(l.dialled) > 0 {
			t.Errorf("%s was dialled", c.request.Name)
		}
	}
}

func TestProxy(t *testing.T) {
	address := netip.MustParseAddrPort("10.0.0.3:2022")
	for _, c := range []struct {
		name    string
		options []string
		far     string
		hops    []string
		command string
		host    string
	}{
		{"none", nil, "", nil, "", "10.0.0.3"},
		{"hosts", []string{"ProxyJump=a,b@c:23"}, "", []string{"a", "c"}, "", "10.0.0.3"},
		{"a command", []string{"ProxyCommand=nc %h %p %r"}, "", nil, "nc 10.0.0.3 2022 debian", "10.0.0.3"},
		{"a name beyond it", []string{"ProxyCommand=nc %h %p", "HostName=far.example"}, "far.example:2022", nil, "nc far.example 2022", "far.example"},
	} {
		plan := &Plan{
			request: Request{Name: "web", Settings: overridden(t, "web", t.TempDir(), c.options...)}, far: c.far,
			Login: resolve.Login{User: "debian"}, Candidates: []resolve.Candidate{{Address: address, Inside: address}},
		}
		found, command, err := plan.Proxy()
		var hops []string
		for _, hop := range found {
			hops = append(hops, hop.Host)
		}
		if err != nil || !slices.Equal(hops, c.hops) || command != c.command || plan.Host(plan.Candidates[0]) != c.host {
			t.Errorf("%s: %q, %q, %v; host %s", c.name, hops, command, err, plan.Host(plan.Candidates[0]))
		}
		plan.config = &Config{Source: netip.MustParseAddr("192.0.2.1")}
		if known := plan.sourceFor(address).IsValid(); known != (len(c.options) == 0) {
			t.Errorf("%s: the source is known: %v", c.name, known)
		}
	}
}

// An address that could be another machine's counts for nothing while no host
// key is known to tell them apart.
func TestPassesOver(t *testing.T) {
	private, public := netip.MustParseAddrPort("10.0.0.3:22"), netip.MustParseAddrPort("198.51.100.3:22")
	shown := console.Log{HostKeys: []ssh.PublicKey{newKey(t)}}
	for _, c := range []struct {
		name    string
		address netip.AddrPort
		why     resolve.Why
		boot    console.Log
		options []string
		passed  bool
	}{
		{"a private range", private, resolve.Routed, console.Log{}, nil, true},
		{"with a host key", private, resolve.Routed, shown, nil, false},
		{"public", public, resolve.Routed, console.Log{}, nil, false},
		{"named by the cloud", private, resolve.Floating, console.Log{}, nil, false},
		{"behind a proxy", private, resolve.Behind, console.Log{}, []string{"ProxyJump=gate"}, false},
	} {
		settings := overridden(t, "web", t.TempDir(), c.options...)
		candidate := resolve.Candidate{Address: c.address, Why: c.why}
		plan := &Plan{
			config: &Config{}, request: Request{Settings: settings}, Candidates: []resolve.Candidate{candidate}, facts: &resolve.Facts{},
			hostKeys: hostKeys{settings: settings, boot: c.boot, users: &sshconfig.KnownHosts{}},
		}
		if got := plan.PassesOver(candidate); got != c.passed {
			t.Errorf("%s: passed over %v", c.name, got)
		}
	}
}

// While an address that is dialled may be open no jump host is looked for.
func TestDetourWaitsForTheDirectWay(t *testing.T) {
	settings := noSettings(t, "web", t.TempDir())
	plan := &Plan{
		config: &Config{}, request: Request{Settings: settings}, facts: &resolve.Facts{},
		hostKeys: hostKeys{settings: settings, users: &sshconfig.KnownHosts{}},
	}
	floating := resolve.Candidate{Address: netip.MustParseAddrPort("198.51.100.3:22"), Why: resolve.Floating}
	for _, answer := range []secgroup.Answer{secgroup.Allow, secgroup.Unknown} {
		verdict := Verdict{Candidate: floating, Rules: secgroup.Verdict{Answer: answer}}
		if jumps, err := plan.Detour(t.Context(), []Verdict{verdict}); jumps != nil || err != nil {
			t.Errorf("%s: %v, %v", answer, jumps, err)
		}
	}
}

// Each host key comes with who vouches for it.
func TestHostKeySources(t *testing.T) {
	shown, remembered, authority := newKey(t), newKey(t), newKey(t)
	home := t.TempDir()
	path := filepath.Join(home, "known_hosts")
	lines := "web " + string(ssh.MarshalAuthorizedKey(remembered)) + "@cert-authority * " + string(ssh.MarshalAuthorizedKey(authority))
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	users, _, err := sshconfig.ReadKnownHosts(path)
	if err != nil {
		t.Fatal(err)
	}
	keys := hostKeys{settings: noSettings(t, "web", home), names: []string{"web"}, memory: users.Lookup("web").Keys, users: users}
	fingerprint := ssh.FingerprintSHA256
	for _, c := range []struct {
		name string
		boot console.Log
		want KnownHostKey
	}{
		{"a key of the console", console.Log{HostKeys: []ssh.PublicKey{shown}, Fingerprints: []string{fingerprint(shown)}},
			KnownHostKey{Fingerprint: fingerprint(shown), Type: "ssh-ed25519"}},
		{"a fingerprint of the console", console.Log{Fingerprints: []string{fingerprint(shown)}}, KnownHostKey{Fingerprint: fingerprint(shown)}},
		{"memory", console.Log{}, KnownHostKey{Fingerprint: fingerprint(remembered), Type: "ssh-ed25519", Path: path, Line: 1}},
	} {
		keys.boot = c.boot
		known := (&Plan{hostKeys: keys}).HostKeys()
		if !slices.Equal(known.Keys, []KnownHostKey{c.want}) {
			t.Errorf("%s: %+v", c.name, known.Keys)
		}
		if len(known.Authorities) != 1 || known.Authorities[0].Number != 2 || fingerprint(known.Authorities[0].Key) != fingerprint(authority) {
			t.Errorf("%s: authorities %+v", c.name, known.Authorities)
		}
	}
}
