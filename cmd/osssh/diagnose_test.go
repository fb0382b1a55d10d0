package main

import (
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/diagnose"
	"osssh/internal/demo"
	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/resolve"
)

// What --json prints is what docs/diagnose.schema.json says, whatever was found.
func TestDiagnoseJSON(t *testing.T) {
	cloud := onDemo(t, demo.Options{})
	bad := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(bad, []byte("Port nine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
		want   map[string]any // by path
	}{
		{[]string{"web"}, 0, map[string]any{
			"outcome": "healthy", "server.name": "web", "login.user": "debian", "login.signed": true, "causes.0": nil,
			"login.key": filepath.Join(cloud.Home(), ".ssh", "ed25519") + " (ed25519)", "login.address": cloud.Instance("web").Address().String(),
		}},
		{[]string{"nofip"}, 0, map[string]any{"outcome": "healthy", "login.user": "debian"}},
		{[]string{"wrongcidr"}, 1, map[string]any{
			"outcome": "broken", "causes.0.id": "G3", "causes.0.slug": "secgroup-prefix", "causes.0.layer": "group", "causes.0.confidence": "certain",
			"causes.0.fix": "osssh allow wrongcidr --from 127.0.0.1/32", "causes.0.harmless": true, "login": nil,
		}},
		{[]string{"nosuch"}, 1, map[string]any{"server": nil, "causes.0.id": "S1"}},
		{[]string{"-F", bad, "web"}, 1, map[string]any{"causes.0.id": "L14", "server.name": "web"}},
		{[]string{"web", "--os-cloud", "nowhere"}, 1, map[string]any{"cloud": nil, "causes.0.id": "L2"}},
		{[]string{"inner", "--via-instance", "bastion"}, 0, map[string]any{"login.through": "bastion"}},
		{[]string{"other/lone"}, 0, map[string]any{"cloud": "other"}},
	} {
		status, stdout, stderr := osssh(t, append([]string{"diagnose", "--json"}, c.args...)...)
		if status != c.status || stderr != "" {
			t.Fatalf("%q: %d %s", c.args, status, stderr)
		}
		for _, wrong := range againstSchema(t, "diagnose", stdout) {
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

func TestDiagnoseUsage(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	exists := filepath.Join(t.TempDir(), "report.md")
	if err := os.WriteFile(exists, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"":                               "no instance named",
		"web uptime":                     "takes one NAME",
		"web --start":                    "neither waits nor starts",
		"web --fix --json":               "--fix asks",
		"web --report r.pdf":             "FILE.md and FILE.html",
		"web --report " + exists:         "no file is overwritten",
		"web -J gate --via-instance web": "a jump host already",
		"web --source here":              "no address",
		"web -o Nonsense":                "onsense",
	} {
		if status, stdout, stderr := osssh(t, append([]string{"why"}, strings.Fields(line)...)...); status != exitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%q: %d %s%s", line, status, stdout, stderr)
		}
	}
	if content, err := os.ReadFile(exists); err != nil || len(content) > 0 {
		t.Errorf("the report was overwritten: %v", err)
	}
}

// No clouds.yaml is a cause, not a failure.
func TestDiagnoseWithoutConfiguration(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "OS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	for _, name := range []string{"web", "prod/web"} {
		status, stdout, stderr := osssh(t, "why", name)
		if status != 1 || !strings.Contains(stdout, "[L1 no-configuration, certain]\n") || stderr != "" {
			t.Errorf("%s: %d %s%s", name, status, stdout, stderr)
		}
	}
}

// made is an examination of one server, made by hand.
func made(t *testing.T, d diagnose.Diagnosis) *examination {
	t.Helper()
	return &examination{Diagnosis: d, took: 1200 * time.Millisecond, facts: &diagnose.Facts{
		At: time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC), Name: "web",
		Setup: diagnose.Setup{Cloud: "prod", AuthURL: "https://keystone.example/v3", AuthType: openstack.AuthPassword},
		Nova:  diagnose.Nova{Server: &openstack.Server{ID: "1d", Name: "web", Status: "ACTIVE"}},
	}}
}

func madeFinding(id string, confidence diagnose.Confidence, fix diagnose.Fix) diagnose.Finding {
	return diagnose.Finding{
		Cause: diagnose.Cause{ID: id, Slug: "slug-" + strings.ToLower(id), Layer: diagnose.Group}, Confidence: confidence,
		What: "what of " + id, Evidence: []string{"evidence of " + id}, Fix: fix,
	}
}

func TestVerdict(t *testing.T) {
	command := diagnose.Fix{Command: "osssh allow web", Words: "with care", Harmless: true}
	several := made(t, diagnose.Diagnosis{Outcome: diagnose.Broken,
		Causes: []diagnose.Finding{madeFinding("G3", diagnose.Probable, command), madeFinding("T1", diagnose.Possible, command),
			madeFinding("T2", diagnose.Possible, diagnose.Fix{}), madeFinding("T3", diagnose.Possible, diagnose.Fix{})},
		Later: []diagnose.Finding{madeFinding("U1", diagnose.Certain, diagnose.Fix{Words: "the key's owner knows"})},
	})
	several.facts.Gaps = []diagnose.Gap{{What: "routers", Err: errors.New("forbidden")}}
	undecided := made(t, diagnose.Diagnosis{RuledOut: []string{"the security groups admit you"}, Settle: []string{"osssh -v web"}})
	undecided.facts.Gaps = several.facts.Gaps // they stand among what would settle it
	healthy := made(t, diagnose.Diagnosis{Outcome: diagnose.Healthy, Later: []diagnose.Finding{madeFinding("U10", diagnose.Certain, diagnose.Fix{})}})
	healthy.facts.Probes = []diagnose.Probe{{
		Candidate: resolve.Candidate{Address: netip.MustParseAddrPort("198.51.100.7:22")}, Through: "gate",
		Logins: []diagnose.LoginProbe{{User: "root"}, {User: "debian", Accepted: publicKey(t)}},
	}}
	healthy.Login = &healthy.facts.Probes[0].Logins[1]
	for _, c := range []struct {
		name    string
		x       *examination
		verbose bool
		want    []string
	}{
		{"a cause and what else it could be", several, false, []string{
			"cause: what of G3   [G3 slug-g3, probable]", "fix: osssh allow web", "hint: with care",
			"or: what of T1   [T1 slug-t1, possible]", "  fix: osssh allow web", "  hint: with care",
			"or: what of T2   [T2 slug-t2, possible]", "next: what of U1   [U1 slug-u1, certain]", "  hint: the key's owner knows",
		}},
		{"with the evidence", several, true, []string{
			"cause: what of G3   [G3 slug-g3, probable]", "  evidence of G3", "fix: osssh allow web", "hint: with care",
			"or: what of T1   [T1 slug-t1, possible]", "  evidence of T1", "  fix: osssh allow web", "  hint: with care",
			"or: what of T2   [T2 slug-t2, possible]", "  evidence of T2", "or: what of T3   [T3 slug-t3, possible]", "  evidence of T3",
			"next: what of U1   [U1 slug-u1, certain]", "  evidence of U1", "  hint: the key's owner knows", "not seen: routers: forbidden",
		}},
		{"undecided", undecided, false, []string{
			"undecided: no cause was found, and no login was seen to work", "ruled out: the security groups admit you",
			"to settle it: osssh -v web",
		}},
		{"healthy, but for the passphrase", healthy, false, []string{
			"works: the server admits debian with ed25519 " + ssh.FingerprintSHA256(publicKey(t)) +
				" at 198.51.100.7:22 through gate, once the key's passphrase is typed",
			"note: what of U10   [U10 slug-u10, certain]",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &process{env: func(string) string { return "" }}
			var got []string
			for _, r := range p.verdict(c.x, c.verbose) {
				got = append(got, r.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func publicKey(t *testing.T) ssh.PublicKey {
	t.Helper()
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJsK0ySQNkRP4u4ptXCUo5jHK4pYmHFvv/JzDNDMUEQT"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Names from outside bring no control characters to the terminal.
func TestVerdictIsSanitized(t *testing.T) {
	evil := madeFinding("G3", diagnose.Certain, diagnose.Fix{Command: "osssh allow 'a\x1b[2Jb'"})
	evil.What, evil.Evidence = "group \x1b]0;x\x07", []string{"line\nfix: rm -rf ~"}
	x := made(t, diagnose.Diagnosis{Outcome: diagnose.Broken, Causes: []diagnose.Finding{evil},
		Steps: []diagnose.Step{{Name: "you", What: "\x1b[31m", Mark: diagnose.Failed, Note: "a\nb"}}})
	out := scratch(t)
	p := &process{stdout: out, stderr: out, ctx: t.Context(), env: func(string) string { return "" }, ui: &ui{stderr: out}}
	if err := p.writeFindings(x, p.newPathView(false), true); err != nil {
		t.Fatal(err)
	}
	text := content(t, out)
	if strings.ContainsAny(text, "\x1b\x07") || strings.Contains(text, "\nfix: rm") || strings.Count(text, "\n") != 5 {
		t.Errorf("%q", text)
	}
}

// Only what osssh can take back is run, and only what a shell would run too.
func TestMending(t *testing.T) {
	p := &process{}
	for command, want := range map[string]bool{
		"osssh allow web --from 198.51.100.7/32":              true,
		"osssh allow 'my web' --from 198.51.100.7/32":         true,
		"osssh allow web --yes":                               false,
		"osssh key fix /home/me/.ssh/work":                    true,
		"chmod 600 '/home/me/my key'":                         true,
		"ssh-keygen -R openstack-1d -f /home/me/.ssh/known":   true,
		"chmod 777 /home/me/.ssh/work":                        false,
		"osssh --start web":                                   false,
		"openstack server reboot 1d":                          false,
		"osssh allow web; rm -rf ~":                           false,
		"chmod 600 $(id)":                                     false,
		"chmod 600 'open":                                     false,
		"":                                                    false,
		"osssh revoke web":                                    false,
		"ssh-keygen -R openstack-1d -f /x -f /home/me/.ssh/k": false,
	} {
		if got := p.mending(command) != nil; got != want {
			t.Errorf("%s: %v, want %v", command, got, want)
		}
	}
}

// Every word that is quoted comes back as it was.
func FuzzSplitWords(f *testing.F) {
	f.Add("web", "it's")
	f.Add("~/x y", "")
	f.Fuzz(func(t *testing.T, first, second string) {
		words, ok := splitWords("osssh " + terminal.Quote(first) + " " + terminal.Quote(second))
		if !ok || !slices.Equal(words, []string{"osssh", first, second}) {
			t.Errorf("%q %q: %q %v", first, second, words, ok)
		}
	})
}

func TestCauses(t *testing.T) {
	for _, args := range [][]string{{"causes", "--json"}, {"causes", "g3", "--json"}} {
		status, stdout, stderr := osssh(t, args...)
		if status != 0 || stderr != "" {
			t.Fatalf("%q: %d %s", args, status, stderr)
		}
		for _, wrong := range againstSchema(t, "causes", stdout) {
			t.Errorf("%q: %s", args, wrong)
		}
	}
	status, stdout, _ := osssh(t, "causes")
	if lines := strings.Count(stdout, "\n"); status != 0 || lines != len(diagnose.Catalogue()) {
		t.Errorf("%d, %d lines", status, lines)
	}
	for _, name := range []string{"G3", "secgroup-prefix"} {
		if status, stdout, _ := osssh(t, "causes", name); status != 0 || !strings.HasPrefix(stdout, "id\tG3 secgroup-prefix\nlayer\tgroup\n") {
			t.Errorf("%s: %d %s", name, status, stdout)
		}
	}
	if status, _, stderr := osssh(t, "causes", "Z9"); status != exitUsage || !strings.Contains(stderr, `no cause "Z9"`) {
		t.Errorf("%d %s", status, stderr)
	}
}

// Each word for a mark has its sign, and its class in the picture.
func TestMarkWords(t *testing.T) {
	signs := map[string]bool{}
	for mark := diagnose.NotReached; mark <= diagnose.Failed; mark++ {
		signs[signOf(markWord(mark))] = true
		if markClasses()[markWord(mark)] == "" {
			t.Errorf("%s has no class", markWord(mark))
		}
	}
	if len(signs) != 4 || signs[""] {
		t.Errorf("signs %q", slices.Collect(maps.Keys(signs)))
	}
}
