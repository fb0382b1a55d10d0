package demo

import (
	"maps"
	"slices"
	"time"
)

// routerInterface is the device_owner of a router's port on a subnet.
const routerInterface = "network:router_interface"

// network is what neutron knows: its collections by the name in the URL.
type network struct {
	collections map[string]*collection
	portsOf     map[string][]object // by device_id: a page of servers needs each server's at once
	forwardings []*forwarding
}

// collection is one kind of neutron's resources. Records hold only what differs
// from defaults: ten thousand ports are to cost little.
type collection struct {
	one      string // "security_group"
	many     string // "security_groups"
	error    string // the type of its 404
	message  string // and the text, with the id in it
	defaults object
	rows     []object
	byID     map[string]object
}

func (c *Cloud) newNetwork() network {
	n := network{collections: map[string]*collection{}, portsOf: map[string][]object{}}
	add := func(path, one, many, kind, message string, defaults object) {
		common := object{"description": "", "tags": []string{}, "revision_number": 1}
		maps.Copy(common, defaults)
		n.collections[path] = &collection{
			one: one, many: many, error: kind + "NotFound", message: message, defaults: common, byID: map[string]object{}}
	}
	zones := object{"availability_zone_hints": []string{}, "availability_zones": []string{"nova"}}
	with := func(more object) object { maps.Copy(more, zones); return more }
	add("networks", "network", "networks", "Network", "Network %s could not be found.", with(object{
		"name": "", "admin_state_up": true, "mtu": 1500, "status": "ACTIVE", "shared": false, "router:external": false,
		"port_security_enabled": true, "ipv4_address_scope": nil, "ipv6_address_scope": nil}))
	add("subnets", "subnet", "subnets", "Subnet", "Subnet %s could not be found.", object{
		"name": "", "ip_version": 4, "subnetpool_id": nil, "enable_dhcp": true, "ipv6_ra_mode": nil, "ipv6_address_mode": nil,
		"gateway_ip": nil, "host_routes": []object{}, "dns_nameservers": []string{}, "service_types": []string{},
		"allocation_pools": []object{}})
	add("routers", "router", "routers", "Router", "Router %s could not be found", with(object{
		"name": "", "admin_state_up": true, "status": "ACTIVE", "routes": []object{}, "flavor_id": nil,
		"external_gateway_info": nil}))
	add("ports", "port", "ports", "Port", "Port %s could not be found.", object{
		"name": "", "admin_state_up": true, "status": "ACTIVE", "device_owner": "", "device_id": "",
		"allowed_address_pairs": []object{}, "extra_dhcp_opts": []object{}, "security_groups": []string{},
		"fixed_ips": []object{}, "binding:vnic_type": "normal", "port_security_enabled": true})
	add("floatingips", "floatingip", "floatingips", "FloatingIP", "Floating IP %s could not be found", object{
		"router_id": nil, "port_id": nil, "fixed_ip_address": nil, "status": "DOWN", "port_details": nil,
		"port_forwardings": []object{}})
	add("security-groups", "security_group", "security_groups", "SecurityGroup", "Security group %s does not exist", object{
		"name": "", "stateful": true, "shared": false})
	add("security-group-rules", "security_group_rule", "security_group_rules", "SecurityGroupRule",
		"Security group rule %s does not exist", object{
			"ethertype": "IPv4", "direction": "ingress", "protocol": nil, "port_range_min": nil, "port_range_max": nil,
			"remote_ip_prefix": nil, "normalized_cidr": nil, "remote_group_id": nil, "remote_address_group_id": nil})
	add("address-groups", "address_group", "address_groups", "AddressGroup", "Address group %s could not be found.", object{
		"name": "", "shared": false, "addresses": []string{}})
	return n
}

