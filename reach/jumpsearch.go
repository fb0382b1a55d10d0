package reach

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"osssh/internal/openstack"
	"osssh/resolve"
	"osssh/secgroup"
)

const (
	// maxJumps is how many jump hosts are tried.
	maxJumps = 3
	// serversAtOnce is how many of the possible ones are asked for together.
	serversAtOnce = 6
)

// Jumps looks for servers of the project through which the plan's server can be
// reached, best first, at most three. Where there is none the error is a
// *NoJumpError.
func (p *Plan) Jumps(ctx context.Context) ([]Jump, error) {
	p.config.stage("looking for a jump host to " + p.Server.Name)
	client, err := p.config.Client(ctx, false)
	if err != nil {
		return nil, &NoJumpError{Err: err}
	}
	facts, err := p.gatherJumpFacts(ctx, client)
	if err != nil {
		return nil, &NoJumpError{Err: err}
	}
	possible, none := facts.possible()
	var jumps []Jump
	for piece := range slices.Chunk(possible, serversAtOnce) {
		servers := askServers(ctx, client, piece)
		for i, jump := range piece {
			if servers[i] == nil { // deleted meanwhile, or not to be seen
				none.Stopped++
			} else if jump, ok := facts.usable(jump, *servers[i], &none); ok {
				jumps = append(jumps, jump)
			}
		}
		if len(jumps) >= maxJumps {
			return jumps[:maxJumps], nil
		}
	}
	if len(jumps) == 0 {
		none.Err = ctx.Err()
		return nil, &none
	}
	return jumps, nil
}

// gatherJumpFacts asks for what the choice rests on. What may not be read makes
// rules uncertain, or leaves only names to know keys by, and is no error.
func (p *Plan) gatherJumpFacts(ctx context.Context, client *openstack.Client) (jumpFacts, error) {
	f := jumpFacts{port: resolve.SSHPort(p.Server, p.request.Port), source: p.config.sourceFor,
		from: resolve.Preferences{Cloud: p.config.Cloud, Local: p.config.Local, Family: p.request.Family}}
	var err error
	if f.ways, err = p.facts.Ways(); err != nil {
		return f, err
	}
	asking, asked := errgroup.WithContext(ctx)
	asking.Go(func() error {
		found, err := resolve.GatherNeighbours(asked, client, p.Server, f.ways)
		if f.neighbours = found.Servers; err != nil {
			return err
		}
		ports := slices.Clone(f.ways.Ports)
		for _, n := range f.neighbours {
			ports = append(ports, n.Ways.Ports...)
		}
		f.groups, f.facts, err = gatherRules(asked, client, ports)
		return unlessUnreadable(err)
	})
	asking.Go(func() error {
		keypairs, err := client.Keypairs(asked)
		if unlessUnreadable(err) != nil {
			return err
		}
		index, err := p.scan()
		f.hasKey = func(server openstack.Server) bool {
			return keyHere(index, server, keypairOf(server, keypairs, client.UserID())) != nil
		}
		return err
	})
	return f, asking.Wait()
}

func unlessUnreadable(err error) error {
	if openstack.IsForbidden(err) || openstack.IsNotFound(err) {
		return nil
	}
	return err
}

// gatherRules asks for the groups of ports, and what their rules refer to.
func gatherRules(ctx context.Context, client *openstack.Client, ports []openstack.Port) ([]openstack.SecurityGroup, secgroup.Facts, error) {
	groups, err := resolve.Groups(ctx, client, ports)
	if err != nil {
		return nil, secgroup.Facts{}, err
	}
	facts, err := secgroup.Gather(ctx, client, ports, groups)
	return groups, facts, err
}

// keypairOf is the keypair of a server, nil where it has none or another user's.
func keypairOf(server openstack.Server, keypairs []openstack.Keypair, userID string) *openstack.Keypair {
	for i := range keypairs {
		if keypairs[i].Name == server.KeyName && server.UserID == userID {
			return &keypairs[i]
		}
	}
	return nil
}

// askServers asks for the servers of jumps at once, nil for one that nova does
// not give.
func askServers(ctx context.Context, client *openstack.Client, jumps []Jump) []*openstack.Server {
	servers := make([]*openstack.Server, len(jumps))
	var asking errgroup.Group
	for i, jump := range jumps {
		asking.Go(func() error {
			server, err := client.Server(ctx, jump.Server.ID)
			if err == nil {
				servers[i] = server
			}
			return nil
		})
	}
	_ = asking.Wait()
	return servers
}
