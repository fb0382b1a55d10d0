package reach

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/resolve"
	"osssh/secgroup"
	"osssh/sshconfig"
)

// Row is one server of a project as a login would find it, as far as that is
// known without asking for each server by itself: not its console.
type Row struct {
	Server    openstack.Server
	Candidate *resolve.Candidate // that would be dialled; nil: none
	Login     resolve.Login
	Key       *keystore.Identity // that matches the keypair; nil: none here
	Verdict   secgroup.Verdict   // of Candidate; zero where nothing was judged
}

// Survey looks at every server of the project, sorted by name and id, with what
// SettingsOf says of its name. The gaps are what could not be asked.
func Survey(ctx context.Context, c *Config) ([]Row, []resolve.Gap, error) {
	c.stage("signing in to " + c.Cloud.Name)
	client, err := c.Client(ctx, true)
	if err != nil {
		return nil, nil, err
	}
	c.stage("listing servers of " + c.Cloud.Name)
	all, err := resolve.GatherAll(ctx, client)
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(all.Servers, func(a, b openstack.Server) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	s := survey{config: c, all: all, userID: client.UserID()}
	if s.facts, err = secgroup.Gather(ctx, client, all.Ports, all.Groups); err != nil {
		all.Gaps = append(all.Gaps, resolve.Gap{What: "remote groups of security group rules", Err: err})
	}
	if err := s.settle(ctx); err != nil {
		return nil, nil, err
	}
	rows := make([]Row, len(all.Servers))
	for i := range all.Servers {
		rows[i] = s.row(i)
	}
	return rows, all.Gaps, ctx.Err()
}

// survey is one look at every server.
type survey struct {
	config   *Config
	all      *resolve.All
	userID   string
	requests []Request // for each server
	index    *keystore.Index
	facts    secgroup.Facts
}

// settle asks ssh_config about every server, and looks for keys where it names
// some, once for all of them.
func (s *survey) settle(ctx context.Context) error {
	search := s.config.Keys
	for _, server := range s.all.Servers {
		settings, err := s.config.SettingsOf(ctx, sshconfig.JumpHost{Host: server.Name})
		if err != nil {
			return err
		}
		r := Request{Name: server.Name, Settings: settings}.settle()
		files, _, err := settings.IdentityFiles(r.remote())
		if err != nil {
			return err
		}
		for _, file := range files {
			if !slices.Contains(search.Explicit, file) {
				search.Explicit = append(search.Explicit, file)
			}
		}
		s.requests = append(s.requests, r)
	}
	var err error
	s.index, err = keystore.Scan(ctx, search)
	return err
}

func (s *survey) row(i int) Row {
	server, r, c := s.all.Servers[i], s.requests[i], s.config
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
	if server.KeyName == "" {
		return nil
	}
	wanted := WantedKey(server, s.all.Keypair(server, s.userID), console.Log{})
	for _, id := range s.index.Match(wanted).Identities {
		if id.How != keystore.ByExplicit {
			return id
		}
	}
	return nil
}
