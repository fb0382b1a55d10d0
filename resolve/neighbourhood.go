package resolve

import (
	"cmp"
	"slices"
	"strings"

	"osssh/internal/openstack"
)

// neighbourhood is what was read so far.
type neighbourhood struct {
	client     *openstack.Client
	project    string
	server     string   // the target's id
	target     []string // ids of its networks
	joined     []string // ids of those that a router joins to them
	interfaces []openstack.Port
	ips        []openstack.FloatingIP
	networks   map[string]openstack.Network
	floating   map[string][]openstack.FloatingIP // by the id of the port behind
	legs       map[string][]openstack.Port       // by server id: the ports that were seen
	cut        bool                              // there are more ports near than were read
}

// routerInterface are the device_owner of a router's leg in a network
// (neutron_lib.constants, ROUTER_INTERFACE_OWNERS).
var routerInterface = []string{
	"network:router_interface", "network:router_interface_distributed", "network:ha_router_replicated_interface",
}

// see takes the ports of servers.
func (n *neighbourhood) see(ports []openstack.Port) {
	for _, port := range ports {
		if n.isNeighbours(port) && !slices.ContainsFunc(n.legs[port.DeviceID], func(have openstack.Port) bool { return have.ID == port.ID }) {
			n.legs[port.DeviceID] = append(n.legs[port.DeviceID], port)
		}
	}
}

func (n *neighbourhood) isNeighbours(port openstack.Port) bool {
	return strings.HasPrefix(port.DeviceOwner, "compute:") && port.DeviceID != n.server && port.DeviceID != "" &&
		port.ProjectID == n.project
}

// join finds the networks on which the target's routers have another leg.
func (n *neighbourhood) join() {
	routers := map[string]bool{}
	for _, port := range n.interfaces {
		if slices.Contains(n.target, port.NetworkID) && slices.Contains(routerInterface, port.DeviceOwner) {
			routers[port.DeviceID] = true
		}
	}
	for _, port := range n.interfaces {
		if routers[port.DeviceID] && !slices.Contains(n.target, port.NetworkID) && !slices.Contains(n.joined, port.NetworkID) {
			n.joined = append(n.joined, port.NetworkID)
		}
	}
}

// shortlist are the servers worth a closer look: first those near that the
// outside may reach, then those that it may reach and that could be near, then
// the others that are near.
func (n *neighbourhood) shortlist() []string {
	type entry struct {
		id    string
		order int
		near  nearness
	}
	var entries []entry
	for id, legs := range n.legs {
		e := entry{id: id, near: n.nearness(legs)}
		open := slices.ContainsFunc(legs, n.mayBeReached)
		switch {
		case e.near == faraway && !(open && n.cut):
			continue
		case e.near == faraway:
			e.order = 1
		case !open:
			e.order = 2
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.near, b.near), strings.Compare(a.id, b.id))
	})
	var ids []string
	for _, e := range entries[:min(len(entries), maxNeighbours)] {
		ids = append(ids, e.id)
	}
	return ids
}

// nearness is how near a server stands by its legs.
type nearness int

const (
	beside nearness = iota // on the target's network
	oneHop                 // behind a router
	faraway
)

func (n *neighbourhood) nearness(legs []openstack.Port) nearness {
	nearest := faraway
	for _, port := range legs {
		switch {
		case slices.Contains(n.target, port.NetworkID):
			return beside
		case slices.Contains(n.joined, port.NetworkID):
			nearest = oneHop
		}
	}
	return nearest
}

func (n *neighbourhood) mayBeReached(port openstack.Port) bool {
	network := n.networks[port.NetworkID]
	return len(n.floating[port.ID]) > 0 || network.External || network.Shared
}

func (n *neighbourhood) neighbour(id string, ports []openstack.Port, near nearness) Neighbour {
	networks := n.target
	if near == oneHop {
		networks = n.joined
	}
	found := Neighbour{ServerID: id, Joined: near == oneHop, Ways: Ways{Ports: ports, Networks: n.networks}}
	for _, port := range ports {
		if slices.Contains(networks, port.NetworkID) {
			found.Near = append(found.Near, port)
		}
		found.Ways.addFloatingIPs(n.floating[port.ID])
	}
	return found
}
