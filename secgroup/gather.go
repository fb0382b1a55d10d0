package secgroup

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"osssh/internal/openstack"
)

const atOnce = 8 // calls

// Gather asks what Evaluate needs beyond ports and groups: the members of remote
// groups (one call for all) and address groups, at once, and only those that a
// rule which could admit SSH refers to. What the user may not read is left out of
// the facts and is no error. Where an error comes back the facts hold what was
// read all the same.
func Gather(ctx context.Context, c *openstack.Client, ports []openstack.Port, groups []openstack.SecurityGroup) (Facts, error) {
	remote, address := references(ports, groups)
	facts := Facts{AddressGroups: make(map[string]openstack.AddressGroup), Backend: backendOf(ports)}

	var members []openstack.Port
	var readable bool
	owners := slices.Clone(groups)
	var lock sync.Mutex
	var failures []error
	var calls errgroup.Group
	calls.SetLimit(atOnce)
	ask := func(what string, call func() error) {
		calls.Go(func() error {
			err := call()
			if err != nil && !openstack.IsNotFound(err) && !openstack.IsForbidden(err) {
				lock.Lock()
				defer lock.Unlock()
				failures = append(failures, fmt.Errorf("%s: %w", what, err))
			}
			return nil // the other calls go on
		})
	}
	if len(remote) > 0 {
		ask("members of remote security groups", func() (err error) {
			members, err = c.Ports(ctx, url.Values{
				"security_groups": remote,
				"fields":          {"id", "security_groups", "fixed_ips", "allowed_address_pairs"},
			})
			readable = err == nil
			return err
		})
	}
	if unseen := without(remote, groups); len(unseen) > 0 {
		ask("remote security groups", func() error {
			found, err := c.SecurityGroups(ctx, url.Values{"id": unseen})
			owners = append(owners, found...)
			return err
		})
	}
	for _, id := range address {
		ask("address group "+id, func() error {
			group, err := c.AddressGroup(ctx, id)
			if err != nil {
				return err
			}
			lock.Lock()
			defer lock.Unlock()
			facts.AddressGroups[id] = *group
			return nil
		})
	}
	_ = calls.Wait() // every call keeps its error
	if readable {
		facts.Members = membersOf(remote, members, owners, c.ProjectID())
	}
	return facts, errors.Join(failures...)
}

// references gives the ids of remote groups and address groups that rules of
// the ports' groups name, each once and sorted.
func references(ports []openstack.Port, groups []openstack.SecurityGroup) (remote, address []string) {
	for _, g := range groups {
		if !slices.ContainsFunc(ports, func(p openstack.Port) bool { return slices.Contains(p.SecurityGroups, g.ID) }) {
			continue
		}
		for _, r := range g.Rules {
			if r.Direction != "ingress" && !anyStateless([]openstack.SecurityGroup{g}) {
				continue
			}
			if a, _ := matchProtocol(r); a == Deny {
				continue
			}
			if id := deref(r.RemoteGroupID); id != "" {
				remote = append(remote, id)
			}
			if id := deref(r.RemoteAddressGroupID); id != "" {
				address = append(address, id)
			}
		}
	}
	return unique(remote), unique(address)
}

func unique(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// without gives the ids that no group has.
func without(ids []string, groups []openstack.SecurityGroup) []string {
	var out []string
	for _, id := range ids {
		if !slices.ContainsFunc(groups, func(g openstack.SecurityGroup) bool { return g.ID == id }) {
			out = append(out, id)
		}
	}
	return out
}

// membersOf sorts ports by the remote groups that they bear: a neutron without
// the extension port-security-groups-filtering gives all ports. The members of
// a group are complete if no other project's ports can bear it, for those are
// not shown to us. Neutron does not tell an owner here that a group is shared
// with one named project (its "shared" is about the asking project): a member
// there is overlooked.
func membersOf(remote []string, ports []openstack.Port, groups []openstack.SecurityGroup, project string) map[string]Members {
	out := make(map[string]Members, len(remote))
	for _, id := range remote {
		m := Members{Complete: slices.ContainsFunc(groups, func(g openstack.SecurityGroup) bool {
			return g.ID == id && project != "" && g.ProjectID == project && !g.Shared
		})}
		for _, p := range ports {
			if slices.Contains(p.SecurityGroups, id) {
				m.add(p)
			}
		}
		out[id] = m
	}
	return out
}

func (m *Members) add(p openstack.Port) {
	for _, f := range p.FixedIPs {
		m.Addresses = append(m.Addresses, f.IPAddress)
	}
	for _, pair := range p.AllowedAddressPairs {
		if prefix, ok := parsePrefix(pair.IPAddress); ok {
			m.Pairs = append(m.Pairs, prefix)
		}
	}
}

// backendOf reads the mechanism driver that bound the ports, where the user is
// shown it (neutron_lib.api.definitions.portbindings, bound_drivers).
func backendOf(ports []openstack.Port) Backend {
	for _, p := range ports {
		drivers, _ := p.VIFDetails["bound_drivers"].(map[string]any)
		for _, d := range drivers {
			switch d {
			case "ovn":
				return OVN
			case "openvswitch", "linuxbridge":
				return ML2
			}
		}
	}
	return BackendUnknown
}
