package resolve

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"osssh/internal/console"
	"osssh/internal/openstack"
)

// Facts is what the APIs know of one server. Everything is asked at once when
// they are gathered; each function waits for its own answer only, so that a
// slow console log does not hold a connection.
type Facts struct {
	Server openstack.Server
	// Ways is how the server hangs on its networks.
	Ways func() (Ways, error)
	// External is Ways with the networks that its floating IPs come from. They
	// are asked for only when this is called: a Choice may name one of them.
	External func() (Ways, error)
	// Groups are the security groups of its ports that may be read.
	Groups func() ([]openstack.SecurityGroup, error)
	// Keypair is the keypair it was made with: nil where it has none.
	Keypair func() (*openstack.Keypair, error)
	// Image is what it was made from, or what its boot volume says of that.
	Image func() (openstack.Image, error)
	// Console is its console log, read; ConsoleText is it as nova gives it.
	Console     func() (console.Log, error)
	ConsoleText func() (string, error)
}

// Ways are the ports of a server with what leads to them.
type Ways struct {
	Ports       []openstack.Port
	FloatingIPs []openstack.FloatingIP
	Networks    map[string]openstack.Network // by id; one that may not be read is missing
}

// ErrNoKeypair says that a server was made without a keypair.
var ErrNoKeypair = errors.New("the server was made without a keypair")

// Gather begins to ask for everything that a login to the server needs. The
// requests stand at most two deep: what hangs on the ports waits for the ports.
func Gather(ctx context.Context, c *openstack.Client, server openstack.Server) *Facts {
	ports := ask(func() ([]openstack.Port, error) {
		return c.Ports(ctx, url.Values{"device_id": {server.ID}})
	})
	unbound := func() ([]openstack.FloatingIP, error) { return nil, nil }
	if !hasFloating(server) {
		unbound = ask(func() ([]openstack.FloatingIP, error) { return unboundFloatingIPs(ctx, c) })
	}
	ways := ask(func() (Ways, error) { return gatherWays(ctx, c, ports, unbound) })
	text := ask(func() (string, error) { return c.Console(ctx, server.ID, -1) })
	return &Facts{
		Server:   server,
		Ways:     ways,
		External: sync.OnceValues(func() (Ways, error) { return withExternal(ctx, c, ways) }),
		Groups:   ask(func() ([]openstack.SecurityGroup, error) { return gatherGroups(ctx, c, ports) }),
		Keypair:  ask(func() (*openstack.Keypair, error) { return gatherKeypair(ctx, c, server) }),
		Image:    ask(func() (openstack.Image, error) { return gatherImage(ctx, c, server) }),
		Console: ask(func() (console.Log, error) {
			log, err := text()
			return console.Parse(log), err
		}),
		ConsoleText: text,
	}
}

// ask starts f and gives a function that waits for its answer.
func ask[T any](f func() (T, error)) func() (T, error) {
	answer := sync.OnceValues(f)
	go answer()
	return answer
}

// hasFloating says whether nova knows a floating IP of the server: then nobody
// looks for forwardings, which a port that bears one cannot have.
func hasFloating(server openstack.Server) bool {
	for _, addresses := range server.Addresses {
		for _, a := range addresses {
			if a.Type == "floating" {
				return true
			}
		}
	}
	return false
}

// gatherWays asks for what hangs on the ports. What fails does not hold the
// rest: the answer is what could be had, with the first error.
func gatherWays(ctx context.Context, c *openstack.Client, ports func() ([]openstack.Port, error),
	unbound func() ([]openstack.FloatingIP, error)) (Ways, error) {
	ways := Ways{Networks: map[string]openstack.Network{}}
	var err error
	if ways.Ports, err = ports(); err != nil || len(ways.Ports) == 0 {
		return ways, err
	}
	portIDs, networkIDs := url.Values{}, url.Values{}
	for _, port := range ways.Ports {
		portIDs.Add("port_id", port.ID)
		networkIDs.Add("id", port.NetworkID)
	}
	var bound, forwarding []openstack.FloatingIP
	var asking errgroup.Group
	asking.Go(func() (err error) {
		bound, err = c.FloatingIPs(ctx, portIDs)
		if openstack.IsNotFound(err) { // no router extension: no floating IPs
			return nil
		}
		return err
	})
	asking.Go(func() (err error) {
		if forwarding, err = unbound(); err != nil {
			return err
		}
		return completeForwardings(ctx, c, forwarding, mayLeadTo(ways.Ports))
	})
	asking.Go(func() error {
		networks, err := c.Networks(ctx, networkIDs)
		for _, n := range networks {
			ways.Networks[n.ID] = n
		}
		return err
	})
	err = asking.Wait()
	for _, ip := range slices.Concat(bound, forwarding) { // an unknown filter is silently ignored by neutron
		if slices.ContainsFunc(portsBehind(ip), func(id string) bool { return slices.Contains(portIDs["port_id"], id) }) {
			ways.FloatingIPs = append(ways.FloatingIPs, ip)
		}
	}
	return ways, err
}

// withExternal adds the networks of the floating IPs.
func withExternal(ctx context.Context, c *openstack.Client, gathered func() (Ways, error)) (Ways, error) {
	ways, err := gathered()
	ids := url.Values{}
	for _, ip := range ways.FloatingIPs {
		id := ip.FloatingNetworkID
		if _, known := ways.Networks[id]; !known && id != "" && !slices.Contains(ids["id"], id) {
			ids.Add("id", id)
		}
	}
	if len(ids) == 0 {
		return ways, err
	}
	networks, errNetworks := c.Networks(ctx, ids)
	ways.Networks = maps.Clone(ways.Networks) // the others' map stays as it is
	for _, n := range networks {
		ways.Networks[n.ID] = n
	}
	return ways, cmp.Or(err, errNetworks)
}

func gatherGroups(ctx context.Context, c *openstack.Client, ports func() ([]openstack.Port, error)) ([]openstack.SecurityGroup, error) {
	all, err := ports()
	if err != nil {
		return nil, err
	}
	return Groups(ctx, c, all)
}

// Groups asks for the security groups of ports, each once; those that may not be
// read are missing.
func Groups(ctx context.Context, c *openstack.Client, ports []openstack.Port) ([]openstack.SecurityGroup, error) {
	ids := url.Values{}
	for _, port := range ports {
		for _, id := range port.SecurityGroups {
			if !slices.Contains(ids["id"], id) {
				ids.Add("id", id)
			}
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return c.SecurityGroups(ctx, ids)
}

// gatherKeypair names the owner only where it is another user: asking for
// another's keypair is for administrators.
func gatherKeypair(ctx context.Context, c *openstack.Client, server openstack.Server) (*openstack.Keypair, error) {
	if server.KeyName == "" {
		return nil, ErrNoKeypair
	}
	owner := ""
	if server.UserID != c.UserID() {
		owner = server.UserID
	}
	return c.Keypair(ctx, server.KeyName, owner)
}

func gatherImage(ctx context.Context, c *openstack.Client, server openstack.Server) (openstack.Image, error) {
	if server.Image.ID != "" {
		image, err := c.Image(ctx, server.Image.ID)
		if err != nil {
			return openstack.Image{}, err
		}
		return *image, nil
	}
	for _, ref := range server.Volumes {
		volume, err := c.Volume(ctx, ref.ID)
		if err != nil {
			return openstack.Image{}, err
		}
		if len(volume.ImageMetadata) > 0 {
			return imageOfVolume(*volume), nil
		}
	}
	return openstack.Image{}, nil
}
