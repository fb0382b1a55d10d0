package reach

import (
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

// Survey looks at every server of the project, sorted by name and id. The gaps
// are what could not be asked.
func Survey(ctx context.Context, c *Config) ([]Row, []resolve.Gap, error) {
	scan := scanKeys(ctx, c, Request{Settings: &sshconfig.Settings{}})
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
	facts, err := secgroup.Gather(ctx, client, all.Ports, all.Groups)
	if err != nil {
		all.Gaps = append(all.Gaps, resolve.Gap{What: "remote groups of security group rules", Err: err})
	}
	index, err := scan()
	if err != nil {
		return nil, nil, err
	}
	rows := make([]Row, 0, len(all.Servers))
	for _, server := range all.Servers {
		rows = append(rows, c.row(server, all, client.UserID(), index, facts))
	}
	slices.SortFunc(rows, func(a, b Row) int {
		if a.Server.Name != b.Server.Name {
			return strings.Compare(a.Server.Name, b.Server.Name)
		}
		return strings.Compare(a.Server.ID, b.Server.ID)
	})
	return rows, all.Gaps, ctx.Err()
}

func (c *Config) row(server openstack.Server, all *resolve.All, userID string, index *keystore.Index, facts secgroup.Facts) Row {
	row := Row{Server: server, Login: resolve.User(server, all.Image(server), "")}
	if server.KeyName != "" {
		wanted := WantedKey(server, all.Keypair(server, userID), console.Log{})
		if found := index.Match(wanted).Identities; len(found) > 0 {
			row.Key = found[0]
		}
	}
	ways := all.Ways(server)
	candidates := resolve.Rank(server, ways, resolve.Preferences{Cloud: c.Cloud, Local: c.Local})
	if len(candidates) > 0 {
		row.Candidate = &candidates[0]
		row.Verdict = Evaluate(candidates[0], c.sourceFor(candidates[0].Address), ways.Ports, all.Groups, facts)
	}
	return row
}
