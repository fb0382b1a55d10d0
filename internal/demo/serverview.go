package demo

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// viewServer is a server as its microversion shows it (nova/api/openstack/compute/views/servers.py).
func (c *Cloud) viewServer(r *request, s *server, show bool) object {
	state := stateOf(s.status)
	o := object{
		"id": s.id, "name": s.name, "status": s.status, "tenant_id": c.identity.projectID, "user_id": c.identity.userID,
		"metadata": maps.Clone(s.metadata), "hostId": strings.Repeat("d", 56), "image": "",
		"created": seconds(s.created), "updated": seconds(s.updated), "addresses": c.addresses(s),
		"accessIPv4": "", "accessIPv6": "", "links": c.serverLinks(s), "OS-DCF:diskConfig": "MANUAL",
		"OS-EXT-AZ:availability_zone": "nova", "config_drive": "", "key_name": nil,
		"OS-SRV-USG:launched_at": nil, "OS-SRV-USG:terminated_at": nil,
		"OS-EXT-STS:task_state": s.task, "OS-EXT-STS:vm_state": state.vm, "OS-EXT-STS:power_state": state.power,
		"os-extended-volumes:volumes_attached": []object{},
	}
	if s.image != "" {
		o["image"] = object{"id": s.image, "links": []object{c.bookmark("images", s.image)}}
	}
	if s.keyName != "" {
		o["key_name"] = s.keyName
	}
	if !s.launched.IsZero() {
		o["OS-SRV-USG:launched_at"] = micros(s.launched)
	}
	if slices.Contains([]string{"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"}, s.status) {
		o["progress"] = 0
	}
	if s.volume != "" {
		volume := object{"id": s.volume}
		if r.minor >= 3 {
			volume["delete_on_termination"] = false
		}
		o["os-extended-volumes:volumes_attached"] = []object{volume}
	}
	if s.status == "ERROR" || s.deleted {
		o["fault"] = object{"code": 500, "created": seconds(s.updated), "message": "No valid host was found. "}
	}
	if groups := c.groupNames(s); len(groups) > 0 {
		o["security_groups"] = groups
	}
	c.addByVersion(o, r.minor, s, show)
	maps.Copy(o, s.shown)
	return o
}

// addByVersion adds what microversions after 2.3 brought.
func (c *Cloud) addByVersion(o object, minor int, s *server, show bool) {
	flavor := c.flavors[slices.IndexFunc(c.flavors, func(f object) bool { return f["id"] == s.flavor })]
	o["flavor"] = object{"id": s.flavor, "links": []object{c.bookmark("flavors", s.flavor)}}
	if minor >= 47 {
		o["flavor"] = object{"vcpus": 1, "ram": flavor["ram"], "disk": flavor["disk"], "ephemeral": 0, "swap": 0,
			"original_name": flavor["name"], "extra_specs": object{}}
	}
	for _, field := range []struct {
		since int
		name  string
		value any
	}{
		{9, "locked", s.locked}, {19, "description", nil}, {26, "tags", append([]string{}, s.tags...)},
		{63, "trusted_image_certificates", nil}, {73, "locked_reason", nil},
		{90, "OS-EXT-SRV-ATTR:hostname", s.hostname()}, {96, "pinned_availability_zone", nil},
	} {
		if minor >= field.since {
			o[field.name] = field.value
		}
	}
	if minor >= 71 && show {
		o["server_groups"] = []string{}
	}
}

// hostname is the name that the guest gets (nova/utils.py, sanitize_hostname).
func (s *server) hostname() string {
	name := strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(" _.-", r):
			return '-'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, strings.ToLower(s.name))
	return cmp.Or(strings.Trim(name[:min(len(name), 63)], "-"), "server-"+s.id)
}

// addresses is nova's cache of what neutron knows, by network name.
func (c *Cloud) addresses(s *server) object {
	o := object{}
	if s.status == "BUILD" {
		return o
	}
	for _, port := range c.network.portsOf[s.id] {
		name := text(c.network.collections["networks"].byID[text(port["network_id"])]["name"])
		list, _ := o[name].([]object)
		add := func(address, kind string) {
			version := 4
			if strings.Contains(address, ":") {
				version = 6
			}
			list = append(list, object{"version": version, "addr": address, "OS-EXT-IPS:type": kind,
				"OS-EXT-IPS-MAC:mac_addr": port["mac_address"]})
		}
		for _, ip := range port["fixed_ips"].([]object) {
			add(text(ip["ip_address"]), "fixed")
		}
		for _, id := range c.idsWhere("floatingips", "port_id", port["id"]) {
			add(text(c.network.collections["floatingips"].byID[id]["floating_ip_address"]), "floating")
		}
		o[name] = list
	}
	return o
}

func (c *Cloud) groupNames(s *server) []object {
	names := []object{}
	for _, port := range c.network.portsOf[s.id] {
		for _, id := range port["security_groups"].([]string) {
			if c.unreadable(id) {
				continue
			}
			names = append(names, object{"name": c.network.collections["security-groups"].byID[id]["name"]})
		}
	}
	return names
}
