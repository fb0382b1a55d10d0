package demo

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func (c *Cloud) neutronRoutes() []route {
	const root = "/networking/v2.0/"
	routes := []route{
		{"GET /networking/{$}", true, func(*request) reply {
			return reply{status: http.StatusOK, body: object{"versions": []object{{
				"id": "v2.0", "status": "CURRENT", "links": []object{{"rel": "self", "href": c.base + root}}}}}}
		}},
		{"GET " + root + "{$}", false, func(*request) reply {
			resources := []object{}
			for _, name := range []string{"network", "subnet", "port"} {
				resources = append(resources, object{"name": name, "collection": name + "s",
					"links": []object{{"rel": "self", "href": c.base + root + name + "s"}}})
			}
			return reply{status: http.StatusOK, body: object{"resources": resources}}
		}},
		{"GET " + root + "extensions", false, func(*request) reply {
			all := []object{}
			for _, alias := range extensions {
				if c.extended(alias) {
					all = append(all, extension(alias))
				}
			}
			return reply{status: http.StatusOK, body: object{"extensions": all}}
		}},
		{"GET " + root + "extensions/{alias}", false, func(r *request) reply {
			alias := r.PathValue("alias")
			if !c.extended(alias) {
				return page(http.StatusNotFound, "Extension with alias "+alias+" does not exist")
			}
			return reply{status: http.StatusOK, body: object{"extension": extension(alias)}}
		}},
		{"GET " + root + "{collection}", false, c.listResources},
		{"GET " + root + "{collection}/{id}", false, c.each(c.showResource)},
		{"DELETE " + root + "{collection}/{id}", false, c.each(c.deleteResource)},
		{"PUT " + root + "{collection}/{id}", false, c.each(c.updateResource)},
		{"POST " + root + "{collection}", false, c.createResource},
	}
	return append(routes, c.forwardingRoutes()...)
}

// extensions are those that osssh or openstackclient may ask for.
var extensions = []string{
	"address-group", "allowed-address-pairs", "binding", "expose-port-forwarding-in-fip", "external-net",
	"filter-validation", "fip-port-details", "floating-ip-port-forwarding", "floating-ip-port-forwarding-description",
	"floating-ip-port-forwarding-detail", "floating-ip-port-forwarding-port-ranges", "net-mtu", "port-security",
	"port-security-groups-filtering", "project-id", "router", "security-group", "security-groups-normalized-cidr",
	"security-groups-remote-address-group", "standard-attr-description", "standard-attr-revisions",
	"standard-attr-tag", "standard-attr-timestamp", "stateful-security-group", "subnet-service-types",
}

// extended says whether neutron has an extension: a fault takes one away.
func (c *Cloud) extended(alias string) bool {
	return slices.Contains(extensions, alias) &&
		!slices.ContainsFunc(c.faults, func(f *Fault) bool { return f.Without == alias })
}

// brings names the extension without which a collection is not there.
var brings = map[string]string{
	"routers": "router", "floatingips": "router", "security-groups": "security-group",
	"security-group-rules": "security-group", "address-groups": "address-group",
}

// collection finds a collection by its name in the URL, nil if there is none.
func (c *Cloud) collection(path string) *collection {
	if alias := brings[path]; alias != "" && !c.extended(alias) {
		return nil
	}
	return c.network.collections[path]
}

func extension(alias string) object {
	return object{"alias": alias, "name": alias, "description": "", "updated": "2017-01-01T00:00:00-00:00", "links": []object{}}
}

func noSuchResource() reply {
	return neutronError(http.StatusNotFound, "HTTPNotFound", "The resource could not be found.")
}

func badRequest(kind, format string, args ...any) reply {
	return neutronError(http.StatusBadRequest, kind, fmt.Sprintf(format, args...))
}

func refuse(a reply) *reply { return &a }

func conflict(kind, format string, args ...any) reply {
	return neutronError(http.StatusConflict, kind, fmt.Sprintf(format, args...))
}

// each finds the record that a path names for a handler of one record.
func (c *Cloud) each(handle func(r *request, path string, o object) reply) handler {
	return func(r *request) reply {
		path, id := r.PathValue("collection"), r.PathValue("id")
		col := c.collection(path)
		if col == nil {
			return noSuchResource()
		}
		o := col.byID[id]
		if o == nil {
			return neutronError(http.StatusNotFound, col.error, fmt.Sprintf(col.message, id))
		}
		return handle(r, path, o)
	}
}

func (c *Cloud) listResources(r *request) reply {
	path, q := r.PathValue("collection"), r.URL.Query()
	col := c.collection(path)
	if col == nil {
		return noSuchResource()
	}
	if unknown := col.unknownFilters(q); unknown != nil {
		return badRequest("HTTPBadRequest", "[%s] is invalid attribute for filtering", strings.Join(unknown, ", "))
	}
	limit, _ := strconv.Atoi(q.Get("limit"))
	passed := q.Get("marker") == ""
	list, all := []object{}, filters(q)
	body := object{}
	for _, o := range col.rows {
		if !passed {
			passed = o["id"] == q.Get("marker")
			continue
		}
		if !col.matches(o, all) {
			continue
		}
		list = append(list, pick(c.view(path, o), q["fields"]))
		if len(list) == limit {
			body[col.many+"_links"] = []object{{"rel": "next", "href": c.nextPage(r, text(o["id"]))}}
			break
		}
	}
	body[col.many] = list
	return reply{status: http.StatusOK, body: body}
}

// nextPage is this request's address with the marker moved on.
func (c *Cloud) nextPage(r *request, marker string) string {
	q := maps.Clone(r.URL.Query())
	q.Set("marker", marker)
	return c.base + r.URL.Path + "?" + q.Encode()
}

func pick(o object, fields []string) object {
	if len(fields) == 0 {
		return o
	}
	picked := object{}
	for _, f := range fields {
		if v, ok := o[f]; ok {
			picked[f] = v
		}
	}
	return picked
}

func (c *Cloud) showResource(r *request, path string, o object) reply {
	col := c.network.collections[path]
	return reply{status: http.StatusOK, body: object{col.one: pick(c.view(path, o), r.URL.Query()["fields"])}}
}

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
		for _, id := range c.idsWhere("security-group-rules", "security_group_id", o["id"]) {
			c.remove("security-group-rules", c.network.collections["security-group-rules"].byID[id])
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
		if c.network.collections["security-groups"].byID[id] == nil {
			return neutronError(http.StatusNotFound, "SecurityGroupNotFound", "Security group "+id+" does not exist")
		}
	}
	if secured, ok := q["port_security_enabled"].(bool); ok && !secured {
		left, given := q["security_groups"].([]string)
		if !given {
			left, _ = o["security_groups"].([]string)
		}
		if len(left) > 0 {
			return conflict("PortSecurityPortHasSecurityGroup",
				"Port has security group associated. Cannot disable port security or IP address until security group is removed")
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
