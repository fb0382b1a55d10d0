package demo

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

func (c *Cloud) glanceRoutes() []route {
	return []route{
		{"GET /image/{$}", true, c.glanceVersions},
		{"GET /image/versions", true, c.glanceVersions},
		{"GET /image/v2/images", false, c.listImages},
		{"GET /image/v2/images/{id}", false, func(r *request) reply {
			o := c.image(r.PathValue("id"))
			if o == nil {
				return failure("glance", http.StatusNotFound, "No image found with ID "+r.PathValue("id"))
			}
			return reply{status: http.StatusOK, body: o}
		}},
	}
}

func (c *Cloud) glanceVersions(*request) reply {
	link := []object{{"rel": "self", "href": c.base + "/image/v2/"}}
	return reply{status: http.StatusMultipleChoices, body: object{"versions": []object{
		{"id": "v2.15", "status": "CURRENT", "links": link}, {"id": "v2.0", "status": "SUPPORTED", "links": link}}}}
}

// image finds an image, nil if there is none of that id.
func (c *Cloud) image(id string) object {
	i := slices.IndexFunc(c.images, func(o object) bool { return o["id"] == id })
	if i < 0 {
		return nil
	}
	return c.images[i]
}

func (c *Cloud) addImage(name string, properties object) {
	id := newID()
	o := object{
		"id": id, "name": name, "disk_format": "raw", "container_format": "bare", "visibility": "public", "size": 65536,
		"virtual_size": 65536, "status": "active", "checksum": hexID(), "protected": false, "min_ram": 0, "min_disk": 0,
		"owner": hexID(), "os_hidden": false, "os_hash_algo": "sha512", "os_hash_value": hexID() + hexID() + hexID() + hexID(),
		"created_at": seconds(c.identity.made), "updated_at": seconds(c.identity.made), "tags": []string{},
		"self": "/v2/images/" + id, "file": "/v2/images/" + id + "/file", "schema": "/v2/schemas/image",
	}
	maps.Copy(o, properties)
	c.images = append(c.images, o)
}

// listImages filters by id=in:a,b and by equal fields; keys of paging and sorting filter nothing.
func (c *Cloud) listImages(r *request) reply {
	list := []object{}
	for _, o := range c.images {
		fits := true
		for _, key := range []string{"id", "name", "status", "visibility", "os_distro"} {
			if want := r.URL.Query().Get(key); want != "" {
				wanted, several := strings.CutPrefix(want, "in:")
				fits = fits && (o[key] == want || several && slices.Contains(strings.Split(wanted, ","), text(o[key])))
			}
		}
		if fits {
			list = append(list, o)
		}
	}
	return reply{status: http.StatusOK, body: object{"images": list, "first": "/v2/images", "schema": "/v2/schemas/images"}}
}
