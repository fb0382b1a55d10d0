package openstack

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// The listings of neutron. The values of one filter key are alternatives, keys
// are joined by "and". A neutron without the extension filter-validation
// ignores filters it does not know: the caller must filter again.

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

// SecurityGroups lists security groups with their rules.
func (c *Client) SecurityGroups(ctx context.Context, filter url.Values) ([]SecurityGroup, error) {
	return neutronList(ctx, c, "security-groups", filter, func(g SecurityGroup) string { return g.ID })
}

// AddressGroup gives one address group by its id.
func (c *Client) AddressGroup(ctx context.Context, id string) (*AddressGroup, error) {
	var body struct {
		Group *AddressGroup `json:"address_group"`
	}
	err := c.neutron(ctx, request{path: "address-groups/" + url.PathEscape(id)}, &body)
	return one(body.Group, err)
}

// neutronList asks for a collection; its name in JSON has "_" for "-".
func neutronList[T any](ctx context.Context, c *Client, collection string, filter url.Values, id func(T) string) ([]T, error) {
	key := strings.ReplaceAll(collection, "-", "_")
	get := func(ctx context.Context, query url.Values) (page[T], error) {
		var body map[string]json.RawMessage
		var p page[T]
		if err := c.neutron(ctx, request{path: collection, query: query}, &body); err != nil {
			return p, err
		}
		if err := json.Unmarshal(body[key], &p.items); err != nil {
			return p, &BodyError{Err: err}
		}
		var next links
		if raw, ok := body[key+"_links"]; ok {
			if err := json.Unmarshal(raw, &next); err != nil {
				return p, &BodyError{Err: err}
			}
		}
		p.more = next.more()
		return p, present(p.items, nil)
	}
	return chunked(ctx, filter, func(ctx context.Context, piece url.Values) ([]T, error) {
		return collect(pages(ctx, piece, get, id))
	}, id)
}

// networkBase is what was learnt about where neutron's API begins.
type networkBase struct {
	url   string // "" while the usual place is assumed
	known bool   // it has answered, or its version document was read
}

// neutron sends a request under /v2.0, where neutron nearly always is. The
// first 404 may mean that it is not: then its version document is read, once.
func (c *Client) neutron(ctx context.Context, r request, out any) error {
	r.service = network
	err := c.do(ctx, r, out)
	c.mu.Lock()
	known := c.network.known
	c.network.known = known || err == nil
	c.mu.Unlock()
	if known || !hasStatus(err, http.StatusNotFound) {
		return err
	}
	moved, lookup := c.discoverNetwork(ctx)
	if lookup != nil || !moved {
		return err // the 404 itself is the answer
	}
	return c.do(ctx, r, out)
}

// discoverNetwork reads neutron's version document and tells whether the API
// lies elsewhere than assumed. Only the path of the document's link counts.
func (c *Client) discoverNetwork(ctx context.Context) (bool, error) {
	assumed, err := c.endpoint(network, c.current())
	if err != nil {
		return false, err
	}
	root, err := url.Parse(assumed)
	if err != nil {
		return false, err
	}
	root.Path = strings.TrimSuffix(strings.TrimRight(root.Path, "/"), "/v2.0") + "/"
	var body struct {
		Versions []struct {
			ID    string `json:"id"`
			Links []struct {
				Href string `json:"href"`
				Rel  string `json:"rel"`
			} `json:"links"`
		} `json:"versions"`
	}
	if err := c.do(ctx, request{service: network, url: root.String()}, &body); err != nil {
		return false, err
	}
	found := assumed
	for _, version := range body.Versions {
		for _, link := range version.Links {
			if href, err := url.Parse(link.Href); err == nil && version.ID == "v2.0" && link.Rel == "self" {
				root.Path = strings.TrimRight(href.Path, "/") + "/"
				found = root.String()
			}
		}
	}
	c.mu.Lock()
	c.network = networkBase{url: found, known: true}
	c.mu.Unlock()
	return found != assumed, nil
}

// endpoint is where a service's API begins; it ends in "/".
func (c *Client) endpoint(s service, now *session) (string, error) {
	if s == network {
		c.mu.Lock()
		base := c.network.url
		c.mu.Unlock()
		if base != "" {
			return base, nil
		}
	}
	return c.cloud.endpoint(s, now)
}
