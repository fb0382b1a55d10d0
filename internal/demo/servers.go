package demo

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// server is one of nova's. Its instance is nil for a mere record.
type server struct {
	id, name, status string
	image, volume    string // one of them: what it boots from
	flavor           string
	keyName          string
	created, updated time.Time
	launched         time.Time
	metadata         map[string]string
	tags             []string
	taskState        any
	locked           bool
	deleted          bool
	actions          []object
	instance         *Instance
}

// state is what a status goes with.
type state struct {
	vm    string
	power int  // nova/compute/power_state.py
	up    bool // an SSH server answers
}

func stateOf(status string) state {
	switch status {
	case "ACTIVE", "PASSWORD", "MIGRATING":
		return state{"active", 1, true}
	case "REBOOT", "HARD_REBOOT", "REBUILD", "RESIZE", "REVERT_RESIZE":
		return state{"active", 1, false}
	case "VERIFY_RESIZE":
		return state{"resized", 1, true}
	case "RESCUE":
		return state{"rescued", 1, true}
	case "BUILD":
		return state{"building", 0, false}
	case "SHUTOFF":
		return state{"stopped", 4, false}
	case "PAUSED":
		return state{"paused", 3, false}
	case "SUSPENDED":
		return state{"suspended", 7, false}
	case "SHELVED":
		return state{"shelved", 4, false}
	case "SHELVED_OFFLOADED":
		return state{"shelved_offloaded", 4, false}
	case "DELETED":
		return state{"deleted", 0, false}
	case "SOFT_DELETED":
		return state{"soft-delete", 4, false}
	}
	return state{"error", 0, false}
}

// note writes a line into the server's action log.
func (c *Cloud) note(s *server, action string) {
	s.updated = time.Now()
	s.actions = append(s.actions, object{
		"action": action, "instance_uuid": s.id, "request_id": "req-" + newID(), "user_id": c.identity.userID,
		"project_id": c.identity.projectID, "start_time": micros(s.updated), "message": nil,
	})
}

func (c *Cloud) addServer(s *server) {
	c.servers = append(c.servers, s)
	c.byID[s.id] = s
	s.actions = nil
	c.note(s, "create")
	s.updated = s.created
}

func (c *Cloud) serverLinks(s *server) []object {
	return []object{{"rel": "self", "href": c.base + novaRoot + "/servers/" + s.id}, c.bookmark("servers", s.id)}
}

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
		"OS-EXT-STS:task_state": s.taskState, "OS-EXT-STS:vm_state": state.vm, "OS-EXT-STS:power_state": state.power,
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
		{90, "OS-EXT-SRV-ATTR:hostname", hostname(s.name)}, {96, "pinned_availability_zone", nil},
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
func hostname(name string) string {
	name = strings.ToLower(strings.NewReplacer(" ", "-", "_", "-", ".", "-").Replace(name))
	name = regexp.MustCompile(`[^a-z0-9-]`).ReplaceAllString(name, "")
	return strings.Trim(name[:min(len(name), 63)], "-")
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
			names = append(names, object{"name": c.network.collections["security-groups"].byID[id]["name"]})
		}
	}
	return names
}

// query is what a listing asks for.
type query struct {
	name   *regexp.Regexp
	status string
	tags   []string
	since  time.Time
	limit  int
	marker string
}

var serverFilters = []string{"name", "status", "changes-since", "limit", "marker", "sort_key", "sort_dir", "all_tenants",
	"deleted", "tags", "tags-any", "not-tags", "not-tags-any", "image", "flavor", "ip", "ip6", "host", "reservation_id",
	"project_id", "tenant_id", "user_id", "vm_state", "task_state", "power_state", "key_name", "uuid", "locked",
	"changes-before", "availability_zone", "description", "hostname", "created_at", "access_ip_v4", "access_ip_v6"}

func parseQuery(r *request) (q query, wrong *reply) {
	v := r.URL.Query()
	for key := range v {
		if r.minor >= 75 && !slices.Contains(serverFilters, key) && !strings.HasPrefix(key, "_") {
			return q, refuse(failure("nova", http.StatusBadRequest, fmt.Sprintf("'%s' does not match any of the regexes: '^_'", key)))
		}
	}
	if all := v.Get("all_tenants"); all != "" && all != "0" && !strings.EqualFold(all, "false") {
		return q, refuse(failure("nova", http.StatusForbidden,
			"Policy doesn't allow os_compute_api:servers:index:get_all_tenants to be performed."))
	}
	if v.Has("name") {
		expression, err := regexp.Compile("(?i)" + v.Get("name")) // as MySQL's collations compare
		if err != nil || v.Get("name") == "" {
			return q, refuse(invalid("name", v.Get("name"), "'"+v.Get("name")+"' is not a 'regex'"))
		}
		q.name = expression
	}
	if since := v.Get("changes-since"); since != "" {
		at, err := time.Parse(time.RFC3339, since)
		if err != nil {
			at, err = time.Parse("2006-01-02T15:04:05", since)
		}
		if err != nil {
			return q, refuse(invalid("changes-since", since, "'"+since+"' is not a 'date-time'"))
		}
		q.since = at
	}
	q.limit = maxPage
	if limit := v.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 0 {
			return q, refuse(invalid("limit", limit, "'"+limit+"' does not match '^[0-9]*$'"))
		}
		if n > 0 {
			q.limit = min(n, maxPage)
		}
	}
	q.marker, q.status = v.Get("marker"), strings.ToUpper(v.Get("status"))
	if tags := v.Get("tags"); tags != "" && r.minor >= 26 {
		q.tags = strings.Split(tags, ",")
	}
	return q, nil
}

func (q query) matches(s *server) bool {
	switch {
	case s.deleted && q.since.IsZero(), !q.since.IsZero() && s.updated.Before(q.since):
		return false
	case q.name != nil && !q.name.MatchString(s.name), q.status != "" && s.status != q.status:
		return false
	}
	return !slices.ContainsFunc(q.tags, func(tag string) bool { return !slices.Contains(s.tags, tag) })
}

func (c *Cloud) listServers(r *request, detail bool) reply {
	q, wrong := parseQuery(r)
	if wrong != nil {
		return *wrong
	}
	if q.marker != "" && c.byID[q.marker] == nil {
		return failure("nova", http.StatusBadRequest, "marker ["+q.marker+"] not found")
	}
	passed := q.marker == ""
	list, body := []object{}, object{}
	for _, s := range slices.Backward(c.servers) { // newest first
		if !passed {
			passed = s.id == q.marker
			continue
		}
		if !q.matches(s) {
			continue
		}
		if detail {
			list = append(list, c.viewServer(r, s, false))
		} else {
			list = append(list, object{"id": s.id, "name": s.name, "links": c.serverLinks(s)})
		}
		if len(list) == q.limit {
			body["servers_links"] = []object{{"rel": "next", "href": c.nextPage(r, s.id)}}
			break
		}
	}
	body["servers"] = list
	return reply{status: http.StatusOK, body: body}
}
