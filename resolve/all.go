package resolve

import (
	"cmp"
	"context"
	"iter"
	"net/url"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"osssh/internal/openstack"
)

// All is what the APIs know of the servers of a project. It is asked for in
// bulk: the number of calls does not depend on the number of servers, paging
// apart. The servers themselves are not kept.
type All struct {
	Ports  []openstack.Port
	Groups []openstack.SecurityGroup
	Gaps   []Gap // complete once all servers were taken

	client   *openstack.Client
	pages    <-chan serverPage
	first    serverPage
	portsOf  map[string][]openstack.Port       // by server id
	floating map[string][]openstack.FloatingIP // by port id
	networks map[string]openstack.Network
	keypairs map[string]openstack.Keypair // by name, the user's own
	images   map[string]openstack.Image   // zero for one that was asked for in vain
	volumes  map[string]openstack.Volume  // nil until a server boots from one
}

// serverPage is one page of nova's listing, or what came instead.
type serverPage struct {
	servers []openstack.Server
	err     error
}

// Gap is something that could not be asked.
type Gap struct {
	What string
	Err  error
}

// GatherAll asks for everything that a listing shows, and for the first page of
// servers beside it. Only the servers themselves must answer; what else does
// not is a Gap. The pages that follow are read, one ahead, until ctx ends: end
// it when no more are wanted.
func GatherAll(ctx context.Context, c *openstack.Client) (*All, error) {
	a := &All{
		client: c, pages: readAhead(ctx, c),
		portsOf: map[string][]openstack.Port{}, floating: map[string][]openstack.FloatingIP{},
		networks: map[string]openstack.Network{}, keypairs: map[string]openstack.Keypair{},
		images: map[string]openstack.Image{},
	}
	asking, asked := errgroup.WithContext(ctx)
	asking.Go(func() error {
		a.first = <-a.pages
		return a.first.err
	})
	project := url.Values{"project_id": {c.ProjectID()}}
	gaps := gapList{}
	gaps.ask(asking, "ports", func() (err error) { a.Ports, err = c.Ports(asked, project); return })
	gaps.ask(asking, "floating IPs", func() error {
		ips, err := c.FloatingIPs(asked, project)
		if openstack.IsNotFound(err) { // no router extension: no floating IPs
			return nil
		}
		if err == nil {
			err = completeForwardings(asked, c, ips, func(openstack.PortForwarding) bool { return true })
		}
		for _, ip := range ips {
			for _, port := range portsBehind(ip) {
				a.floating[port] = append(a.floating[port], ip)
			}
		}
		return err
	})
	gaps.ask(asking, "networks", func() error {
		networks, err := c.Networks(asked, nil)
		for _, n := range networks {
			a.networks[n.ID] = n
		}
		return err
	})
	gaps.ask(asking, "security groups", func() (err error) { a.Groups, err = c.SecurityGroups(asked, project); return })
	gaps.ask(asking, "keypairs", func() error {
		keypairs, err := c.Keypairs(asked)
		for _, k := range keypairs {
			a.keypairs[k.Name] = k
		}
		return err
	})
	if err := asking.Wait(); err != nil {
		return nil, err
	}
	for _, port := range a.Ports {
		a.portsOf[port.DeviceID] = append(a.portsOf[port.DeviceID], port)
	}
	if shared := a.foreignGroups(); len(shared) > 0 {
		groups, err := c.SecurityGroups(ctx, url.Values{"id": shared})
		a.Groups = append(a.Groups, groups...)
		gaps.add("shared security groups", err)
	}
	a.Gaps = gaps.list
	return a, context.Cause(ctx)
}

