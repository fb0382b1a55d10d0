package openstack

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// The listings of neutron. The values of one filter key are alternatives, keys
// are joined by "and". A neutron without the extension filter-validation
// ignores filters it does not know: the caller must filter again. With `limit`
// among them the answer is one page: at most so many, for each hundred values
// of a key.

// Ports lists neutron ports.
func (c *Client) Ports(ctx context.Context, filter url.Values) ([]Port, error) {
	return neutronList(ctx, c, "ports", filter, func(p Port) string { return p.ID })
}

// FloatingIPs lists floating IPs.
func (c *Client) FloatingIPs(ctx context.Context, filter url.Values) ([]FloatingIP, error) {
	return neutronList(ctx, c, "floatingips", filter, func(f FloatingIP) string { return f.ID })
}

// Networks lists networks.
func (c *Client) Networks(ctx context.Context, filter url.Values) ([]Network, error) {
	return neutronList(ctx, c, "networks", filter, func(n Network) string { return n.ID })
}

// Subnets lists subnets.
func (c *Client) Subnets(ctx context.Context, filter url.Values) ([]Subnet, error) {
	return neutronList(ctx, c, "subnets", filter, func(s Subnet) string { return s.ID })
}

// Routers lists routers.
func (c *Client) Routers(ctx context.Context, filter url.Values) ([]Router, error) {
	return neutronList(ctx, c, "routers", filter, func(r Router) string { return r.ID })
}

// PortForwardings lists what the ports of a floating IP lead to, for a neutron
// that does not say so with the floating IP itself.
func (c *Client) PortForwardings(ctx context.Context, floatingIPID string) ([]PortForwarding, error) {
	var found []PortForwarding
	err := c.neutron(ctx, request{path: "floatingips/" + url.PathEscape(floatingIPID) + "/port_forwardings"},
		&answer{key: "port_forwardings", into: &found})
	return found, err
}

// SecurityGroups lists security groups with their rules.
func (c *Client) SecurityGroups(ctx context.Context, filter url.Values) ([]SecurityGroup, error) {
	return neutronList(ctx, c, "security-groups", filter, func(g SecurityGroup) string { return g.ID })
}

// FirewallGroups lists the firewall groups of FWaaS v2; 404 where neutron lacks
// that extension.
func (c *Client) FirewallGroups(ctx context.Context) ([]FirewallGroup, error) {
	var found []FirewallGroup
	err := c.neutron(ctx, request{path: "fwaas/firewall_groups"}, &answer{key: "firewall_groups", into: &found})
	return found, err
}

// AddressGroup gives one address group by its id.
func (c *Client) AddressGroup(ctx context.Context, id string) (*AddressGroup, error) {
	var group AddressGroup
	if err := c.neutron(ctx, request{path: "address-groups/" + url.PathEscape(id)}, &answer{key: "address_group", into: &group}); err != nil {
		return nil, err
	}
	return &group, nil
}

// neutronList asks for a collection; its name in JSON has "_" for "-".
func neutronList[T any](ctx context.Context, c *Client, collection string, filter url.Values, id func(T) string) ([]T, error) {
	key := strings.ReplaceAll(collection, "-", "_")
	get := func(ctx context.Context, query url.Values) (page[T], error) {
		var found []T
		out := &answer{key: key, into: &found}
		err := c.neutron(ctx, request{path: collection, query: query}, out)
		return page[T]{found, out.more && !query.Has("limit")}, err
	}
	return chunked(ctx, filter, func(ctx context.Context, piece url.Values) ([]T, error) {
		return collect(pages(ctx, piece, get, id))
	}, id)
}

// neutron sends a request under /v2.0, where neutron nearly always is. The
// first 404 may mean that it is not: then its version document is read, once.
func (c *Client) neutron(ctx context.Context, r request, out *answer) error {
	r.service = network
	used, _ := c.networkBase(c.current())
	err := c.do(ctx, r, out)
	if err == nil {
		c.networkFound.Store(true)
	}
	if !hasStatus(err, http.StatusNotFound) || !c.findNetwork(ctx, used) {
		return err // a 404 from the right place is the answer
	}
	return c.do(ctx, r, out)
}

// networkBase is where neutron's API begins in a session.
func (c *Client) networkBase(s *session) (string, error) {
	assumed, err := c.cloud.endpoint(network, s)
	if err != nil {
		return "", err
	}
	return firstOf(s.Learnt[assumed], assumed), nil
}

// findNetwork tells whether neutron is elsewhere than where a call looked for
// it. Only the path of its version document's link counts: the host is the
// catalog's.
func (c *Client) findNetwork(ctx context.Context, used string) bool {
	if c.learning.take(ctx) != nil {
		return false
	}
	defer c.learning.give()
	base, err := c.networkBase(c.current())
	if err != nil || base != used || c.networkFound.Load() {
		return err == nil && base != used // another call has found out since
	}
	root, err := url.Parse(base)
	if err != nil {
		return false
	}
	root.Path = strings.TrimSuffix(strings.TrimRight(root.Path, "/"), "/v2.0") + "/"
	var versions []networkVersion
	err = c.do(ctx, request{service: network, url: root.String()}, &answer{key: "versions", into: &versions})
	if ctx.Err() != nil {
		return false
	}
	c.networkFound.Store(true)
	path := selfPath(versions)
	if err != nil || path == "" {
		return false
	}
	root.Path = path
	if root.String() == base {
		return false
	}
	if assumed, err := c.cloud.endpoint(network, c.current()); err == nil {
		c.learn(assumed, root.String())
	}
	return true
}

// networkVersion is one entry of neutron's version document.
type networkVersion struct {
	ID    string `json:"id"`
	Links []struct {
		Href string `json:"href"`
		Rel  string `json:"rel"`
	} `json:"links"`
}

// selfPath is the path of v2.0 in a version document; "" if it has none.
func selfPath(versions []networkVersion) string {
	for _, version := range versions {
		for _, link := range version.Links {
			href, err := url.Parse(link.Href)
			if err == nil && version.ID == "v2.0" && link.Rel == "self" {
				return strings.TrimRight(href.Path, "/") + "/"
			}
		}
	}
	return ""
}
