package demo

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
)

func (c *Cloud) deleteResource(_ *request, path string, o object) reply {
	switch path {
	case "security-groups":
		users := c.network.collections["ports"].rows
		if slices.ContainsFunc(users, func(p object) bool { return slices.Contains(p["security_groups"].([]string), text(o["id"])) }) {
			return conflict("SecurityGroupInUse", "Security Group %s in use.", o["id"])
		}
		if o["name"] == "default" {
			return conflict("SecurityGroupCannotRemoveDefault", "Insufficient rights for removing default security group.")
		}
		for _, field := range []string{"security_group_id", "remote_group_id"} { // others' rules about it go too
			for _, id := range c.idsWhere("security-group-rules", field, o["id"]) {
				c.remove("security-group-rules", c.network.collections["security-group-rules"].byID[id])
			}
		}
	case "floatingips":
		if c.forwards("fip", text(o["id"])) {
			return conflict("FipInUseByPortForwarding", "Floating IP %s in use by Port Forwarding resources.", o["id"])
		}
	case "networks", "subnets", "routers":
		return conflict("InUse", "Unable to complete operation on %s. It is still in use.", o["id"])
	}
	c.remove(path, o)
	c.refresh()
	return reply{status: http.StatusNoContent}
}

// body reads the record that a request brings under its collection's name.
func (r *request) body(col *collection) (object, *reply) {
	var q map[string]object
	if err := r.decode(&q); err != nil || q[col.one] == nil {
		return nil, refuse(badRequest("HTTPBadRequest", "Unable to find '%s' in request body", col.one))
	}
	o := q[col.one]
	for key, value := range o {
		typed, ok := col.typed(key, value)
		if !ok {
			return nil, refuse(badRequest("HTTPBadRequest", "Invalid input for %s.", key))
		}
		o[key] = typed
	}
	return o, nil
}

// writable are the fields that PUT may change.
var writable = map[string][]string{
	"ports":           {"name", "description", "admin_state_up", "security_groups", "port_security_enabled", "allowed_address_pairs"},
	"floatingips":     {"description", "port_id", "fixed_ip_address"},
	"security-groups": {"name", "description", "stateful"},
	"networks":        {"name", "description", "admin_state_up"},
	"routers":         {"name", "description", "admin_state_up"},
	"address-groups":  {"name", "description"},
}

func (c *Cloud) updateResource(r *request, path string, o object) reply {
	q, wrong := r.body(c.network.collections[path])
	if wrong != nil {
		return *wrong
	}
	for key := range q {
		if !slices.Contains(writable[path], key) {
			return badRequest("HTTPBadRequest", "Cannot update read-only attribute %s", key)
		}
	}
	groups, _ := q["security_groups"].([]string)
	for _, id := range groups {
		if !uuid.MatchString(id) {
			return badRequest("HTTPBadRequest", "Invalid input for security_groups. Reason: '%s' is not a valid UUID.", id)
		}
		if c.network.collections["security-groups"].byID[id] == nil || c.unreadable(id) {
			return neutronError(http.StatusNotFound, "SecurityGroupNotFound", "Security group "+id+" does not exist")
		}
	}
	if path == "security-groups" && q["name"] == "default" && o["name"] != "default" {
		return secondDefault()
	}
	if secured, ok := q["port_security_enabled"].(bool); ok && !secured {
		left, given := q["security_groups"].([]string)
		if !given {
			left, _ = o["security_groups"].([]string)
		}
		if len(left) > 0 {
			return conflict("PortSecurityPortHasSecurityGroup",
				"Port has security group associated. Cannot disable port security or IP address until security group is removed.")
		}
	}
	if path == "floatingips" {
		if wrong := c.associate(o, q); wrong != nil {
			return *wrong
		}
	}
	maps.Copy(o, q)
	c.refresh()
	return c.showResource(&request{Request: &http.Request{URL: &url.URL{}}}, path, o)
}

// uuid is what neutron takes for an id in a list of them.
var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$`)

func secondDefault() reply {
	return conflict("SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
}

func (c *Cloud) createResource(r *request) reply {
	path := r.PathValue("collection")
	col := c.collection(path)
	if col == nil {
		return noSuchResource()
	}
	q, wrong := r.body(col)
	if wrong != nil {
		return *wrong
	}
	switch path {
	case "security-groups":
		if q["name"] == "default" {
			return secondDefault()
		}
		o := c.insert(path, q)
		c.addEgress(o["id"])
		return reply{status: http.StatusCreated, body: object{col.one: c.view(path, o)}}
	case "security-group-rules":
		wrong = c.checkRule(q)
	case "floatingips":
		q["floating_ip_address"] = loopback.String()
		wrong = c.associate(q, q)
	case "address-groups":
	default:
		return neutronError(http.StatusForbidden, "PolicyNotAuthorized",
			"(rule:create_"+col.one+") is disallowed by policy")
	}
	if wrong != nil {
		return *wrong
	}
	o := c.insert(path, q)
	c.refresh()
	return reply{status: http.StatusCreated, body: object{col.one: c.view(path, o)}}
}
