package demo

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"
)

// gatewayAddress is the router's on the public network: what an instance
// without a floating IP would be seen as. Nothing listens there.
const gatewayAddress = "127.0.0.2"

// portBlock is how many ports the instances' SSH servers may take, but for the
// last; a security group's rule must name them, and cannot name each.
const portBlock = 100

// seed fills the cloud with what every demo cloud has.
func (c *Cloud) seed() error {
	made := c.options.Keys
	if made == nil {
		var err error
		if made, err = NewKeys(); err != nil {
			return err
		}
	}
	keys := made.all
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found()
	c.hostRSA = keys[4]
	for i, name := range []string{"ed25519", "rsa", "ecdsa", "generated"} {
		if err := c.addKeypair(name, keys[i]); err != nil {
			return err
		}
		c.keypair(name).created = time.Now().Add(-time.Hour) // before any server: one that is newer counts as replaced
	}
	if err := c.fill(standard); err != nil {
		return err
	}
	c.grow(c.options.Servers)
	return nil
}

// found makes what everything else refers to.
func (c *Cloud) found() {
	c.identity = newIdentity()
	c.takeBlock()
	c.network = c.newNetwork()
	for i, name := range []string{"small", "tiny"} {
		c.flavors = append(c.flavors, object{"id": newID(), "name": name, "ram": 128 >> i, "disk": 2 - i})
	}
}

// blocks is how many blocks there are: they lie below the ephemeral ports of
// every system, so that clients do not take them.
const blocks = 100

// takeBlock chooses a block of portBlock ports that no other cloud has: a port
// that is refused at is free, and another's instance would come to it.
func (c *Cloud) takeBlock() {
	first := rand.IntN(blocks)
	for n := range blocks {
		c.portBase = 20000 + portBlock*((first+n)%blocks)
		l, err := net.Listen("tcp4", netip.AddrPortFrom(loopback, uint16(c.portBase+portBlock-1)).String())
		if err == nil {
			c.block = l
			return
		}
	}
}

// fill adds images, networks, groups and the servers.
func (c *Cloud) fill(servers []standardServer) error {
	c.addImage("debian-12", object{"os_distro": "debian", "os_version": "12", "os_admin_user": "debian"})
	c.addImage("ubuntu-24.04", object{"os_distro": "ubuntu", "os_version": "24.04", "os_admin_user": "ubuntu"})
	c.addImage("fedora-distro-only", object{"os_distro": "fedora"})
	c.addImage("cirros", object{"os_distro": "cirros", "os_admin_user": "cirros"})
	c.addImage("noprops", nil)
	c.addNetworks()
	c.addGroups()
	for _, s := range servers {
		if err := c.addStandard(s); err != nil {
			return err
		}
	}
	c.refresh()
	return nil
}

// Keys are what several clouds can have in common: who starts many of them need
// not wait for RSA each time.
type Keys struct {
	all []material // as seed has them
}

// NewKeys makes keys.
func NewKeys() (*Keys, error) {
	all, err := generateKeys("ed25519", "rsa", "ecdsa", "generated", "host")
	if err != nil {
		return nil, err
	}
	return &Keys{all}, nil
}

// generateKeys makes keys at once: RSA is what a start takes its time for.
func generateKeys(kinds ...string) ([]material, error) {
	keys, errs := make([]material, len(kinds)), make([]error, len(kinds))
	var wait sync.WaitGroup
	for i, kind := range kinds {
		wait.Go(func() { keys[i], errs[i] = newMaterial(kind, "demo@laptop "+kind) })
	}
	wait.Wait()
	return keys, errors.Join(errs...)
}

