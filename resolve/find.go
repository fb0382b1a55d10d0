package resolve

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
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
	// Restorable bore the name and are deleted, but can be restored for a while
	// (nova's reclaim_instance_interval): SOFT_DELETED.
	Restorable []openstack.Server
}

func (e *NotFoundError) Error() string { return fmt.Sprintf("no server %q", e.Name) }

// AmbiguousError says that several servers bear the name, or are behind the
// floating IP.
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
	var floating, fixed []string // servers
	asking, asked := errgroup.WithContext(ctx)
	asking.Go(func() (err error) {
		floating, err = serversBehind(asked, c, address)
		return err
	})
	asking.Go(func() error {
		ports, err := c.Ports(asked, url.Values{"fixed_ips": {"ip_address=" + address.String()}})
		for _, port := range ports {
			if hasFixed(port, address) && strings.HasPrefix(port.DeviceOwner, "compute:") {
				fixed = []string{port.DeviceID}
			}
		}
		return err
	})
	if err := asking.Wait(); err != nil {
		return nil, err
	}
	if len(floating) == 0 {
		floating = fixed
	}
	several := &AmbiguousError{Name: address.String()}
	for _, id := range floating {
		server, err := c.Server(ctx, id)
		if openstack.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		several.Servers = append(several.Servers, *server)
	}
	switch len(several.Servers) {
	case 0:
		return nil, nil
	case 1:
		return &several.Servers[0], nil
	}
	return nil, several
}

// maxBehind bounds how many servers behind one floating IP are looked at.
const maxBehind = 20

// serversBehind are the servers that a floating IP leads to: one that it is
// bound to, or those that its forwardings lead to, all of them unless one alone
// gets the SSH port.
func serversBehind(ctx context.Context, c *openstack.Client, address netip.Addr) ([]string, error) {
	ips, err := c.FloatingIPs(ctx, url.Values{"floating_ip_address": {address.String()}})
	if openstack.IsNotFound(err) || err == nil && (len(ips) == 0 || ips[0].FloatingIPAddress != address) { // no router extension
		return nil, nil
	}
	if err == nil {
		err = completeForwardings(ctx, c, ips[:1], func(openstack.PortForwarding) bool { return true })
	}
	if err != nil {
		return nil, err
	}
	ids := portsBehind(ips[0])
	if len(ids) == 0 {
		return nil, nil
	}
	ports, err := c.Ports(ctx, url.Values{"id": ids})
	var all, ssh []string
	for _, port := range ports {
		if !slices.Contains(ids, port.ID) || port.DeviceID == "" || slices.Contains(all, port.DeviceID) {
			continue
		}
		all = append(all, port.DeviceID)
		for _, f := range ips[0].PortForwardings {
			if _, leads := externalPort(f, defaultPort); leads && f.InternalPortID == port.ID {
				ssh = append(ssh, port.DeviceID)
				break
			}
		}
	}
	if len(ssh) == 1 {
		return ssh, err
	}
	return all[:min(len(all), maxBehind)], err
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
			switch {
			case s.Name != name:
			case s.Status == "DELETED":
				missing.Deleted = append(missing.Deleted, s)
			case s.Status == "SOFT_DELETED":
				missing.Restorable = append(missing.Restorable, s)
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
