package openstack

import (
	"context"
	"slices"
)

// Project is a keystone project.
type Project struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
}

// Projects gives the projects that the user has a role in.
func (c *Client) Projects(ctx context.Context) ([]Project, error) {
	target := versioned(identity, c.cloud.AuthURL, "") + "auth/projects"
	var found []Project
	err := c.do(ctx, request{service: identity, url: target}, &answer{key: "projects", into: &found})
	return found, err
}

// InProject gives a client of another project, by the token at hand; nothing of
// it is cached. Keystone does not let the token of an application credential be
// used so, nor any if the operator has set allow_rescope_scoped_token to false.
func (c *Client) InProject(ctx context.Context, projectID string) (*Client, error) {
	cloud := *c.cloud
	cloud.Auth = Auth{Type: AuthToken, Token: Secret(c.current().Token), ProjectID: projectID}
	options := c.options
	options.CacheDir = ""
	return Connect(ctx, &cloud, options)
}

// Regions are those of the catalog that have a nova, sorted.
func (c *Client) Regions() []string {
	var regions []string
	for _, entry := range c.current().Catalog {
		if entry.Type != string(compute) {
			continue
		}
		for _, endpoint := range entry.Endpoints {
			regions = append(regions, firstOf(endpoint.RegionID, endpoint.Region))
		}
	}
	slices.Sort(regions)
	return slices.DeleteFunc(slices.Compact(regions), func(r string) bool { return r == "" })
}

// InRegion gives a client of another region under the same token; nothing of it
// is cached.
func (c *Client) InRegion(region string) *Client {
	cloud := *c.cloud
	cloud.Region = region
	options := c.options
	options.CacheDir = ""
	return &Client{
		cloud: &cloud, options: options, provider: c.provider, session: c.current(),
		renewing: make(turn, 1), learning: make(turn, 1),
	}
}
