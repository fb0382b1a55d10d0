//go:build e2e && linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// whyPrefix begins the name of everything that the test makes.
	whyPrefix = "osssh-e2e-why-"
	whyKey    = whyPrefix + "key"
	// whyGuests is how many scenarios are played side by side. Each has a network,
	// a router and two servers.
	whyGuests = 3
	// whyUser is the user of the image.
	whyUser = "debian"
	// firstGID is a group of this test's own: what osssh sends as a member of it can
	// be stopped without stopping anybody else.
	firstGID = 64250
)

// guests is the servers of the test, and the cloud for the demo user and for the
// administrator.
type guests struct {
	demo, admin                     *api
	bin, laptop                     string
	public, provider, image, flavor string // ids
	private, publicKey              []byte
	guests                          []*guest
	free                            sync.Mutex // held where a floating IP is free that others could take
}

// guest is a server behind a router of its own, by a floating IP.
type guest struct {
	demo                           *api
	gid                            uint32
	name, id                       string
	network, subnet, router, group string // ids, as are these
	port, floating                 string
	fixed, address                 netip.Addr // the latter is the floating IP
	besideName, beside, besidePort string     // another server on the same network, without a floating IP
	kept                           map[string][]byte
}

func (g *guest) namespace() string { return "vm-" + g.id }

func (g *guest) dir() string { return filepath.Join(state(), "vm", g.id) }

func (g *guest) console() string { return filepath.Join(state(), "console", g.id+".log") }

