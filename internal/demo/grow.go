package demo

import (
	"fmt"
	"net/netip"
	"time"
)

const (
	maxServers = 1 << 18 // what fits into scaleRange
	maxPublic  = 500     // of the records have a floating IP: real projects have fewer of those than servers
	scaleRange = "10.64.0.0/12"
)

// Grow adds n servers, "server-0001"…, without instances, each with a port on a
// network of their own behind the router, and the first 500 with a floating IP
// that nothing listens at.
func (c *Cloud) Grow(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.grow(n)
}

func (c *Cloud) grow(n int) {
	if n <= 0 {
		return
	}
	network := c.scaleNetwork()
	router := c.network.collections["routers"].rows[0]["id"]
	public := c.networkID("public")
	groups, now := []string{c.groupID("ssh-open")}, time.Now().Add(-time.Hour)
	for range min(n, maxServers-c.records) {
		c.records++
		s := &server{id: newID(), name: fmt.Sprintf("server-%04d", c.records), status: "ACTIVE", image: text(c.images[0]["id"]),
			flavor: text(c.flavors[1]["id"]), keyName: "ed25519", created: now, updated: now, launched: now}
		port := c.plug(s, network, groups)
		if c.records <= maxPublic {
			c.insert("floatingips", object{"floating_network_id": public, "floating_ip_address": publicAddress(c.records),
				"port_id": port["id"], "router_id": router, "fixed_ip_address": sourceOf(port, loopback).String(), "status": "ACTIVE"})
		}
		c.servers = append(c.servers, s)
		c.byID[s.id] = s
	}
}

// scaleNetwork is the records' own, made once.
func (c *Cloud) scaleNetwork() string {
	if ids := c.idsWhere("networks", "name", "scale"); len(ids) > 0 {
		return ids[0]
	}
	id := text(c.insert("networks", object{"name": "scale"})["id"])
	c.insert("subnets", object{"name": "scale-v4", "network_id": id, "cidr": scaleRange, "gateway_ip": "10.64.0.1"})
	c.join(c.network.collections["routers"].rows[0], id)
	return id
}

// publicAddress is the nth record's own of loopback's network.
func publicAddress(n int) string {
	return netip.AddrFrom4([4]byte{127, 64, byte(n >> 8), byte(n)}).String()
}