func (c *Cloud) addNetworks() {
	operator := hexID()
	net := func(name, project string, more object) string {
		o := object{"name": name, "project_id": project}
		for k, v := range more {
			o[k] = v
		}
		return text(c.insert("networks", o)["id"])
	}
	subnet := func(name, id, project, cidr string, gateway any, more object) string {
		first := netip.MustParsePrefix(cidr).Addr().Next().Next()
		o := object{"name": name, "network_id": id, "project_id": project, "cidr": cidr, "gateway_ip": gateway,
			"allocation_pools": []object{{"start": first.String(), "end": lastOf(cidr)}}}
		for k, v := range more {
			o[k] = v
		}
		return text(c.insert("subnets", o)["id"])
	}
	mine := c.identity.projectID
	public := net("public", operator, object{"router:external": true, "is_default": false})
	provider := net("provider", operator, object{"shared": true})
	private := net("private", mine, object{"mtu": 1450})
	neighbour := net("neighbour", mine, object{"mtu": 1450})
	isolated := net("isolated", mine, object{"mtu": 1450})
	outside := subnet("public-v4", public, operator, "127.0.0.0/8", nil, object{"enable_dhcp": false})
	subnet("provider-v4", provider, operator, "127.0.0.0/8", nil, nil)
	subnet("private-v6", private, mine, "fd00:20::/64", "fd00:20::1", object{
		"ip_version": 6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"})
	subnet("private-v4", private, mine, "10.20.0.0/24", "10.20.0.1", object{"dns_nameservers": []string{"10.20.0.2"}})
	subnet("neighbour-v4", neighbour, mine, "10.40.0.0/24", "10.40.0.1", nil)
	subnet("isolated-v4", isolated, mine, "10.30.0.0/24", nil, nil)
	router := c.insert("routers", object{"name": "router", "external_gateway_info": object{
		"network_id": public, "enable_snat": true, "external_fixed_ips": []object{{"subnet_id": outside, "ip_address": gatewayAddress}}}})
	c.join(router, private)
	c.join(router, neighbour)
}

// join gives a router an interface on each subnet of a network.
func (c *Cloud) join(router object, network string) {
	for _, id := range c.idsWhere("subnets", "network_id", network) {
		gateway := c.network.collections["subnets"].byID[id]["gateway_ip"]
		c.insert("ports", object{"network_id": network, "device_id": router["id"], "device_owner": routerInterface,
			"mac_address": newMAC().String(), "port_security_enabled": false, "security_groups": []string{},
			"fixed_ips": []object{{"subnet_id": id, "ip_address": gateway}}})
	}
}

// lastOf is the last address of a subnet that neutron gives away.
func lastOf(cidr string) string {
	p := netip.MustParsePrefix(cidr)
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 1 << (7 - bit%8)
	}
	last, _ := netip.AddrFromSlice(b)
	if last.Is4() {
		last = last.Prev() // the broadcast address
	}
	return last.String()
}

func (c *Cloud) addGroups() {
	group := func(name, description string, rules ...object) any {
		id := c.insert("security-groups", object{"name": name, "description": description})["id"]
		c.addEgress(id)
		for _, rule := range rules {
			rule["security_group_id"] = id
			c.insert("security-group-rules", rule)
		}
		return id
	}
	// An instance's SSH port is not 22 here but one of the block.
	ssh := func(family, remote string, value any) object {
		o := object{"ethertype": family, "protocol": "tcp", "port_range_min": c.portBase, "port_range_max": c.portBase + portBlock - 1,
			remote: value}
		if remote == "remote_ip_prefix" {
			o["normalized_cidr"] = value
		}
		return o
	}
	id := group("default", "Default security group")
	for _, family := range []string{"IPv4", "IPv6"} {
		c.insert("security-group-rules", object{
			"security_group_id": id, "ethertype": family, "remote_group_id": id, "description": nil})
	}
	group("ssh-open", "ssh from anywhere", ssh("IPv4", "remote_ip_prefix", "0.0.0.0/0"), ssh("IPv6", "remote_ip_prefix", "::/0"))
	group("ssh-none", "ping only", object{"protocol": "icmp"}, object{"ethertype": "IPv6", "protocol": "ipv6-icmp"})
	group("ssh-wrong-cidr", "ssh from 192.0.2.0/24 only", ssh("IPv4", "remote_ip_prefix", "192.0.2.0/24"))
	bastion := group("bastion", "a jump host: ssh from anywhere", ssh("IPv4", "remote_ip_prefix", "0.0.0.0/0"))
	group("ssh-group-only", "ssh from members of bastion only", ssh("IPv4", "remote_group_id", bastion))
}

// standardServer is one of the servers that every demo cloud has.
type standardServer struct {
	name, image, key string
	networks         []string
	group            string
	floating, volume bool
	forwarded        bool // a floating IP leads one port to its SSH port
}

var standard = []standardServer{
	{"web", "debian-12", "ed25519", []string{"private"}, "ssh-open", true, false, false},
	{"blocked", "ubuntu-24.04", "ed25519", []string{"private"}, "ssh-none", true, false, false},
	{"wrongcidr", "debian-12", "ed25519", []string{"private"}, "ssh-wrong-cidr", true, false, false},
	{"nofip", "debian-12", "rsa", []string{"private"}, "ssh-open", false, false, false},
	{"direct", "cirros", "ecdsa", []string{"provider"}, "ssh-open", false, false, false},
	{"twonets", "ubuntu-24.04", "generated", []string{"private", "provider"}, "ssh-open", false, false, false},
	{"bastion", "debian-12", "ed25519", []string{"private"}, "bastion", true, false, false},
	{"inner", "debian-12", "ed25519", []string{"private"}, "ssh-group-only", false, false, false},
	{"island", "noprops", "ed25519", []string{"isolated"}, "ssh-open", false, false, false},
	{"volboot", "debian-12", "ed25519", []string{"private"}, "ssh-open", true, true, false},
	{"beside", "debian-12", "ed25519", []string{"neighbour"}, "ssh-open", false, false, false},
	{"forwarded", "debian-12", "ed25519", []string{"private"}, "ssh-open", false, false, true},
}

func (c *Cloud) addStandard(d standardServer) error {
	image := c.images[slices.IndexFunc(c.images, func(o object) bool { return o["name"] == d.image })]
	now := time.Now()
	s := &server{id: newID(), name: d.name, status: "ACTIVE", flavor: text(c.flavors[1]["id"]), keyName: d.key,
		created: now.Add(-time.Minute), launched: now, metadata: map[string]string{}}
	if d.volume {
		s.volume = c.addVolume(image)
	} else {
		s.image = text(image["id"])
	}
	for i, name := range d.networks {
		port := c.plug(s, c.networkID(name), []string{c.groupID(d.group)})
		if d.floating && i == 0 {
			fip := object{"floating_network_id": c.networkID("public"), "floating_ip_address": loopback.String(), "port_id": port["id"]}
			c.associate(fip, fip)
			c.insert("floatingips", fip)
		}
	}
	if err := c.launch(s); err != nil || !d.forwarded {
		return err
	}
	return c.forwardTo(s)
}

// forwardTo lets a port of a new floating IP lead to a server's SSH port.
func (c *Cloud) forwardTo(s *server) error {
	port := c.network.portsOf[s.id][0]
	fip := c.insert("floatingips", object{"floating_network_id": c.networkID("public"), "floating_ip_address": loopback.String()})
	inner := s.instance.door.addr.Port
	f := &forwarding{id: newID(), fip: text(fip["id"]), port: text(port["id"]), protocol: "tcp",
		address: sourceOf(port, loopback).String(), internal: portRange{inner, inner}}
	var err error
	if f.door, err = c.newDoor(c.through(f)); err != nil {
		return err
	}
	f.external = portRange{f.door.addr.Port, f.door.addr.Port}
	c.addForwarding(f)
	return nil
}

// launch gives a server its instance, adds both to the cloud and boots it. As
// long as its metadata has it build, it is in BUILD.
func (c *Cloud) launch(s *server) error {
	i, err := c.newInstance(s)
	if err != nil {
		return err
	}
	s.instance = i
	c.addServer(s)
	task := s.lasts("demo_task")
	if task == 0 {
		return i.boot(true, false)
	}
	s.status, s.launched = "BUILD", time.Time{}
	c.setPorts(s, "DOWN")
	c.begin(s, "scheduling", task/2, func() {
		c.begin(s, "spawning", task/2, func() {
			s.launched = time.Now()
			c.setPorts(s, "ACTIVE")
			_ = c.arrive(s, "create", transition{to: "ACTIVE", boot: true}) // as in move
		})
	})
	return nil
}

// setPorts gives a server's ports a status.
func (c *Cloud) setPorts(s *server, status string) {
	for _, port := range c.network.portsOf[s.id] {
		port["status"] = status
	}
}

// refresh opens and shuts the instances' SSH ports by what the state now says.
func (c *Cloud) refresh() {
	if c.ctx.Err() != nil { // a request outlives Close: what is shut stays shut
		return
	}
	var wait sync.WaitGroup
	for _, s := range c.servers {
		if i := s.instance; i != nil {
			want := i.doorway()
			wait.Go(func() { i.door.set(want) })
		}
	}
	for _, f := range c.network.forwardings {
		want := c.entrance(f)
		wait.Go(func() { f.door.set(want) })
	}
	wait.Wait()
}

// instanceHome makes the directory that is home in an instance.
func (c *Cloud) instanceHome(id string) (string, error) {
	dir := c.home + string(os.PathSeparator) + "instances" + string(os.PathSeparator) + id
	return dir, os.MkdirAll(dir, 0o700)
}
