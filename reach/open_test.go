package reach

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/demo"
	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/resolve"
	"osssh/sshconfig"
)

// startDemo brings up a demo cloud that ends with the test. Such tests share
// nothing and mostly wait: they run beside one another.
func startDemo(t *testing.T) *demo.Cloud {
	t.Helper()
	t.Parallel()
	cloud, err := demo.Start(t.Context(), demo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	return cloud
}

func inject(t *testing.T, cloud *demo.Cloud, faults ...demo.Fault) {
	t.Helper()
	for _, fault := range faults {
		if err := cloud.Inject(fault); err != nil {
			t.Fatal(err)
		}
	}
}

// slow delays every answer of every API.
func slow(t *testing.T, cloud *demo.Cloud, delay time.Duration) {
	t.Helper()
	for _, service := range []string{"keystone", "nova", "neutron", "glance", "cinder"} {
		inject(t, cloud, demo.Fault{Service: service, Path: "/", Delay: delay})
	}
}

func loadCloud(t *testing.T, cloud *demo.Cloud) *openstack.Cloud {
	t.Helper()
	loaded, err := openstack.Load(openstack.Options{Home: cloud.Home(), Env: func(name string) string {
		for _, variable := range cloud.Env() {
			if value, ok := strings.CutPrefix(variable, name+"="); ok {
				return value
			}
		}
		return ""
	}})
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// A login is one start of osssh: nothing but files outlives it.
type login struct {
	Config
	began time.Time

	mu      sync.Mutex
	notes   []Note
	events  []connect.EventKind
	dialled []time.Time
}

// newLogin fails the test where a question is asked; tests that expect one
// replace the callback.
func newLogin(t *testing.T, cloud *demo.Cloud) *login {
	t.Helper()
	local, err := LocalNetwork()
	if err != nil {
		t.Fatal(err)
	}
	loaded, cache := loadCloud(t, cloud), filepath.Join(cloud.Home(), ".cache", "osssh")
	l := &login{began: time.Now()}
	l.Config = Config{
		Cloud: loaded, Local: local, Version: "SSH-2.0-test",
		KnownHosts: filepath.Join(cloud.Home(), ".ssh", "osssh", "known_hosts"),
		Keys:       keystore.Search{Home: cloud.Home()},
		Memory:     NewMemory(cache, loaded),
		SettingsOf: func(_ context.Context, hop sshconfig.JumpHost) (*sshconfig.Settings, error) {
			return noSettings(t, hop.Host, cloud.Home()), nil
		},
		AcceptHostKey: func(_ context.Context, q HostKeyQuestion) (bool, error) {
			t.Errorf("asked about host key %s", ssh.FingerprintSHA256(q.Key))
			return false, nil
		},
		Notify: func(n Note) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.notes = append(l.notes, n)
		},
		Trace: func(e connect.Event) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.events = append(l.events, e.Kind)
			if e.Kind == connect.EventDial {
				l.dialled = append(l.dialled, time.Now())
			}
		},
	}
	var once sync.Mutex
	var client *openstack.Client
	l.Client = func(ctx context.Context, _ bool) (*openstack.Client, error) {
		once.Lock()
		defer once.Unlock()
		if client != nil {
			return client, nil
		}
		connected, err := openstack.Connect(ctx, loaded, openstack.ClientOptions{CacheDir: cache})
		if err == nil {
			client = connected
		}
		return connected, err
	}
	return l
}

// open logs in and runs a command.
func (l *login) open(t *testing.T, r Request) (*Plan, time.Duration) {
	t.Helper()
	plan, err := l.try(t, r)
	if err != nil {
		t.Fatal(err)
	}
	return plan, l.dialled[len(l.dialled)-1].Sub(l.began)
}

