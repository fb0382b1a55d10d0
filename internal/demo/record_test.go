//go:build unix

package demo

import (
	"net/http"
	"strings"
	"testing"
)

// What is changed behind the APIs' back shows in them, and shuts the way in.
func TestSetRecord(t *testing.T) {
	for _, test := range []struct{ name, fault, path, shows string }{
		{"port off", `{"service":"neutron","record":"ports/web","set":{"admin_state_up":false}}`, "/networking/v2.0/ports?admin_state_up=false", `"admin_state_up":false`},
		{"port unplugged", `{"service":"neutron","record":"ports/web","set":{"status":"DOWN"}}`, "/networking/v2.0/ports?status=DOWN", `"status":"DOWN"`},
		{"port without groups", `{"service":"neutron","record":"ports/web","set":{"security_groups":[]}}`, "/networking/v2.0/ports", `"security_groups":[]`},
		{"network off", `{"service":"neutron","record":"networks/private","set":{"admin_state_up":false}}`, "/networking/v2.0/networks?admin_state_up=false", `"name":"private"`},
		{"router off", `{"service":"neutron","record":"routers/router","set":{"admin_state_up":false}}`, "/networking/v2.0/routers", `"admin_state_up":false`},
		{"router without gateway", `{"service":"neutron","record":"routers/router","set":{"external_gateway_info":null}}`, "/networking/v2.0/routers", `"external_gateway_info":null`},
		{"subnet without gateway", `{"service":"neutron","record":"subnets/private-v4","set":{"gateway_ip":null}}`, "/networking/v2.0/subnets?name=private-v4", `"gateway_ip":null`},
		{"floating IP down", `{"service":"neutron","record":"floatingips/web","set":{"status":"DOWN"}}`, "/networking/v2.0/floatingips?status=DOWN", `"status":"DOWN"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := start(t, Options{})
			a := signIn(t, c)
			port := int(c.Instance("web").Address().Port())
			if !greets(port) {
				t.Fatal("web is shut before")
			}
			steer(t, c, "POST", "/faults", test.fault, http.StatusNoContent)
			if status, _, body := a.do("GET", test.path, ""); status != http.StatusOK || !strings.Contains(body, test.shows) {
				t.Errorf("%d %s", status, body)
			}
			if greets(port) {
				t.Error("web is open")
			}
		})
	}
}

func TestSetOtherRecords(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	a.minor = "2.96"
	id := c.Instance("web").ID()
	steer(t, c, "POST", "/faults", `{"service":"nova","record":"servers/web","set":{"OS-EXT-STS:power_state":4}}`, http.StatusNoContent)
	if o := a.get("/compute/v2.1/servers/" + id)["server"].(object); o["OS-EXT-STS:power_state"] != float64(4) || o["status"] != "ACTIVE" {
		t.Errorf("server %v", o)
	}
	steer(t, c, "POST", "/faults", `{"service":"neutron","record":"ports/","set":{"name":"vip","fixed_ips":[{"ip_address":"10.20.0.99"}]}}`, http.StatusNoContent)
	if got := a.list("/networking/v2.0/ports?fixed_ips=ip_address=10.20.0.99", "ports", "name"); len(got) != 1 || got[0] != "vip" {
		t.Errorf("ports %v", got)
	}
	steer(t, c, "POST", "/faults", `{"service":"glance","record":"images/debian-12","set":{"os_distro":"talos"}}`, http.StatusNoContent)
	if got := a.list("/image/v2/images?os_distro=talos", "images", "name"); len(got) != 1 || got[0] != "debian-12" {
		t.Errorf("images %v", got)
	}
	for _, bad := range []string{
		`{"service":"nova","record":"servers/nope"}`, `{"service":"glance","record":"images/nope"}`, `{"service":"neutron","record":"ports/nope"}`, `{"service":"neutron","record":"nope/web"}`,
		`{"service":"keystone","record":"ports/web"}`, `{"service":"neutron","record":"ports/web","set":{"fixed_ips":[1]}}`,
	} {
		steer(t, c, "POST", "/faults", bad, http.StatusBadRequest)
	}
}

// The other cloud is another project or another region of this one.
func TestJoined(t *testing.T) {
	c := start(t, Options{})
	for _, what := range []string{"project", "region"} {
		if err := c.Inject(Fault{Service: "keystone", Joined: what}); err != nil {
			t.Fatal(err)
		}
	}
	a := signIn(t, c)
	if got := a.list("/identity/v3/auth/projects", "projects", "id"); len(got) != 2 || got[1] != c.other.identity.projectID {
		t.Errorf("projects %v", got)
	}
	status, header, body := a.do("POST", "/identity/v3/auth/tokens", `{"auth":{"identity":{"methods":["token"],"token":{"id":"`+a.token+
		`"}},"scope":{"project":{"id":"`+c.other.identity.projectID+`"}}}}`)
	if status != http.StatusCreated || strings.Contains(body, c.base+"/compute") || !strings.Contains(body, c.other.base+"/compute") {
		t.Fatalf("%d %s", status, body)
	}
	for _, token := range []string{a.token, header.Get("X-Subject-Token")} {
		there := &client{t: t, cloud: c.other, token: token}
		if got := there.list("/compute/v2.1/servers?name=lone", "servers", "name"); len(got) != 1 {
			t.Errorf("servers %v", got)
		}
	}
	if _, _, body := a.do("GET", "/identity/v3/auth/catalog", ""); !strings.Contains(body, `"region":"RegionTwo"`) {
		t.Errorf("catalog %s", body)
	}
}

// A server that can be restored is in no list, but found by its id, and among
// what has changed.
func TestSoftDeleted(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	status := "SOFT_DELETED"
	inject(t, c, Fault{Instance: "web", ServerStatus: &status})
	const named = "/compute/v2.1/servers/detail?name=^web$"
	if got := a.list(named, "servers", "id"); len(got) != 0 {
		t.Errorf("listed %v", got)
	}
	if got := a.list(named+"&changes-since=2020-01-01T00:00:00Z", "servers", "status"); len(got) != 1 || got[0] != status {
		t.Errorf("changed %v", got)
	}
	if got := a.get("/compute/v2.1/servers/" + c.Instance("web").ID())["server"].(object)["status"]; got != status {
		t.Errorf("status %v", got)
	}
}
