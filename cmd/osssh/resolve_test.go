package main

import (
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"osssh/internal/demo"
	"osssh/internal/openstack"
	"osssh/reach"
	"osssh/resolve"
	"osssh/secgroup"
)

// What --json prints is what docs/resolve.schema.json says, of any server.
func TestResolveJSON(t *testing.T) {
	cloud := onDemo(t, demo.Options{})
	for _, fault := range []demo.Fault{
		{Instance: "volboot", Console: new(string)},
		{Instance: "wrongcidr", ServerStatus: ptr("SHUTOFF"), Console: ptr("ci-info: no authorized ssh keys fingerprints found for user debian.")},
	} {
		if err := cloud.Inject(fault); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(config, []byte("Host web\nHostName gate.example\nProxyCommand nc %h %p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want map[string]any // by path
	}{
		{[]string{"web"}, map[string]any{
			"server.name": "web", "user": "debian", "key": filepath.Join(cloud.Home(), ".ssh", "ed25519"), "jump": nil,
			"candidates.0.address": "127.0.0.1", "candidates.0.port": float64(cloud.Instance("web").Address().Port()),
			"candidates.0.kind": "floating", "candidates.0.verdict": "allow", "candidates.0.source": "127.0.0.1", "problems.0": nil,
		}},
		{[]string{"web", "-l", "me", "--source", "192.0.2.9"}, map[string]any{"user": "me", "candidates.0.source": "192.0.2.9"}},
		{[]string{"blocked"}, map[string]any{"candidates.0.verdict": "deny", "candidates.0.rule": nil, "jumps.0": nil}},
		{[]string{"nofip"}, map[string]any{"candidates.0": nil, "jump_kind": "server", "jumps.0.kind": "floating", "jumps.0.verdict": "allow", "problems.0": nil}},
		{[]string{"forwarded"}, map[string]any{"candidates.0.kind": "forwarding"}},
		{[]string{"island"}, map[string]any{"jump": nil, "jump_reason": "no jump host: no other server stands on its networks"}},
		{[]string{"twonets", "-4"}, map[string]any{"candidates.0.kind": "fixed", "candidates.0.network": "provider", "ports.1.network": "provider"}},
		{[]string{"-J", "bastion", "inner"}, map[string]any{"jump": "bastion", "jump_kind": "ProxyJump", "candidates.0.dialled": true, "candidates.1.dialled": false}},
		{[]string{"-F", config, "web"}, map[string]any{
			"jump_kind": "ProxyCommand", "jump_reason": config + ":3", "candidates.0.address": "gate.example", "candidates.0.kind": nil, "candidates.0.port_id": nil,
		}},
		{[]string{"volboot"}, map[string]any{"host_keys.0": nil, "problems.0": nil}},
		{[]string{"wrongcidr"}, map[string]any{"server.status": "SHUTOFF", "problems.0.what": "wrongcidr is SHUTOFF"}},
	} {
		status, stdout, stderr := osssh(t, append([]string{"resolve", "--json"}, c.args...)...)
		if status != 0 || stderr != "" {
			t.Fatalf("%q: %d %s", c.args, status, stderr)
		}
		for _, wrong := range againstSchema(t, "resolve", stdout) {
			t.Errorf("%q: %s", c.args, wrong)
		}
		var answer any
		if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
			t.Fatal(err)
		}
		for path, want := range c.want {
			if got := at(answer, path); got != want {
				t.Errorf("%q: %s is %v, want %v", c.args, path, got, want)
			}
		}
	}
}

func ptr[T any](value T) *T { return &value }

// at follows a path of names and numbers, nil where it leads nowhere.
func at(value any, path string) any {
	for part := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[part]
		case []any:
			if len(v) == 0 || part != "0" && part != "1" || part == "1" && len(v) < 2 {
				return nil
			}
			value = v[part[0]-'0']
		}
	}
	return value
}

// It asks the APIs and dials nothing; none of the calls changes anything.
func TestResolveOnlyReads(t *testing.T) {
	cloud := onDemo(t, demo.Options{})
	for _, name := range []string{"web", "nofip"} {
		if status, _, stderr := osssh(t, "resolve", name); status != 0 {
			t.Fatal(stderr)
		}
	}
	for _, call := range cloud.Calls() {
		signsIn := call.Service == "keystone" && call.Path == "/v3/auth/tokens"
		if call.Method != "GET" && !signsIn && !strings.HasSuffix(call.Path, "/action") {
			t.Errorf("%s %s%s", call.Method, call.Service, call.Path)
		}
	}
	if _, err := os.Stat(filepath.Join(cloud.Home(), ".ssh", "osssh")); err == nil {
		t.Error("~/.ssh/osssh was made")
	}
}

