package reach

import (
	"context"
	"errors"
	"testing"
	"time"

	"osssh/connect"
	"osssh/internal/demo"
	"osssh/resolve"
	"osssh/sshconfig"
)

// located is a plan of Locate, completed.
func (l *login) located(t *testing.T, name string, overrides ...string) *Plan {
	t.Helper()
	settings, err := sshconfig.Evaluate(t.Context(), sshconfig.Options{Host: name, Home: l.Keys.Home, Overrides: overrides})
	if err != nil {
		t.Fatal(err)
	}
	client, err := l.Client(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	server, err := resolve.Find(t.Context(), client, name)
	if err != nil {
		t.Fatal(err)
	}
	p := Locate(t.Context(), &l.Config, Request{Name: name, Settings: settings}, client, server)
	if len(p.Candidates) == 0 || p.Login.User != "" || p.Keys.Identities != nil {
		t.Errorf("located: %+v", p)
	}
	p.Complete(t.Context())
	return p
}

func TestLocateComplete(t *testing.T) {
	cloud := startDemo(t)
	p := newLogin(t, cloud).located(t, "web")
	explored, err := Explore(t.Context(), p.config, p.request)
	if err != nil {
		t.Fatal(err)
	}
	if p.Login != explored.Login || p.Candidates[0] != explored.Candidates[0] || len(p.Keys.Identities) != len(explored.Keys.Identities) || len(p.Problems) != 0 {
		t.Errorf("got %+v, want %+v", p, explored)
	}
}

func TestVouch(t *testing.T) {
	cloud := startDemo(t)
	l := newLogin(t, cloud)
	own, other := cloud.Instance("web").HostKeys()[0], newKey(t)
	p := l.located(t, "web")
	at := connect.Candidate{Address: p.Candidates[0].Address}
	if ruling, err := p.Vouch(t.Context(), at, own); err != nil || ruling != Remember {
		t.Errorf("its own: %v, %v", ruling, err)
	}
	var refused *HostKeyRefusedError
	if ruling, err := p.Vouch(t.Context(), at, other); ruling != RefuseByConsole || !errors.As(err, &refused) || !refused.ByConsole {
		t.Errorf("another: %v, %v", ruling, err)
	}
	silent := ""
	inject(t, cloud, demo.Fault{Instance: "web", Console: &silent})
	if ruling, err := l.located(t, "web").Vouch(t.Context(), at, own); ruling != Ask || err != nil {
		t.Errorf("unknown: %v, %v", ruling, err)
	}
	if ruling, err := l.located(t, "web", "StrictHostKeyChecking=yes").Vouch(t.Context(), at, own); ruling != Ask || !errors.Is(err, ErrStrict) {
		t.Errorf("unknown, and nobody may be asked: %v, %v", ruling, err)
	}
	if keys := knownKeys(t, l, p.Server.ID); len(keys) != 0 {
		t.Errorf("remembered %v", keys)
	}
}

// A login that only looks writes no host key down, neither of the server nor of
// a jump host.
func TestReadOnly(t *testing.T) {
	cloud := startDemo(t)
	l := newLogin(t, cloud)
	l.ReadOnly, l.Memory = true, nil
	l.SettingsOf = func(_ context.Context, hop sshconfig.JumpHost) (*sshconfig.Settings, error) {
		return noSettings(t, hop.Host, l.Keys.Home), nil
	}
	plan, _ := l.open(t, Request{Name: "nofip"})
	for _, id := range []string{plan.Server.ID, cloud.Instance("bastion").ID(), cloud.Instance("web").ID(), cloud.Instance("volboot").ID()} {
		if keys := knownKeys(t, l, id); len(keys) != 0 {
			t.Errorf("remembered %v", keys)
		}
	}
}

// Whose packets are dropped is not waited for: a jump host's, and the server's
// behind it.
func TestDialJumpSilence(t *testing.T) {
	for _, silent := range []string{"jump host", "server"} {
		t.Run(silent, func(t *testing.T) {
			cloud := startDemo(t)
			l := newLogin(t, cloud)
			l.SettingsOf = func(_ context.Context, hop sshconfig.JumpHost) (*sshconfig.Settings, error) {
				return noSettings(t, hop.Host, l.Keys.Home), nil
			}
			plan := l.located(t, "web")
			jumps, err := plan.Jumps(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			backlog, name := demo.SSHBacklog, "web"
			if silent == "jump host" {
				name = jumps[0].Server.Name
			}
			inject(t, cloud, demo.Fault{Instance: name, SSH: &backlog})
			began := time.Now()
			if _, _, err = plan.DialJump(t.Context(), jumps[0], 300*time.Millisecond); err == nil {
				t.Error("it answered")
			}
			if took := time.Since(began); took > jumpPatience-time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}
