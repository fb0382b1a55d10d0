//go:build e2e && linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Which address leads to the server.
func addressScenarios() []scenario {
	return []scenario{
		{id: "A1", what: "no interface", among: certain, harm: func(ctx context.Context, s *scene) error {
			server, err := s.bare(ctx, s.demo, "bare", object{"networks": "none"})
			if err != nil {
				return err
			}
			return s.demo.await(ctx, server, "ACTIVE")
		}},
		{id: "A2", what: "no floating IP", quick: true, among: certain, fix: byRunning, harm: func(ctx context.Context, s *scene) error {
			s.holdFloating()
			return s.dropFloating(ctx)
		}},
		{id: "A3", what: "a free floating IP", among: certain, harm: func(ctx context.Context, s *scene) error {
			s.holdFloating()
			ip, err := s.makeFloating(ctx, "")
			if err != nil {
				return err
			}
			s.undo(func(ctx context.Context) error { return remove(ctx, s.demo.network, "floatingips/"+id(ip)) })
			s.ask(text(ip, "floating_ip_address"))
			return nil
		}},
		{id: "A4", what: "a floating IP of an address that the guest has not", among: probable, fix: byRunning, harm: func(ctx context.Context, s *scene) error {
			first := object{"subnet_id": s.guest.subnet, "ip_address": s.guest.fixed.String()}
			second := s.guest.neighbour(250).String()
			lead := func(ctx context.Context, address string) error {
				return change(ctx, s.demo.network, "floatingips/"+s.guest.floating, "floatingip", object{"port_id": s.guest.port, "fixed_ip_address": address})
			}
			s.undo(func(ctx context.Context) error {
				return errors.Join(lead(ctx, s.guest.fixed.String()), s.changePort(ctx, object{"fixed_ips": []object{first}}))
			})
			err := s.changePort(ctx, object{"fixed_ips": []object{first, {"subnet_id": s.guest.subnet, "ip_address": second}}})
			if err != nil {
				return err
			}
			return errors.Join(lead(ctx, second), s.guest.silent(ctx))
		}},
		{id: "A5", what: "an old address in ssh_config", quick: true, among: certain, harm: func(_ context.Context, s *scene) error {
			s.write(".ssh/config", "Host "+s.guest.name+"\n  HostName 198.18.113.254\n", 0o600)
			s.undo(func(context.Context) error { s.write(".ssh/config", "", 0o600); return nil })
			return nil
		}},
		{id: "A6", what: "a forwarding to another port", among: certain, fix: byRunning, harm: func(ctx context.Context, s *scene) error {
			s.holdFloating()
			if err := s.dropFloating(ctx); err != nil {
				return err
			}
			ip, err := s.makeFloating(ctx, "")
			if err != nil {
				return err
			}
			s.undo(func(ctx context.Context) error { return s.removeForwarding(ctx, id(ip)) })
			_, err = create(ctx, s.demo.network, "floatingips/"+id(ip)+"/port_forwardings", "port_forwarding", object{
				"protocol": "tcp", "external_port": 8080, "internal_port": 80, "internal_port_id": s.guest.port, "internal_ip_address": s.guest.fixed.String(),
			})
			return err
		}},
		{id: "A8", what: "the laptop has the subnet too", among: probable, harm: func(ctx context.Context, s *scene) error {
			if err := s.dropFloating(ctx); err != nil {
				return err
			}
			device := overlapDevice(int(s.guest.gid - firstGID))
			if err := s.onLaptop(ctx, []string{"ip", "link", "add", device, "type", "bridge"}, []string{"ip", "link", "del", device}); err != nil {
				return err
			}
			return errors.Join(
				inside(ctx, laptopNamespace, "ip", "addr", "add", s.guest.neighbour(200).String()+"/24", "dev", device),
				inside(ctx, laptopNamespace, "ip", "link", "set", device, "up"))
		}},
		{id: "A9", what: "an address that servers share", among: certain, harm: sharedAddress},
	}
}