func (l *login) try(t *testing.T, r Request) (*Plan, error) {
	t.Helper()
	r.Settings = noSettings(t, r.Name, l.Keys.Home)
	client, plan, err := Open(t.Context(), &l.Config, r)
	if err != nil {
		return plan, err
	}
	defer plan.Close()
	defer client.Close()
	var out bytes.Buffer
	exit, err := client.Session(t.Context(), connect.SessionOptions{
		Command: "echo here; exit 3", NoStdin: true, Stdout: &out, Stderr: io.Discard,
	})
	if err != nil || exit.Status != 3 || out.String() != "here\n" {
		t.Errorf("session: status %d, %q, %v", exit.Status, &out, err)
	}
	return plan, nil
}

// noted gives the kinds of the notes so far.
func (l *login) noted() (kinds []NoteKind) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, note := range l.notes {
		kinds = append(kinds, note.Kind)
	}
	return kinds
}

// saw says whether a step was taken.
func (l *login) saw(kind connect.EventKind) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.events, kind)
}

// age moves the API's last word on a name into the past.
func (l *login) age(t *testing.T, name string, by time.Duration) {
	t.Helper()
	l.remember(t, name, func(past *remembered) { past.Confirmed = past.Confirmed.Add(-by) })
}

func (l *login) remember(t *testing.T, name string, change func(*remembered)) {
	t.Helper()
	past, ok := l.Memory.recall(name)
	if !ok {
		t.Fatalf("%s is not remembered", name)
	}
	change(&past)
	if err := l.Memory.store(name, past); err != nil {
		t.Fatal(err)
	}
}

func fromMemory(p *Plan) bool { return p.facts == nil }

// knownKeys are the fingerprints that are remembered of a server, sorted.
func knownKeys(t *testing.T, l *login, id string) []string {
	t.Helper()
	known, problems, err := sshconfig.ReadKnownHosts(l.KnownHosts)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	var keys []ssh.PublicKey
	for _, line := range known.Lookup("openstack-" + id).Keys {
		keys = append(keys, line.Key)
	}
	return fingerprints(keys)
}

func fingerprints(keys []ssh.PublicKey) (all []string) {
	for _, key := range keys {
		all = append(all, ssh.FingerprintSHA256(key))
	}
	slices.Sort(all)
	return all
}

func TestOpen(t *testing.T) {
	cloud := startDemo(t)
	l, web := newLogin(t, cloud), cloud.Instance("web")
	plan, _ := l.open(t, Request{Name: "web"})
	if plan.Server.ID != web.ID() || plan.Login.User != web.User() || fromMemory(plan) {
		t.Errorf("server %s as %q, from memory %v", plan.Server.ID, plan.Login.User, fromMemory(plan))
	}
	if got := plan.Candidates[0].Address; got != web.Address() {
		t.Errorf("candidate %v, want %v", got, web.Address())
	}
	if notes := l.noted(); len(notes) > 0 {
		t.Errorf("notes: %v", notes)
	}
	if got, want := knownKeys(t, l, web.ID()), fingerprints(web.HostKeys()); !slices.Equal(got, want) {
		t.Errorf("host keys %q are remembered, want %q", got, want)
	}
	past, ok := l.Memory.recall("web")
	if !ok || past.ServerID != web.ID() || past.Address != web.Address() || past.User != web.User() ||
		past.Why != plan.Candidates[0].Why || time.Since(past.Confirmed) > time.Minute {
		t.Errorf("remembered: %v %+v", ok, past)
	}
}

// A login that asked for more than a name is not what the next one means.
func TestOpenRemembersPlainLoginsOnly(t *testing.T) {
	cloud := startDemo(t)
	port := int(cloud.Instance("web").Address().Port())
	for _, r := range []Request{
		{Name: "web", Port: port}, {Name: "web", Family: 4},
		{Name: "web", Choice: resolve.ParseChoice("127.0.0.1")},
		{Name: "web", Identities: []string{filepath.Join(cloud.Home(), ".ssh", "ed25519")}},
	} {
		l := newLogin(t, cloud)
		l.open(t, r)
		if past, ok := l.Memory.recall("web"); ok {
			t.Errorf("%+v is remembered: %+v", r, past)
		}
	}
	newLogin(t, cloud).open(t, Request{Name: "web"})
	if plan, _ := newLogin(t, cloud).open(t, Request{Name: "web", Port: port}); fromMemory(plan) {
		t.Error("a login by port comes from memory")
	}
}