// newGuests boots the servers, and takes them away in the end; with keep they
// stay for the next run.
func newGuests(ctx context.Context, t *testing.T, keep bool) *guests {
	t.Helper()
	w := &guests{bin: t.TempDir()}
	build := exec.CommandContext(ctx, "go", "build", "-tags", "urfave_cli_no_docs", "-o", filepath.Join(w.bin, "osssh"), "../cmd/osssh")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var err error
	if w.laptop, err = filepath.Abs("cloud/client"); err != nil {
		t.Fatal(err)
	}
	demo, _ := connectAs(ctx, t, "demo")
	admin, _ := connectAs(ctx, t, "admin")
	if w.demo, err = newAPI(ctx, demo); err != nil {
		t.Fatal(err)
	}
	if w.admin, err = newAPI(ctx, admin); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearTimeout)
		defer cancel()
		if keep {
			return
		}
		if err := w.sweep(after); err != nil {
			t.Errorf("clearing up: %v", err)
		}
	})
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error {
			if keep {
				return nil
			}
			return w.sweep(ctx)
		},
		w.lookUp, w.makeKey, w.boot,
	} {
		if err := step(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// lookUp finds what the cloud has.
func (w *guests) lookUp(ctx context.Context) (err error) {
	for _, name := range []struct {
		id   *string
		name string
	}{{&w.public, "public"}, {&w.provider, "provider"}} {
		if *name.id, err = only(ctx, w.demo.network, "networks", name.name); err != nil {
			return err
		}
	}
	flavors, err := list(ctx, w.demo.compute, "flavors", "")
	if err != nil {
		return err
	}
	for _, f := range flavors {
		if text(f, "name") == "tiny" {
			w.flavor = id(f)
		}
	}
	servers, err := list(ctx, w.demo.compute, "servers/detail", "name=^web$")
	if err != nil || len(servers) != 1 {
		return fmt.Errorf("server web: %d found: %w", len(servers), err)
	}
	image, _ := servers[0]["image"].(object)
	w.image = id(image)
	return nil
}

// makeKey makes the keypair of the guests, or reads it where they are kept.
func (w *guests) makeKey(ctx context.Context) (err error) {
	path := filepath.Join(os.TempDir(), whyKey)
	if _, err := os.Stat(path); err != nil {
		if out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", whyKey, "-f", path).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	if w.private, err = os.ReadFile(path); err != nil {
		return err
	}
	if w.publicKey, err = os.ReadFile(path + ".pub"); err != nil {
		return err
	}
	if err := call(ctx, w.demo.compute, http.MethodGet, "os-keypairs/"+whyKey, nil, nil); err == nil {
		return nil
	}
	_, err = create(ctx, w.demo.compute, "os-keypairs", "keypair", object{"name": whyKey, "public_key": string(w.publicKey)})
	return err
}

// sweep deletes all that the test, or one that was killed, has made.
func (w *guests) sweep(ctx context.Context) error {
	servers, err := list(ctx, w.demo.compute, "servers", "name=^"+whyPrefix)
	if err != nil {
		return err
	}
	var calls errgroup.Group
	calls.SetLimit(rulesAtOnce)
	for _, s := range servers {
		calls.Go(func() error { return w.deleteServer(ctx, id(s)) })
	}
	err = calls.Wait()
	err = errors.Join(err, w.sweepNetworks(ctx), sweepLaptop(ctx), w.sweepIdentity(ctx))
	_ = os.Remove(filepath.Join(os.TempDir(), whyKey))
	_ = os.Remove(filepath.Join(os.TempDir(), whyKey+".pub"))
	return errors.Join(err, remove(ctx, w.demo.compute, "os-keypairs/"+whyKey))
}

// deleteServer deletes a server and its floating IPs, and waits until it is gone.
func (w *guests) deleteServer(ctx context.Context, server string) error {
	ports, err := list(ctx, w.demo.network, "ports", "device_id="+server)
	if err != nil {
		return err
	}
	for _, p := range ports {
		err = errors.Join(err, w.deleteFloating(ctx, "port_id="+id(p)))
	}
	if err = errors.Join(err, remove(ctx, w.demo.compute, "servers/"+server)); err != nil {
		return err
	}
	for range 300 {
		if call(ctx, w.demo.compute, http.MethodGet, "servers/"+server, nil, nil) != nil {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return fmt.Errorf("server %s is not gone after a minute", server)
}

func (w *guests) deleteFloating(ctx context.Context, filter string) error {
	found, err := list(ctx, w.demo.network, "floatingips", filter)
	for _, f := range found {
		err = errors.Join(err, w.removeForwarding(ctx, id(f)))
	}
	return err
}

// sweepNetworks deletes routers, networks, ports, groups and floating IPs.
func (w *guests) sweepNetworks(ctx context.Context) error {
	c := w.demo.network
	err := w.deleteFloating(ctx, "description="+whyPrefix+"floating")
	routers, e := list(ctx, c, "routers", "")
	err = errors.Join(err, e)
	for _, r := range routers {
		if !strings.HasPrefix(text(r, "name"), whyPrefix) {
			continue
		}
		interfaces, e := list(ctx, c, "ports", "device_id="+id(r)+"&device_owner=network:router_interface")
		err = errors.Join(err, e)
		for _, p := range interfaces {
			err = errors.Join(err, call(ctx, c, http.MethodPut, "routers/"+id(r)+"/remove_router_interface", object{"port_id": id(p)}, nil))
		}
		err = errors.Join(err, remove(ctx, c, "routers/"+id(r)))
	}
	for _, collection := range []string{"ports", "networks", "security-groups"} {
		found, e := list(ctx, w.admin.network, collection, "")
		err = errors.Join(err, e)
		for _, o := range found {
			if strings.HasPrefix(text(o, "name"), whyPrefix) {
				err = errors.Join(err, remove(ctx, w.admin.network, collection+"/"+id(o)))
			}
		}
	}
	return err
}

// sweepIdentity deletes users, projects and flavors.
func (w *guests) sweepIdentity(ctx context.Context) (err error) {
	flavors, err := list(ctx, w.admin.compute, "flavors", "")
	for _, f := range flavors {
		if strings.HasPrefix(text(f, "name"), whyPrefix) {
			err = errors.Join(err, remove(ctx, w.admin.compute, "flavors/"+id(f)))
		}
	}
	for _, collection := range []string{"users", "projects"} {
		found, e := list(ctx, w.admin.identity, collection, "")
		err = errors.Join(err, e)
		for _, o := range found {
			if strings.HasPrefix(text(o, "name"), whyPrefix) {
				err = errors.Join(err, remove(ctx, w.admin.identity, collection+"/"+id(o)))
			}
		}
	}
	return err
}

// boot makes what lacks of the guests, all at once.
func (w *guests) boot(ctx context.Context) error {
	var calls errgroup.Group
	for n := range whyGuests {
		g := &guest{demo: w.demo, name: fmt.Sprintf("%s%d", whyPrefix, n), gid: firstGID + uint32(n)}
		g.besideName = g.name + "b"
		w.guests = append(w.guests, g)
		calls.Go(func() error {
			if err := w.bootGuest(ctx, g, fmt.Sprintf("10.91.%d.0/24", n)); err != nil {
				return fmt.Errorf("%s: %w", g.name, err)
			}
			return nil
		})
	}
	return calls.Wait()
}

// find gives the id of a thing, "" where there is none of the name.
func (w *guests) find(ctx context.Context, collection, name string) (string, error) {
	found, err := list(ctx, w.demo.network, collection, "name="+name)
	if err != nil || len(found) == 0 {
		return "", err
	}
	return id(found[0]), nil
}

// ensure gives the id of a network thing of the name, which it makes if there is none.
func (w *guests) ensure(ctx context.Context, collection, kind, name string, body object) (string, bool, error) {
	have, err := w.find(ctx, collection, name)
	if err != nil || have != "" {
		return have, false, err
	}
	body["name"] = name
	made, err := create(ctx, w.demo.network, collection, kind, body)
	return id(made), true, err
}

func (w *guests) bootGuest(ctx context.Context, g *guest, cidr string) (err error) {
	var made bool
	if g.network, _, err = w.ensure(ctx, "networks", "network", g.name, object{}); err != nil {
		return err
	}
	if g.subnet, made, err = w.ensure(ctx, "subnets", "subnet", g.name, object{"network_id": g.network, "cidr": cidr, "ip_version": 4}); err != nil {
		return err
	}
	if g.router, _, err = w.ensure(ctx, "routers", "router", g.name, object{"external_gateway_info": object{"network_id": w.public}}); err != nil {
		return err
	}
	if made {
		if err := g.joinRouter(ctx, g.subnet); err != nil {
			return err
		}
	}
	if g.group, made, err = w.ensure(ctx, "security-groups", "security_group", g.name, object{}); err != nil {
		return err
	}
	if made {
		if err := g.admitAll(ctx); err != nil {
			return err
		}
	}
	if g.beside, err = w.bootServer(ctx, g, g.besideName); err != nil {
		return err
	}
	if g.id, err = w.bootServer(ctx, g, g.name); err != nil {
		return err
	}
	if g.besidePort, _, err = w.portOf(ctx, g.beside); err != nil {
		return err
	}
	if g.port, g.fixed, err = w.portOf(ctx, g.id); err != nil {
		return err
	}
	if err := w.bindFloating(ctx, g); err != nil {
		return err
	}
	if err := g.answers(ctx); err != nil {
		return err
	}
	return g.remember()
}

// bootServer makes a server on the guest's network, and waits for it.
func (w *guests) bootServer(ctx context.Context, g *guest, name string) (string, error) {
	servers, err := list(ctx, w.demo.compute, "servers", "name=^"+name+"$")
	if err != nil {
		return "", err
	}
	if len(servers) > 0 {
		return id(servers[0]), nil
	}
	made, err := create(ctx, w.demo.compute, "servers", "server", object{
		"name": name, "imageRef": w.image, "flavorRef": w.flavor, "key_name": whyKey,
		"networks": []object{{"uuid": g.network}}, "security_groups": []object{{"name": g.name}},
	})
	if err != nil {
		return "", err
	}
	return id(made), w.demo.await(ctx, id(made), "ACTIVE")
}

func (w *guests) portOf(ctx context.Context, server string) (port string, address netip.Addr, err error) {
	ports, err := list(ctx, w.demo.network, "ports", "device_id="+server)
	if err != nil || len(ports) == 0 {
		return "", address, fmt.Errorf("ports of %s: %d found: %w", server, len(ports), err)
	}
	fixed, _ := ports[0]["fixed_ips"].([]any)
	if len(fixed) == 0 {
		return "", address, fmt.Errorf("port %s has no address", id(ports[0]))
	}
	first, _ := fixed[0].(object)
	address, err = netip.ParseAddr(text(first, "ip_address"))
	return id(ports[0]), address, err
}

// bindFloating gives the guest its floating IP.
func (w *guests) bindFloating(ctx context.Context, g *guest) error {
	found, err := list(ctx, w.demo.network, "floatingips", "port_id="+g.port)
	if err != nil {
		return err
	}
	var ip object
	if len(found) > 0 {
		ip = found[0]
	} else if ip, err = w.makeFloating(ctx, g.port); err != nil {
		return err
	}
	g.floating = id(ip)
	g.address, err = netip.ParseAddr(text(ip, "floating_ip_address"))
	return err
}

// makeFloating gives a port a floating IP; "" leaves it free.
func (w *guests) makeFloating(ctx context.Context, port string) (object, error) {
	body := object{"floating_network_id": w.public, "description": whyPrefix + "floating"}
	if port != "" {
		body["port_id"] = port
	}
	return create(ctx, w.demo.network, "floatingips", "floatingip", body)
}

func (g *guest) joinRouter(ctx context.Context, subnet string) error {
	return call(ctx, g.demo.network, http.MethodPut, "routers/"+g.router+"/add_router_interface", object{"subnet_id": subnet}, nil)
}

// admitAll gives the guest's group the rule that lets SSH in.
func (g *guest) admitAll(ctx context.Context) error { return g.admit(ctx, object{}) }

// admit adds a rule for SSH over IPv4 from anywhere, but for what is given.
func (g *guest) admit(ctx context.Context, rule object) error {
	body := object{
		"security_group_id": g.group, "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp",
		"port_range_min": 22, "port_range_max": 22,
	}
	for k, v := range rule {
		body[k] = v
	}
	_, err := create(ctx, g.demo.network, "security-group-rules", "security_group_rule", body)
	return err
}

// admitOnly replaces the ingress rules of the guest's group.
func (g *guest) admitOnly(ctx context.Context, rules ...object) error {
	have, err := list(ctx, g.demo.network, "security-group-rules", "security_group_id="+g.group+"&direction=ingress")
	for _, r := range have {
		err = errors.Join(err, remove(ctx, g.demo.network, "security-group-rules/"+id(r)))
	}
	for _, r := range rules {
		err = errors.Join(err, g.admit(ctx, r))
	}
	return err
}

// reached says whether port 22 of an address answers the laptop.
func reached(address netip.Addr) (bool, error) {
	a := &attempt{from: netip.AddrPortFrom(netip.IPv4Unspecified(), 0), to: netip.AddrPortFrom(address, 22)}
	if err := connectAll(laptopNamespace, []*attempt{a}, time.Second); err != nil {
		return false, err
	}
	return a.reached, nil
}

// awaitReached waits until an address answers, or does not.
func awaitReached(ctx context.Context, address netip.Addr, answers bool) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	for {
		is, err := reached(address)
		if err != nil || is == answers {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s answers: %t, which it should not: %w", address, is, ctx.Err())
		}
	}
}

// answers waits until the guest's SSH server says its banner.
func (g *guest) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	for {
		conn, err := greeted(g.address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s at %s gives no banner: %w", g.name, g.address, err)
		}
	}
}

// greeted connects from the laptop, and reads the beginning of the SSH banner.
func greeted(address netip.Addr) (net.Conn, error) {
	conn, err := dialInside(laptopNamespace, netip.AddrPortFrom(address, 22).String())
	if err != nil {
		return nil, err
	}
	const banner = "SSH-2.0-"
	said := make([]byte, len(banner))
	err = conn.SetReadDeadline(time.Now().Add(3 * time.Second))
	if err == nil {
		_, err = io.ReadFull(conn, said)
	}
	if err == nil && string(said) != banner {
		err = fmt.Errorf("it says %q", said)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// silent waits until a change that closes the way is in force.
func (g *guest) silent(ctx context.Context) error { return awaitReached(ctx, g.address, false) }

// ran runs a command, whose words are told where it fails.
func ran(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// inside runs a command in a network namespace.
func inside(ctx context.Context, namespace, name string, args ...string) error {
	return ran(ctx, "nsenter", append([]string{"--net=/run/netns/" + namespace, name}, args...)...)
}