// Routers, networks, subnets, ports.
func pathScenarios() []scenario {
	return []scenario{
		{id: "P1", what: "router without a gateway", among: certain, harm: func(ctx context.Context, s *scene) error {
			gateway := func(info any) func(context.Context) error {
				return func(ctx context.Context) error { return s.changeRouter(ctx, object{"external_gateway_info": info}) }
			}
			s.undo(func(ctx context.Context) error { return s.bindFloating(ctx, s.guest) })
			s.undo(gateway(object{"network_id": s.public}))
			if err := s.takeFloating(ctx); err != nil {
				return err
			}
			return gateway(nil)(ctx)
		}},
		{id: "P2", what: "subnet on no router", among: certain, harm: func(ctx context.Context, s *scene) error {
			s.undo(func(ctx context.Context) error { return s.bindFloating(ctx, s.guest) })
			s.undo(func(ctx context.Context) error { return s.guest.joinRouter(ctx, s.guest.subnet) })
			return errors.Join(s.takeFloating(ctx), s.leaveRouter(ctx))
		}},
		{id: "P3", what: "router switched off", quick: true, among: certain, fix: byRunning, harm: toggled("routers", "router", func(g *guest) string { return g.router })},
		{id: "P4", what: "floating IP not in place", among: probable, fix: byRunning, harm: floatingDown},
		{id: "P5", what: "router dead", among: probable, harm: func(ctx context.Context, s *scene) error {
			ip, err := s.makeFloating(ctx, s.guest.besidePort)
			if err != nil {
				return err
			}
			s.undo(func(ctx context.Context) error { return remove(ctx, s.demo.network, "floatingips/"+id(ip)) })
			beside, err := netip.ParseAddr(text(ip, "floating_ip_address"))
			if err != nil {
				return err
			}
			if err := awaitReached(ctx, beside, true); err != nil {
				return err
			}
			router := "qrouter-" + s.guest.router
			s.undo(func(ctx context.Context) error {
				return inside(ctx, router, "iptables", "-w", "-t", "raw", "-D", "PREROUTING", "-j", "DROP")
			})
			return inside(ctx, router, "iptables", "-w", "-t", "raw", "-I", "PREROUTING", "-j", "DROP")
		}},
		{id: "P6", what: "port switched off", quick: true, among: certain, fix: byRunning, harm: toggled("ports", "port", func(g *guest) string { return g.port })},
		{id: "P7", what: "tap device gone", among: probable, fix: byRunning, harm: func(ctx context.Context, s *scene) error {
			s.undo(func(ctx context.Context) error {
				if is, err := reached(s.guest.address); err != nil || is {
					return err
				}
				return s.guest.reboot(ctx)
			})
			if err := s.logIn(ctx); err != nil { // a rebooted guest prints no host keys: it is known from before
				return err
			}
			if err := ran(ctx, "ip", "link", "del", s.guest.tap()); err != nil {
				return err
			}
			return s.awaitPort(ctx, "DOWN")
		}},
		{id: "P8", what: "network switched off", among: certain, fix: byRunning, harm: func(ctx context.Context, s *scene) error {
			set := func(ctx context.Context, on bool) error {
				return change(ctx, s.demo.network, "networks/"+s.guest.network, "network", object{"admin_state_up": on})
			}
			s.undo(func(ctx context.Context) error { return errors.Join(set(ctx, true), s.guest.readdress(ctx)) })
			s.then = s.guest.readdress
			// neutron's agents only stop its DHCP server: the guest's lease ends
			return errors.Join(set(ctx, false), s.guest.ip(ctx, "addr", "flush", "dev", "eth0"))
		}},
		{id: "P9", what: "subnet without a gateway", among: probable, fix: byRunning, harm: withoutGateway},
		{id: "P10", what: "no DHCP and no config drive", among: probable, fix: byRunning, harm: func(ctx context.Context, s *scene) error {
			dhcp := func(on bool) func(context.Context) error {
				return func(ctx context.Context) error {
					return change(ctx, s.demo.network, "subnets/"+s.guest.subnet, "subnet", object{"enable_dhcp": on})
				}
			}
			s.undo(dhcp(true))
			if err := dhcp(false)(ctx); err != nil {
				return err
			}
			s.then = s.guest.readdress
			s.undo(s.guest.readdress)
			if err := s.guest.ip(ctx, "addr", "flush", "dev", "eth0"); err != nil {
				return err
			}
			return s.prints(func(log string) string {
				return without(log, "10.91.", "Net device info") + "No DHCPOFFERS received.\r\n"
			})
		}},
		{id: "P11", what: "the floating IP on the second interface", among: possible, fix: byRunning, harm: secondInterface},
		{id: "P12", what: "a smaller MTU on the way", among: certain, harm: smallMTU},
		{id: "P13", what: "the guest has set itself another address", among: certain, harm: func(ctx context.Context, s *scene) error {
			other := s.guest.neighbour(251).String()
			s.undo(s.guest.readdress)
			err := errors.Join(
				s.guest.ip(ctx, "addr", "flush", "dev", "eth0"),
				s.guest.ip(ctx, "addr", "add", other+"/24", "dev", "eth0"),
				s.prints(func(log string) string { return strings.ReplaceAll(log, s.guest.fixed.String(), other) }))
			return errors.Join(err, s.guest.silent(ctx))
		}},
		{id: "P15", what: "the laptop's network lets no SSH out", quick: true, among: probable, harm: func(ctx context.Context, s *scene) error {
			s.group = s.guest.gid
			return s.onLaptop(ctx, append([]string{"iptables"}, egressRule("-I", s.group)...), append([]string{"iptables"}, egressRule("-D", s.group)...))
		}},
	}
}

