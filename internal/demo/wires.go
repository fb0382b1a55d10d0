package demo

// field is a record's field, or its default.
func (c *Cloud) field(path string, o object, key string) any {
	if value, given := o[key]; given {
		return value
	}
	return c.network.collections[path].defaults[key]
}

// on says whether a network, port or router is switched on and in place.
func (c *Cloud) on(path string, o object) bool {
	return o != nil && c.field(path, o, "admin_state_up") == true && c.field(path, o, "status") == "ACTIVE"
}

// wired says whether packets come to a port and leave it again.
func (c *Cloud) wired(port object) bool {
	return c.on("ports", port) && c.on("networks", c.network.collections["networks"].byID[text(port["network_id"])])
}

// translated says whether a floating IP that is in place leads to a port.
func (c *Cloud) translated(port object) bool {
	for _, id := range c.idsWhere("floatingips", "port_id", port["id"]) {
		if fip := c.network.collections["floatingips"].byID[id]; fip["status"] == "ACTIVE" && c.routed(fip, port) {
			return true
		}
	}
	return false
}

// routed says whether the router of a floating IP leads from the outside to the
// port's address, and the guest's replies to the router.
func (c *Cloud) routed(fip, port object) bool {
	router := c.network.collections["routers"].byID[text(fip["router_id"])]
	if !c.on("routers", router) || router["external_gateway_info"] == nil || !c.wired(port) {
		return false
	}
	for _, ip := range port["fixed_ips"].([]object) {
		subnet := c.network.collections["subnets"].byID[text(ip["subnet_id"])]
		if ip["ip_address"] == fip["fixed_ip_address"] && subnet["gateway_ip"] != nil && c.joins(router, text(subnet["id"])) {
			return true
		}
	}
	return false
}

// joins says whether a router has an interface on a subnet.
func (c *Cloud) joins(router object, subnet string) bool {
	for _, port := range c.network.portsOf[text(router["id"])] {
		for _, ip := range port["fixed_ips"].([]object) {
			if ip["subnet_id"] == subnet {
				return true
			}
		}
	}
	return false
}