// For a person: names before lines, and what is not there left out.
func TestResolveText(t *testing.T) {
	a := resolveAnswer{
		Cloud: "prod", Server: resolveServer{ID: "1d", Name: "web\x1b[2J", Status: "ACTIVE"}, User: "debian", UserSource: "the console log",
		Ports: []resolvePort{{ID: "9b", Network: "private", Addresses: []string{"10.0.0.3", "fd00::3"}}},
		Candidates: []resolveCandidate{
			{Rank: 1, Address: "198.51.100.17", Port: 22, Why: "floating IP", Dialled: true, resolveJudged: resolveJudged{Verdict: "deny", Reason: "no rule"}},
			{Rank: 2, Address: "10.0.0.3", Port: 22, Why: "routed", resolveJudged: resolveJudged{Verdict: "allow", Reason: "ssh admits tcp/22"}},
		},
		Jump: ptr("bastion"), JumpKind: ptr(jumpServer), JumpReason: ptr("on the same network"),
		HostKeys: []resolveHostKey{{SHA256: "SHA256:x", Source: "console"}, {SHA256: "SHA256:y", Type: ptr("ssh-rsa"), Source: "/h:1", Authority: true}},
		Problems: []resolveProblem{{What: "no key", More: []string{"looked at 0"}, Hint: ptr("osssh -i FILE web")}},
	}
	const want = `server     web[2J, ACTIVE (1d)
cloud      prod
user       debian (the console log)
keypair    none
port       9b on private: 10.0.0.3, fd00::3, security groups: none
candidate  1. 198.51.100.17 port 22 (floating IP)
              deny: no rule
           2. 10.0.0.3 port 22 (routed, not dialled)
              allow: ssh admits tcp/22
jump       bastion
              on the same network
hostkey    SHA256:x (console)
           SHA256:y ssh-rsa (/h:1, certificate authority)
problem    no key
           looked at 0
           hint: osssh -i FILE web
`
	var got strings.Builder
	if err := a.fields().WriteText(&got); err != nil || got.String() != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got.String(), want)
	}
	a.HostKeys, a.Jump, a.JumpKind, a.JumpReason = nil, nil, nil, nil
	got.Reset()
	if err := a.fields().WriteText(&got); err != nil || strings.Contains(got.String(), "jump") || !strings.Contains(got.String(), "none is known: you will be asked") {
		t.Errorf("%v\n%s", err, got.String())
	}
}

// A command may share the flags of a login and have its own beside them.
func TestParseExploring(t *testing.T) {
	for _, c := range []struct {
		line string
		json bool
		want string // the error; "": none
	}{
		{"web", false, ""},
		{"--json web", true, ""},
		{"-p 22 bob@web -J gate --json --address floating", true, ""},
		{"web -- ", false, ""},
		{"web uptime --json", false, "resolve takes one NAME"},
		{"web --json=yes", false, "unknown flag --json"},
		{"web --other", false, "unknown flag --other"},
		{"--start web", false, "resolve neither waits nor starts a server"},
		{"--wait=5m web", false, "resolve neither waits nor starts a server"},
		{"--json", true, "no instance named"},
	} {
		asJSON := false
		args, err := parseExploring("resolve", strings.Fields(c.line), globals{}, ownFlags{toggles: map[string]*bool{"json": &asJSON}})
		said := ""
		if err != nil {
			said = err.Error()
		}
		if said != c.want || asJSON != c.json || err == nil && args.host != "web" {
			t.Errorf("%q: json %v, %q", c.line, asJSON, said)
		}
	}
	if _, err := parseSSHArgs([]string{"--json", "web"}, globals{}); err == nil {
		t.Error("a login takes --json")
	}
}

