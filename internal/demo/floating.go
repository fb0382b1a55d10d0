package demo

import (
	"net/http"
	"strings"
)

// associate joins a floating IP to the port that q names, or frees it, as
// neutron does (neutron/db/l3_db.py, _update_fip_assoc).
func (c *Cloud) associate(fip, q object) *reply {
	port, given := q["port_id"]
	if !given {
		return nil
	}
	o := c.network.collections["ports"].byID[text(port)]
	if o == nil {
		if text(port) != "" {
			return refuse(neutronError(http.StatusNotFound, "PortNotFound", "Port "+text(port)+" could not be found."))
		}
		fip["port_id"], fip["fixed_ip_address"], fip["router_id"], fip["status"] = nil, nil, nil, "DOWN"
		delete(q, "fixed_ip_address")
		return nil
	}
	fixed, subnet := "", ""
	for _, ip := range o["fixed_ips"].([]object) {
		if a := text(ip["ip_address"]); strings.Contains(a, ".") && (fixed == "" || a == text(q["fixed_ip_address"])) {
			fixed, subnet = a, text(ip["subnet_id"])
		}
	}
	router := c.gatewayRouter(text(o["network_id"]))
	if router == "" {
		return refuse(neutronError(http.StatusNotFound, "ExternalGatewayForFloatingIPNotFound", "External network "+
			text(fip["floating_network_id"])+" is not reachable from subnet "+subnet+".  Therefore, cannot associate Port "+
			text(port)+" with a Floating IP."))
	}
	for _, id := range c.idsWhere("floatingips", "port_id", port) {
		if old := c.network.collections["floatingips"].byID[id]; id != fip["id"] && old["fixed_ip_address"] == fixed {
			return refuse(conflict("FloatingIPPortAlreadyAssociated", "Cannot associate floating IP %s (%s) with port %s using "+
				"fixed IP %s, as that fixed IP already has a floating IP on external network %s.",
				fip["floating_ip_address"], text(fip["id"]), port, fixed, fip["floating_network_id"]))
		}
	}
	if c.forwards("fip", text(fip["id"])) {
		return refuse(conflict("FipInUseByPortForwarding", "Floating IP %s in use by Port Forwarding resources.", fip["id"]))
	}
	if c.forwards("port", text(port)) {
		return refuse(badRequest("PortHasPortForwarding",
			"Cannot associate floating IP to port %s because it already has a Port Forwarding binding.", port))
	}
	fip["port_id"], fip["router_id"], fip["status"] = port, router, "ACTIVE"
	fip["fixed_ip_address"], q["fixed_ip_address"] = fixed, fixed
	return nil
}

// gatewayRouter is the router that leads from a network to the public one, ""
// if there is none.
func (c *Cloud) gatewayRouter(network string) string {
	for _, id := range c.routersOf(network) {
		if c.network.collections["routers"].byID[id]["external_gateway_info"] != nil {
			return id
		}
	}
	return ""
}