// Within ten minutes of the API's word nothing waits for it.
func TestOpenFromMemory(t *testing.T) {
	cloud := startDemo(t)
	newLogin(t, cloud).open(t, Request{Name: "web"})
	slow(t, cloud, 2*time.Second)
	l := newLogin(t, cloud)
	plan, dialled := l.open(t, Request{Name: "web"})
	if took := time.Since(l.began); !fromMemory(plan) || dialled > time.Second || took > 1500*time.Millisecond {
		t.Errorf("from memory %v, dialled after %v, done after %v", fromMemory(plan), dialled, took)
	}
	if plan.Server.Name != "web" || plan.Server.ID != cloud.Instance("web").ID() {
		t.Errorf("server %q %s", plan.Server.Name, plan.Server.ID)
	}
}

// The address is dialled and the host key is verified beside the API calls, but
// nothing of the user is shown before the API has agreed.
func TestOpenFromStaleMemory(t *testing.T) {
	cloud := startDemo(t)
	first := newLogin(t, cloud)
	first.open(t, Request{Name: "web"})
	first.age(t, "web", time.Hour)
	const delay = 1500 * time.Millisecond
	slow(t, cloud, delay)
	l := newLogin(t, cloud)
	var verified time.Time
	trace := l.Trace
	l.Trace = func(e connect.Event) {
		trace(e)
		switch {
		case e.Kind == connect.EventHostKeyOK:
			verified = time.Now()
		case e.Kind == connect.EventSigners && time.Since(l.began) < delay:
			t.Error("keys are offered before the API has answered")
		}
	}
	plan, dialled := l.open(t, Request{Name: "web"})
	if !fromMemory(plan) || dialled > delay || verified.IsZero() || verified.Sub(l.began) > delay {
		t.Errorf("from memory %v, dialled after %v, verified after %v", fromMemory(plan), dialled, verified.Sub(l.began))
	}
	if past, _ := l.Memory.recall("web"); past.Confirmed.Before(l.began) {
		t.Error("the API's word is not remembered")
	}
	if notes := l.noted(); len(notes) > 0 {
		t.Errorf("notes: %v", notes)
	}
}

// A host key that is not the remembered one means asking the API. Here the
// console does not know it either.
func TestOpenWithAnotherHostKey(t *testing.T) {
	cloud := startDemo(t)
	newLogin(t, cloud).open(t, Request{Name: "web"})
	fault := demo.SSHNewHostKeys
	inject(t, cloud, demo.Fault{Instance: "web", SSH: &fault})
	slow(t, cloud, 300*time.Millisecond)
	l := newLogin(t, cloud)
	_, err := l.try(t, Request{Name: "web", NoJump: true})
	var refused *HostKeyRefusedError
	if !errors.As(err, &refused) || !refused.ByConsole || len(refused.Known) == 0 {
		t.Fatalf("error %v", err)
	}
	if time.Since(l.began) < 600*time.Millisecond {
		t.Error("it is refused before the API was asked")
	}
	if l.saw(connect.EventHostKeyOK) || l.saw(connect.EventSigners) {
		t.Errorf("steps: %v", l.events)
	}

	silent := ""
	inject(t, cloud, demo.Fault{Instance: "web", Console: &silent})
	if _, err = newLogin(t, cloud).try(t, Request{Name: "web", NoJump: true}); !errors.As(err, &refused) || refused.ByConsole || refused.Action != nil {
		t.Fatalf("error %v", err)
	}
}

// api makes a call of its own, as any other client of the cloud would.
type api struct {
	t           *testing.T
	base, token string
}