// insert adds a record of the project, with an id and times of its own.
func (c *Cloud) insert(path string, o object) object {
	now := seconds(time.Now())
	made := object{"id": newID(), "project_id": c.identity.projectID, "created_at": now, "updated_at": now}
	maps.Copy(made, o)
	made["tenant_id"] = made["project_id"]
	col := c.network.collections[path]
	col.rows = append(col.rows, made)
	col.byID[made["id"].(string)] = made
	if device, _ := made["device_id"].(string); path == "ports" && device != "" {
		c.network.portsOf[device] = append(c.network.portsOf[device], made)
	}
	return made
}

func (c *Cloud) remove(path string, o object) {
	col := c.network.collections[path]
	id := o["id"].(string)
	col.rows = slices.DeleteFunc(col.rows, func(r object) bool { return r["id"] == id })
	delete(col.byID, id)
	if device, _ := o["device_id"].(string); path == "ports" {
		c.network.portsOf[device] = slices.DeleteFunc(c.network.portsOf[device], func(r object) bool { return r["id"] == id })
	}
}

// view is a record as the API shows it, with what neutron works out.
func (c *Cloud) view(path string, o object) object {
	full := maps.Clone(c.network.collections[path].defaults)
	maps.Copy(full, o)
	switch path {
	case "networks":
		full["subnets"] = c.idsWhere("subnets", "network_id", o["id"])
	case "security-groups":
		full["security_group_rules"] = c.groupRules(o["id"])
	case "floatingips":
		delete(full, "port_forwardings")
		if c.extended("expose-port-forwarding-in-fip") {
			full["port_forwardings"] = c.embedded(text(o["id"]))
		}
		if port := c.network.collections["ports"].byID[text(o["port_id"])]; port != nil {
			shown := c.view("ports", port)
			details := object{}
			for _, k := range []string{"name", "network_id", "mac_address", "admin_state_up", "status", "device_id", "device_owner"} {
				details[k] = shown[k]
			}
			full["port_details"] = details
		}
	}
	return full
}

func (c *Cloud) idsWhere(path, field string, value any) []string {
	ids := []string{}
	for _, o := range c.network.collections[path].rows {
		if o[field] == value {
			ids = append(ids, o["id"].(string))
		}
	}
	return ids
}

func (c *Cloud) groupRules(group any) []object {
	rules := []object{}
	for _, o := range c.network.collections["security-group-rules"].rows {
		if o["security_group_id"] == group {
			rules = append(rules, c.view("security-group-rules", o))
		}
	}
	return rules
}

// unreadable says whether an id is of a security group that a fault makes
// another project's: its members keep it, its rules hold, and none may see it.
func (c *Cloud) unreadable(id string) bool {
	group := c.network.collections["security-groups"].byID[id]
	return group != nil && slices.ContainsFunc(c.faults, func(f *Fault) bool { return f.Unreadable != "" && f.Unreadable == group["name"] })
}

// references are fields without a default that a request may bring.
var references = []string{"security_group_id", "floating_network_id", "project_id", "tenant_id"}

// typed gives a field from outside the type that our own records have there;
// false if it is none of the collection's or cannot.
func (col *collection) typed(key string, value any) (any, bool) {
	known, ok := col.defaults[key]
	switch known.(type) {
	case nil:
		_, isObject := value.(object)
		_, isList := value.([]any)
		return value, (ok || slices.Contains(references, key)) && !isObject && !isList
	case string:
		s, ok := value.(string)
		return s, ok || key == "description" && value == nil
	case bool:
		b, ok := value.(bool)
		return b, ok
	case []string:
		list, ok := value.([]any)
		strs := []string{}
		for _, v := range list {
			strs = append(strs, text(v))
		}
		return strs, ok
	case []object:
		list, ok := value.([]any)
		objects := []object{}
		for _, v := range list {
			o, isObject := v.(object)
			objects, ok = append(objects, o), ok && isObject
		}
		return objects, ok
	}
	return nil, false
}

// text is a string field, "" where there is none.
func text(v any) string {
	s, _ := v.(string)
	return s
}

// number is a number field: ours are int, those read from JSON float64.
func number(v any) (int, bool) {
	switch n := v.(type) {
	case int:
		return n, true
	case float64:
		return int(n), true
	}
	return 0, false
}