// toggled switches a thing of the guest off by its admin_state_up.
func toggled(collection, kind string, of func(*guest) string) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		set := func(on bool) func(context.Context) error {
			return func(ctx context.Context) error {
				return change(ctx, s.demo.network, collection+"/"+of(s.guest), kind, object{"admin_state_up": on})
			}
		}
		s.undo(set(true))
		return errors.Join(set(false)(ctx), s.guest.silent(ctx))
	}
}

// holdFloating keeps other scenarios from floating IPs that are free for a while.
func (s *scene) holdFloating() {
	s.free.Lock()
	s.undo(func(context.Context) error { s.free.Unlock(); return nil })
}

// dropFloating takes the guest's floating IP from it, until all is undone.
func (s *scene) dropFloating(ctx context.Context) error {
	s.undo(func(ctx context.Context) error { return s.bindFloating(ctx, s.guest) })
	return s.takeFloating(ctx)
}

func (s *scene) takeFloating(ctx context.Context) error {
	return remove(ctx, s.demo.network, "floatingips/"+s.guest.floating)
}

// removeForwarding deletes a floating IP and the port forwardings of it.
func (w *guests) removeForwarding(ctx context.Context, floating string) error {
	forwardings, err := list(ctx, w.demo.network, "floatingips/"+floating+"/port_forwardings", "")
	for _, f := range forwardings {
		err = errors.Join(err, remove(ctx, w.demo.network, "floatingips/"+floating+"/port_forwardings/"+id(f)))
	}
	return errors.Join(err, remove(ctx, w.demo.network, "floatingips/"+floating))
}

func (s *scene) leaveRouter(ctx context.Context) error {
	return call(ctx, s.demo.network, http.MethodPut, "routers/"+s.guest.router+"/remove_router_interface", object{"subnet_id": s.guest.subnet}, nil)
}

func (s *scene) changePort(ctx context.Context, fields object) error {
	return change(ctx, s.demo.network, "ports/"+s.guest.port, "port", fields)
}

func (s *scene) changeRouter(ctx context.Context, fields object) error {
	return change(ctx, s.demo.network, "routers/"+s.guest.router, "router", fields)
}

