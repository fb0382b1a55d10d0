package diagnose

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"osssh/connect"
	"osssh/internal/demo"
	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/reach"
	"osssh/resolve"
	"osssh/secgroup"
	"osssh/sshconfig"
)

// world is a demo cloud with a user who sits before it.
type world struct {
	*demo.Cloud
	t     *testing.T
	cloud *openstack.Cloud
}

// sharedKeys are those of all worlds: RSA takes most of a start.
var sharedKeys = sync.OnceValues(demo.NewKeys)

// newWorld brings one up. Such tests mostly wait: they run beside one another.
func newWorld(t *testing.T, faults ...demo.Fault) *world {
	t.Helper()
	return startWorld(t, demo.Options{Faults: faults})
}

func startWorld(t *testing.T, options demo.Options) *world {
	t.Helper()
	t.Parallel()
	keys, err := sharedKeys()
	if err != nil {
		t.Fatal(err)
	}
	options.Keys = keys
	cloud, err := demo.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() })
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
	return &world{cloud, t, loaded}
}

func (w *world) inject(faults ...demo.Fault) {
	w.t.Helper()
	for _, fault := range faults {
		if err := w.Inject(fault); err != nil {
			w.t.Fatal(err)
		}
	}
}

// sshFault is a misbehaviour of one instance's SSH server.
func sshFault(instance string, fault demo.SSHFault) demo.Fault {
	return demo.Fault{Instance: instance, SSH: &fault}
}

// config is what the edge would give, with every question an error.
func (w *world) config() Config {
	w.t.Helper()
	local, err := reach.LocalNetwork()
	if err != nil {
		w.t.Fatal(err)
	}
	asked := func(what string) error { w.t.Errorf("asked for %s", what); return context.Canceled }
	var mu sync.Mutex
	var client *openstack.Client
	return Config{Reach: &reach.Config{
		Cloud: w.cloud, Local: local, Version: "SSH-2.0-test",
		KnownHosts: filepath.Join(w.Home(), ".ssh", "osssh", "known_hosts"),
		Keys:       keystore.Search{Home: w.Home()},
		Memory:     reach.NewMemory(filepath.Join(w.Home(), ".cache", "osssh"), w.cloud),
		Client: func(ctx context.Context, mayAsk bool) (*openstack.Client, error) {
			if mayAsk {
				w.t.Error("the client may ask")
			}
			mu.Lock()
			defer mu.Unlock()
			if client != nil {
				return client, nil
			}
			connected, err := openstack.Connect(ctx, w.cloud, openstack.ClientOptions{})
			if err == nil {
				client = connected
			}
			return connected, err
		},
		SettingsOf: func(_ context.Context, hop sshconfig.JumpHost) (*sshconfig.Settings, error) {
			return w.settings(hop.Host, ""), nil
		},
		Passphrase:    func(context.Context, keystore.Prompt) ([]byte, error) { return nil, asked("a passphrase") },
		ProtectKey:    func(context.Context, *keystore.File) (bool, error) { return false, asked("a key's mode") },
		AcceptHostKey: func(context.Context, reach.HostKeyQuestion) (bool, error) { return false, asked("a host key") },
	}}
}

// settings evaluates an ssh_config of these lines.
func (w *world) settings(name, lines string) *sshconfig.Settings {
	w.t.Helper()
	return settings(w.t, w.Home(), name, lines)
}

