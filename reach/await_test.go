package reach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"osssh/internal/console"
	"osssh/internal/demo"
	"osssh/internal/openstack"
	"osssh/resolve"
	"osssh/sshconfig"
)

func TestStates(t *testing.T) {
	for _, test := range []struct {
		status, task string
		transition   bool
		action       openstack.PowerAction
	}{
		{"ACTIVE", "", false, ""},
		{"ACTIVE", "powering-off", true, ""},
		{"ACTIVE", "deleting", true, ""},
		{"ACTIVE", "image_snapshot", false, ""},
		{"ACTIVE", "migrating", false, ""},
		{"BUILD", "", true, ""},
		{"BUILD", "spawning", true, ""},
		{"REBOOT", "rebooting", true, ""},
		{"HARD_REBOOT", "", true, ""},
		{"REBUILD", "rebuilding", true, ""},
		{"RESIZE", "resize_migrating", true, ""},
		{"VERIFY_RESIZE", "", false, ""},
		{"ERROR", "deleting", false, ""},
		{"SOFT_DELETED", "", false, ""},
		{"SHUTOFF", "", false, openstack.Start},
		{"SHUTOFF", "powering-on", true, openstack.Start},
		{"PAUSED", "", false, openstack.Unpause},
		{"SUSPENDED", "", false, openstack.Resume},
		{"SHELVED", "", false, openstack.Unshelve},
		{"SHELVED_OFFLOADED", "", false, openstack.Unshelve},
		{"UNKNOWN", "", false, ""},
	} {
		s := openstack.Server{Status: test.status, TaskState: test.task}
		if got := inTransition(s); got != test.transition {
			t.Errorf("%s %s: in transition %v", test.status, test.task, got)
		}
		if action, down := wayUp(s); action != test.action || down != (test.action != "") {
			t.Errorf("%s: %q, %v", test.status, action, down)
		}
	}
}

func TestPasses(t *testing.T) {
	for _, test := range []struct {
		err  error
		want bool
	}{
		{&openstack.APIError{Status: 500}, true},
		{fmt.Errorf("x: %w", &openstack.APIError{Status: 504}), true},
		{&openstack.APIError{Status: 429}, true},
		{&openstack.APIError{Status: 403}, false},
		{&openstack.APIError{Status: 409}, false},
		{&openstack.UnreachableError{Err: net.ErrClosed}, true},
		{&openstack.BodyError{Status: 200}, true},
		{&openstack.AuthError{Status: 401}, false},
		{&openstack.TokenRefusedError{}, false},
		{context.Canceled, false},
	} {
		if got := passes(test.err); got != test.want {
			t.Errorf("%v: %v", test.err, got)
		}
	}
}

// Only a boot that may be under way is worth waiting for its host keys.
func TestLacksHostKeys(t *testing.T) {
	key := newKey(t)
	young, old := openstack.Time{Time: time.Now().Add(-time.Minute)}, openstack.Time{Time: time.Now().Add(-time.Hour)}
	for _, test := range []struct {
		name     string
		keys     hostKeys
		launched openstack.Time
		looked   bool
		want     bool
	}{
		{"launched just now", hostKeys{}, young, false, true},
		{"seen to come up", hostKeys{}, old, true, true},
		{"up for long", hostKeys{}, old, false, false},
		{"remembered", hostKeys{memory: []sshconfig.Line{{Key: key}}}, young, true, false},
		{"told", hostKeys{boot: console.Log{Fingerprints: []string{"SHA256:x"}}}, young, true, false},
	} {
		w := &wait{server: openstack.Server{LaunchedAt: test.launched}, looked: test.looked}
		if got := w.lacksHostKeys(&Plan{hostKeys: test.keys}); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// An action of which nothing has come after a while has failed.
func TestActionComesToNothing(t *testing.T) {
	w := &wait{config: &Config{}, server: openstack.Server{Status: "SHUTOFF"}, acted: time.Now().Add(-2 * actionPatience)}
	if err := w.untilSettled(t.Context()); err != nil {
		t.Error(err)
	}
	w.acted = time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := w.untilSettled(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("gives up at once: %v", err)
	}
}

// answers tells a server that answers, one that refuses, and one that says nothing.
func TestAnswers(t *testing.T) {
	listen := func(greeting string) resolve.Candidate {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		if greeting != "-" {
			go func() {
				for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
					_, _ = conn.Write([]byte(greeting))
					_ = conn.Close()
				}
			}()
		}
		return resolve.Candidate{Address: netip.MustParseAddrPort(l.Addr().String())}
	}
	speaks, tarpit, other := listen("SSH-2.0-x\r\n"), listen("-"), listen("Not allowed at this time\r\n")
	refuses := resolve.Candidate{Address: netip.MustParseAddrPort("127.0.0.1:1")}
	for _, test := range []struct {
		name           string
		candidates     []resolve.Candidate
		answered, sign bool
	}{
		{"speaks", []resolve.Candidate{speaks}, true, true},
		{"one of several", []resolve.Candidate{tarpit, refuses, speaks}, true, true},
		{"refuses", []resolve.Candidate{refuses}, false, true},
		{"no SSH", []resolve.Candidate{other}, false, true},
		{"silent", []resolve.Candidate{tarpit}, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			answered, sign := answers(t.Context(), test.candidates)
			if answered != test.answered || sign != test.sign {
				t.Errorf("answered %v, sign %v", answered, sign)
			}
			if took := time.Since(began); took > probePatience+time.Second || answered && took > probePatience/2 {
				t.Errorf("took %s", took)
			}
		})
	}
}

