package demo

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"time"
)

// newServer is what POST /servers brings, as far as it is honoured.
type newServer struct {
	Name           string            `json:"name"`
	ImageRef       string            `json:"imageRef"`
	FlavorRef      string            `json:"flavorRef"`
	KeyName        string            `json:"key_name"`
	Metadata       map[string]string `json:"metadata"`
	Tags           []string          `json:"tags"`
	Networks       json.RawMessage   `json:"networks"` // a list, or "auto" or "none"
	SecurityGroups []struct {
		Name string `json:"name"`
	} `json:"security_groups"`
}

func (c *Cloud) createServer(r *request) reply {
	var q struct {
		Server *newServer `json:"server"`
	}
	if err := r.decode(&q); err != nil || q.Server == nil || q.Server.Name == "" {
		return failure("nova", http.StatusBadRequest, "Invalid input for field/attribute server.")
	}
	n := q.Server
	networks, wrong := c.checkServer(n)
	if wrong != nil {
		return *wrong
	}
	groups := []string{}
	for _, g := range n.SecurityGroups {
		groups = append(groups, c.groupID(g.Name))
	}
	if len(groups) == 0 {
		groups = append(groups, c.groupID("default"))
	}
	s := &server{id: newID(), name: n.Name, status: "ACTIVE", image: n.ImageRef, flavor: n.FlavorRef, keyName: n.KeyName,
		created: time.Now(), launched: time.Now(), metadata: map[string]string{}, tags: n.Tags}
	maps.Copy(s.metadata, n.Metadata)
	for _, id := range networks {
		c.plug(s, id, groups)
	}
	if err := c.launch(s); err != nil {
		return failure("nova", http.StatusInternalServerError, err.Error())
	}
	c.refresh()
	return reply{status: http.StatusAccepted, body: object{"server": object{
		"id": s.id, "links": c.serverLinks(s), "OS-DCF:diskConfig": "MANUAL", "adminPass": hexID()[:12],
		"security_groups": c.groupNames(s)}}}
}

// checkServer refuses what nova refuses; it gives the networks' ids.
func (c *Cloud) checkServer(n *newServer) (networks []string, wrong *reply) {
	bad := func(message string) ([]string, *reply) {
		return nil, refuse(failure("nova", http.StatusBadRequest, message))
	}
	if c.image(n.ImageRef) == nil {
		return bad("Can not find requested image")
	}
	if !slices.ContainsFunc(c.flavors, func(f object) bool { return f["id"] == n.FlavorRef }) {
		return bad("Flavor " + n.FlavorRef + " could not be found.")
	}
	if n.KeyName != "" && c.keypair(n.KeyName) == nil {
		return bad("Invalid key_name provided.")
	}
	for _, g := range n.SecurityGroups {
		if c.groupID(g.Name) == "" {
			return bad("Security group " + g.Name + " not found for project " + c.identity.projectID + ".")
		}
	}
	var list []struct {
		UUID string `json:"uuid"`
	}
	if json.Unmarshal(n.Networks, &list) != nil { // "auto", "none" or nothing
		if string(n.Networks) == `"none"` {
			return nil, nil
		}
		return []string{c.networkID("private")}, nil
	}
	for _, net := range list {
		if c.network.collections["networks"].byID[net.UUID] == nil {
			return bad("Network " + net.UUID + " could not be found.")
		}
		networks = append(networks, net.UUID)
	}
	return networks, nil
}

func (c *Cloud) networkID(name string) string {
	return c.idsWhere("networks", "name", name)[0]
}

// plug gives a server a port on a network, with an address of each subnet.
func (c *Cloud) plug(s *server, networkID string, groups []string) object {
	mac := newMAC()
	ips := []object{}
	for _, subnet := range c.network.collections["subnets"].rows {
		if subnet["network_id"] == networkID {
			prefix := netip.MustParsePrefix(text(subnet["cidr"]))
			ips = append(ips, object{"subnet_id": subnet["id"], "ip_address": c.freeAddress(prefix, mac)})
		}
	}
	return c.insert("ports", object{
		"network_id": networkID, "device_id": s.id, "device_owner": "compute:nova", "mac_address": mac.String(),
		"fixed_ips": ips, "security_groups": slices.Clone(groups)})
}

// freeAddress is the one that SLAAC makes of the MAC, else the first that is
// free. On loopback's network that is 127.0.0.1, which all may share.
func (c *Cloud) freeAddress(prefix netip.Prefix, mac hardware) string {
	if prefix.Addr().Is6() {
		return mac.slaac(prefix).String()
	}
	if prefix.Contains(loopback) {
		return loopback.String()
	}
	c.nextAddress[prefix]++
	b := prefix.Addr().As4()
	host := c.nextAddress[prefix] + 9 // .1 is the gateway, the next ones DHCP's
	b[2] += byte(host >> 8)
	b[3] += byte(host)
	return netip.AddrFrom4(b).String()
}

func (c *Cloud) updateServer(r *request, s *server) reply {
	var q struct {
		Server struct {
			Name string `json:"name"`
		} `json:"server"`
	}
	if err := r.decode(&q); err != nil || q.Server.Name == "" {
		return failure("nova", http.StatusBadRequest, "Invalid input for field/attribute server.")
	}
	s.name, s.updated = q.Server.Name, time.Now()
	return reply{status: http.StatusOK, body: object{"server": c.viewServer(r, s, true)}}
}

func (c *Cloud) updateMetadata(r *request, s *server) reply {
	var q struct {
		Metadata map[string]string `json:"metadata"`
	}
	if err := r.decode(&q); err != nil || q.Metadata == nil {
		return failure("nova", http.StatusBadRequest, "Invalid input for field/attribute metadata.")
	}
	maps.Copy(s.metadata, q.Metadata)
	s.updated = time.Now()
	return reply{status: http.StatusOK, body: object{"metadata": s.metadata}}
}

// deleteServer leaves the row, as nova does: changes-since still shows it.
func (c *Cloud) deleteServer(_ *request, s *server) reply {
	c.note(s, "delete")
	s.deleted, s.status = true, "DELETED"
	for _, port := range slices.Clone(c.network.portsOf[s.id]) {
		for _, id := range c.idsWhere("floatingips", "port_id", port["id"]) {
			fip := c.network.collections["floatingips"].byID[id]
			c.associate(fip, object{"port_id": nil})
		}
		for _, f := range slices.Clone(c.network.forwardings) {
			if f.port == port["id"] {
				c.removeForwarding(f)
			}
		}
		c.remove("ports", port)
	}
	if s.instance != nil {
		s.instance.halt()
		s.instance.stop()
	}
	c.refresh()
	return reply{status: http.StatusNoContent}
}