func settings(t *testing.T, home, name, lines string) *sshconfig.Settings {
	t.Helper()
	var overrides []string
	for line := range strings.Lines(lines) {
		overrides = append(overrides, strings.TrimSpace(line))
	}
	s, err := sshconfig.Evaluate(t.Context(), sshconfig.Options{
		Host: name, UserFile: filepath.Join(home, "none"), Home: home, Overrides: overrides,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// gather looks at a server, with an ssh_config of these lines.
func (w *world) gather(r reach.Request, lines string) *Facts {
	w.t.Helper()
	r.Settings = w.settings(r.Name, lines)
	began := time.Now()
	f := Gather(w.t.Context(), w.config(), r, nil)
	w.t.Logf("gathered in %v", time.Since(began))
	return f
}

// the only login of the only probe
func onlyLogin(t *testing.T, f *Facts) LoginProbe {
	t.Helper()
	if len(f.Probes) != 1 || len(f.Probes[0].Logins) != 1 {
		t.Fatalf("probes %+v", f.Probes)
	}
	return f.Probes[0].Logins[0]
}

func TestGatherHealthy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		kind resolve.Kind
		jump bool
	}{
		{"web", resolve.KindFloating, false},
		{"forwarded", resolve.KindForwarding, false},
		{"nofip", resolve.KindFixed, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			var phases []Phase
			r := reach.Request{Name: c.name, Settings: w.settings(c.name, "")}
			began := time.Now()
			f := Gather(t.Context(), w.config(), r, func(f *Facts) { phases = append(phases, f.Phase) })
			if took := time.Since(began); took > 12*time.Second {
				t.Errorf("it took %v", took)
			}
			if len(phases) != 5 || phases[0] != SignedIn || phases[4] != Probed || f.Phase != Probed {
				t.Errorf("phases %v", phases)
			}
			login, p := onlyLogin(t, f), f.Probes[0]
			if (p.Through != "") != c.jump || p.Candidate.Kind != c.kind || p.Failed != nil || p.HostKey == nil || p.Version == "" || p.Ruling != reach.Remember {
				t.Errorf("probe %+v", p)
			}
			if !login.Signed || login.Accepted == nil || login.Exit == nil || *login.Exit != 0 || login.Err != nil || login.Output != "" {
				t.Errorf("login %+v", login)
			}
			if !c.jump && (len(f.Way.Verdicts) != 1 || f.Way.Verdicts[0].Rules.Answer != secgroup.Allow) {
				t.Errorf("verdicts %+v", f.Way.Verdicts)
			}
			if (f.Way.Jump != nil) != c.jump {
				t.Errorf("jump %+v", f.Way.Jump)
			}
			n := f.Nova
			if n.Server == nil || n.Server.Name != c.name || n.Keypair == nil || n.ConsoleLen == 0 || n.Image.ID == "" || len(n.Actions) == 0 || n.UserID == "" {
				t.Errorf("nova %+v", n)
			}
			if len(f.Neutron.Subnets) == 0 || len(f.Neutron.Routers) != 1 || f.Neutron.Routers[0].Gateway == nil || len(f.Neutron.Groups) == 0 {
				t.Errorf("neutron %+v", f.Neutron)
			}
			if len(f.Gaps) != 0 || len(f.Control) != 0 || len(f.Asked) < 10 {
				t.Errorf("gaps %v, control %v, %d questions", f.Gaps, f.Control, len(f.Asked))
			}
			if len(f.Way.Keys.Identities) == 0 || len(f.Way.HostKeys.Keys) == 0 || f.Way.Login.User != login.User {
				t.Errorf("way %+v", f.Way)
			}
		})
	}
}

// Neither the server nor the jump host is remembered.
func TestGatherWritesNothing(t *testing.T) {
	w := newWorld(t)
	if f := w.gather(reach.Request{Name: "nofip"}, ""); f.Way.Jump == nil || !onlyLogin(t, f).Signed {
		t.Fatalf("probes %+v", f.Probes)
	}
	for _, path := range []string{w.config().Reach.KnownHosts, filepath.Join(w.Home(), ".cache")} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s was written: %v", path, err)
		}
	}
}

func TestGatherDenied(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"blocked", "wrongcidr"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			began := time.Now()
			f := w.gather(reach.Request{Name: name}, "")
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("it took %v", took)
			}
			if len(f.Probes) != 1 {
				t.Fatalf("probes %+v", f.Probes)
			}
			p := f.Probes[0]
			var silent *connect.TimeoutError
			if p.Answered() || !errors.As(p.Failed.Err, &silent) || p.Took < time.Second || p.Took > tcpPatience+time.Second {
				t.Errorf("probe %+v", p)
			}
			if len(f.Way.Verdicts) != 1 || f.Way.Verdicts[0].Rules.Answer != secgroup.Deny || !f.Way.Verdicts[0].Rules.Certain() {
				t.Errorf("verdicts %+v", f.Way.Verdicts)
			}
			var none *reach.NoJumpError
			if f.Way.Jump != nil || !errors.As(f.Way.JumpErr, &none) {
				t.Errorf("jump %v", f.Way.JumpErr)
			}
			servers := 0
			for _, c := range f.Control {
				if c.Err != nil {
					t.Errorf("control %+v", c)
				}
				if strings.HasPrefix(c.What, "server ") && c.SamePath && c.What != "server "+name {
					servers++
				}
			}
			if servers != maxControls || len(f.Control) != maxControls+1 {
				t.Errorf("control %+v", f.Control)
			}
		})
	}
}

