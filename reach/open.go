package reach

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/resolve"
	"osssh/sshconfig"
)

const (
	// confirmedFor is how long the API's word that a name means a server counts.
	confirmedFor = 10 * time.Minute
	// confirmPatience is how long a login from memory waits for that word.
	confirmPatience = 5 * time.Second
	// memoryPatience bounds TCP to a remembered address, and then the wait for its
	// banner: a moved one is silent, or another machine's.
	memoryPatience = 3 * time.Second
)

// Open logs in to the server that a request means. Where an earlier login is
// remembered it begins from memory, beside the API calls; a remembered way that
// leads nowhere, or to another host key, costs nothing but the try. What the
// user was asked for on that way is not asked again. Of a login that failed the
// plan is given too, if there came to be one.
func Open(ctx context.Context, c *Config, r Request) (*connect.Client, *Plan, error) {
	r = r.settle()
	r.trail = []string{r.Name}
	_, known := c.Memory.recall(r.Name)
	return open(ctx, c, r, startLookup(ctx, c, r.Name, !known))
}

func open(ctx context.Context, c *Config, r Request, lookup *lookup) (*connect.Client, *Plan, error) {
	scan := scanKeys(ctx, c, r)
	past, known := c.Memory.recall(r.Name)
	if known && r.plain() && (past.Jump == "" || !r.NoJump) && (past.User != "" || r.User != "") {
		client, plan, err := openFromMemory(ctx, c, r, past, lookup, scan)
		if err == nil || ctx.Err() != nil || plan != nil && plan.asked {
			return client, plan, err
		}
		if unreached(err) {
			r.spent = past.Jump
		}
	}
	for began, limit := time.Now(), r.Wait; ; lookup = startLookup(ctx, c, r.Name, true) {
		plan, err := prepare(ctx, c, r, lookup, scan)
		if err != nil {
			return nil, plan, err
		}
		client, err := plan.Dial(ctx)
		r.Wait = limit - time.Since(began)
		pause, hope := comesBack(err)
		if err == nil || limit == 0 || r.Wait <= 0 || !hope || sleep(ctx, min(pause, r.Wait)) != nil {
			return client, plan, err
		}
	}
}

// unreached says whether nothing could be connected to, be it from here or from
// a jump host.
func unreached(err error) bool {
	var failed *connect.DialError
	return errors.As(err, &failed) && len(failed.Attempts) > 0 && failed.Attempts[0].Stage == connect.StageDial
}

// comesBack says whether a server that is waited for may answer the next dial, and
// when: in its first boot cloud-init starts the SSH server anew once it has
// answered, and behind a jump host a boot can only be followed by dialling.
func comesBack(err error) (pause time.Duration, hope bool) {
	var nowhere *NoAddressError
	var none *NoJumpError
	if errors.As(err, &nowhere) && errors.As(nowhere.Jump, &none) {
		return longestPause, slices.ContainsFunc(none.Tried, func(hop HopError) bool { return silentBehind(hop.Err) })
	}
	return probePause, mayAnswerAgain(err)
}

// silentBehind says whether a jump host let one in, and the server behind it does
// not answer it.
func silentBehind(err error) bool {
	var refused *connect.ForwardError
	return errors.As(err, &refused) && !refused.Prohibited || errors.Is(err, context.DeadlineExceeded)
}

func mayAnswerAgain(err error) bool {
	var failed *connect.DialError
	if !errors.As(err, &failed) || failed.Cause != nil || len(failed.Attempts) == 0 {
		return false
	}
	return !slices.ContainsFunc(failed.Attempts, func(a connect.Attempt) bool { return a.Stage > connect.StageKeyExchange })
}

// openFromMemory dials the remembered address. Only the remembered host key
// will do; any other means that the API has to tell what has changed.
func openFromMemory(ctx context.Context, c *Config, r Request, past remembered, lookup *lookup,
	scan func() (*keystore.Index, error)) (*connect.Client, *Plan, error) {
	p := &Plan{
		Server:     openstack.Server{ID: past.ServerID, Name: past.ServerName},
		Candidates: []resolve.Candidate{{Address: past.Address, Why: past.Why}},
		Login:      resolve.Login{User: past.User, From: "memory"},
		config:     c,
		request:    r,
	}
	if r.User != "" {
		p.Login = resolve.Login{User: r.User, From: "given"}
	}
	var err error
	if p.hostKeys, err = recallHostKeys(c, r, p.Server); err != nil {
		return nil, nil, err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(past.PublicKey))
	if err != nil || len(p.hostKeys.memory) == 0 {
		return nil, nil, errForgotten
	}
	c.stage("connecting to " + past.Address.String())
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		if server, _, err := lookup.wait(ctx); past.contradicted(server, err) {
			cancel(errForgotten)
		}
	}()
	target := connect.Candidate{Address: past.Address, Label: past.Why.String()}
	if past.Jump != "" {
		target.Label = "through " + past.JumpName
		target.Dial = func(ctx context.Context) (conn net.Conn, err error) {
			conn, p.endWay, err = c.through(ctx, r, past.Jump, past.JumpName, past.Address, 0)
			return conn, err
		}
	}
	client, err := connect.Dial(ctx, []connect.Candidate{target}, connect.Config{
		User:    p.Login.User,
		Signers: p.signersFor(scan, keystore.Wanted{Public: key}),
		HostKey: func(_ context.Context, candidate connect.Candidate, key ssh.PublicKey) error {
			var revoked *sshconfig.RevokedKeyError
			if !holds(p.hostKeys.memory, key) || errors.As(p.hostKeys.vouched(candidate, key), &revoked) {
				return errForgotten
			}
			return nil
		},
		HostKeyAlgorithms: p.hostKeys.algorithms(),
		Gate:              func(ctx context.Context) error { return p.confirm(ctx, past, lookup) },
		Banner:            c.Banner,
		ConnectTimeout:    r.within(memoryPatience),
		HandshakeTimeout:  r.connectTimeout(),
		Trace:             hurry(c.Trace, memoryPatience, func() { cancel(errForgotten) }),
		ClientVersion:     c.Version,
	})
	if err != nil {
		p.Close()
	}
	return client, p, err
}

