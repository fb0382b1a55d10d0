package demo

import (
	"slices"
	"strings"
	"testing"
)

func TestListResources(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	web, bastion := c.Instance("web").ID(), c.Instance("bastion").ID()
	group := a.list("/networking/v2.0/security-groups?name=bastion", "security_groups", "id")[0]
	for path, want := range map[string]int{
		"ports?device_id=" + web:                              1,
		"ports?device_id=" + web + "&device_id=" + bastion:    2,
		"ports?security_groups=" + group:                      1,
		"ports?fixed_ips=ip_address=10.20.0.10":               1,
		"ports?fixed_ips=ip_address=10.20.0.1":                1, // the router's: exact, no substring
		"ports?device_owner=compute:nova":                     13,
		"ports?device_owner=compute:nova&device_id=" + web:    1,
		"ports?admin_state_up=True":                           16,
		"ports?admin_state_up=false":                          0,
		"ports?port_security_enabled=false":                   3,
		"ports?limit=2":                                       2,
		"floatingips?floating_ip_address=127.0.0.1":           6,
		"networks?router:external=True":                       1,
		"networks?shared=true&name=provider":                  1,
		"networks?name=private&name=isolated":                 2,
		"subnets?ip_version=4":                                5,
		"routers":                                             1,
		"security-groups":                                     6,
		"security-group-rules?security_group_id=" + group:     3,
		"security-group-rules?direction=ingress&protocol=tcp": 5,
		"address-groups":                                      0,
	} {
		collection, _, _ := strings.Cut(path, "?")
		if got := a.list("/networking/v2.0/"+path, strings.ReplaceAll(collection, "-", "_"), "id"); len(got) != want {
			t.Errorf("%s: %d records, not %d", path, len(got), want)
		}
	}
	if o := a.get("/networking/v2.0/ports?fields=id&fields=name&limit=1")["ports"].([]any)[0].(object); len(o) != 2 {
		t.Errorf("fields: %v", o)
	}
	const byFixed = "/networking/v2.0/floatingips?sort_key=fixed_ip_address&sort_dir="
	up, down := a.list(byFixed+"asc", "floatingips", "fixed_ip_address"), a.list(byFixed+"desc", "floatingips", "fixed_ip_address")
	slices.Reverse(down)
	if !slices.IsSorted(up) || up[0] != "" || !slices.Equal(up, down) {
		t.Errorf("sorted by fixed address: %q, %q", up, down)
	}
	for path, want := range map[string]string{
		"ports?foo=bar":        `400 {"NeutronError":{"detail":"","message":"['foo'] is invalid attribute for filtering","type":"HTTPBadRequest"}}`,
		"ports/x":              `404 {"NeutronError":{"detail":"","message":"Port x could not be found.","type":"PortNotFound"}}`,
		"security-groups/x":    `404 {"NeutronError":{"detail":"","message":"Security group x does not exist","type":"SecurityGroupNotFound"}}`,
		"nope":                 `404 {"NeutronError":{"detail":"","message":"The resource could not be found.","type":"HTTPNotFound"}}`,
		"extensions/nope":      "404 <html>",
		"extensions/router":    "200 ",
		"networks/x?fields=id": "404 ",
	} {
		if status, _, body := a.do("GET", "/networking/v2.0/"+path, ""); !strings.HasPrefix(itoa(status)+" "+body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func TestRouterAsATenantSeesIt(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	router := a.get("/networking/v2.0/routers")["routers"].([]any)[0].(object)
	gateway := router["external_gateway_info"].(object)
	public := a.list("/networking/v2.0/networks?name=public", "networks", "id")[0]
	if gateway["network_id"] != public || gateway["enable_snat"] != true || len(gateway["external_fixed_ips"].([]any)) != 1 {
		t.Errorf("gateway %v", gateway)
	}
	for _, filter := range []string{"device_id=" + text(router["id"]), "device_owner=network:router_interface"} {
		interfaces := a.get("/networking/v2.0/ports?" + filter)["ports"].([]any)
		addresses := []string{}
		for _, port := range interfaces {
			addresses = append(addresses, text(port.(object)["fixed_ips"].([]any)[0].(object)["ip_address"]))
		}
		slices.Sort(addresses)
		if want := []string{"10.20.0.1", "10.40.0.1", "fd00:20::1"}; !slices.Equal(addresses, want) {
			t.Errorf("%s: interfaces at %v", filter, addresses)
		}
	}
}

func TestSecurityGroupRules(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	const groups, rules = "/networking/v2.0/security-groups", "/networking/v2.0/security-group-rules"
	made := a.must("POST", groups, `{"security_group":{"name":"mine"}}`)["security_group"].(object)
	id := text(made["id"])
	if n := len(made["security_group_rules"].([]any)); n != 2 {
		t.Errorf("a new group has %d rules", n)
	}
	rule := func(more string) string {
		return `{"security_group_rule":{"security_group_id":"` + id + `","direction":"ingress",` + more + `}}`
	}
	for _, test := range []struct {
		body   string
		status int
		want   string
	}{
		{rule(`"protocol":"TCP","port_range_min":22,"port_range_max":22,"remote_ip_prefix":"198.51.100.9/24"`), 201, `"normalized_cidr":"198.51.100.0/24"`},
		{rule(`"protocol":"tcp","port_range_min":22,"port_range_max":22,"remote_ip_prefix":"198.51.100.9/24","description":"x"`), 409, "Security group rule already exists. Rule id is "},
		{rule(`"protocol":"tcp","port_range_min":22,"port_range_max":22,"remote_ip_prefix":"198.51.100.1/24"`), 201, `"normalized_cidr":"198.51.100.0/24"`},
		{rule(`"protocol":"tcp","port_range_min":22,"port_range_max":22`), 201, `"remote_ip_prefix":null`},
		{rule(`"protocol":"6","port_range_min":22,"port_range_max":22`), 409, "SecurityGroupRuleExists"},
		{rule(`"protocol":"tcp","port_range_min":22,"port_range_max":22,"remote_ip_prefix":"0.0.0.0/0"`), 409, "SecurityGroupRuleExists"},
		{rule(`"protocol":"tcp","port_range_min":22,"port_range_max":22,"remote_ip_prefix":"198.51.100.7"`), 201, `"remote_ip_prefix":"198.51.100.7/32"`},
		{rule(`"protocol":"xyz"`), 400, "Security group rule protocol xyz not supported."},
		{rule(`"protocol":"256"`), 400, "SecurityGroupRuleInvalidProtocol"},
		{rule(`"ethertype":"IPv5"`), 400, "IPv5 is not in valid_values."},
		{rule(`"remote_address_group_id":"x"`), 404, "AddressGroupNotFound"},
		{`{"security_group_rule":{"security_group_id":"` + id + `","direction":"sideways"}}`, 400, "sideways is not in valid_values."},
		{`{"security_group_rule":{"security_group_id":"` + id + `"}}`, 400, "Required attribute 'direction' not specified"},
		{rule(`"protocol":"tcp","port_range_min":1,"port_range_max":65535`), 201, `"port_range_max":null`},
		{rule(`"protocol":"any"`), 201, `"protocol":null`},
		{rule(`"ethertype":"IPv6","remote_ip_prefix":"2001:db8::1"`), 201, `"normalized_cidr":"2001:db8::1/128"`},
		{rule(`"remote_group_id":"` + id + `"`), 201, id},
		{rule(`"remote_group_id":"x"`), 404, "SecurityGroupNotFound"},
		{rule(`"protocol":"tcp","port_range_min":23,"port_range_max":22`), 400, "SecurityGroupInvalidPortRange"},
		{rule(`"protocol":"tcp","port_range_min":22`), 400, "SecurityGroupInvalidPortRange"},
		{rule(`"port_range_min":22,"port_range_max":22`), 400, "SecurityGroupProtocolRequiredWithPorts"},
		{rule(`"remote_ip_prefix":"1.2.3.4.5/2"`), 400, "Invalid CIDR 1.2.3.4.5/2"},
		{rule(`"ethertype":"IPv6","remote_ip_prefix":"192.0.2.0/24"`), 400, "Conflicting value ethertype"},
		{rule(`"remote_ip_prefix":"192.0.2.0/24","remote_group_id":"` + id + `"`), 400, "Only one of"},
		{`{"security_group_rule":{"security_group_id":"x"}}`, 404, "SecurityGroupNotFound"},
		{rule(`"protocol":{"a":1}`), 400, "protocol"},
		{rule(`"direction":7`), 400, "direction"},
		{rule(`"id":7`), 400, "id"},
		{`{"security_group_rule":null}`, 400, "Unable to find"},
		{`[`, 400, "Unable to find"},
	} {
		if status, _, body := a.do("POST", rules, test.body); status != test.status || !strings.Contains(body, test.want) {
			t.Errorf("%s: %d %s", test.body, status, body)
		}
	}
	if n := len(a.list(rules+"?security_group_id="+id, "security_group_rules", "id")); n != 10 {
		t.Errorf("%d rules", n)
	}
	if status, _, body := a.do("POST", groups, `{"security_group":{"name":"default"}}`); status != 409 || !strings.Contains(body, "SecurityGroupDefaultAlreadyExists") {
		t.Errorf("a second default: %d %s", status, body)
	}
	if status, _, _ := a.do("PUT", groups+"/"+id, `{"security_group":{"name":"default"}}`); status != 409 {
		t.Errorf("renamed to default: %d", status)
	}
	used := a.list(groups+"?name=ssh-open", "security_groups", "id")[0]
	if status, _, body := a.do("DELETE", groups+"/"+used, ""); status != 409 || !strings.Contains(body, "in use") {
		t.Errorf("delete a group in use: %d %s", status, body)
	}
	open := a.list(groups+"?name=ssh-open", "security_groups", "id")[0]
	about := text(a.must("POST", rules, `{"security_group_rule":{"security_group_id":"`+open+`","direction":"ingress","remote_group_id":"`+id+`"}}`)["security_group_rule"].(object)["id"])
	a.must("DELETE", groups+"/"+id, "")
	if status, _, _ := a.do("GET", rules+"/"+about, ""); status != 404 {
		t.Errorf("another group's rule about a deleted group: %d", status)
	}
	if n := len(a.list(rules+"?security_group_id="+id, "security_group_rules", "id")); n != 0 {
		t.Errorf("%d rules of a deleted group", n)
	}
}

func TestQuotaOfRules(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	group := a.list("/networking/v2.0/security-groups?name=ssh-none", "security_groups", "id")[0]
	inject(t, c, Fault{Service: "neutron", Quota: "security_group_rule", Times: 1})
	body := `{"security_group_rule":{"security_group_id":"` + group + `","direction":"ingress","protocol":"tcp"}}`
	want := `{"NeutronError":{"detail":"","message":"Quota exceeded for resources: ['security_group_rule'].","type":"OverQuota"}}`
	if status, _, answer := a.do("POST", "/networking/v2.0/security-group-rules", body); status != 409 || answer != want {
		t.Errorf("%d %s", status, answer)
	}
	a.must("POST", "/networking/v2.0/security-group-rules", body)
	if c.Inject(Fault{Service: "neutron", Quota: "nonsense"}) == nil {
		t.Error("a quota of nothing")
	}
}

func TestUnreadableGroup(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	port, _ := a.portOf("web")
	group := a.list("/networking/v2.0/security-groups?name=ssh-open", "security_groups", "id")[0]
	inject(t, c, Fault{Service: "neutron", Unreadable: "ssh-open"})
	if status, _, body := a.do("GET", "/networking/v2.0/security-groups/"+group, ""); status != 404 || !strings.Contains(body, "SecurityGroupNotFound") {
		t.Errorf("show: %d %s", status, body)
	}
	for path, collection := range map[string]string{"security-groups?id=" + group: "security_groups",
		"security-group-rules?security_group_id=" + group: "security_group_rules"} {
		if list := a.list("/networking/v2.0/"+path, collection, "id"); len(list) != 0 {
			t.Errorf("%s: %v", path, list)
		}
	}
	if ids := a.get("/networking/v2.0/ports/" + port)["port"].(object)["security_groups"].([]any); len(ids) != 1 || ids[0] != group {
		t.Errorf("the port's groups: %v", ids)
	}
	server := a.get("/compute/v2.1/servers/" + c.Instance("web").ID())["server"].(object)
	if names, has := server["security_groups"]; has {
		t.Errorf("nova names %v", names)
	}
	if !answers(t, c.Instance("web")) {
		t.Error("its rules no longer hold")
	}
	c.ClearFaults()
	a.get("/networking/v2.0/security-groups/" + group)
}

func TestNeutronForbidden(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	inject(t, c, Fault{Service: "neutron", Path: "/v2.0", Status: 403})
	for _, path := range []string{"ports", "security-groups", "extensions", "networks/x"} {
		if status, _, body := a.do("GET", "/networking/v2.0/"+path, ""); status != 403 || !strings.Contains(body, `"PolicyNotAuthorized"`) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	a.get("/networking/")
	a.get("/compute/v2.1/servers/detail")
}

func TestUpdatePort(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	port := "/networking/v2.0/ports/" + a.list("/networking/v2.0/ports?device_id="+c.Instance("web").ID(), "ports", "id")[0]
	none := a.list("/networking/v2.0/security-groups?name=ssh-none", "security_groups", "id")[0]
	for _, test := range []struct {
		body   string
		status int
	}{
		{`{"port":{"security_groups":["` + none + `"]}}`, 200},
		{`{"port":{"security_groups":["` + newID() + `"]}}`, 404},
		{`{"port":{"security_groups":["x"]}}`, 400},
		{`{"port":{"security_groups":"x"}}`, 400},
		{`{"port":{"port_security_enabled":false}}`, 409},
		{`{"port":{"port_security_enabled":false,"security_groups":[]}}`, 200},
		{`{"port":{"device_id":"x"}}`, 400},
		{`{"port":{"allowed_address_pairs":[{"ip_address":"10.0.0.0/8"}]}}`, 200},
		{`{"port":{"allowed_address_pairs":["x"]}}`, 400},
	} {
		if status, _, body := a.do("PUT", port, test.body); status != test.status {
			t.Errorf("%s: %d %s", test.body, status, body)
		}
	}
}

func TestFloatingIPs(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	public := a.list("/networking/v2.0/networks?name=public", "networks", "id")[0]
	nofip := c.Instance("nofip").ID()
	port := a.list("/networking/v2.0/ports?device_id="+nofip, "ports", "id")[0]
	made := a.must("POST", fips, `{"floatingip":{"floating_network_id":"`+public+`"}}`)["floatingip"].(object)
	if made["status"] != "DOWN" || made["port_id"] != nil || made["port_details"] != nil {
		t.Errorf("free: %v", made)
	}
	path := fips + "/" + text(made["id"])
	bound := a.must("PUT", path, `{"floatingip":{"port_id":"`+port+`"}}`)["floatingip"].(object)
	if bound["status"] != "ACTIVE" || bound["fixed_ip_address"] != "10.20.0.13" || bound["router_id"] == nil ||
		bound["port_details"].(object)["device_id"] != nofip {
		t.Errorf("bound: %v", bound)
	}
	if !answers(t, c.Instance("nofip")) {
		t.Error("nofip does not answer though it has a floating IP")
	}
	if status, _, _ := a.do("PUT", path, `{"floatingip":{"port_id":"x"}}`); status != 404 {
		t.Errorf("unknown port: %d", status)
	}
	freed := a.must("PUT", path, `{"floatingip":{"port_id":null}}`)["floatingip"].(object)
	if freed["status"] != "DOWN" || freed["fixed_ip_address"] != nil {
		t.Errorf("freed: %v", freed)
	}
	port = a.list("/networking/v2.0/ports?device_id="+c.Instance("island").ID(), "ports", "id")[0]
	if status, _, body := a.do("PUT", path, `{"floatingip":{"port_id":"`+port+`"}}`); status != 404 ||
		!strings.Contains(body, "ExternalGatewayForFloatingIPNotFound") {
		t.Errorf("a port without a router: %d %s", status, body)
	}
	port = a.list("/networking/v2.0/ports?device_id="+c.Instance("web").ID(), "ports", "id")[0]
	if status, _, body := a.do("PUT", path, `{"floatingip":{"port_id":"`+port+`"}}`); status != 409 ||
		!strings.Contains(body, "FloatingIPPortAlreadyAssociated") {
		t.Errorf("a port that has a floating IP: %d %s", status, body)
	}
	a.must("DELETE", path, "")
}

func TestImages(t *testing.T) {
	a := signIn(t, start(t, Options{}))
	ids := a.list("/image/v2/images", "images", "id")
	if len(ids) != 5 {
		t.Fatalf("%d images", len(ids))
	}
	if got := a.list("/image/v2/images?id=in:"+ids[0]+","+ids[1], "images", "id"); len(got) != 2 {
		t.Errorf("in: %v", got)
	}
	if o := a.get("/image/v2/images/" + ids[0]); o["os_admin_user"] != "debian" || o["name"] != "debian-12" {
		t.Errorf("image: %v", o)
	}
	if status, _, body := a.do("GET", "/image/v2/images/x", ""); status != 404 || !strings.Contains(body, "No image found with ID x") {
		t.Errorf("no image: %d %s", status, body)
	}
}