func TestGatherNoWay(t *testing.T) {
	w := newWorld(t)
	f := w.gather(reach.Request{Name: "island"}, "")
	var nowhere *reach.NoAddressError
	var none *reach.NoJumpError
	if len(f.Way.Problems) == 0 || !errors.As(f.Way.Problems[0], &nowhere) || !errors.As(f.Way.JumpErr, &none) || len(f.Probes) != 0 {
		t.Errorf("way %+v, probes %+v", f.Way, f.Probes)
	}
	if len(f.Neutron.Subnets) != 1 || len(f.Neutron.Routers) != 0 || f.Phase != Probed {
		t.Errorf("neutron %+v", f.Neutron)
	}
}

func TestGatherStopped(t *testing.T) {
	off := "SHUTOFF"
	w := newWorld(t, demo.Fault{Instance: "web", ServerStatus: &off})
	f := w.gather(reach.Request{Name: "web"}, "")
	var state *reach.StateError
	if len(f.Way.Problems) == 0 || !errors.As(f.Way.Problems[0], &state) || len(f.Probes) == 0 || f.Probes[0].Answered() {
		t.Errorf("problems %v, probes %+v", f.Way.Problems, f.Probes)
	}
	if f.Way.Jump != nil || f.Way.JumpErr != nil {
		t.Errorf("a jump host was looked for: %v", f.Way.JumpErr)
	}
}

func TestGatherNotFound(t *testing.T) {
	w := newWorld(t)
	f := w.gather(reach.Request{Name: "wbe"}, "")
	var missing *resolve.NotFoundError
	if !errors.As(f.Nova.Lookup, &missing) || len(missing.Near) == 0 || f.Phase != Found || f.Nova.Server != nil || len(f.Nova.Elsewhere) != 0 {
		t.Errorf("phase %v, nova %+v", f.Phase, f.Nova)
	}
	w = &world{w.Cloud, t, w.cloud}
	f = w.gather(reach.Request{Name: "10.99.99.99"}, "")
	if owner := f.Neutron.Owner; owner == nil || owner.Floating != nil || owner.Port != nil {
		t.Errorf("owner %+v", owner)
	}
}

// A broken API leaves facts out, and says which.
func TestGatherBrokenAPIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		faults []demo.Fault
		check  func(t *testing.T, f *Facts)
	}{
		{"keystone closes", []demo.Fault{{Service: "keystone", Path: "/", Close: true}}, func(t *testing.T, f *Facts) {
			var down *openstack.UnreachableError
			if !errors.As(f.Setup.SignIn, &down) || f.Phase != SignedIn || f.Setup.AuthURL == "" {
				t.Errorf("phase %v, setup %+v", f.Phase, f.Setup)
			}
		}},
		{"servers in detail fail", []demo.Fault{{Service: "nova", Path: "/v2.1/servers/detail", Status: 500}}, func(t *testing.T, f *Facts) {
			var api *openstack.APIError
			if !errors.As(f.Nova.Lookup, &api) || !f.Nova.ListWorks {
				t.Errorf("nova %+v", f.Nova)
			}
		}},
		{"all of nova fails", []demo.Fault{{Service: "nova", Path: "/", Status: 500}}, func(t *testing.T, f *Facts) {
			if f.Nova.Lookup == nil || f.Nova.ListWorks {
				t.Errorf("nova %+v", f.Nova)
			}
		}},
		{"neutron forbids", []demo.Fault{{Service: "neutron", Path: "/v2.0", Status: http.StatusForbidden}}, func(t *testing.T, f *Facts) {
			if !openstack.IsForbidden(f.Neutron.Missing) || len(f.Gaps) < 2 || !onlyLogin(t, f).Signed {
				t.Errorf("missing %v, gaps %v, probes %+v", f.Neutron.Missing, f.Gaps, f.Probes)
			}
		}},
		{"no neutron", []demo.Fault{{Service: "neutron", Missing: true}}, func(t *testing.T, f *Facts) {
			var missing *openstack.ServiceMissingError
			if !errors.As(f.Neutron.Missing, &missing) || !onlyLogin(t, f).Signed {
				t.Errorf("missing %v", f.Neutron.Missing)
			}
		}},
		{"no console", []demo.Fault{{Service: "nova", Method: "POST", Path: "/v2.1/servers/*/action", Status: http.StatusNotFound}}, func(t *testing.T, f *Facts) {
			if !openstack.IsNotFound(f.Nova.ConsoleErr) || f.Nova.ConsoleLen != 0 || f.Probes[0].Ruling != reach.Ask || !onlyLogin(t, f).Signed {
				t.Errorf("console %v, probes %+v", f.Nova.ConsoleErr, f.Probes)
			}
		}},
		{"the console hangs", []demo.Fault{{Service: "nova", Method: "POST", Path: "/v2.1/servers/*/action", Hang: true}}, func(t *testing.T, f *Facts) {
			if !errors.Is(f.Nova.ConsoleErr, context.DeadlineExceeded) || !onlyLogin(t, f).Signed {
				t.Errorf("console %v, probes %+v", f.Nova.ConsoleErr, f.Probes)
			}
		}},
		{"glance hangs", []demo.Fault{{Service: "glance", Path: "/", Hang: true}}, func(t *testing.T, f *Facts) {
			if f.Phase != Probed || len(f.Gaps) == 0 {
				t.Errorf("phase %v, gaps %v", f.Phase, f.Gaps)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.faults...)
			began := time.Now()
			f := w.gather(reach.Request{Name: "web"}, "")
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("it took %v", took)
			}
			c.check(t, f)
		})
	}
}

