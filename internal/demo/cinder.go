package demo

import "net/http"

func (c *Cloud) cinderRoutes() []route {
	version := func() object {
		return object{"id": "v3.0", "status": "CURRENT", "version": "3.71", "min_version": "3.0", "updated": "2024-01-01T00:00:00Z",
			"links": []object{{"rel": "self", "href": c.base + "/volume/v3/"}}}
	}
	return []route{
		{"GET /volume/{$}", true, func(*request) reply {
			return reply{status: http.StatusMultipleChoices, body: object{"versions": []object{version()}}}
		}},
		{"GET /volume/v3/{$}", true, func(*request) reply {
			return reply{status: http.StatusOK, body: object{"versions": []object{version()}}}
		}},
		{"GET /volume/v3/{project}/volumes/detail", false, func(*request) reply {
			return reply{status: http.StatusOK, body: object{"volumes": c.volumes}}
		}},
		{"GET /volume/v3/{project}/volumes/{id}", false, func(r *request) reply {
			for _, v := range c.volumes {
				if v["id"] == r.PathValue("id") {
					return reply{status: http.StatusOK, body: object{"volume": v}}
				}
			}
			return failure("cinder", http.StatusNotFound, "Volume "+r.PathValue("id")+" could not be found.")
		}},
	}
}

// addVolume makes a bootable volume of an image, which tells what it was made of.
func (c *Cloud) addVolume(image object) string {
	meta := object{"image_id": image["id"], "image_name": image["name"], "checksum": image["checksum"],
		"container_format": "bare", "disk_format": "raw", "min_disk": "0", "min_ram": "0", "size": "65536"}
	for _, key := range []string{"os_distro", "os_version", "os_admin_user"} {
		if v, ok := image[key]; ok {
			meta[key] = v
		}
	}
	id := newID()
	c.volumes = append(c.volumes, object{
		"id": id, "name": "", "status": "in-use", "size": 1, "bootable": "true", "volume_type": "__DEFAULT__",
		"availability_zone": "nova", "created_at": micros(c.identity.made), "updated_at": micros(c.identity.made),
		"attachments": []object{}, "metadata": object{}, "encrypted": false, "multiattach": false, "snapshot_id": nil,
		"source_volid": nil, "description": "", "user_id": c.identity.userID, "volume_image_metadata": meta,
		"os-vol-tenant-attr:tenant_id": c.identity.projectID,
	})
	return id
}