// awaitPort waits until neutron has the guest's port in a status.
func (s *scene) awaitPort(ctx context.Context, status string) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	for {
		var answer map[string]object
		err := call(ctx, s.demo.network, http.MethodGet, "ports/"+s.guest.port, nil, &answer)
		if err != nil || text(answer["port"], "status") == status {
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// tap is the guest's device on this machine, as nova names it.
func (g *guest) tap() string { return ("tap" + g.port)[:14] }

// neighbour is an address of the guest's subnet by its last byte.
func (g *guest) neighbour(last byte) netip.Addr {
	a := g.fixed.As4()
	a[3] = last
	return netip.AddrFrom4(a)
}

// ip configures the guest's network.
func (g *guest) ip(ctx context.Context, args ...string) error {
	return ran(ctx, "ip", append([]string{"-n", g.namespace()}, args...)...)
}

// readdress gives the guest the address and the route that DHCP would.
func (g *guest) readdress(ctx context.Context) error {
	return errors.Join(
		g.ip(ctx, "addr", "flush", "dev", "eth0"),
		g.ip(ctx, "addr", "add", g.fixed.String()+"/24", "dev", "eth0"),
		g.ip(ctx, "route", "replace", "default", "via", g.neighbour(1).String(), "dev", "eth0", "metric", "100"))
}

// without leaves out the lines that hold one of the texts.
func without(log string, texts ...string) string {
	var kept strings.Builder
	for line := range strings.Lines(log) {
		drop := false
		for _, text := range texts {
			drop = drop || strings.Contains(line, text)
		}
		if !drop {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// sharedAddress makes an address that the guest shares with others, with a
// floating IP, and asks about that.
func sharedAddress(ctx context.Context, s *scene) error {
	port, err := create(ctx, s.demo.network, "ports", "port", object{"network_id": s.guest.network, "name": whyPrefix + "vip"})
	if err != nil {
		return err
	}
	s.undo(func(ctx context.Context) error { return remove(ctx, s.demo.network, "ports/"+id(port)) })
	fixed, _ := port["fixed_ips"].([]any)
	first, _ := fixed[0].(object)
	s.undo(func(ctx context.Context) error { return s.changePort(ctx, object{"allowed_address_pairs": []object{}}) })
	if err := s.changePort(ctx, object{"allowed_address_pairs": []object{{"ip_address": text(first, "ip_address")}}}); err != nil {
		return err
	}
	ip, err := s.makeFloating(ctx, id(port))
	if err != nil {
		return err
	}
	s.undo(func(ctx context.Context) error { return remove(ctx, s.demo.network, "floatingips/"+id(ip)) })
	s.ask(text(ip, "floating_ip_address"))
	return nil
}

// floatingDown takes the floating IP off the router behind neutron's back, as a
// failed L3 agent leaves it, and its status with that.
func floatingDown(ctx context.Context, s *scene) error {
	status := func(is string) func(context.Context) error {
		return func(ctx context.Context) error {
			return ran(ctx, "mariadb", "--no-defaults", "-S", filepath.Join(state(), "run", "mysqld.sock"), "-u", "root", "neutron", "-e",
				fmt.Sprintf("UPDATE floatingips SET status='%s' WHERE id='%s'", is, s.guest.floating))
		}
	}
	router := "qrouter-" + s.guest.router
	out, err := exec.CommandContext(ctx, "ip", "-n", router, "-o", "addr", "show", "to", s.guest.address.String()).Output()
	fields := strings.Fields(string(out))
	if err != nil || len(fields) < 2 {
		return fmt.Errorf("device of %s: %w: %s", s.guest.address, err, out)
	}
	address := s.guest.address.String() + "/32"
	s.undo(func(ctx context.Context) error {
		return errors.Join(status("ACTIVE")(ctx), ran(ctx, "ip", "-n", router, "addr", "replace", address, "dev", fields[1]))
	})
	return errors.Join(
		ran(ctx, "ip", "-n", router, "addr", "del", address, "dev", fields[1]),
		ran(ctx, "ip", "-n", laptopNamespace, "neigh", "flush", "to", s.guest.address.String()),
		status("DOWN")(ctx), s.guest.silent(ctx))
}

// withoutGateway takes the gateway from the subnet, and the default route from
// the guest, as its next lease would.
func withoutGateway(ctx context.Context, s *scene) error {
	gateway := func(address any) error {
		return change(ctx, s.demo.network, "subnets/"+s.guest.subnet, "subnet", object{"gateway_ip": address})
	}
	s.undo(func(ctx context.Context) error {
		err := errors.Join(s.takeFloating(ctx), s.leaveRouter(ctx),
			change(ctx, s.demo.network, "subnets/"+s.guest.subnet, "subnet", object{"gateway_ip": s.guest.neighbour(1).String()}),
			s.guest.joinRouter(ctx, s.guest.subnet))
		return errors.Join(err, s.bindFloating(ctx, s.guest), s.guest.readdress(ctx))
	})
	if err := errors.Join(s.takeFloating(ctx), s.leaveRouter(ctx)); err != nil {
		return err
	}
	if err := gateway(nil); err != nil {
		return err
	}
	port, err := create(ctx, s.demo.network, "ports", "port", object{
		"network_id": s.guest.network, "name": whyPrefix + "router",
		"fixed_ips": []object{{"subnet_id": s.guest.subnet, "ip_address": s.guest.neighbour(1).String()}},
	})
	if err != nil {
		return err
	}
	err = call(ctx, s.demo.network, http.MethodPut, "routers/"+s.guest.router+"/add_router_interface", object{"port_id": id(port)}, nil)
	if err != nil {
		return err
	}
	s.then = s.guest.readdress
	if err := s.bindFloating(ctx, s.guest); err != nil {
		return err
	}
	return errors.Join(s.guest.answers(ctx), s.guest.ip(ctx, "route", "del", "default"))
}

// smallMTU lets no full-size packet leave the guest, and tells it nothing of that.
// The key exchange has one only if the host key is large, or the algorithm newer
// than this sshd's. Without segmentation offload packets are as they would be on a wire.
func smallMTU(ctx context.Context, s *scene) error {
	key := filepath.Join(s.t.TempDir(), "host_key")
	if err := ran(ctx, "ssh-keygen", "-q", "-t", "rsa", "-b", "5120", "-N", "", "-f", key); err != nil {
		return err
	}
	if err := serving("HostKey "+key)(ctx, s); err != nil {
		return err
	}
	s.undo(func(ctx context.Context) error {
		return errors.Join(ran(ctx, "ip", "link", "set", s.guest.tap(), "mtu", "1450"), s.guest.ip(ctx, "link", "set", "eth0", "gso_max_segs", "65535"))
	})
	return errors.Join(
		s.guest.ip(ctx, "link", "set", "eth0", "gso_max_segs", "1"),
		ran(ctx, "ip", "link", "set", s.guest.tap(), "mtu", "1260"))
}

// attach gives the guest a second interface.
func (s *scene) attach(ctx context.Context, network string, groups ...string) (port string, err error) {
	body := object{"network_id": network, "name": whyPrefix + "second"}
	if groups != nil {
		body["security_groups"] = groups
	}
	made, err := create(ctx, s.demo.network, "ports", "port", body)
	if err != nil {
		return "", err
	}
	s.undo(func(ctx context.Context) error {
		err := remove(ctx, s.demo.compute, "servers/"+s.guest.id+"/os-interface/"+id(made))
		for range 100 { // nova detaches by and by
			ports, e := list(ctx, s.demo.network, "ports", "device_id="+s.guest.id)
			if e != nil || len(ports) < 2 {
				return errors.Join(err, e, remove(ctx, s.demo.network, "ports/"+id(made)))
			}
			time.Sleep(100 * time.Millisecond)
		}
		return errors.Join(err, errors.New("the second interface does not go"))
	})
	err = call(ctx, s.demo.compute, http.MethodPost, "servers/"+s.guest.id+"/os-interface", object{"interfaceAttachment": object{"port_id": id(made)}}, nil)
	return id(made), err
}

// secondInterface gives the guest one more network, and its floating IP to that:
// it replies by the first.
func secondInterface(ctx context.Context, s *scene) error {
	network, err := create(ctx, s.demo.network, "networks", "network", object{"name": s.guest.name + "-second"})
	if err != nil {
		return err
	}
	s.undo(func(ctx context.Context) error { return remove(ctx, s.demo.network, "networks/"+id(network)) })
	a := s.guest.fixed.As4()
	subnet, err := create(ctx, s.demo.network, "subnets", "subnet", object{
		"name": s.guest.name + "-second", "network_id": id(network), "ip_version": 4, "cidr": fmt.Sprintf("10.92.%d.0/24", a[2]),
	})
	if err != nil {
		return err
	}
	s.undo(func(ctx context.Context) error {
		return call(ctx, s.demo.network, http.MethodPut, "routers/"+s.guest.router+"/remove_router_interface", object{"subnet_id": id(subnet)}, nil)
	})
	if err := s.guest.joinRouter(ctx, id(subnet)); err != nil {
		return err
	}
	port, err := s.attach(ctx, id(network), s.guest.group)
	if err != nil {
		return err
	}
	lead := func(port string) func(context.Context) error {
		return func(ctx context.Context) error {
			return change(ctx, s.demo.network, "floatingips/"+s.guest.floating, "floatingip", object{"port_id": port})
		}
	}
	s.undo(lead(s.guest.port))
	return errors.Join(lead(port)(ctx), s.guest.silent(ctx))
}