func signIn(t *testing.T, cloud *demo.Cloud) *api {
	t.Helper()
	loaded := loadCloud(t, cloud)
	a := &api{t: t, base: strings.TrimSuffix(loaded.AuthURL, "/identity/v3")}
	body := fmt.Sprintf(`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":%q,"domain":{"name":"Default"},"password":%q}}},`+
		`"scope":{"project":{"name":%q,"domain":{"name":"Default"}}}}}`, loaded.Auth.Username, string(loaded.Auth.Password), loaded.Auth.ProjectName)
	header, _ := a.do("POST", "/identity/v3/auth/tokens", body)
	a.token = header.Get("X-Subject-Token")
	return a
}

func (a *api) do(method, path, body string) (http.Header, []byte) {
	a.t.Helper()
	q, err := http.NewRequestWithContext(a.t.Context(), method, a.base+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	q.Header.Set("X-Auth-Token", a.token)
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		a.t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		a.t.Fatalf("%s %s: %s %s %v", method, path, answer.Status, data, err)
	}
	return answer.Header, data
}

// id finds one record of a list by its name.
func (a *api) id(path, list, name string) string {
	a.t.Helper()
	_, data := a.do("GET", path, "")
	var found map[string]json.RawMessage
	var records []struct{ ID, Name string }
	if err := errors.Join(json.Unmarshal(data, &found), json.Unmarshal(found[list], &records)); err != nil {
		a.t.Fatal(err)
	}
	for _, record := range records {
		if record.Name == name {
			return record.ID
		}
	}
	a.t.Fatalf("no %s in %s", name, list)
	return ""
}

// The same name, another server: at another address, with other host keys.
func TestOpenRecreated(t *testing.T) {
	cloud := startDemo(t)
	newLogin(t, cloud).open(t, Request{Name: "direct"})
	old := cloud.Instance("direct").ID()
	a := signIn(t, cloud)
	a.do("DELETE", "/compute/v2.1/servers/"+old, "")
	a.do("POST", "/compute/v2.1/servers", fmt.Sprintf(
		`{"server":{"name":"direct","imageRef":%q,"flavorRef":%q,"key_name":"ecdsa","networks":[{"uuid":%q}],"security_groups":[{"name":"ssh-open"}]}}`,
		a.id("/image/v2/images", "images", "cirros"), a.id("/compute/v2.1/flavors", "flavors", "tiny"),
		a.id("/networking/v2.0/networks", "networks", "provider")))
	fresh := cloud.Instance("direct")

	l := newLogin(t, cloud)
	plan, _ := l.open(t, Request{Name: "direct"})
	if fresh.ID() == old || plan.Server.ID != fresh.ID() || fromMemory(plan) {
		t.Errorf("server %s, from memory %v", plan.Server.ID, fromMemory(plan))
	}
	if past, _ := l.Memory.recall("direct"); past.ServerID != fresh.ID() || past.Address != fresh.Address() {
		t.Errorf("remembered: %+v", past)
	}
	if notes := l.noted(); len(notes) > 0 {
		t.Errorf("notes: %v", notes)
	}
	if plan, _ = newLogin(t, cloud).open(t, Request{Name: "direct"}); !fromMemory(plan) || plan.Server.ID != fresh.ID() {
		t.Errorf("server %s, from memory %v", plan.Server.ID, fromMemory(plan))
	}
}

// The name has moved on to another server, and the old one still answers.
func TestOpenRenamed(t *testing.T) {
	cloud := startDemo(t)
	first := newLogin(t, cloud)
	first.open(t, Request{Name: "web"})
	old, other := cloud.Instance("web").ID(), cloud.Instance("bastion").ID()
	oldName, newName := "was-web", "web"
	inject(t, cloud, demo.Fault{Instance: "web", Rename: &oldName}, demo.Fault{Instance: "bastion", Rename: &newName},
		demo.Fault{Service: "nova", Path: "/v2.1/servers/detail", Delay: time.Second}) // the session is open by then

	l := newLogin(t, cloud)
	if plan, _ := l.open(t, Request{Name: "web"}); plan.Server.ID != old {
		t.Errorf("server %s: the API's word of a minute ago does not count", plan.Server.ID)
	}
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) { // that login asks beside itself
		if _, ok := l.Memory.recall("web"); !ok {
			break
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatal("the name is not forgotten")
		}
	}
	if plan, _ := newLogin(t, cloud).open(t, Request{Name: "web"}); plan.Server.ID != other || fromMemory(plan) {
		t.Errorf("server %s, from memory %v", plan.Server.ID, fromMemory(plan))
	}
}

