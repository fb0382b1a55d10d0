package resolve

import (
	"context"
	"net/url"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"osssh/internal/openstack"
)

// All is what the APIs know of every server of a project. It is asked for in
// bulk: the number of calls does not depend on the number of servers, paging
// apart.
type All struct {
	Servers []openstack.Server
	Ports   []openstack.Port
	Groups  []openstack.SecurityGroup
	Gaps    []Gap

	portsOf  map[string][]openstack.Port       // by server id
	floating map[string][]openstack.FloatingIP // by port id
	networks map[string]openstack.Network
	keypairs map[string]openstack.Keypair // by name, the user's own
	images   map[string]openstack.Image
	volumes  map[string]openstack.Volume
}

// Gap is something that could not be asked.
type Gap struct {
	What string
	Err  error
}

// GatherAll asks for everything that a listing shows. Only the servers
// themselves must answer; what else does not is a Gap.
func GatherAll(ctx context.Context, c *openstack.Client) (*All, error) {
	a := &All{
		portsOf: map[string][]openstack.Port{}, floating: map[string][]openstack.FloatingIP{},
		networks: map[string]openstack.Network{}, keypairs: map[string]openstack.Keypair{},
		images: map[string]openstack.Image{}, volumes: map[string]openstack.Volume{},
	}
	asking, asked := errgroup.WithContext(ctx)
	asking.Go(func() error {
		for server, err := range c.Servers(asked) {
			if err != nil {
				return err
			}
			a.Servers = append(a.Servers, server)
		}
		return nil
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
	a.gatherRest(ctx, c, &gaps)
	a.Gaps = gaps.list
	return a, ctx.Err()
}

// gatherRest asks for what the servers and ports refer to.
func (a *All) gatherRest(ctx context.Context, c *openstack.Client, gaps *gapList) {
	var imageIDs []string
	fromVolume := false
	for _, s := range a.Servers {
		if s.Image.ID == "" {
			fromVolume = fromVolume || len(s.Volumes) > 0
		} else if !slices.Contains(imageIDs, s.Image.ID) {
			imageIDs = append(imageIDs, s.Image.ID)
		}
	}
	asking, asked := errgroup.WithContext(ctx)
	gaps.ask(asking, "images", func() error {
		images, err := c.Images(asked, imageIDs)
		for _, image := range images {
			a.images[image.ID] = image
		}
		return err
	})
	if fromVolume {
		gaps.ask(asking, "volumes", func() error {
			volumes, err := c.Volumes(asked)
			for _, v := range volumes {
				a.volumes[v.ID] = v
			}
			return err
		})
	}
	if shared := a.foreignGroups(); len(shared) > 0 {
		gaps.ask(asking, "shared security groups", func() error {
			groups, err := c.SecurityGroups(asked, url.Values{"id": shared})
			a.Groups = append(a.Groups, groups...)
			return err
		})
	}
	_ = asking.Wait() // each gap keeps its error
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

// gapList collects what could not be asked.
type gapList struct {
	mu   sync.Mutex
	list []Gap
}

func (g *gapList) ask(asking *errgroup.Group, what string, f func() error) {
	asking.Go(func() error {
		if err := f(); err != nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.list = append(g.list, Gap{what, err})
		}
		return nil
	})
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
