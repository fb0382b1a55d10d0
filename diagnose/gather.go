package diagnose

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"osssh/internal/openstack"
	"osssh/reach"
)

// Config is what Gather is given by the edge.
type Config struct {
	Reach *reach.Config // nil where Setup.Err says why there is none
	Setup Setup         // Err, SSHConfig and Proxy; Gather finds out the rest
	// Via is the instance that the way begins at, in place of this machine: the
	// request's settings have it as their ProxyJump. "": none.
	Via string
	// Plan is that of a login that has just failed, nil where there was none. What
	// it was told is not asked again, and nothing is dialled: the caller adds what
	// the login met.
	Plan *reach.Plan
}

// How long is waited at most. A fast API answers long before that.
const (
	signInPatience  = 10 * time.Second
	lookupPatience  = 10 * time.Second
	apiPatience     = 10 * time.Second // for all that is asked about the server
	consolePatience = 3 * time.Second  // a dead compute host answers after a minute
)

// Gather asks for everything that tells why a login fails. It asks the user
// nothing, writes nothing and never fails: what could not be asked is a fact,
// and when ctx ends it gives what is known by then. progress, if not nil, gets a
// copy of the facts after each phase.
func Gather(ctx context.Context, c Config, r reach.Request, progress func(*Facts)) *Facts {
	ctx, end := context.WithCancel(ctx)
	defer end()
	g := &gathering{ctx: ctx, request: r, via: c.Via, tried: c.Plan, progress: progress}
	g.facts = Facts{At: time.Now(), Name: r.Name, User: r.User, Setup: c.Setup}
	if r.Settings != nil {
		g.facts.User = cmp.Or(r.User, r.Settings.User())
		g.facts.Port = cmp.Or(r.Port, r.Settings.Port())
		g.facts.Way.Batch = r.Settings.BatchMode()
	}
	if c.Reach != nil && r.Settings != nil {
		g.config = undisturbing(*c.Reach)
		g.run()
	}
	return g.snapshot()
}

// undisturbing takes every question and every trace from a configuration. A
// plain jump host whose key nobody vouches for is used for a try, and forgotten.
func undisturbing(c reach.Config) *reach.Config {
	client := c.Client
	c.Client = func(ctx context.Context, _ bool) (*openstack.Client, error) { return client(ctx, false) }
	c.ReadOnly, c.Memory = true, nil
	c.ChooseServer, c.StartServer, c.Passphrase, c.ProtectKey = nil, nil, nil, nil
	c.Banner, c.Notify, c.Trace = nil, nil, nil
	c.AcceptHostKey = func(context.Context, reach.HostKeyQuestion) (bool, error) { return true, nil }
	return &c
}

// gathering is one Gather under way.
type gathering struct {
	ctx      context.Context
	config   *reach.Config
	request  reach.Request
	via      string
	tried    *reach.Plan // by a login
	progress func(*Facts)

	mu     sync.Mutex // guards what follows
	facts  Facts
	probes []*Probe // by the order of their candidates, nil while one is under way
}

// note adds to the facts.
func (g *gathering) note(add func(*Facts)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	add(&g.facts)
}

// snapshot copies the facts: what grows is cloned, the rest is never changed.
func (g *gathering) snapshot() *Facts {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.facts
	f.Probes = nil
	for _, p := range g.probes {
		if p != nil {
			f.Probes = append(f.Probes, *p)
		}
	}
	f.Control, f.Gaps, f.Asked = slices.Clone(f.Control), slices.Clone(f.Gaps), slices.Clone(f.Asked)
	return &f
}

// reached ends a phase, unless the user ended all.
func (g *gathering) reached(p Phase) {
	if g.ctx.Err() != nil {
		return
	}
	g.note(func(f *Facts) { f.Phase = p })
	if g.progress != nil {
		g.progress(g.snapshot())
	}
}

// ask puts one question and notes that. An error is a gap, unless expected says
// that it is an answer. A question that the user cut short was not asked.
func (g *gathering) ask(what, source string, expected func(error) bool, question func() error) error {
	began := time.Now()
	err := question()
	if g.ctx.Err() != nil {
		return err
	}
	g.note(func(f *Facts) {
		f.Asked = append(f.Asked, Asked{What: what, Source: source, Took: time.Since(began), Err: err})
		if err != nil && (expected == nil || !expected(err)) {
			f.Gaps = append(f.Gaps, Gap{What: what, Err: err})
		}
	})
	return err
}

// anyError takes every error for an answer: it has a place of its own in the facts.
func anyError(error) bool { return true }

// run goes from phase to phase as long as there is something to go on with.
func (g *gathering) run() {
	client := g.signIn()
	g.reached(SignedIn)
	if client == nil {
		return
	}
	var server *openstack.Server
	if g.tried != nil {
		server = &g.tried.Server
		g.note(func(f *Facts) { f.Nova.Server = server })
	} else {
		server = g.find(client)
	}
	g.note(func(f *Facts) {
		f.Setup.Clock = client.Ahead()
		f.Nova.UserID = client.UserID()
	})
	g.reached(Found)
	if server != nil {
		g.examine(client, *server)
	}
}

// signIn gets a token, nil where there is none.
func (g *gathering) signIn() *openstack.Client {
	cloud := g.config.Cloud
	g.note(func(f *Facts) {
		s := &f.Setup
		s.Cloud, s.Region, s.Regions, s.Interface = cloud.Name, cloud.Region, cloud.Regions, cloud.Interface
		s.AuthURL, s.AuthType, s.Local = cloud.AuthURL, cloud.Auth.Type, g.config.Local
	})
	ctx, end := context.WithTimeoutCause(g.ctx, signInPatience,
		&openstack.UnreachableError{URL: cloud.AuthURL, Err: context.DeadlineExceeded})
	defer end()
	var client *openstack.Client
	err := g.ask("token", "keystone", anyError, func() (err error) {
		client, err = g.config.Client(ctx, false)
		return err
	})
	if err != nil {
		g.noteUnlessEnded(func(f *Facts) { f.Setup.SignIn = err })
		return nil
	}
	return client
}

// noteUnlessEnded is note for an error that the user's ctrl-C could have made.
func (g *gathering) noteUnlessEnded(add func(*Facts)) {
	if g.ctx.Err() == nil {
		g.note(add)
	}
}

// addressOf reads a name that is an address.
func addressOf(name string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(name)
	return address.Unmap(), err == nil
}
