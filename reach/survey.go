package reach

import (
	"context"

	"golang.org/x/sync/errgroup"

	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/resolve"
	"osssh/secgroup"
	"osssh/sshconfig"
)

// settlers is how many evaluations of ssh_config run at once: they read files,
// and may look names up.
const settlers = 8

// Row is one server of a project as a login would find it, as far as that is
// known without asking for each server by itself: not its console.
type Row struct {
	Server    openstack.Server
	Candidate *resolve.Candidate // that would be dialled; nil: none
	Login     resolve.Login
	Key       *keystore.Identity // that matches the keypair; nil: none here
	Verdict   secgroup.Verdict   // of Candidate; zero where nothing was judged
}

// Survey looks at every server of the project, with what SettingsOf says of its
// name, and gives the rows page by page as nova lists the servers; once at least,
// for what is not there is known then. An error of page ends it. The gaps are
// what could not be asked.
func Survey(ctx context.Context, c *Config, page func([]Row) error) ([]resolve.Gap, error) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	c.stage("signing in to " + c.Cloud.Name)
	client, err := c.Client(ctx, true)
	if err != nil {
		return nil, err
	}
	c.stage("listing servers of " + c.Cloud.Name)
	all, err := resolve.GatherAll(ctx, client)
	if err != nil {
		return nil, err
	}
	s := survey{config: c, all: all, userID: client.UserID(), search: c.Keys, named: map[string]bool{}}
	if s.facts, err = secgroup.Gather(ctx, client, all.Ports, all.Groups); err != nil {
		all.Gaps = append(all.Gaps, resolve.Gap{What: "remote groups of security group rules", Err: err})
	}
	for servers, err := range all.Servers(ctx) {
		if err != nil {
			return nil, err
		}
		rows, err := s.rows(ctx, servers)
		if err == nil {
			err = page(rows)
		}
		if err != nil {
			return nil, err
		}
	}
	return all.Gaps, nil
}

// survey is one look at every server.
type survey struct {
	config *Config
	all    *resolve.All
	userID string
	facts  secgroup.Facts
	search keystore.Search // grows by the files that ssh_config names
	named  map[string]bool // those files
	index  *keystore.Index // what search found
}

func (s *survey) rows(ctx context.Context, servers []openstack.Server) ([]Row, error) {
	requests, err := s.settle(ctx, servers)
	if err != nil {
		return nil, err
	}
	rows := make([]Row, len(servers))
	for i, server := range servers {
		rows[i] = s.row(server, requests[i])
	}
	return rows, nil
}

// settle asks ssh_config about each server, and looks for keys again where it
// names further ones.
func (s *survey) settle(ctx context.Context, servers []openstack.Server) ([]Request, error) {
	requests := make([]Request, len(servers))
	asking, asked := errgroup.WithContext(ctx)
	asking.SetLimit(settlers)
	for i, server := range servers {
		asking.Go(func() error {
			settings, err := s.config.SettingsOf(asked, sshconfig.JumpHost{Host: server.Name})
			if err == nil {
				requests[i] = Request{Name: server.Name, Settings: settings}.settle()
			}
			return err
		})
	}
	if err := asking.Wait(); err != nil {
		return nil, err
	}
	complete := s.index != nil
	for _, r := range requests {
		files, _, err := r.Settings.IdentityFiles(r.remote())
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if !s.named[file] {
				s.named[file], complete = true, false
				s.search.Explicit = append(s.search.Explicit, file)
			}
		}
	}
	if complete {
		return requests, nil
	}
	var err error
	s.index, err = keystore.Scan(ctx, s.search)
	return requests, err
}

func (s *survey) row(server openstack.Server, r Request) Row {
	c := s.config
	row := Row{Server: server, Login: resolve.User(server, s.all.Image(server), ""), Key: s.key(server)}
	if r.User != "" {
		row.Login = resolve.Login{User: r.User, From: "given"}
	}
	ways := s.all.Ways(server)
	candidates := resolve.Rank(server, ways, resolve.Preferences{
		Cloud: c.Cloud, Local: c.Local, Port: r.Port, Family: r.Family, Proxied: r.proxied(),
	})
	if len(candidates) > 0 {
		row.Candidate = &candidates[0]
		if !r.proxied() { // else the rules see the host on the way
			row.Verdict = Evaluate(candidates[0], c.sourceFor(candidates[0].Address), ways.Ports, s.all.Groups, s.facts)
		}
	}
	return row
}

// key is the best key for a server. One that ssh_config names for some server
// counts for this one only if it fits.
func (s *survey) key(server openstack.Server) *keystore.Identity {
	return keyHere(s.index, server, s.all.Keypair(server, s.userID))
}
