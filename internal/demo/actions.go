package demo

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rebuild takes over the image and the keypair that a rebuild names.
func (c *Cloud) rebuild(s *server, arguments json.RawMessage) *reply {
	var q struct {
		ImageRef string  `json:"imageRef"`
		KeyName  *string `json:"key_name"`
		Name     string  `json:"name"`
	}
	if err := json.Unmarshal(arguments, &q); err != nil {
		return refuse(failure("nova", http.StatusBadRequest, "Malformed request body"))
	}
	if c.image(q.ImageRef) == nil {
		return refuse(failure("nova", http.StatusBadRequest, "Image "+q.ImageRef+" could not be found."))
	}
	if s.image != "" {
		s.image = q.ImageRef
	}
	if q.Name != "" {
		s.name = q.Name
	}
	if q.KeyName != nil {
		s.keyName = *q.KeyName
	}
	s.launched = time.Now()
	if s.instance != nil {
		s.instance.install()
	}
	return nil
}

// stripped is what nova takes out of a console log (nova/api/openstack/compute/console_output.py).
var stripped = regexp.MustCompile(`[\x00-\x08\x0B-\x1F]`)

func (c *Cloud) showConsole(s *server, arguments json.RawMessage) reply {
	var q struct {
		Length any `json:"length"`
	}
	if err := json.Unmarshal(arguments, &q); err != nil {
		return failure("nova", http.StatusBadRequest, "Malformed request body")
	}
	if s.status == "BUILD" || s.status == "SHELVED_OFFLOADED" {
		return failure("nova", http.StatusConflict, "Instance "+s.id+" is not ready")
	}
	if s.instance == nil {
		return failure("nova", http.StatusNotFound, "Guest does not have a console available.")
	}
	output := s.instance.console()
	length, limited := number(q.Length)
	if n, err := strconv.Atoi(text(q.Length)); err == nil {
		length, limited = n, true
	}
	if limited && length >= 0 {
		lines := strings.Split(output, "\n")
		output = strings.Join(lines[max(0, len(lines)-length):], "\n")
	}
	return reply{status: http.StatusOK, body: object{"output": stripped.ReplaceAllString(output, "")}}
}

func (c *Cloud) changeGroup(s *server, add bool, arguments json.RawMessage) reply {
	var q struct {
		Name string `json:"name"`
	}
	_ = json.Unmarshal(arguments, &q) // an empty name is not found
	id := c.groupID(q.Name)
	if id == "" {
		return failure("nova", http.StatusNotFound, "Security group "+q.Name+" is not found for project "+c.identity.projectID)
	}
	for _, port := range c.network.portsOf[s.id] {
		groups := slices.DeleteFunc(slices.Clone(port["security_groups"].([]string)), func(g string) bool { return g == id })
		if add {
			groups = append(groups, id)
		}
		port["security_groups"] = groups
	}
	c.refresh()
	return reply{status: http.StatusAccepted}
}

// groupID finds a security group by name or id, "" if there is none.
func (c *Cloud) groupID(name string) string {
	for _, g := range c.network.collections["security-groups"].rows {
		if (g["name"] == name || g["id"] == name) && !c.unreadable(text(g["id"])) {
			return text(g["id"])
		}
	}
	return ""
}

func (c *Cloud) listActions(r *request, s *server) reply {
	list := []object{}
	for _, a := range slices.Backward(s.actions) { // newest first
		if r.minor >= 58 {
			a["updated_at"] = a["start_time"]
		}
		list = append(list, a)
	}
	return reply{status: http.StatusOK, body: object{"instanceActions": list}}
}

func (c *Cloud) listInterfaces(r *request, s *server) reply {
	list := []object{}
	for _, port := range c.network.portsOf[s.id] {
		shown := c.view("ports", port)
		o := object{"net_id": shown["network_id"], "port_id": shown["id"], "mac_addr": shown["mac_address"],
			"port_state": shown["status"], "fixed_ips": shown["fixed_ips"]}
		if r.minor >= 70 {
			o["tag"] = nil
		}
		list = append(list, o)
	}
	return reply{status: http.StatusOK, body: object{"interfaceAttachments": list}}
}

// listServerGroups gives the groups of a server's ports in nova's old shape.
func (c *Cloud) listServerGroups(_ *request, s *server) reply {
	list := []object{}
	for _, port := range c.network.portsOf[s.id] {
		for _, id := range port["security_groups"].([]string) {
			if !c.unreadable(id) {
				list = append(list, c.oldGroup(c.network.collections["security-groups"].byID[id]))
			}
		}
	}
	return reply{status: http.StatusOK, body: object{"security_groups": list}}
}

// listOldGroups is nova's proxy of neutron's listing, which ends with 2.35 and
// which openstackclient still finds a group's name by.
func (c *Cloud) listOldGroups(r *request) reply {
	if r.minor > 35 {
		return failure("nova", http.StatusNotFound, "The resource could not be found.")
	}
	list := []object{}
	for _, group := range c.network.collections["security-groups"].rows {
		if !c.unreadable(text(group["id"])) {
			list = append(list, c.oldGroup(group))
		}
	}
	return reply{status: http.StatusOK, body: object{"security_groups": list}}
}

// oldGroup is a group in nova's old shape: ingress rules only.
func (c *Cloud) oldGroup(group object) object {
	rules := []object{}
	for _, rule := range c.groupRules(group["id"]) {
		if rule["direction"] == "ingress" {
			rules = append(rules, c.oldRule(rule))
		}
	}
	return object{"id": group["id"], "name": group["name"], "description": group["description"],
		"tenant_id": group["tenant_id"], "rules": rules}
}

func (c *Cloud) oldRule(rule object) object {
	old := object{"id": rule["id"], "parent_group_id": rule["security_group_id"], "ip_protocol": rule["protocol"],
		"from_port": rule["port_range_min"], "to_port": rule["port_range_max"], "group": object{}, "ip_range": object{}}
	if remote := text(rule["remote_group_id"]); remote != "" {
		group := c.network.collections["security-groups"].byID[remote]
		old["group"] = object{"name": group["name"], "tenant_id": rule["tenant_id"]}
	} else if prefix := text(rule["remote_ip_prefix"]); prefix != "" {
		old["ip_range"] = object{"cidr": prefix}
	}
	return old
}

func (c *Cloud) listAttachments(_ *request, s *server) reply {
	list := []object{}
	if s.volume != "" {
		list = append(list, object{"id": s.volume, "volumeId": s.volume, "serverId": s.id, "device": "/dev/vda"})
	}
	return reply{status: http.StatusOK, body: object{"volumeAttachments": list}}
}