// staged follows the stages that a login shows.
func (l *login) staged() func() []string {
	var mu sync.Mutex
	var stages []string
	l.Stage = func(s string) {
		mu.Lock()
		defer mu.Unlock()
		stages = append(stages, s)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(stages)
	}
}

// pace makes nova and the guest take their time over what follows.
func pace(t *testing.T, cloud *demo.Cloud, name, task, boot string) {
	t.Helper()
	inject(t, cloud, demo.Fault{Instance: name, Metadata: map[string]string{"demo_task": task, "demo_boot": boot}})
}

func (a *api) act(cloud *demo.Cloud, name, body string) {
	a.t.Helper()
	a.do("POST", "/compute/v2.1/servers/"+cloud.Instance(name).ID()+"/action", body)
}

// A first boot is followed to its end, and nothing is asked.
func TestOpenWaits(t *testing.T) {
	cloud := startDemo(t)
	a := signIn(t, cloud)
	pace(t, cloud, "web", "500ms", "5s")
	a.act(cloud, "web", fmt.Sprintf(`{"rebuild":{"imageRef":%q}}`, a.id("/image/v2/images", "images", "debian-12")))
	l := newLogin(t, cloud)
	stages := l.staged()
	plan, _ := l.open(t, Request{Name: "web", Wait: 30 * time.Second})
	if plan.Server.Status != "ACTIVE" || fromMemory(plan) {
		t.Errorf("%s, from memory %v", plan.Server.Status, fromMemory(plan))
	}
	shown := strings.Join(stages(), "\n")
	for _, want := range []string{"waiting for web: REBUILD, rebuilding", "waiting for web: SSH", "waiting for web: cloud-init"} {
		if !strings.Contains(shown, want) {
			t.Errorf("no stage %q in\n%s", want, shown)
		}
	}
	if notes := l.noted(); len(notes) > 0 {
		t.Errorf("notes: %v", notes)
	}
	if got, want := knownKeys(t, l, plan.Server.ID), fingerprints(cloud.Instance("web").HostKeys()); !slices.Equal(got, want) {
		t.Errorf("host keys %q are remembered, want %q", got, want)
	}

	// One that is remembered and answers is logged in to from memory, as ever.
	if plan, _ = newLogin(t, cloud).open(t, Request{Name: "web", Wait: time.Minute}); !fromMemory(plan) {
		t.Error("not from memory")
	}
}

// The console tells the host keys after SSH has answered.
func TestOpenWaitsForHostKeys(t *testing.T) {
	cloud := startDemo(t)
	a := signIn(t, cloud)
	pace(t, cloud, "web", "300ms", "0s")
	a.act(cloud, "web", fmt.Sprintf(`{"rebuild":{"imageRef":%q}}`, a.id("/image/v2/images", "images", "debian-12")))
	early := "[    0.000000] Linux version 6.1.0\n"
	inject(t, cloud, demo.Fault{Instance: "web", Console: &early})
	l := newLogin(t, cloud)
	l.Stage = func(s string) {
		if strings.HasSuffix(s, "the host keys on its console") {
			time.AfterFunc(1500*time.Millisecond, cloud.ClearFaults)
		}
	}
	plan, _ := l.open(t, Request{Name: "web", Wait: 20 * time.Second})
	if !plan.hostKeys.boot.HasHostKeys() {
		t.Error("no host keys from the console")
	}
}

