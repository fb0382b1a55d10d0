package demo

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const (
	maxMinor = 96   // of nova's microversion
	maxPage  = 1000 // [api]max_limit
	novaRoot = "/compute/v2.1"
)

func (c *Cloud) novaRoutes() []route {
	return []route{
		{"GET /compute/{$}", true, func(*request) reply {
			return reply{status: http.StatusOK, body: object{"versions": []object{c.novaVersion()}}}
		}},
		{"GET " + novaRoot + "/{$}", true, func(*request) reply {
			version := c.novaVersion()
			version["media-types"] = []object{{"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}}
			return reply{status: http.StatusOK, body: object{"version": version}}
		}},
		{"GET " + novaRoot + "/servers", false, func(r *request) reply { return c.listServers(r, false) }},
		{"GET " + novaRoot + "/servers/detail", false, func(r *request) reply { return c.listServers(r, true) }},
		{"POST " + novaRoot + "/servers", false, c.createServer},
		{"GET " + novaRoot + "/servers/{id}", false, c.eachServer(func(r *request, s *server) reply {
			return reply{status: http.StatusOK, body: object{"server": c.viewServer(r, s, true)}}
		})},
		{"PUT " + novaRoot + "/servers/{id}", false, c.eachServer(c.updateServer)},
		{"DELETE " + novaRoot + "/servers/{id}", false, c.eachServer(c.deleteServer)},
		{"POST " + novaRoot + "/servers/{id}/action", false, c.eachServer(c.act)},
		{"GET " + novaRoot + "/servers/{id}/os-interface", false, c.eachServer(c.listInterfaces)},
		{"GET " + novaRoot + "/servers/{id}/os-security-groups", false, c.eachServer(c.listServerGroups)},
		{"GET " + novaRoot + "/servers/{id}/os-instance-actions", false, c.eachServer(c.listActions)},
		{"GET " + novaRoot + "/servers/{id}/os-volume_attachments", false, c.eachServer(c.listAttachments)},
		{"GET " + novaRoot + "/servers/{id}/metadata", false, c.eachServer(func(_ *request, s *server) reply {
			return reply{status: http.StatusOK, body: object{"metadata": s.metadata}}
		})},
		{"POST " + novaRoot + "/servers/{id}/metadata", false, c.eachServer(c.updateMetadata)},
		{"DELETE " + novaRoot + "/servers/{id}/metadata/{key}", false, c.eachServer(func(r *request, s *server) reply {
			delete(s.metadata, r.PathValue("key"))
			return reply{status: http.StatusNoContent}
		})},
		{"GET " + novaRoot + "/os-security-groups", false, c.listOldGroups},
		{"GET " + novaRoot + "/flavors", false, c.listFlavors},
		{"GET " + novaRoot + "/flavors/detail", false, c.listFlavors},
		{"GET " + novaRoot + "/flavors/{id}", false, c.showFlavor},
		{"GET " + novaRoot + "/flavors/{id}/os-extra_specs", false, func(*request) reply {
			return reply{status: http.StatusOK, body: object{"extra_specs": object{}}}
		}},
		{"GET " + novaRoot + "/os-keypairs", false, c.listKeypairs},
		{"POST " + novaRoot + "/os-keypairs", false, c.createKeypair},
		{"GET " + novaRoot + "/os-keypairs/{name}", false, c.showKeypair},
		{"DELETE " + novaRoot + "/os-keypairs/{name}", false, c.deleteKeypair},
	}
}

func (c *Cloud) novaVersion() object {
	return object{
		"id": "v2.1", "status": "CURRENT", "version": fmt.Sprintf("2.%d", maxMinor), "min_version": "2.1",
		"updated": "2013-07-23T11:33:21Z",
		"links":   []object{{"rel": "self", "href": c.base + novaRoot + "/"}},
	}
}

// microversion reads what a request asks for; without a header it is 2.1.
func microversion(h http.Header) (minor int, wrong *reply) {
	asked := h.Get("X-Openstack-Nova-Api-Version")
	for _, part := range strings.Split(h.Get("Openstack-Api-Version"), ",") {
		if service, version, ok := strings.Cut(strings.TrimSpace(part), " "); ok && service == "compute" {
			asked = version
		}
	}
	switch asked {
	case "":
		return 1, nil
	case "latest":
		return maxMinor, nil
	}
	major, rest, _ := strings.Cut(asked, ".")
	minor, err := strconv.Atoi(rest)
	if _, bad := strconv.Atoi(major); err != nil || bad != nil {
		return 0, refuse(failure("nova", http.StatusBadRequest,
			"API Version String "+asked+" is of invalid format. Must be of format MajorNum.MinorNum."))
	}
	if major != "2" || minor < 1 || minor > maxMinor {
		return 0, refuse(failure("nova", http.StatusNotAcceptable, fmt.Sprintf(
			"Version %s is not supported by the API. Minimum is 2.1 and maximum is 2.%d.", asked, maxMinor)))
	}
	return minor, nil
}

// eachServer finds the server that a path names for a handler of one server.
func (c *Cloud) eachServer(handle func(*request, *server) reply) handler {
	return func(r *request) reply {
		s := c.byID[r.PathValue("id")]
		if s == nil || s.deleted {
			return noInstance(r.PathValue("id"))
		}
		return handle(r, s)
	}
}

func noInstance(id string) reply {
	return failure("nova", http.StatusNotFound, "Instance "+id+" could not be found.")
}

// invalid is nova's answer to a query parameter that its schema refuses.
func invalid(key, value, reason string) reply {
	return failure("nova", http.StatusBadRequest,
		fmt.Sprintf("Invalid input for query parameters %s. Value: %s. %s", key, value, reason))
}

func (c *Cloud) bookmark(kind, id string) object {
	return object{"rel": "bookmark", "href": c.base + "/compute/" + kind + "/" + id}
}

func (c *Cloud) listFlavors(r *request) reply {
	list := []object{}
	for _, f := range c.flavors {
		if strings.HasSuffix(r.URL.Path, "/detail") {
			list = append(list, c.viewFlavor(r, f))
		} else {
			list = append(list, object{"id": f["id"], "name": f["name"], "links": c.flavorLinks(f)})
		}
	}
	return reply{status: http.StatusOK, body: object{"flavors": list}}
}

func (c *Cloud) showFlavor(r *request) reply {
	for _, f := range c.flavors {
		if f["id"] == r.PathValue("id") {
			return reply{status: http.StatusOK, body: object{"flavor": c.viewFlavor(r, f)}}
		}
	}
	return failure("nova", http.StatusNotFound, "Flavor "+r.PathValue("id")+" could not be found.")
}

func (c *Cloud) flavorLinks(f object) []object {
	id := text(f["id"])
	return []object{{"rel": "self", "href": c.base + novaRoot + "/flavors/" + id}, c.bookmark("flavors", id)}
}

func (c *Cloud) viewFlavor(r *request, f object) object {
	o := object{
		"id": f["id"], "name": f["name"], "ram": f["ram"], "disk": f["disk"], "vcpus": 1, "swap": "",
		"OS-FLV-EXT-DATA:ephemeral": 0, "OS-FLV-DISABLED:disabled": false, "os-flavor-access:is_public": true,
		"rxtx_factor": 1.0, "links": c.flavorLinks(f),
	}
	if r.minor >= 55 {
		o["description"] = nil
	}
	if r.minor >= 61 {
		o["extra_specs"] = object{}
	}
	if r.minor >= 75 {
		o["swap"] = 0
	}
	return o
}
