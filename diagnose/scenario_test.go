package diagnose

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"osssh/internal/demo"
	"osssh/internal/openstack"
	"osssh/reach"
	"osssh/sshconfig"
)

// scenario is a cloud in which one thing is broken, or two.
type scenario struct {
	cause string // that is broken, and met first
	also  string // broken too, and named after it; "": nothing
	name  string // what is broken, in a few words
	// breaks changes the cloud and says what is typed. nil: the standard cloud
	// holds the fault already.
	breaks func(*stage)
	// mends runs the printed fix, after which a login works. nil: it is not safe
	// to run, or nothing that is typed mends it.
	mends func(*stage, Fix)
	// sshd: real ones answer in the instances, see stage.configure.
	sshd bool
	// beside: it stops no login, and is told beside one that works.
	beside bool
}

// scenarios are all there are, by the catalogue's parts.
func scenarios() []scenario {
	return slices.Concat(
		localScenarios(), cloudScenarios(), serverScenarios(), addressScenarios(), pathScenarios(), groupScenarios(),
		twoFaultScenarios(),
		transportScenarios(), hostKeyScenarios(), userScenarios(), guestScenarios(), sessionScenarios(),
	)
}

// places says among how many causes one must be named: what is certain is the
// first one, what is probable or a hypothesis is among three.
func places(id string) int {
	if slices.Contains(uncertain, id) {
		return 3
	}
	return 1
}

// uncertain are the causes that the facts of a client can make likely only.
var uncertain = []string{
	"C5", "S13", "A4", "A8", "P4", "P5", "P7", "P9", "P10", "P11", "P14", "P15", "G8", "G9", "G10",
	"T1", "T3", "T4", "T5", "U5", "U14", "O6", "O8", "O9", "X3", "X4", "X6",
}

// patience is how long a diagnosis may take beside many others: alone one of a
// silent server takes 3 s, and one of a silent API as long as that is waited for.
const patience = max(signInPatience, lookupPatience) + 5*time.Second

// Each scenario has a cloud of its own. What is broken must be named.
func TestScenarios(t *testing.T) {
	var results confusion
	t.Run("all", func(t *testing.T) {
		for _, sc := range scenarios() {
			t.Run(sc.title(), func(t *testing.T) { results.play(t, sc) })
		}
	})
	t.Log(results.String())
}

func (sc scenario) title() string {
	if sc.also != "" {
		return sc.cause + " before " + sc.also + " " + sc.name
	}
	return sc.cause + " " + sc.name
}

func (r *confusion) play(t *testing.T, sc scenario) {
	s := newStage(t, sc.sshd)
	if sc.breaks != nil {
		sc.breaks(s)
	}
	began := time.Now()
	f, d := s.diagnose()
	took := time.Since(began)
	named, outcome := d.Causes, Broken
	if sc.beside {
		named, outcome = d.Later, Healthy
	}
	r.add(sc, d.Outcome, named, took)
	if took > patience {
		t.Errorf("it took %v", took)
	}
	place := placeOf(sc.cause, named)
	if d.Outcome != outcome || place < 0 || place >= places(sc.cause) {
		t.Fatalf("%s is not named in its place\n%s", sc.cause, describe(f, d))
	}
	if sc.also != "" && (d.Causes[0].Cause.ID != sc.cause || placeOf(sc.also, slices.Concat(d.Causes, d.Later)) < 1) {
		t.Errorf("%s and %s are not named in this order\n%s", sc.cause, sc.also, describe(f, d))
	}
	finding := named[place]
	if finding.What == "" || finding.Fix == (Fix{}) {
		t.Errorf("it says too little: %+v", finding)
	}
	if sc.mends == nil {
		return
	}
	sc.mends(s, finding.Fix)
	if f, d = s.diagnose(); d.Outcome != Healthy {
		t.Errorf("%q does not mend it\n%s", finding.Fix.Command, describe(f, d))
	}
}

func placeOf(id string, findings []Finding) int {
	return slices.IndexFunc(findings, func(f Finding) bool { return f.Cause.ID == id })
}

// describe is a diagnosis for whoever reads a failed test.
func describe(f *Facts, d Diagnosis) string {
	var b strings.Builder
	fmt.Fprintf(&b, "outcome %s\n", d.Outcome)
	list := func(title string, findings []Finding) {
		for _, one := range findings {
			fmt.Fprintf(&b, "  %s: %s\n    fix: %s (%s)\n", title, one, one.Fix.Command, one.Fix.Words)
			for _, line := range one.Evidence {
				fmt.Fprintf(&b, "    %s\n", line)
			}
		}
	}
	list("cause", d.Causes)
	list("later", d.Later)
	for _, p := range f.Probes {
		fmt.Fprintf(&b, "  probe: %s %s passed over %t, failed %v, logins %+v\n", p.Candidate.Address, p.Candidate.Kind, p.PassedOver, p.Failed, p.Logins)
	}
	for _, v := range f.Way.Verdicts {
		fmt.Fprintf(&b, "  verdict: %s from %s: %+v\n", v.Candidate.Address, v.Source, v.Rules)
	}
	for _, c := range f.Control {
		fmt.Fprintf(&b, "  control: %+v\n", c)
	}
	for _, gap := range f.Gaps {
		fmt.Fprintf(&b, "  gap: %s: %v\n", gap.What, gap.Err)
	}
	fmt.Fprintf(&b, "  phase %v, setup %v %v, lookup %v, problems %v, jump %v", f.Phase, f.Setup.Err, f.Setup.SignIn, f.Nova.Lookup, f.Way.Problems, f.Way.JumpErr)
	return b.String()
}

