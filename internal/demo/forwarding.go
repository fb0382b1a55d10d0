package demo

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// forwarding is a port forwarding of a floating IP. Its door stands at the
// first external port: on loopback, as all floating IPs here.
type forwarding struct {
	id, fip, port     string
	protocol, address string
	description       string
	internal          portRange
	external          portRange
	door              *door
}

// portRange is written "2222:2230".
type portRange struct{ low, high int }

func (p portRange) String() string { return fmt.Sprintf("%d:%d", p.low, p.high) }

func (p portRange) meets(o portRange) bool { return p.low <= o.high && o.low <= p.high }

func (c *Cloud) forwardingRoutes() []route {
	const all = "/networking/v2.0/floatingips/{fip}/port_forwardings"
	return []route{
		{"GET " + all, false, c.ofFloatingIP(c.listForwardings)},
		{"POST " + all, false, c.ofFloatingIP(c.createForwarding)},
		{"GET " + all + "/{id}", false, c.ofFloatingIP(c.eachForwarding(func(_ *request, f *forwarding) reply {
			return reply{status: http.StatusOK, body: object{"port_forwarding": f.view()}}
		}))},
		{"PUT " + all + "/{id}", false, c.ofFloatingIP(c.eachForwarding(c.updateForwarding))},
		{"DELETE " + all + "/{id}", false, c.ofFloatingIP(c.eachForwarding(c.deleteForwarding))},
	}
}

// ofFloatingIP finds the floating IP that a path names.
func (c *Cloud) ofFloatingIP(handle func(r *request, fip object) reply) handler {
	return func(r *request) reply {
		col := c.network.collections["floatingips"]
		switch fip := col.byID[r.PathValue("fip")]; {
		case !c.extended("floating-ip-port-forwarding"):
			return noSuchResource()
		case fip == nil:
			return neutronError(http.StatusNotFound, col.error, fmt.Sprintf(col.message, r.PathValue("fip")))
		default:
			return handle(r, fip)
		}
	}
}

func (c *Cloud) eachForwarding(handle func(*request, *forwarding) reply) func(*request, object) reply {
	return func(r *request, fip object) reply {
		for _, f := range c.network.forwardings {
			if f.id == r.PathValue("id") && f.fip == fip["id"] {
				return handle(r, f)
			}
		}
		return neutronError(http.StatusNotFound, "PortForwardingNotFound", "Port Forwarding "+r.PathValue("id")+" could not be found.")
	}
}

// view leaves a single port out where there is a range.
func (f *forwarding) view() object {
	o := object{"id": f.id, "protocol": f.protocol, "internal_port_id": f.port, "internal_ip_address": f.address,
		"internal_port_range": f.internal.String(), "external_port_range": f.external.String(), "description": f.description}
	if f.internal.low == f.internal.high && f.external.low == f.external.high {
		o["internal_port"], o["external_port"] = f.internal.low, f.external.low
	}
	return o
}

// embedded is how a floating IP shows its forwardings: since 2019 with ids, by
// the extension floating-ip-port-forwarding-detail.
func (c *Cloud) embedded(fip string) []object {
	fields := []string{"protocol", "internal_ip_address", "internal_port", "external_port"}
	if c.extended("floating-ip-port-forwarding-detail") {
		fields = append(fields, "id", "internal_port_id")
	}
	list := []object{}
	for _, f := range c.network.forwardings {
		if f.fip == fip {
			list = append(list, pick(f.view(), fields))
		}
	}
	return list
}

func (c *Cloud) listForwardings(r *request, fip object) reply {
	list, q := []object{}, r.URL.Query()
	for _, f := range c.network.forwardings {
		o := f.view()
		fits := f.fip == fip["id"]
		for _, key := range []string{"id", "protocol", "internal_port_id", "external_port", "internal_port", "internal_ip_address"} {
			fits = fits && (!q.Has(key) || slices.Contains(q[key], fmt.Sprint(o[key])))
		}
		if fits {
			list = append(list, pick(o, q["fields"]))
		}
	}
	return reply{status: http.StatusOK, body: object{"port_forwardings": list}}
}

