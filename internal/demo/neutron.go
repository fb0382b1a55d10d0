package demo

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
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
		if o == nil || c.unreadable(id) {
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
	limit, err := strconv.Atoi(cmp.Or(q.Get("limit"), "0"))
	if err != nil || limit < 0 {
		return badRequest("BadRequest", "Bad limit request: Limit must be an integer 0 or greater and not '%s'.", q.Get("limit"))
	}
	passed := q.Get("marker") == ""
	list, all := []object{}, filters(q)
	body := object{}
	for _, o := range col.sorted(q) {
		if !passed {
			passed = o["id"] == q.Get("marker")
			continue
		}
		if !col.matches(o, all) || c.unreadable(text(o["id"])) || c.unreadable(text(o["security_group_id"])) {
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