// loopbackAddress is whom the demo's ports see.
var loopbackAddress = netip.MustParseAddr("127.0.0.1")

// stage is a demo cloud and what is typed before it.
type stage struct {
	*world
	request  reach.Request     // Name is web unless said
	options  string            // of -o, one a line
	userFile string            // ~/.ssh/config
	env      map[string]string // beside the demo's own
	source   netip.Addr        // --source
	via      string            // --via-instance
	adjust   func(*Config)     // the last word
}

func newStage(t *testing.T, sshd bool) *stage {
	options := demo.Options{}
	if sshd {
		options.SSHD = writeSSHD(t)
	}
	return &stage{world: startWorld(t, options), request: reach.Request{Name: "web"}, env: map[string]string{}}
}

// diagnose does what the command does.
func (s *stage) diagnose() (*Facts, Diagnosis) {
	s.t.Helper()
	ctx := s.t.Context()
	var setup Setup
	options := s.options
	if s.via != "" {
		options += "\nProxyJump=" + s.via
	}
	settings, err := s.evaluate(ctx, options, s.userFile)
	if err != nil {
		setup.SSHConfig = err
		if settings, err = s.evaluate(ctx, options, ""); err != nil {
			s.t.Fatal(err)
		}
	}
	request := s.request
	request.Settings = settings
	config := Config{Setup: setup, Via: s.via}
	cloud, err := s.load()
	if err != nil {
		config.Setup.Err = err
	} else {
		s.cloud = cloud
		config.Reach = s.config().Reach
		config.Reach.Source = s.source
	}
	if s.adjust != nil {
		s.adjust(&config)
	}
	f := Gather(ctx, config, request, nil)
	return f, Explain(f)
}

func (s *stage) evaluate(ctx context.Context, options, userFile string) (*sshconfig.Settings, error) {
	return sshconfig.Evaluate(ctx, sshconfig.Options{
		Host: s.request.Name, User: s.request.User, Port: s.request.Port, UserFile: userFile, Home: s.Home(),
		UID: os.Getuid(), Overrides: slices.DeleteFunc(strings.Split(options, "\n"), func(line string) bool { return line == "" }),
	})
}

// load reads clouds.yaml and the environment anew.
func (s *stage) load() (*openstack.Cloud, error) {
	env := map[string]string{}
	for _, variable := range s.Env() {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	maps.Copy(env, s.env)
	return openstack.Load(openstack.Options{Home: s.Home(), Env: func(name string) string { return env[name] }})
}

// instance makes the SSH server of an instance misbehave.
func (s *stage) instance(name string, fault demo.SSHFault) { s.inject(sshFault(name, fault)) }

// console replaces what an instance's console says.
func (s *stage) console(name, text string) { s.inject(demo.Fault{Instance: name, Console: &text}) }

// status gives a server a status of nova's.
func (s *stage) status(name, status string) {
	s.inject(demo.Fault{Instance: name, ServerStatus: &status})
}

// write puts a file below the home directory.
func (s *stage) write(name, text string, mode os.FileMode) string {
	s.t.Helper()
	path := filepath.Join(s.Home(), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// confusion counts which cause was named where one was injected.
type confusion struct {
	mu    sync.Mutex
	plays []play
}

type play struct {
	title, injected, named string
	took                   time.Duration
}

func (r *confusion) add(sc scenario, outcome Outcome, findings []Finding, took time.Duration) {
	named := outcome.String()
	if place := placeOf(sc.cause, findings); place >= 0 && place < places(sc.cause) {
		named = sc.cause
	} else if len(findings) > 0 {
		named = findings[0].Cause.ID
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plays = append(r.plays, play{sc.title(), sc.cause, named, took})
}

// String is the table: the cells beside the diagonal one by one, the rest summed up.
func (r *confusion) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	causes, times, right := map[string]bool{}, []time.Duration{}, 0
	b.WriteString("cause injected × cause named\n")
	for _, p := range r.plays {
		causes[p.injected] = true
		times = append(times, p.took)
		if p.injected == p.named {
			right++
			continue
		}
		fmt.Fprintf(&b, "  %-4s × %-9s %s\n", p.injected, p.named, p.title)
	}
	fmt.Fprintf(&b, "%d of %d scenarios, %d causes: on the diagonal", right, len(r.plays), len(causes))
	if slices.Sort(times); len(times) > 0 {
		fmt.Fprintf(&b, "\ntime of a diagnosis beside others: half within %v, the longest %v",
			times[len(times)/2].Round(time.Millisecond), times[len(times)-1].Round(time.Millisecond))
	}
	return b.String()
}

// A cause without a scenario has a reason for that.
func TestEveryCauseHasAScenario(t *testing.T) {
	played, pairs := map[string]bool{}, 0
	for _, sc := range scenarios() {
		played[sc.cause] = true
		if sc.also != "" {
			pairs++
		}
	}
	if all := len(scenarios()); all < 100 || len(played) < 90 || pairs < 15 {
		t.Errorf("%d scenarios over %d causes, %d of two faults", all, len(played), pairs)
	}
	known := map[string]bool{}
	for _, cause := range Catalogue() {
		known[cause.ID] = true
		reason := withoutScenario[cause.ID]
		switch {
		case played[cause.ID] && reason != "":
			t.Errorf("%s has a scenario, and a reason why it has none", cause.ID)
		case !played[cause.ID] && reason == "":
			t.Errorf("%s %s has no scenario, and no reason for that", cause.ID, cause.Slug)
		}
	}
	for id := range withoutScenario {
		if !known[id] {
			t.Errorf("no cause %s", id)
		}
	}
	for id := range played {
		if !known[id] {
			t.Errorf("no cause %s", id)
		}
	}
}