// A user who is named holds for this time only; the address is remembered.
func TestOpenUserGivenOnce(t *testing.T) {
	cloud := startDemo(t)
	l := newLogin(t, cloud)
	l.open(t, Request{Name: "web", User: "debian"})
	if past, ok := l.Memory.recall("web"); !ok || past.User != "" {
		t.Errorf("remembered: %+v", past)
	}
	if plan, _ := newLogin(t, cloud).open(t, Request{Name: "web", User: "debian"}); !fromMemory(plan) {
		t.Error("a named user needs no record of one")
	}
	if plan, _ := newLogin(t, cloud).open(t, Request{Name: "web"}); fromMemory(plan) || plan.Login.Guess {
		t.Errorf("logged in as %+v, from memory %v", plan.Login, fromMemory(plan))
	}
	newLogin(t, cloud).open(t, Request{Name: "web", User: "debian"})
	if past, _ := l.Memory.recall("web"); past.User != "debian" {
		t.Errorf("the records' user is forgotten: %+v", past)
	}
}

// The address answers no more, and the API tells at once that the server is gone.
func TestOpenDeletedIsToldAtOnce(t *testing.T) {
	cloud := startDemo(t)
	newLogin(t, cloud).open(t, Request{Name: "web"})
	backlog, gone := demo.SSHBacklog, "gone"
	inject(t, cloud, demo.Fault{Instance: "web", SSH: &backlog}, demo.Fault{Instance: "web", Rename: &gone})
	began := time.Now()
	l := newLogin(t, cloud)
	_, _, err := Open(t.Context(), &l.Config, Request{Name: "web", Settings: &sshconfig.Settings{}})
	var missing *resolve.NotFoundError
	if !errors.As(err, &missing) || time.Since(began) > memoryPatience/2 {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

func TestOpenRenamedLongAgo(t *testing.T) {
	cloud := startDemo(t)
	first := newLogin(t, cloud)
	first.open(t, Request{Name: "web"})
	first.age(t, "web", time.Hour)
	other, oldName, newName := cloud.Instance("bastion").ID(), "was-web", "web"
	inject(t, cloud, demo.Fault{Instance: "web", Rename: &oldName}, demo.Fault{Instance: "bastion", Rename: &newName})
	l := newLogin(t, cloud)
	if plan, _ := l.open(t, Request{Name: "web"}); plan.Server.ID != other || fromMemory(plan) {
		t.Errorf("server %s, from memory %v", plan.Server.ID, fromMemory(plan))
	}
	if notes := l.noted(); len(notes) > 0 {
		t.Errorf("notes: %v", notes)
	}
}

func TestOpenRebuilt(t *testing.T) {
	cloud := startDemo(t)
	newLogin(t, cloud).open(t, Request{Name: "web"})
	web := cloud.Instance("web")
	before := fingerprints(web.HostKeys())
	a := signIn(t, cloud)
	a.do("POST", "/compute/v2.1/servers/"+web.ID()+"/action",
		fmt.Sprintf(`{"rebuild":{"imageRef":%q}}`, a.id("/image/v2/images", "images", "debian-12")))
	after := fingerprints(web.HostKeys())

	l := newLogin(t, cloud)
	plan, _ := l.open(t, Request{Name: "web"})
	if fromMemory(plan) || slices.Equal(before, after) {
		t.Errorf("from memory %v, host keys %q", fromMemory(plan), after)
	}
	if notes := l.noted(); !slices.Equal(notes, []NoteKind{HostKeyReplaced}) {
		t.Errorf("notes: %v", notes)
	}
	if got := knownKeys(t, l, web.ID()); !slices.Equal(got, after) {
		t.Errorf("host keys %q are remembered, want %q", got, after)
	}
	l = newLogin(t, cloud)
	if plan, _ := l.open(t, Request{Name: "web"}); !fromMemory(plan) || len(l.noted()) > 0 {
		t.Errorf("from memory %v, notes %v", fromMemory(plan), l.noted())
	}
}

// A rescue system has host keys of its own; the server's own stay remembered.
func TestOpenRescued(t *testing.T) {
	cloud := startDemo(t)
	newLogin(t, cloud).open(t, Request{Name: "web"})
	web := cloud.Instance("web")
	own := fingerprints(web.HostKeys())
	a := signIn(t, cloud)
	a.do("POST", "/compute/v2.1/servers/"+web.ID()+"/action", `{"rescue":{}}`)
	l := newLogin(t, cloud)
	if plan, _ := l.open(t, Request{Name: "web"}); fromMemory(plan) || plan.Server.Status != "RESCUE" || len(l.noted()) > 0 {
		t.Errorf("from memory %v, %s, notes %v", fromMemory(plan), plan.Server.Status, l.noted())
	}
	if got := knownKeys(t, l, web.ID()); !slices.Equal(got, own) {
		t.Errorf("host keys %q are remembered, want %q", got, own)
	}
	if got := knownKeys(t, l, web.ID()+"-rescue"); !slices.Equal(got, fingerprints(web.HostKeys())) {
		t.Errorf("host keys %q are remembered of the rescue system", got)
	}
}

func TestOpenMoved(t *testing.T) {
	cloud := startDemo(t)
	web := cloud.Instance("web")
	newLogin(t, cloud).open(t, Request{Name: "web"})
	nobody, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := nobody.Addr().(*net.TCPAddr).AddrPort()
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	for name, address := range map[string]netip.AddrPort{
		"to where another server is": cloud.Instance("bastion").Address(),
		"to where nothing is":        closed,
	} {
		l := newLogin(t, cloud)
		l.remember(t, "web", func(past *remembered) { past.Address = address })
		plan, _ := l.open(t, Request{Name: "web"})
		if plan.Server.ID != web.ID() || fromMemory(plan) || len(l.noted()) > 0 {
			t.Errorf("%s: server %s, from memory %v, notes %v", name, plan.Server.ID, fromMemory(plan), l.noted())
		}
		if past, _ := l.Memory.recall("web"); past.Address != web.Address() {
			t.Errorf("%s: %v is remembered", name, past.Address)
		}
	}
}

// A key file that others can read is offered to be protected, once.
func TestOpenWithUnprotectedKey(t *testing.T) {
	cloud := startDemo(t)
	key := filepath.Join(cloud.Home(), ".ssh", "ed25519")
	mode := func() fs.FileMode {
		info, err := os.Stat(key)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	open := func(answer func(*keystore.File) (bool, error)) (asked int, l *login, err error) {
		if err := os.Chmod(key, 0o644); err != nil {
			t.Fatal(err)
		}
		l = newLogin(t, cloud)
		if answer != nil {
			l.ProtectKey = func(_ context.Context, f *keystore.File) (bool, error) { asked++; return answer(f) }
		}
		_, err = l.try(t, Request{Name: "web"})
		return asked, l, err
	}
	no := func(*keystore.File) (bool, error) { return false, nil }
	yes := func(f *keystore.File) (bool, error) { return true, keystore.Protect(f.Path) }
	broken := errors.New("no terminal")
	fails := func(*keystore.File) (bool, error) { return false, broken }
	var unprotected *keystore.UnprotectedError
	for range 2 { // without memory, then with
		if asked, _, err := open(nil); !errors.As(err, &unprotected) || asked != 0 {
			t.Errorf("nobody to ask: error %v", err)
		}
		if asked, _, err := open(no); !errors.As(err, &unprotected) || asked != 1 || unprotected.Path != key {
			t.Errorf("refused: asked %d times, error %v", asked, err)
		}
		if asked, _, err := open(fails); !errors.As(err, &unprotected) || !errors.Is(err, broken) || asked != 1 {
			t.Errorf("failed: asked %d times, error %v", asked, err)
		}
		if mode() != 0o644 {
			t.Errorf("mode %o, unasked", mode())
		}
		if asked, _, err := open(yes); err != nil || asked != 1 || mode() != 0o600 {
			t.Errorf("allowed: asked %d times, mode %o, error %v", asked, mode(), err)
		}
	}

	data, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cloud.Home(), ".ssh", "id_copy"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if asked, l, err := open(no); err != nil || asked > 1 || asked == 1 && !slices.Equal(l.noted(), []NoteKind{KeyPassedOver}) {
		t.Errorf("another key matches: asked %d times, notes %v, error %v", asked, l.noted(), err)
	}
}

// Whoever does not tell a passphrase is not asked again on the way by the API.
func TestOpenAsksForPassphraseOnce(t *testing.T) {
	cloud := startDemo(t)
	newLogin(t, cloud).open(t, Request{Name: "web"})
	key := filepath.Join(cloud.Home(), ".ssh", "ed25519")
	data, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := ssh.ParseRawPrivateKey(data)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("sesame"))
	if err != nil {
		t.Fatal(err)
	}
	if err := keystore.ReplacePrivate(key, pem.EncodeToMemory(block)); err != nil {
		t.Fatal(err)
	}
	asked := 0
	broken := errors.New("no terminal")
	l := newLogin(t, cloud)
	l.Passphrase = func(context.Context, keystore.Prompt) ([]byte, error) { asked++; return nil, broken }
	if _, err := l.try(t, Request{Name: "web"}); !errors.Is(err, broken) || asked != 1 {
		t.Errorf("asked %d times, error %v", asked, err)
	}
	asked = 0
	l = newLogin(t, cloud)
	l.Passphrase = func(context.Context, keystore.Prompt) ([]byte, error) { asked++; return []byte("sesame"), nil }
	if plan, _ := l.open(t, Request{Name: "web"}); asked != 1 || !fromMemory(plan) {
		t.Errorf("asked %d times, from memory %v", asked, fromMemory(plan))
	}
}

// longest gives the calls that must have waited for one another: the longest
// chain of which each began after the one before it had ended.
func longest(calls []demo.Call) []demo.Call {
	calls = slices.Clone(calls)
	slices.SortFunc(calls, func(a, b demo.Call) int { return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End)) })
	chains := make([][]demo.Call, len(calls))
	var best []demo.Call
	for i, call := range calls {
		for j := range i {
			if !calls[j].End.After(call.Start) && len(chains[j]) > len(chains[i]) {
				chains[i] = chains[j]
			}
		}
		chains[i] = append(slices.Clip(chains[i]), call)
		if len(chains[i]) > len(best) {
			best = chains[i]
		}
	}
	return best
}

