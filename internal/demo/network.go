package demo

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// network is what neutron knows: its collections by the name in the URL.
type network struct {
	collections map[string]*collection
	portsOf     map[string][]object // by device_id: a page of servers needs each server's at once
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
		"name": "", "subnetpool_id": nil, "enable_dhcp": true, "ipv6_ra_mode": nil, "ipv6_address_mode": nil,
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

// controls are the query keys that filter nothing.
var controls = []string{"fields", "limit", "marker", "sort_key", "sort_dir", "page_reverse"}

// derived are filters on what no record of ours holds, ignored where they are asked for.
var derived = []string{"tags", "tags-any", "not-tags", "not-tags-any", "ip_version"}

// unknownFilters lists the query keys that no record of the collection has:
// neutron with the extension filter-validation refuses them.
func (col *collection) unknownFilters(q url.Values) []string {
	var unknown []string
	for key := range q {
		known := slices.Contains(controls, key) || slices.Contains(derived, key) ||
			slices.Contains([]string{"id", "project_id", "tenant_id", "network_id", "subnet_id", "device_id", "mac_address",
				"floating_ip_address", "floating_network_id", "cidr", "security_group_id", "created_at", "updated_at"}, key)
		if _, has := col.defaults[key]; !known && !has {
			unknown = append(unknown, "'"+key+"'")
		}
	}
	slices.Sort(unknown)
	return unknown
}

// filter is one query key with its values, of which one must fit.
type filter struct {
	key    string
	values map[string]bool
}

func filters(q url.Values) []filter {
	var all []filter
	for key, values := range q {
		if slices.Contains(controls, key) || slices.Contains(derived, key) {
			continue
		}
		f := filter{key: key, values: map[string]bool{}}
		for _, v := range values {
			f.values[v] = true
		}
		all = append(all, f)
	}
	return all
}

func (col *collection) matches(o object, all []filter) bool {
	for _, f := range all {
		v, ok := o[f.key]
		if !ok {
			v = col.defaults[f.key]
		}
		if !f.admits(v) {
			return false
		}
	}
	return true
}

func (f filter) admits(v any) bool {
	switch v := v.(type) {
	case string:
		return f.values[v]
	case nil:
		return f.values[""]
	case bool:
		s := strconv.FormatBool(v)
		return f.values[s] || f.values[strings.ToUpper(s[:1])+s[1:]]
	case []string:
		return slices.ContainsFunc(v, func(s string) bool { return f.values[s] })
	case []object: // fixed_ips=ip_address=10.0.0.1
		return slices.ContainsFunc(v, func(o object) bool {
			for key, value := range o {
				if f.values[fmt.Sprintf("%s=%v", key, value)] {
					return true
				}
			}
			return false
		})
	}
	return f.values[fmt.Sprint(v)]
}

// normalized is a rule's prefix as the firewall takes it, nil if it is none.
func normalized(prefix string) (string, bool) {
	if a, err := netip.ParseAddr(prefix); err == nil {
		return netip.PrefixFrom(a, a.BitLen()).String(), true
	}
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		return "", false
	}
	return p.Masked().String(), true
}