// hurry hands events on, and gives up a connection that shows no banner in time.
func hurry(trace func(connect.Event), limit time.Duration, giveUp func()) func(connect.Event) {
	var silent *time.Timer
	return func(e connect.Event) {
		switch e.Kind {
		case connect.EventConnected:
			silent = time.AfterFunc(limit, giveUp)
		case connect.EventServerVersion, connect.EventFailed:
			if silent != nil {
				silent.Stop()
			}
		}
		if trace != nil {
			trace(e)
		}
	}
}

// errForgotten says that memory is of no use here.
var errForgotten = errors.New("what is remembered does not hold any more")

// confirm lets a login from memory go on once the API has said that the name
// still means this server. An API that does not answer does not keep a user
// out: the host key has shown which server this is.
func (p *Plan) confirm(ctx context.Context, past remembered, lookup *lookup) error {
	if age := time.Since(past.Confirmed); age >= 0 && age < confirmedFor {
		go p.refresh(lookup, past)
		return nil
	}
	patience, cancel := context.WithTimeout(ctx, confirmPatience)
	defer cancel()
	server, _, err := lookup.wait(patience)
	var secret *openstack.MissingSecretError
	if errors.As(err, &secret) {
		server, _, err = startLookup(ctx, p.config, p.request.Name, true).wait(ctx)
	}
	switch {
	case past.contradicted(server, err):
		return errForgotten
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		p.config.note(Note{Kind: NotConfirmed, Server: p.Server, Err: err})
		return nil
	}
	past.Confirmed = time.Now()
	p.store(past)
	return nil
}

// contradicted says whether a look-up's answer is that the name does not mean
// the remembered server any more.
func (past remembered) contradicted(server openstack.Server, err error) bool {
	var gone *resolve.NotFoundError
	var several *resolve.AmbiguousError
	return errors.As(err, &gone) || errors.As(err, &several) || err == nil && server.ID != past.ServerID
}

// refresh renews the API's word beside a session that did not wait for it.
func (p *Plan) refresh(lookup *lookup, past remembered) {
	server, _, err := lookup.wait(context.Background())
	switch {
	case past.contradicted(server, err):
		_ = p.config.Memory.forget(p.request.Name)
	case err == nil:
		past.Confirmed = time.Now()
		p.store(past)
	}
}

// keep remembers that this plan led to a login at an address, and through which
// server, if through one. A key that was only tried because nothing is known may
// not be the one that matched.
func (p *Plan) keep(at netip.AddrPort, jump *Jump) {
	if p.config.Memory == nil || p.facts == nil || p.Server.Status == "RESCUE" || !p.request.plain() {
		return
	}
	best := p.Keys.Identities[0]
	if best.Public == nil || best.How == keystore.ByDefault {
		return
	}
	login := remembered{
		ServerID: p.Server.ID, ServerName: p.Server.Name, Address: at, User: p.lastingUser(),
		PublicKey: string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(best.Public))), Confirmed: time.Now(),
	}
	for _, candidate := range p.Candidates {
		if candidate.Address == at {
			login.Why = candidate.Why
		}
	}
	if jump != nil {
		login.Why, login.Jump, login.JumpName = resolve.Behind, jump.Server.ID, jump.Server.Name
	}
	p.store(login)
}

// lastingUser is the user that the server's records named, now or at an earlier
// login: one that the request names holds for this time only. "": none is known.
func (p *Plan) lastingUser() string {
	if p.request.User == "" {
		return p.Login.User
	}
	if past, ok := p.config.Memory.recall(p.request.Name); ok && past.ServerID == p.Server.ID {
		return past.User
	}
	return ""
}

func (p *Plan) store(login remembered) {
	if err := p.config.Memory.store(p.request.Name, login); err != nil {
		p.config.note(Note{Kind: NotCached, Server: p.Server, Err: err})
	}
}

// lookup is one search for a name, under way.
type lookup struct {
	done   chan struct{}
	server openstack.Server
	client *openstack.Client
	err    error
}

// startLookup begins to look for a name. mayAsk says whether it may ask the
// user for what the configuration lacks: not beside a session.
func startLookup(ctx context.Context, c *Config, name string, mayAsk bool) *lookup {
	l := &lookup{done: make(chan struct{})}
	go func() {
		defer close(l.done)
		if l.client, l.err = c.Client(ctx, mayAsk); l.err == nil {
			l.server, l.err = resolve.Find(ctx, l.client, name)
		}
	}()
	return l
}

func (l *lookup) wait(ctx context.Context) (openstack.Server, *openstack.Client, error) {
	select {
	case <-l.done:
		return l.server, l.client, l.err
	case <-ctx.Done():
		return openstack.Server{}, nil, ctx.Err()
	}
}
