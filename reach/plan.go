package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"osssh/connect"
	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/resolve"
)

// Plan is the way into one server. Every command that reaches a server does it
// by a Plan.
type Plan struct {
	Server     openstack.Server
	Candidates []resolve.Candidate // best first
	Login      resolve.Login
	Keys       keystore.Result
	// Problems are what a login would fail for, in the order in which it would
	// find them: *StateError, *NoAddressError, *NoKeyError, and the APIs' errors.
	Problems []error

	config   *Config
	request  Request
	hostKeys hostKeys
	facts    *resolve.Facts // nil for a plan from memory
	asked    bool           // the user was asked about a key
	far      string         // "host:port" to dial by a proxy in place of the candidate; "": the candidate's address
	scan     func() (*keystore.Index, error)
	endWay   func() // ends the hosts on the way; nil where there are none
}

// consolePatience is how long a login waits for a console log when memory could
// decide about the host key too. A first contact waits as long as the API does:
// the console's word spares the user a question.
const consolePatience = 3 * time.Second

// StateError says that a server is in a state in which it cannot answer.
type StateError struct{ Server openstack.Server }

func (e *StateError) Error() string {
	return fmt.Sprintf("server %q is %s", e.Server.Name, e.Server.Status)
}

// NoAddressError says that a server has no address that can be dialled from here.
type NoAddressError struct {
	Server openstack.Server
	Fixed  []netip.Addr   // those it has, out of reach
	Wanted resolve.Choice // what was asked for, if anything was
	Family int            // 4 or 6, if one family only was asked for
	// Unsure are addresses that could be another machine's, and no host key of
	// the server is known to tell them apart.
	Unsure []netip.Addr
	Jump   error // why no jump host leads there, a *NoJumpError; nil: none was looked for
}

func (e *NoAddressError) Error() string {
	return fmt.Sprintf("server %q has no address that can be reached from here", e.Server.Name)
}

// Prepare finds the server that a request means and everything that a login to
// it needs. Beside the APIs' errors it gives *resolve.NotFoundError,
// *resolve.AmbiguousError and the first of the plan's Problems.
func Prepare(ctx context.Context, c *Config, r Request) (*Plan, error) {
	r = r.settle()
	scan := scanKeys(ctx, c, r)
	client, server, err := find(ctx, c, r, startLookup(ctx, c, r.Name, true))
	if err != nil {
		return nil, err
	}
	p, err := await(ctx, c, r, client, server, scan)
	if err != nil {
		return nil, err
	}
	if len(p.Problems) > 0 {
		return nil, p.Problems[0]
	}
	return p, nil
}

// Explore is Prepare, but that it goes on where something lacks: the plan says
// what is there, and its Problems what is not.
func Explore(ctx context.Context, c *Config, r Request) (*Plan, error) {
	r = r.settle()
	scan := scanKeys(ctx, c, r)
	client, server, err := find(ctx, c, r, startLookup(ctx, c, r.Name, true))
	if err != nil {
		return nil, err
	}
	return explore(ctx, c, r, client, server, scan)
}

// find waits for the one server that a request means.
func find(ctx context.Context, c *Config, r Request, search *lookup) (*openstack.Client, openstack.Server, error) {
	c.stage("looking for " + r.Name + " in " + c.Cloud.Name)
	server, client, err := search.wait(ctx)
	var secret *openstack.MissingSecretError
	if errors.As(err, &secret) { // the search that began beside a login from memory could not ask
		server, client, err = startLookup(ctx, c, r.Name, true).wait(ctx)
	}
	var several *resolve.AmbiguousError
	if errors.As(err, &several) && c.ChooseServer != nil {
		server, err = c.ChooseServer(ctx, several)
	}
	return client, server, err
}

// mayAnswer says whether an SSH server could be running: in these states nova
// has stopped the machine, or it is not there yet (nova/api/openstack/common.py).
func mayAnswer(s openstack.Server) bool {
	switch s.Status {
	case "BUILD", "SHUTOFF", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED", "SOFT_DELETED", "DELETED":
		return false
	case "ERROR":
		return len(s.Addresses) > 0
	}
	return true
}

// prepare is Explore for a login, which ends at the first problem.
func prepare(ctx context.Context, c *Config, r Request, search *lookup, scan func() (*keystore.Index, error)) (*Plan, error) {
	client, server, err := find(ctx, c, r, search)
	if err != nil {
		return nil, err
	}
	p, err := await(ctx, c, r, client, server, scan)
	if err != nil {
		return nil, err
	}
	for _, problem := range p.Problems {
		var nowhere *NoAddressError
		if !errors.As(problem, &nowhere) || !p.mayDetour() {
			return p, problem
		}
	}
	return p, nil
}

// explore asks for everything that a login to the server needs. The only error
// is the context's end.
func explore(ctx context.Context, c *Config, r Request, client *openstack.Client, server openstack.Server,
	scan func() (*keystore.Index, error)) (*Plan, error) {
	p := locate(ctx, c, r, client, server, scan)
	p.complete(ctx)
	return p, ctx.Err()
}

// locate begins to ask for all of it, and waits for the addresses.
func locate(ctx context.Context, c *Config, r Request, client *openstack.Client, server openstack.Server,
	scan func() (*keystore.Index, error)) *Plan {
	p := &Plan{Server: server, config: c, request: r, facts: resolve.Gather(ctx, client, server), scan: scan}
	if !mayAnswer(server) {
		p.problem(&StateError{server})
	}
	c.stage("asking for addresses and keys of " + server.Name)
	p.problem(p.findAddresses(ctx))
	return p
}