// Every answer of the rules has words, and they name what it rests on.
func TestReasonWords(t *testing.T) {
	tcp, zero, group := "tcp", "0.0.0.0/0", "c0ffee00-1111"
	rule := func(change func(*openstack.SecurityGroupRule)) *secgroup.Rule {
		r := secgroup.Rule{GroupName: "ssh", SecurityGroupRule: openstack.SecurityGroupRule{
			ID: "1a2b3c4d-0000", Direction: "ingress", EtherType: "IPv4", Protocol: &tcp, RemoteIPPrefix: &zero,
		}}
		change(&r.SecurityGroupRule)
		return &r
	}
	open := rule(func(*openstack.SecurityGroupRule) {})
	member := rule(func(r *openstack.SecurityGroupRule) { r.RemoteIPPrefix, r.RemoteGroupID = nil, &group })
	for _, c := range []struct {
		rules secgroup.Verdict
		err   error
		want  string
	}{
		{secgroup.Verdict{Answer: secgroup.Allow, Reason: secgroup.RuleAdmits, Rule: open}, nil, "ssh admits tcp/22 from anywhere (rule 1a2b3c4d)"},
		{secgroup.Verdict{Answer: secgroup.Allow, Reason: secgroup.RuleAdmits, Rule: open, Unreadable: []string{"f-1"}}, nil, "ssh admits tcp/22 from anywhere (rule 1a2b3c4d)"},
		{secgroup.Verdict{Answer: secgroup.Allow, Reason: secgroup.PairAdmits, Rule: member}, nil,
			"ssh admits tcp/22 from members of security group c0ffee00 (rule 1a2b3c4d), as an allowed-address pair"},
		{secgroup.Verdict{Answer: secgroup.Allow, Reason: secgroup.PortSecurityDisabled}, nil, "port security is off"},
		{secgroup.Verdict{Answer: secgroup.Allow, Reason: secgroup.NetworkDevice}, nil, "nothing filters the port (network-device)"},
		{secgroup.Verdict{Answer: secgroup.Deny, Reason: secgroup.NoGroups}, nil, "the port has no security group, so nothing is let in"},
		{secgroup.Verdict{Answer: secgroup.Deny, Reason: secgroup.NoRule}, nil, "no security group of the port admits tcp/22"},
		{secgroup.Verdict{Reason: secgroup.GroupUnreadable, Unreadable: []string{"f-1"}}, nil, "security group f may not be read, and may hold the rule"},
		{secgroup.Verdict{Reason: secgroup.MembersUnreadable, Rule: member}, nil,
			"ssh admits tcp/22 from members of security group c0ffee00 (rule 1a2b3c4d), whose members may not be read"},
		{secgroup.Verdict{Reason: secgroup.RuleUnreadable, Rule: open}, nil, "rule 1a2b3c4d of ssh is not as neutron writes one"},
		{secgroup.Verdict{Reason: secgroup.VNICUncertain}, nil, "no rule admits it, but not every network driver filters such a port"},
		{secgroup.Verdict{Reason: secgroup.ReplyUncertain, Rule: open}, nil,
			"ssh admits tcp/22 from anywhere (rule 1a2b3c4d), but the group is stateless and may not let the reply out"},
		{secgroup.Verdict{Reason: secgroup.StatelessReply, Rule: open}, nil, "security group ssh is stateless, and no egress rule lets the reply out"},
		{secgroup.Verdict{Reason: secgroup.SourceUnknown, Rule: member}, nil,
			"security group ssh admits tcp/22 only from members of security group c0ffee00, and you may come from elsewhere (rule 1a2b3c4d)"},
		{secgroup.Verdict{}, nil, "it is not known which port this address leads to"},
		{secgroup.Verdict{}, errors.New("no"), "security groups could not be checked: no"},
	} {
		v := reach.Verdict{Candidate: resolve.Candidate{Inside: netip.MustParseAddrPort("10.0.0.3:22")}, Rules: c.rules, Err: c.err}
		if got := reasonWords(v); got != c.want {
			t.Errorf("%s: %q, want %q", c.rules.Reason, got, c.want)
		}
	}
	for reason := secgroup.NotEvaluated; reason <= secgroup.StatelessReply; reason++ {
		for _, answer := range []secgroup.Answer{secgroup.Unknown, secgroup.Deny, secgroup.Allow} {
			for _, r := range []*secgroup.Rule{open, member} {
				v := secgroup.Verdict{Answer: answer, Reason: reason, Rule: r, Unreadable: []string{"f"}}
				if reasonWords(reach.Verdict{Rules: v}) == "" {
					t.Errorf("no words for %s, %s", answer, reason)
				}
			}
		}
	}
}

// A group that may not be read keeps its id.
func TestGroupNames(t *testing.T) {
	groups := []openstack.SecurityGroup{{ID: "2", Name: "b"}, {ID: "1", Name: "c"}}
	port := openstack.Port{SecurityGroups: []string{"1", "2", "a"}}
	if got := groupNames(port, groups); !slices.Equal(got, []string{"a", "b", "c"}) || port.SecurityGroups[0] != "1" {
		t.Errorf("%q, %q", got, port.SecurityGroups)
	}
}
