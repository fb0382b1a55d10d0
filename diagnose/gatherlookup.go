package diagnose

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"osssh/internal/openstack"
	"osssh/resolve"
)

const (
	// elsewherePatience bounds the search in other projects and regions, and
	// maxElsewhere how many of them are asked.
	elsewherePatience = 2 * time.Second
	maxElsewhere      = 10
	// maxPorts is how many ports are looked through for an allowed address pair.
	maxPorts = 1000
)

// find looks the name up, nil where it means no one server. Then it looks at
// what the name could mean instead.
func (g *gathering) find(client *openstack.Client) *openstack.Server {
	ctx, end := context.WithTimeoutCause(g.ctx, lookupPatience,
		&openstack.UnreachableError{URL: client.ComputeURL(), Err: context.DeadlineExceeded})
	defer end()
	var server openstack.Server
	err := g.ask("server "+g.request.Name, "nova", anyError, func() (err error) {
		server, err = resolve.Find(ctx, client, g.request.Name)
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return err
	})
	if err == nil {
		g.note(func(f *Facts) { f.Nova.Server = &server })
		return &server
	}
	g.noteUnlessEnded(func(f *Facts) { f.Nova.Lookup = err })
	var missing *resolve.NotFoundError
	var api *openstack.APIError
	switch {
	case errors.As(err, &missing):
		g.lookElsewhere(client)
	case errors.As(err, &api) && api.Status >= http.StatusInternalServerError:
		works := g.ask("servers without details", "nova", anyError, func() error { return client.ListsServers(ctx) }) == nil
		g.note(func(f *Facts) { f.Nova.ListWorks = works })
	}
	return nil
}

// lookElsewhere asks at once who else could be meant by a name that no server of
// this project bears.
func (g *gathering) lookElsewhere(client *openstack.Client) {
	ctx, end := context.WithTimeout(g.ctx, elsewherePatience)
	defer end()
	var asking sync.WaitGroup
	asking.Go(func() { g.searchRegions(ctx, client) })
	asking.Go(func() { g.searchProjects(ctx, client) })
	if _, ok := addressOf(g.request.Name); ok {
		asking.Go(func() { g.findOwner(ctx, client) })
	}
	asking.Wait()
}

func (g *gathering) searchRegions(ctx context.Context, client *openstack.Client) {
	regions := client.Regions()
	var asking sync.WaitGroup
	for _, region := range regions[:min(len(regions), maxElsewhere)] {
		other := client.InRegion(region)
		if other.Scope() == client.Scope() {
			continue
		}
		asking.Go(func() { g.search(ctx, other, Elsewhere{Region: region}, "region "+region) })
	}
	asking.Wait()
}

func (g *gathering) searchProjects(ctx context.Context, client *openstack.Client) {
	var projects []openstack.Project
	err := g.ask("other projects", "keystone", nil, func() (err error) {
		projects, err = client.Projects(ctx)
		return err
	})
	if err != nil {
		return
	}
	projects = slices.DeleteFunc(projects, func(p openstack.Project) bool { return !p.Enabled || p.ID == client.ProjectID() })
	var asking sync.WaitGroup
	for _, project := range projects[:min(len(projects), maxElsewhere)] {
		asking.Go(func() {
			var other *openstack.Client
			err := g.ask("token for project "+project.Name, "keystone", nil, func() (err error) {
				other, err = client.InProject(ctx, project.ID)
				return err
			})
			if err == nil {
				defer other.Close()
				g.search(ctx, other, Elsewhere{Project: project.Name}, "project "+project.Name)
			}
		})
	}
	asking.Wait()
}

// search asks one other place for the name.
func (g *gathering) search(ctx context.Context, client *openstack.Client, place Elsewhere, where string) {
	var missing *resolve.NotFoundError
	var several *resolve.AmbiguousError
	expected := func(err error) bool { return errors.As(err, &missing) || errors.As(err, &several) }
	var found []openstack.Server
	_ = g.ask("server "+g.request.Name+" in "+where, "nova", expected, func() error {
		server, err := resolve.FindExactly(ctx, client, g.request.Name)
		if err == nil {
			found = []openstack.Server{server}
		} else if errors.As(err, &several) {
			found = several.Servers
		}
		return err
	})
	g.note(func(f *Facts) {
		for _, server := range found {
			place.Server = server
			f.Nova.Elsewhere = append(f.Nova.Elsewhere[:len(f.Nova.Elsewhere):len(f.Nova.Elsewhere)], place)
		}
	})
}

// findOwner asks who has an address that is no server's.
func (g *gathering) findOwner(ctx context.Context, client *openstack.Client) {
	address, _ := addressOf(g.request.Name)
	owner := &AddressOwner{Address: address}
	var asking sync.WaitGroup
	asking.Go(func() {
		_ = g.ask("floating IP "+address.String(), "neutron", openstack.IsNotFound, func() error {
			ips, err := client.FloatingIPs(ctx, url.Values{"floating_ip_address": {address.String()}})
			if i := slices.IndexFunc(ips, func(ip openstack.FloatingIP) bool { return ip.FloatingIPAddress == address }); i >= 0 {
				owner.Floating = &ips[i]
			}
			return err
		})
	})
	var ports []openstack.Port
	asking.Go(func() {
		_ = g.ask("owner of "+address.String(), "neutron", nil, func() (err error) {
			ports, err = client.Ports(ctx, url.Values{"limit": {"1000"}})
			return err
		})
	})
	asking.Wait()
	shared := []string{address.String()} // by address pairs: this, or what a floating IP leads to
	if owner.Floating != nil && owner.Floating.FixedIPAddress.IsValid() {
		shared = append(shared, owner.Floating.FixedIPAddress.String())
	}
	for i, port := range ports[:min(len(ports), maxPorts)] {
		hasIt := slices.ContainsFunc(port.FixedIPs, func(ip openstack.FixedIP) bool { return ip.IPAddress == address })
		if hasIt || owner.Floating != nil && owner.Floating.PortID == port.ID {
			owner.Port = &ports[i]
		}
		if slices.ContainsFunc(port.AllowedAddressPairs, func(p openstack.AddressPair) bool { return slices.Contains(shared, p.IPAddress) }) {
			owner.VIPOf = append(owner.VIPOf, port)
		}
	}
	g.note(func(f *Facts) { f.Neutron.Owner = owner })
}