// What ends a waiting. More of it, with its words, is in the scripts of cmd/osssh.
func TestOpenWaitEnds(t *testing.T) {
	panicked := "[    1.500000] Kernel panic - not syncing: VFS\n"
	refuses := demo.SSHRefuse
	for _, test := range []struct {
		name  string
		wait  time.Duration
		early []demo.Fault // before the login
		late  func(*api, *demo.Cloud)
		check func(error) bool
	}{
		{"the time", 2 * time.Second, []demo.Fault{{Instance: "web", SSH: &refuses}}, nil, func(err error) bool {
			var e *NotReadyError
			return errors.As(err, &e) && e.Boot.Reached() != "" && e.Limit == 2*time.Second && e.Server.Status == "ACTIVE"
		}},
		{"panic", time.Minute, []demo.Fault{{Instance: "web", SSH: &refuses, Console: &panicked}}, nil, func(err error) bool {
			var e *BootError
			return errors.As(err, &e) && e.Fault.ID == console.KernelPanic
		}},
		{"nova forbids", time.Minute, []demo.Fault{{Instance: "web", SSH: &refuses}}, func(a *api, cloud *demo.Cloud) {
			inject(a.t, cloud, demo.Fault{Service: "nova", Method: "GET", Path: "/v2.1/servers/*", Status: http.StatusForbidden})
		}, openstack.IsForbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			cloud := startDemo(t)
			a := signIn(t, cloud)
			inject(t, cloud, test.early...)
			l := newLogin(t, cloud)
			var once sync.Once
			l.Stage = func(s string) {
				if test.late != nil && strings.HasSuffix(s, ": SSH") {
					once.Do(func() { test.late(a, cloud) })
				}
			}
			began := time.Now()
			if _, err := l.try(t, Request{Name: "web", Wait: test.wait}); !test.check(err) {
				t.Errorf("%T %v", err, err)
			}
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// ctrl-C ends a waiting at once, wherever it is.
func TestOpenWaitIsCancelled(t *testing.T) {
	refuses := demo.SSHRefuse
	for _, test := range []struct {
		at      string
		prepare func(*api, *demo.Cloud)
	}{
		{"REBOOT, rebooting", func(a *api, cloud *demo.Cloud) {
			pace(t, cloud, "web", "60s", "0s")
			a.act(cloud, "web", `{"reboot":{"type":"SOFT"}}`)
		}},
		{"SSH", func(_ *api, cloud *demo.Cloud) { inject(t, cloud, demo.Fault{Instance: "web", SSH: &refuses}) }},
	} {
		t.Run(test.at, func(t *testing.T) {
			cloud := startDemo(t)
			test.prepare(signIn(t, cloud), cloud)
			l := newLogin(t, cloud)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var stopped time.Time
			l.Stage = func(s string) {
				if s == "waiting for web: "+test.at {
					stopped = time.Now()
					cancel()
				}
			}
			_, _, err := Open(ctx, &l.Config, Request{Name: "web", Wait: time.Minute, Settings: noSettings(t, "web", l.Keys.Home)})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%T %v", err, err)
			}
			if took := time.Since(stopped); took > 500*time.Millisecond {
				t.Errorf("took %s to end", took)
			}
		})
	}
}

// Where the rules let nobody in it is the dial's affair to tell.
func TestOpenWaitDenied(t *testing.T) {
	cloud := startDemo(t)
	l := newLogin(t, cloud)
	stages := l.staged()
	_, err := l.try(t, Request{Name: "blocked", Wait: time.Minute, NoJump: true})
	var unreached *UnreachedError
	if !errors.As(err, &unreached) || len(unreached.Verdicts) == 0 {
		t.Errorf("%T %v", err, err)
	}
	if shown := stages(); slices.Contains(shown, "waiting for blocked: the login prompt") {
		t.Errorf("looked at the console first: %q", shown)
	}
}

// A boot that has been over for a while does not keep an address silent.
func TestLongOver(t *testing.T) {
	for _, test := range []struct {
		over time.Time
		want bool
	}{
		{time.Time{}, false},
		{time.Now(), false},
		{time.Now().Add(-settledPatience - time.Second), true},
	} {
		if got := (bootLog{over: test.over}).longOver(); got != test.want {
			t.Errorf("over at %v: %v", test.over, got)
		}
	}
}

// A server that is down is started if the user says so.
func TestOpenStarts(t *testing.T) {
	cloud := startDemo(t)
	a := signIn(t, cloud)
	newLogin(t, cloud).open(t, Request{Name: "web"}) // a later boot tells no host keys
	a.act(cloud, "web", `{"os-stop":null}`)
	l := newLogin(t, cloud)
	l.Memory = nil
	if _, err := l.try(t, Request{Name: "web"}); !errors.As(err, new(*StateError)) {
		t.Errorf("nobody to ask: %v", err)
	}
	var asked []openstack.PowerAction
	answer, failure := false, error(nil)
	l.StartServer = func(_ context.Context, _ openstack.Server, action openstack.PowerAction) (bool, error) {
		asked = append(asked, action)
		return answer, failure
	}
	if _, err := l.try(t, Request{Name: "web"}); !errors.As(err, new(*StateError)) {
		t.Errorf("the answer is no: %v", err)
	}
	answer, failure = true, io.EOF
	if _, err := l.try(t, Request{Name: "web"}); !errors.Is(err, io.EOF) {
		t.Errorf("no answer: %v", err)
	}
	if notes := l.noted(); len(notes) > 0 {
		t.Errorf("started unasked: %v", notes)
	}
	failure = nil
	l.open(t, Request{Name: "web"})
	if want := slices.Repeat([]openstack.PowerAction{openstack.Start}, 3); !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
	if notes := l.noted(); !slices.Equal(notes, []NoteKind{ServerStarted}) {
		t.Errorf("notes: %v", notes)
	}
}

// Nova may refuse; and another may have started the server meanwhile.
func TestOpenStartRefused(t *testing.T) {
	cloud := startDemo(t)
	a := signIn(t, cloud)
	newLogin(t, cloud).open(t, Request{Name: "web"})
	a.act(cloud, "web", `{"os-stop":null}`)
	a.act(cloud, "web", `{"lock":null}`)
	l := newLogin(t, cloud)
	_, err := l.try(t, Request{Name: "web", Start: true})
	var refused *StartError
	if !errors.As(err, &refused) || refused.Action != openstack.Start || !refused.Server.Locked {
		t.Errorf("%T %v", err, err)
	}
	a.act(cloud, "web", `{"unlock":null}`)
	l.StartServer = func(context.Context, openstack.Server, openstack.PowerAction) (bool, error) {
		a.act(cloud, "web", `{"os-start":null}`)
		return true, nil
	}
	l.open(t, Request{Name: "web"})
}

// What the console says of the boot before is not the new one's fault.
func TestOpenStartAfterPanic(t *testing.T) {
	cloud := startDemo(t)
	a := signIn(t, cloud)
	l := newLogin(t, cloud)
	l.open(t, Request{Name: "web"})
	a.act(cloud, "web", `{"os-stop":null}`)
	panicked := cloud.Instance("web").Console() + "[    9.900000] Kernel panic - not syncing: VFS\n"
	inject(t, cloud, demo.Fault{Instance: "web", Console: &panicked})
	pace(t, cloud, "web", "200ms", "4s")
	l.Memory = nil
	l.open(t, Request{Name: "web", Start: true})
}

// A host that no other machine can be is the only one that is asked whether it
// answers, as long as nothing tells the host key.
func TestDistinct(t *testing.T) {
	mine := resolve.Candidate{Why: resolve.Floating, Address: netip.MustParseAddrPort("198.51.100.7:22")}
	anyones := resolve.Candidate{Why: resolve.Routed, Address: netip.MustParseAddrPort("10.0.0.7:22")}
	p := &Plan{Candidates: []resolve.Candidate{mine, anyones}, config: &Config{}, hostKeys: hostKeys{
		settings: noSettings(t, "web", t.TempDir()), users: &sshconfig.KnownHosts{}}}
	if got := p.distinct(); !slices.Equal(got, []resolve.Candidate{mine}) {
		t.Errorf("%v", got)
	}
	p.hostKeys.memory = []sshconfig.Line{{Key: newKey(t)}}
	if got := p.distinct(); len(got) != 2 {
		t.Errorf("%v", got)
	}
}