// complete waits for the host keys, the user and the key. A console log that has
// not come when ctx ends says nothing.
func (p *Plan) complete(ctx context.Context) {
	c, r, server := p.config, p.request, p.Server
	var err error
	p.hostKeys, err = recallHostKeys(c, r, server)
	p.problem(err)
	patience := consolePatience
	if len(p.hostKeys.memory) == 0 {
		patience = 0
	}
	p.hostKeys.boot = within(ctx, patience, p.facts.Console)
	image, _ := p.facts.Image()
	p.Login = resolve.User(server, image, p.hostKeys.boot.LoginAs)
	if r.User != "" {
		p.Login = resolve.Login{User: r.User, From: "given"}
	}
	p.problem(p.findKey(p.scan))
}

func (p *Plan) problem(err error) {
	if err != nil {
		p.Problems = append(p.Problems, err)
	}
}

// findAddresses ranks the server's addresses, or those of ssh_config's HostName.
func (p *Plan) findAddresses(ctx context.Context) error {
	c, r := p.config, p.request
	ways, err := p.facts.Ways()
	if err != nil && ctx.Err() == nil {
		c.note(Note{Kind: NotChecked, Server: p.Server, What: "addresses", Err: err})
	}
	preferences := resolve.Preferences{
		Cloud: c.Cloud, Local: c.Local, Choice: r.Choice, Port: r.Port, Family: r.Family, Proxied: r.proxied(),
	}
	p.Candidates = resolve.Rank(p.Server, ways, preferences)
	if len(p.Candidates) == 0 && r.Choice.Network != "" { // it may be the floating IPs' network, by name
		if ways, err := p.facts.External(); err == nil {
			p.Candidates = resolve.Rank(p.Server, ways, preferences)
		}
	}
	port := resolve.SSHPort(p.Server, r.Port)
	if host := r.Settings.HostName(); host != "" && r.proxied() {
		// Its name may mean something on the other side only.
		p.Candidates = []resolve.Candidate{{Why: resolve.Given, Address: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port))}}
		p.far = net.JoinHostPort(host, strconv.Itoa(port))
	} else if host != "" {
		if p.Candidates, err = hostNamed(ctx, host, port, p.Candidates); err != nil {
			return err
		}
	}
	if len(p.Candidates) == 0 {
		return p.noAddress()
	}
	return nil
}

func (p *Plan) noAddress() *NoAddressError {
	ways, _ := p.facts.Ways()
	return &NoAddressError{Server: p.Server, Fixed: fixedAddresses(p.Server, ways), Wanted: p.request.Choice, Family: p.request.Family}
}

// within waits for a console log, no longer than limit if there is one. What
// did not come says nothing.
func within(ctx context.Context, limit time.Duration, ask func() (console.Log, error)) console.Log {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	answered := make(chan console.Log, 1)
	go func() {
		boot, err := ask()
		if err != nil {
			boot = console.Log{}
		}
		answered <- boot
	}()
	select {
	case boot := <-answered:
		return boot
	case <-ctx.Done():
		return console.Log{}
	}
}

func fixedAddresses(server openstack.Server, ways resolve.Ways) []netip.Addr {
	var fixed []netip.Addr
	for _, port := range ways.Ports {
		for _, ip := range port.FixedIPs {
			fixed = append(fixed, ip.IPAddress)
		}
	}
	if len(ways.Ports) == 0 {
		for _, addresses := range server.Addresses {
			for _, a := range addresses {
				if address, err := netip.ParseAddr(a.Address); err == nil && a.Type == "fixed" {
					fixed = append(fixed, address)
				}
			}
		}
	}
	slices.SortFunc(fixed, netip.Addr.Compare)
	return fixed
}

// Dial logs in. Where it fails the error is an *UnreachedError that holds
// connect's, and what the rules say of each address, or a *NoAddressError where
// there was nothing to dial.
func (p *Plan) Dial(ctx context.Context) (*connect.Client, error) {
	request := p.request
	request.User = p.Login.User
	dial, end, err := p.config.way(ctx, request)
	if err != nil {
		return nil, err
	}
	watch := p.watch(ctx, dial != nil)
	defer watch.stop()
	client, err := connect.Dial(watch.ctx, watch.targets(dial), connect.Config{
		User:              p.Login.User,
		Signers:           p.signers,
		HostKey:           watch.verify,
		HostKeyAlgorithms: p.hostKeys.algorithms(),
		Banner:            p.config.Banner,
		ConnectTimeout:    request.tcpTimeout(),
		HandshakeTimeout:  request.connectTimeout(), // ssh's covers both
		Trace:             watch.trace,
		ClientVersion:     p.config.Version,
	})
	if err != nil {
		end()
		watch.detour.leave()
		return nil, watch.explain(err)
	}
	p.endWay = end
	watch.settle(client)
	return client, nil
}

// Close ends the hosts on the way, once the client is closed.
func (p *Plan) Close() {
	if p.endWay != nil {
		p.endWay()
		p.endWay = nil
	}
}

// DialAs logs in as another user, where the server has told which.
func (p *Plan) DialAs(ctx context.Context, user, from string) (*connect.Client, error) {
	p.Close()
	p.Login = resolve.Login{User: user, From: from}
	return p.Dial(ctx)
}