func TestGatherInterrupted(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := reach.Request{Name: "blocked", Settings: w.settings("blocked", "")}
	var since time.Time
	f := Gather(ctx, w.config(), r, func(f *Facts) {
		if f.Phase == Addressed {
			since = time.Now()
			cancel()
		}
	})
	if took := time.Since(since); since.IsZero() || took > time.Second {
		t.Errorf("it ended %v after the interrupt", took)
	}
	if f.Phase != Addressed || f.Nova.Server == nil || len(f.Way.Verdicts) != 1 || len(f.Probes) != 0 || len(f.Gaps) != 0 {
		t.Errorf("phase %v, probes %+v, gaps %v", f.Phase, f.Probes, f.Gaps)
	}
}

func TestGatherWithoutConfiguration(t *testing.T) {
	none := &openstack.NoCloudsError{}
	f := Gather(t.Context(), Config{Setup: Setup{Err: none}}, reach.Request{Name: "web"}, nil)
	if !errors.Is(f.Setup.Err, none) || f.Phase != Begun || f.Name != "web" {
		t.Errorf("facts %+v", f)
	}
}

func TestGatherProxied(t *testing.T) {
	w := newWorld(t)
	f := w.gather(reach.Request{Name: "inner"}, "ProxyJump=bastion")
	if !f.Way.Proxied || f.Way.ProxyErr != nil || f.Probes[0].Through != "bastion" || !onlyLogin(t, f).Signed {
		t.Errorf("way %+v, probes %+v", f.Way, f.Probes)
	}
	f = w.gather(reach.Request{Name: "inner"}, "ProxyJump=blocked\nConnectTimeout=1")
	var hop *reach.HopError
	if !errors.As(f.Way.ProxyErr, &hop) || hop.Host != "blocked" || len(f.Probes) != 0 {
		t.Errorf("way %+v, probes %+v", f.Way, f.Probes)
	}
}

// From another instance the rules see that instance.
func TestGatherVia(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		via  string
		want secgroup.Answer
	}{{"bastion", secgroup.Allow}, {"web", secgroup.Deny}} {
		t.Run(c.via, func(t *testing.T) {
			w := newWorld(t)
			r := reach.Request{Name: "inner", Settings: w.settings("inner", "ProxyJump="+c.via)}
			config := w.config()
			config.Via = c.via
			began := time.Now()
			f := Gather(t.Context(), config, r, nil)
			if took := time.Since(began); took > 12*time.Second {
				t.Errorf("it took %v", took)
			}
			if len(f.Way.Verdicts) == 0 || !f.Way.Verdicts[0].Source.IsValid() || f.Way.Verdicts[0].Rules.Answer != c.want {
				t.Errorf("verdicts %+v", f.Way.Verdicts)
			}
		})
	}
}

func TestGatherStale(t *testing.T) {
	w := newWorld(t)
	f := w.gather(reach.Request{Name: "web"}, "HostName=127.0.0.9\nConnectTimeout=1")
	if len(f.Way.Stale) != 1 || f.Way.Stale[0] != (StaleAddress{Address: netip.MustParseAddr("127.0.0.9")}) {
		t.Errorf("stale %v", f.Way.Stale)
	}
}

func TestMixed(t *testing.T) {
	ip := func(port, router string) openstack.FloatingIP {
		return openstack.FloatingIP{PortID: port, RouterID: router}
	}
	ways := resolve.Ways{Ports: []openstack.Port{{ID: "mine"}}, FloatingIPs: []openstack.FloatingIP{ip("mine", "r1")}}
	got := ""
	for _, ip := range mixed([]openstack.FloatingIP{ip("mine", "r1"), ip("", ""), ip("a", "r1"), ip("b", "r1"), ip("c", "r1"), ip("x", "r2")}, ways) {
		got += ip.PortID
	}
	if got != "axbc" {
		t.Errorf("got %s", got)
	}
}
