package demo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// setRecord changes a record, or makes one, behind the APIs' back.
func (c *Cloud) setRecord(f Fault) error {
	path, name, _ := strings.Cut(f.Record, "/")
	if f.Service == "nova" && path == "servers" {
		s := c.serverCalled(name)
		if s == nil {
			return fmt.Errorf("demo: unknown server %q", name)
		}
		if s.shown == nil {
			s.shown = object{}
		}
		maps.Copy(s.shown, f.Set)
		return nil
	}
	if f.Service == "glance" && path == "images" {
		at := slices.IndexFunc(c.images, func(o object) bool { return o["name"] == name })
		if at < 0 {
			return fmt.Errorf("demo: unknown image %q", name)
		}
		maps.Copy(c.images[at], f.Set)
		return nil
	}
	col := c.network.collections[path]
	if f.Service != "neutron" || col == nil {
		return fmt.Errorf("demo: unknown record %q", f.Record)
	}
	set, err := col.fields(f.Set)
	if err != nil {
		return err
	}
	if name == "" {
		c.insert(path, set)
	} else if o := c.record(path, name); o != nil {
		maps.Copy(o, set)
	} else {
		return fmt.Errorf("demo: unknown record %q", f.Record)
	}
	c.refresh()
	return nil
}

// fields gives what comes from outside the types of our own records.
func (col *collection) fields(q object) (object, error) {
	set := object{}
	for key, value := range q {
		switch list := value.(type) {
		case []any:
			typed, ok := col.typed(key, list)
			if !ok {
				return nil, fmt.Errorf("demo: bad value of %q", key)
			}
			value = typed
		case float64:
			value = int(list)
		}
		set[key] = value
	}
	return set, nil
}

func (c *Cloud) serverCalled(name string) *server {
	at := slices.IndexFunc(c.servers, func(s *server) bool { return (s.name == name || s.id == name) && !s.deleted })
	if at < 0 {
		return nil
	}
	return c.servers[at]
}

// record finds one of neutron's records: by its id or name; a port or a
// floating IP also by the name of its server, whose first one is meant.
func (c *Cloud) record(path, name string) object {
	col := c.network.collections[path]
	if o := col.byID[name]; o != nil {
		return o
	}
	s := c.serverCalled(name)
	for _, o := range col.rows {
		port := o
		if path == "floatingips" {
			port = c.network.collections["ports"].byID[text(o["port_id"])]
		}
		owned := (path == "ports" || path == "floatingips") && s != nil && port != nil && port["device_id"] == s.id
		if owned || text(o["name"]) == name {
			return o
		}
	}
	return nil
}
