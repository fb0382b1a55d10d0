package resolve

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"osssh/internal/openstack"
)

// deletedSince is how far back a server that is gone is looked for.
const deletedSince = 90 * 24 * time.Hour

// maxScanned bounds how many servers are read in search of a near miss.
const maxScanned = 1000

// NotFoundError says that no server bears the name, has the id or the address.
type NotFoundError struct {
	Name    string
	Near    []openstack.Server // close by case, prefix or edit distance, nearest first
	Deleted []openstack.Server // bore the name, and are gone since
}

func (e *NotFoundError) Error() string { return fmt.Sprintf("no server %q", e.Name) }

// AmbiguousError says that several servers bear the name.
type AmbiguousError struct {
	Name    string
	Servers []openstack.Server // two or more
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%d servers are named %q", len(e.Servers), e.Name)
}

// Find gives the one server that name means: its id, its exact name, or one of
// its addresses. The errors are *NotFoundError, *AmbiguousError and the API's.
func Find(ctx context.Context, c *openstack.Client, name string) (openstack.Server, error) {
	server, err := FindExactly(ctx, c, name)
	var missing *NotFoundError
	if errors.As(err, &missing) {
		err = notFound(ctx, c, name)
	}
	return server, err
}

// FindExactly is Find, but for a server that is not there it does not look for
// names that come close, nor for deleted ones: there are other clouds to ask.
func FindExactly(ctx context.Context, c *openstack.Client, name string) (openstack.Server, error) {
	if isID(name) {
		server, err := c.Server(ctx, name)
		if err == nil || !openstack.IsNotFound(err) {
			return deref(server), err
		}
	}
	if address, err := netip.ParseAddr(name); err == nil {
		if server, err := findByAddress(ctx, c, address.Unmap()); err != nil || server != nil {
			return deref(server), err
		}
	}
	return findByName(ctx, c, name)
}

func deref(server *openstack.Server) openstack.Server {
	if server == nil {
		return openstack.Server{}
	}
	return *server
}

// findByName costs one request, whatever the number of servers.
func findByName(ctx context.Context, c *openstack.Client, name string) (openstack.Server, error) {
	matching, err := c.ServersMatching(ctx, namePattern(name))
	if err != nil {
		return openstack.Server{}, err
	}
	var named []openstack.Server
	for _, s := range matching {
		if s.Name == name {
			named = append(named, s)
		}
	}
	switch len(named) {
	case 1:
		return named[0], nil
	case 0:
		return openstack.Server{}, &NotFoundError{Name: name}
	}
	return openstack.Server{}, &AmbiguousError{Name: name, Servers: named}
}

// findByAddress asks for the floating IP and for the fixed address at once, the
// floating IP wins. It gives nil where no server has the address.
func findByAddress(ctx context.Context, c *openstack.Client, address netip.Addr) (*openstack.Server, error) {
	var device, fixedDevice string
	asking, asked := errgroup.WithContext(ctx)
	asking.Go(func() error {
		ips, err := c.FloatingIPs(asked, url.Values{"floating_ip_address": {address.String()}})
		if err != nil || len(ips) == 0 || ips[0].PortID == "" {
			return err
		}
		ports, err := c.Ports(asked, url.Values{"id": {ips[0].PortID}})
		if len(ports) == 1 && err == nil {
			device = ports[0].DeviceID
		}
		return err
	})
	asking.Go(func() error {
		ports, err := c.Ports(asked, url.Values{"fixed_ips": {"ip_address=" + address.String()}})
		for _, port := range ports {
			if hasFixed(port, address) && strings.HasPrefix(port.DeviceOwner, "compute:") {
				fixedDevice = port.DeviceID
			}
		}
		return err
	})
	if err := asking.Wait(); err != nil {
		return nil, err
	}
	if device == "" {
		device = fixedDevice
	}
	if device == "" {
		return nil, nil
	}
	server, err := c.Server(ctx, device)
	if openstack.IsNotFound(err) {
		return nil, nil
	}
	return server, err
}

func hasFixed(port openstack.Port, address netip.Addr) bool {
	for _, ip := range port.FixedIPs {
		if ip.IPAddress == address {
			return true
		}
	}
	return false
}

// notFound looks, at once, for names that come close and for servers that bore
// the name. What cannot be asked is left out: the answer stays "not found".
func notFound(ctx context.Context, c *openstack.Client, name string) error {
	missing := &NotFoundError{Name: name}
	var asking errgroup.Group
	asking.Go(func() error {
		var servers []openstack.Server
		for s, err := range c.Servers(ctx) {
			if err != nil || len(servers) == maxScanned {
				break
			}
			servers = append(servers, s)
		}
		missing.Near = nearest(name, servers)
		return nil
	})
	asking.Go(func() error {
		changed, err := c.ServersChangedSince(ctx, namePattern(name), time.Now().Add(-deletedSince))
		if err != nil {
			return nil
		}
		for _, s := range changed {
			if s.Name == name && s.Status == "DELETED" {
				missing.Deleted = append(missing.Deleted, s)
			}
		}
		return nil
	})
	_ = asking.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return missing
}
