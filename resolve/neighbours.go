package resolve

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"osssh/internal/openstack"
)

const (
	maxNeighbours     = 100
	maxTargetNetworks = 8    // that are searched
	maxListed         = 1000 // records in one answer of neutron
)

// Neighbours is who stands beside a server: on its networks, or on networks
// that a router joins to them.
type Neighbours struct {
	Servers []Neighbour // at most 100, those with a leg on the target's own networks first
}

// Neighbour is a server of the project from which another one can be reached,
// as far as addresses go.
type Neighbour struct {
	ServerID string
	Ways     Ways             // all its ports, what leads to them, and the networks
	Near     []openstack.Port // its ports on the target's networks, else those on joined ones
	Joined   bool             // only by a router
}

// GatherNeighbours asks who stands beside a server, in three round trips. In a
// project of any size it reads no more than a thousand ports of each network,
// and prefers servers that the outside may reach: by a floating IP, or on an
// external or shared network. What may not be read is left out; another error
// comes with what was found before it.
func GatherNeighbours(ctx context.Context, c *openstack.Client, server openstack.Server, ways Ways) (Neighbours, error) {
	n := neighbourhood{
		client: c, project: c.ProjectID(), server: server.ID, networks: map[string]openstack.Network{}, floating: map[string][]openstack.FloatingIP{},
		legs: map[string][]openstack.Port{},
	}
	for _, port := range ways.Ports {
		if !slices.Contains(n.target, port.NetworkID) && len(n.target) < maxTargetNetworks {
			n.target = append(n.target, port.NetworkID)
		}
	}
	if len(n.target) == 0 {
		return Neighbours{}, nil
	}
	err := n.readTarget(ctx)
	if ctx.Err() == nil {
		err = cmp.Or(err, n.readAround(ctx))
	}
	found, errServers := n.readServers(ctx, n.shortlist())
	return found, cmp.Or(err, errServers)
}

// readTarget is the first round trip: the ports on the target's networks, the
// routers there, and what the project has beside.
func (n *neighbourhood) readTarget(ctx context.Context) error {
	var asking errgroup.Group
	ports := make([][]openstack.Port, len(n.target))
	for i, id := range n.target {
		listed(&asking, &ports[i], func() ([]openstack.Port, error) { return n.seek(ctx, url.Values{"network_id": {id}}) })
	}
	var there, own []openstack.Port
	listed(&asking, &there, func() ([]openstack.Port, error) {
		return n.client.Ports(ctx, limited(url.Values{"network_id": n.target, "device_owner": routerInterface}))
	})
	listed(&asking, &own, func() ([]openstack.Port, error) {
		return n.client.Ports(ctx, limited(url.Values{"project_id": {n.project}, "device_owner": routerInterface}))
	})
	listed(&asking, &n.ips, func() ([]openstack.FloatingIP, error) {
		return n.client.FloatingIPs(ctx, limited(url.Values{"project_id": {n.project}, "fields": floatingFields}))
	})
	networks := make([][]openstack.Network, 3)
	for i, filter := range []url.Values{{"project_id": {n.project}}, {"shared": {"true"}}, {"router:external": {"true"}}} {
		listed(&asking, &networks[i], func() ([]openstack.Network, error) { return n.client.Networks(ctx, limited(filter)) })
	}
	err := asking.Wait()
	for _, network := range slices.Concat(networks...) {
		n.networks[network.ID] = network
	}
	for _, found := range ports {
		n.see(found)
		n.cut = n.cut || len(found) >= maxListed
	}
	n.interfaces = slices.Concat(there, own)
	n.join()
	return err
}

// readAround is the second round trip: the ports on joined networks, those on
// networks that the outside may reach, and those with floating IPs that were not
// among the ports read before.
func (n *neighbourhood) readAround(ctx context.Context) error {
	var outside []string
	for id, network := range n.networks {
		if (network.External || network.Shared) && !slices.Contains(n.target, id) && !slices.Contains(n.joined, id) {
			outside = append(outside, id)
		}
	}
	var joined, open, behind []openstack.Port
	var asking errgroup.Group
	for _, list := range []struct {
		into *[]openstack.Port
		key  string
		ids  []string
	}{{&joined, "network_id", n.joined}, {&open, "network_id", outside}, {&behind, "id", n.unseen()}} {
		if len(list.ids) > 0 {
			listed(&asking, list.into, func() ([]openstack.Port, error) { return n.seek(ctx, url.Values{list.key: list.ids}) })
		}
	}
	asking.Go(func() error {
		return permitted(completeForwardings(ctx, n.client, n.ips, func(openstack.PortForwarding) bool { return true }))
	})
	err := asking.Wait()
	n.see(slices.Concat(joined, open, behind))
	n.cut = n.cut || len(joined) >= maxListed
	for _, ip := range n.ips {
		for _, id := range portsBehind(ip) {
			n.floating[id] = append(n.floating[id], ip)
		}
	}
	return err
}

// unseen are the ports behind floating IPs that were not read yet.
func (n *neighbourhood) unseen() []string {
	seen := map[string]bool{}
	for _, legs := range n.legs {
		for _, port := range legs {
			seen[port.ID] = true
		}
	}
	var ids []string
	for _, ip := range n.ips {
		for _, id := range portsBehind(ip) {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids[:min(len(ids), maxListed)]
}

// seek lists ports of the project, with what the choice of servers needs.
func (n *neighbourhood) seek(ctx context.Context, filter url.Values) ([]openstack.Port, error) {
	filter.Set("project_id", n.project)
	filter["fields"] = []string{"id", "network_id", "project_id", "device_id", "device_owner"}
	return n.client.Ports(ctx, limited(filter))
}

// readServers is the third round trip: all ports of the servers, whole.
func (n *neighbourhood) readServers(ctx context.Context, ids []string) (Neighbours, error) {
	if len(ids) == 0 {
		return Neighbours{}, nil
	}
	ports, err := n.client.Ports(ctx, url.Values{"device_id": ids})
	if permitted(err) != nil {
		return Neighbours{}, err
	}
	byServer := map[string][]openstack.Port{}
	for _, port := range ports {
		if n.isNeighbours(port) {
			byServer[port.DeviceID] = append(byServer[port.DeviceID], port)
		}
	}
	var found Neighbours
	for _, near := range []nearness{beside, oneHop} {
		for _, id := range ids {
			if n.nearness(byServer[id]) == near {
				found.Servers = append(found.Servers, n.neighbour(id, byServer[id], near))
			}
		}
	}
	return found, nil
}

// listed asks for a list beside others. One that may not be read is empty.
func listed[T any](asking *errgroup.Group, into *[]T, get func() ([]T, error)) {
	asking.Go(func() error {
		found, err := get()
		*into = found
		return permitted(err)
	})
}

// permitted is an error, unless it says only that something may not be read.
func permitted(err error) error {
	if openstack.IsForbidden(err) || openstack.IsNotFound(err) {
		return nil
	}
	return err
}

// limited asks for one page only.
func limited(filter url.Values) url.Values {
	filter.Set("limit", strconv.Itoa(maxListed))
	return filter
}