// With nothing cached the way to the dial is one call for the token and at most
// three, one after the other, for all the rest.
func TestRoundTripsBeforeTheDial(t *testing.T) {
	for _, name := range []string{"twonets", "volboot"} {
		t.Run(name, func(t *testing.T) {
			cloud := startDemo(t)
			slow(t, cloud, 200*time.Millisecond) // more than a busy machine sets calls apart
			l := newLogin(t, cloud)
			_, dialled := l.open(t, Request{Name: name})
			var tokens, rest []demo.Call
			var text strings.Builder
			for _, call := range cloud.Calls() {
				if call.End.After(l.dialled[0]) {
					continue
				}
				fmt.Fprintf(&text, "%v to %v: %s %s %s\n", call.Start.Sub(l.began), call.End.Sub(l.began), call.Method, call.Service, call.Path)
				if call.Service == "keystone" {
					tokens = append(tokens, call)
				} else {
					rest = append(rest, call)
				}
			}
			if chain := longest(rest); len(tokens) != 1 || len(chain) == 0 || len(chain) > 3 || len(longest(append(tokens, rest...))) != 1+len(chain) {
				t.Errorf("%d calls to keystone, then a chain of %d; dialled after %v\n%s", len(tokens), len(chain), dialled, &text)
			}
		})
	}
}