// readAhead reads the pages of servers, one more than was taken.
func readAhead(ctx context.Context, c *openstack.Client) <-chan serverPage {
	pages := make(chan serverPage)
	go func() {
		defer close(pages)
		for servers, err := range c.ServerPages(ctx) {
			select {
			case pages <- serverPage{servers, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return pages
}

// Servers gives the servers page by page, in the API's order, once; ctx is
// GatherAll's. The first page comes also where it is empty; an error ends them.
// What a page's servers were made from is known when it comes.
func (a *All) Servers(ctx context.Context) iter.Seq2[[]openstack.Server, error] {
	return func(yield func([]openstack.Server, error) bool) {
		for page, more := a.first, true; more; page, more = <-a.pages {
			if page.err == nil {
				a.gatherSources(ctx, page.servers)
			}
			if err := cmp.Or(context.Cause(ctx), page.err); err != nil {
				yield(nil, err)
				return
			}
			if !yield(page.servers, nil) {
				return
			}
		}
		if err := context.Cause(ctx); err != nil { // the reading ended, not the servers
			yield(nil, err)
		}
	}
}

// gatherSources asks for the images and volumes that servers were made from,
// unless that was done for others before.
func (a *All) gatherSources(ctx context.Context, servers []openstack.Server) {
	var imageIDs []string
	fromVolume := false
	for _, s := range servers {
		if s.Image.ID == "" {
			fromVolume = fromVolume || len(s.Volumes) > 0
		} else if _, asked := a.images[s.Image.ID]; !asked {
			a.images[s.Image.ID] = openstack.Image{}
			imageIDs = append(imageIDs, s.Image.ID)
		}
	}
	gaps := gapList{list: a.Gaps}
	var asking errgroup.Group
	gaps.ask(&asking, "images", func() error {
		images, err := a.client.Images(ctx, imageIDs)
		for _, image := range images {
			a.images[image.ID] = image
		}
		return err
	})
	if fromVolume && a.volumes == nil {
		a.volumes = map[string]openstack.Volume{}
		gaps.ask(&asking, "volumes", func() error {
			volumes, err := a.client.Volumes(ctx)
			for _, v := range volumes {
				a.volumes[v.ID] = v
			}
			return err
		})
	}
	_ = asking.Wait() // each gap keeps its error
	a.Gaps = gaps.list
}

// foreignGroups are the groups of the ports that belong to another project.
func (a *All) foreignGroups() []string {
	known := map[string]bool{}
	for _, g := range a.Groups {
		known[g.ID] = true
	}
	var foreign []string
	for _, port := range a.Ports {
		for _, id := range port.SecurityGroups {
			if !known[id] {
				known[id] = true
				foreign = append(foreign, id)
			}
		}
	}
	return foreign
}

// gapList collects what could not be asked, each thing once.
type gapList struct {
	mu   sync.Mutex
	list []Gap
}

func (g *gapList) ask(asking *errgroup.Group, what string, f func() error) {
	asking.Go(func() error {
		g.add(what, f())
		return nil
	})
}

func (g *gapList) add(what string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	known := func(gap Gap) bool { return gap.What == what }
	if err != nil && !slices.ContainsFunc(g.list, known) {
		g.list = append(g.list, Gap{what, err})
	}
}

// Ways is how a server hangs on its networks.
func (a *All) Ways(server openstack.Server) Ways {
	ways := Ways{Ports: a.portsOf[server.ID], Networks: a.networks}
	for _, port := range ways.Ports {
		ways.addFloatingIPs(a.floating[port.ID])
	}
	return ways
}

// Keypair is the keypair of a server, nil where it has none or another user's.
func (a *All) Keypair(server openstack.Server, userID string) *openstack.Keypair {
	keypair, ok := a.keypairs[server.KeyName]
	if !ok || server.KeyName == "" || server.UserID != userID {
		return nil
	}
	return &keypair
}

// Image is what a server was made from, zero where that is not known.
func (a *All) Image(server openstack.Server) openstack.Image {
	for _, ref := range server.Volumes {
		if volume := a.volumes[ref.ID]; server.Image.ID == "" && len(volume.ImageMetadata) > 0 {
			return imageOfVolume(volume)
		}
	}
	return a.images[server.Image.ID]
}