// read takes over what a request brings.
func (f *forwarding) read(q object) *reply {
	for _, field := range []struct {
		key  string
		into *string
	}{{"protocol", &f.protocol}, {"internal_port_id", &f.port}, {"internal_ip_address", &f.address}, {"description", &f.description}} {
		if v, given := q[field.key]; given {
			s, ok := v.(string)
			if !ok {
				return refuse(badRequest("HTTPBadRequest", "Invalid input for %s. Reason: '%v' is not a valid string.", field.key, v))
			}
			*field.into = s
		}
	}
	for _, field := range []struct {
		key  string
		into *portRange
	}{{"internal_port", &f.internal}, {"external_port", &f.external}} {
		if v, given := q[field.key]; given {
			n, ok := number(v)
			if !ok || n < 1 || n > 65535 {
				return refuse(badRequest("HTTPBadRequest", "Invalid input for %s. Reason: '%v' is not in valid range.", field.key, v))
			}
			*field.into = portRange{n, n}
		}
		if v, given := q[field.key+"_range"]; given {
			p, ok := parseRange(text(v))
			if !ok {
				return refuse(badRequest("HTTPBadRequest", "Invalid input for %s_range. Reason: Invalid port range: %v.", field.key, v))
			}
			*field.into = p
		}
	}
	return nil
}

func parseRange(s string) (portRange, bool) {
	first, last, several := strings.Cut(s, ":")
	if !several {
		last = first
	}
	low, err := strconv.Atoi(first)
	high, worse := strconv.Atoi(last)
	return portRange{low, high}, err == nil && worse == nil && low >= 1 && low <= high && high <= 65535
}

// checkForwarding refuses what neutron refuses (neutron/services/portforwarding/pf_plugin.py).
func (c *Cloud) checkForwarding(f *forwarding, fip object) *reply {
	for _, o := range c.network.forwardings {
		if o == f || o.protocol != f.protocol {
			continue
		}
		if o.port == f.port && o.address == f.address && o.internal.meets(f.internal) {
			return refuse(collision("internal_port_range", o.internal, f.internal))
		}
		if o.fip == f.fip && o.external.meets(f.external) {
			return refuse(collision("external_port_range", o.external, f.external))
		}
	}
	port := c.network.collections["ports"].byID[f.port]
	if port == nil {
		return refuse(neutronError(http.StatusNotFound, "PortNotFound", "Port "+f.port+" could not be found."))
	}
	for _, id := range c.idsWhere("floatingips", "port_id", f.port) {
		return refuse(conflict("PortHasBindingFloatingIP", "Cannot create port forwarding to floating IP %s (%s) with port %s "+
			"using fixed IP %s, as that port already has a binding floating IP.",
			c.network.collections["floatingips"].byID[id]["floating_ip_address"], id, f.port, f.address))
	}
	if fip["port_id"] != nil {
		return refuse(conflict("FloatingIPPortAlreadyAssociated", "Cannot associate floating IP %s (%s) with port %s using fixed "+
			"IP %s, as that fixed IP already has a floating IP on external network %s.",
			fip["floating_ip_address"], f.fip, f.port, f.address, fip["floating_network_id"]))
	}
	if !hasAddress(port, f.address) || strings.Contains(f.address, ":") {
		return refuse(badRequest("BadRequest", "Bad port_forwarding request: Requested internal IP address %s is not suitable for "+
			"internal neutron port %s, as its fixed_ips are %s.", f.address, f.port, quoted(port["fixed_ips"].([]object))))
	}
	if c.gatewayRouter(text(port["network_id"])) == "" {
		return refuse(neutronError(http.StatusNotFound, "ExternalGatewayForFloatingIPNotFound", "External network "+
			text(fip["floating_network_id"])+" is not reachable from the network of port "+f.port+"."))
	}
	return nil
}

// quoted writes fixed_ips as Python does.
func quoted(ips []object) string {
	list := []string{}
	for _, ip := range ips {
		list = append(list, fmt.Sprintf("{'subnet_id': '%s', 'ip_address': '%s'}", ip["subnet_id"], ip["ip_address"]))
	}
	return "[" + strings.Join(list, ", ") + "]"
}

func collision(field string, a, b portRange) reply {
	return badRequest("BadRequest", "Bad port_forwarding request: There is a port collision with the %s. "+
		"The following ranges collides: %s and %s.", field, a, b)
}

func forwardingOf(r *request) (object, *reply) {
	var q map[string]object
	if err := r.decode(&q); err != nil || q["port_forwarding"] == nil {
		return nil, refuse(badRequest("HTTPBadRequest", "Unable to find 'port_forwarding' in request body"))
	}
	return q["port_forwarding"], nil
}

func (c *Cloud) createForwarding(r *request, fip object) reply {
	q, wrong := forwardingOf(r)
	if wrong != nil {
		return *wrong
	}
	for _, key := range []string{"protocol", "internal_port_id", "internal_ip_address"} {
		if q[key] == nil {
			return badRequest("HTTPBadRequest", "Failed to parse request. Required attribute '%s' not specified", key)
		}
	}
	f := &forwarding{id: newID(), fip: text(fip["id"])}
	if wrong = f.read(q); wrong != nil {
		return *wrong
	}
	if f.internal.low == 0 || f.external.low == 0 {
		return badRequest("HTTPBadRequest", "Failed to parse request. Required attribute 'external_port' not specified")
	}
	if wrong = c.checkForwarding(f, fip); wrong != nil {
		return *wrong
	}
	c.addForwarding(f)
	c.refresh()
	return reply{status: http.StatusCreated, body: object{"port_forwarding": f.view()}}
}

// addForwarding gives the floating IP a router but no port. The forwarding
// stands; that another program may have its port on this machine is not
// neutron's to know.
func (c *Cloud) addForwarding(f *forwarding) {
	fip := c.network.collections["floatingips"].byID[f.fip]
	fip["router_id"] = c.gatewayRouter(text(c.network.collections["ports"].byID[f.port]["network_id"]))
	fip["status"] = "ACTIVE"
	if f.door == nil {
		f.door = c.forwardingDoor(f)
	}
	c.network.forwardings = append(c.network.forwardings, f)
}

func (c *Cloud) updateForwarding(r *request, f *forwarding) reply {
	q, wrong := forwardingOf(r)
	if wrong != nil {
		return *wrong
	}
	changed := *f
	if wrong = changed.read(q); wrong != nil {
		return *wrong
	}
	was := *f
	*f = changed
	if wrong = c.checkForwarding(f, c.network.collections["floatingips"].byID[f.fip]); wrong != nil {
		*f = was
		return *wrong
	}
	if f.external.low != was.external.low {
		f.door.set(doorRefuses)
		f.door = c.forwardingDoor(f)
	}
	c.refresh()
	return reply{status: http.StatusOK, body: object{"port_forwarding": f.view()}}
}

func (c *Cloud) deleteForwarding(_ *request, f *forwarding) reply {
	c.removeForwarding(f)
	return reply{status: http.StatusNoContent}
}

func (c *Cloud) removeForwarding(f *forwarding) {
	f.door.set(doorRefuses)
	c.network.forwardings = slices.DeleteFunc(c.network.forwardings, func(o *forwarding) bool { return o == f })
	if !c.forwards("fip", f.fip) {
		fip := c.network.collections["floatingips"].byID[f.fip]
		fip["router_id"], fip["status"] = nil, "DOWN"
	}
}

// forwards says whether any forwarding is of that floating IP ("fip") or port ("port").
func (c *Cloud) forwards(field, id string) bool {
	return slices.ContainsFunc(c.network.forwardings, func(f *forwarding) bool {
		return field == "fip" && f.fip == id || field == "port" && f.port == id
	})
}
