package demo

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMicroversions(t *testing.T) {
	a := signIn(t, start(t, Options{}))
	for _, test := range []struct {
		minor       string
		has, hasNot string // fields
	}{
		{"", "flavor", "locked"},
		{"2.9", "locked", "tags"},
		{"2.26", "tags", "trusted_image_certificates"},
		{"2.72", "trusted_image_certificates", "locked_reason"},
		{"2.96", "pinned_availability_zone", "host_status"},
		{"latest", "OS-EXT-SRV-ATTR:hostname", "host_status"},
	} {
		a.minor = test.minor
		o := a.get("/compute/v2.1/servers/detail?name=^web$")["servers"].([]any)[0].(object)
		if _, ok := o[test.has]; !ok {
			t.Errorf("2.%s lacks %s", test.minor, test.has)
		}
		if _, ok := o[test.hasNot]; ok {
			t.Errorf("2.%s has %s", test.minor, test.hasNot)
		}
	}
	for minor, want := range map[string]string{
		"2.97": `406 {"computeFault":{"code":406,"message":"Version 2.97 is not supported by the API. Minimum is 2.1 and maximum is 2.96."}}`,
		"3.1":  `406 `, "x": `400 {"badRequest":{"code":400,"message":"API Version String x is of invalid format.`, "2.0": "406 ",
	} {
		a.minor = minor
		if status, _, body := a.do("GET", "/compute/v2.1/servers", ""); !strings.HasPrefix(itoa(status)+" "+body, want) {
			t.Errorf("%s: %d %s", minor, status, body)
		}
	}
	a.minor = "2.72"
	if _, header, _ := a.do("GET", "/compute/v2.1/servers", ""); header.Get("OpenStack-API-Version") != "compute 2.72" ||
		!strings.HasPrefix(header.Get("X-Compute-Request-Id"), "req-") {
		t.Errorf("headers: %v", header)
	}
}

func TestListServers(t *testing.T) {
	c := start(t, Options{Servers: 3})
	a := signIn(t, c)
	a.minor = "2.75"
	deleted := c.Instance("island").ID()
	a.must("DELETE", "/compute/v2.1/servers/"+deleted, "")
	if err := c.Inject(Fault{Instance: "web", Duplicate: true}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		query  string
		status int
		want   string // names, or what the error says
	}{
		{"name=^web$", 200, "web web"},
		{"name=EB", 200, "web web"},
		{"name=^w.b$", 200, "web web"},
		{"name=^.*fip$", 200, "nofip"},
		{"name=zz", 200, ""},
		{"name=^server-&limit=2", 200, "server-0003 server-0002"},
		{"status=shutoff", 200, ""},
		{"name=(", 400, "is not a 'regex'"},
		{"name=", 400, "is not a 'regex'"},
		{"limit=x", 400, "does not match"},
		{"marker=x", 400, "not found"},
		{"changes-since=zz", 400, "is not a 'date-time'"},
		{"name=^island$", 200, ""},
		{"name=^island$&changes-since=" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), 200, "island"},
		{"name=^island$&changes-since=" + time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05"), 200, ""},
		{"all_tenants=1", 403, "get_all_tenants"},
		{"foo=1", 400, "'foo' does not match"},
	} {
		for _, path := range []string{"/compute/v2.1/servers", "/compute/v2.1/servers/detail"} {
			q, _ := url.ParseQuery(test.query)
			status, _, body := a.do("GET", path+"?"+q.Encode(), "")
			got := body
			if status == 200 {
				got = strings.Join(a.list(path+"?"+q.Encode(), "servers", "name"), " ")
			}
			if status != test.status || status == 200 && got != test.want || !strings.Contains(got, test.want) {
				t.Errorf("%s?%s: %d %s", path, test.query, status, got)
			}
		}
	}
	if status, _, body := a.do("GET", "/compute/v2.1/servers/"+deleted, ""); status != 404 || !strings.Contains(body, "itemNotFound") {
		t.Errorf("deleted server: %d %s", status, body)
	}
}

func TestAddressesAreNeutrons(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	server := a.get("/compute/v2.1/servers/" + c.Instance("web").ID())["server"].(object)
	kinds := []string{}
	for _, address := range server["addresses"].(object)["private"].([]any) {
		kinds = append(kinds, text(address.(object)["OS-EXT-IPS:type"])+" "+text(address.(object)["addr"]))
	}
	if len(kinds) != 3 || !slices.Contains(kinds, "floating 127.0.0.1") {
		t.Errorf("web: %v", kinds)
	}
	ports := a.get("/networking/v2.0/ports?device_id=" + c.Instance("web").ID())["ports"].([]any)
	interfaces := a.get("/compute/v2.1/servers/" + c.Instance("web").ID() + "/os-interface")["interfaceAttachments"].([]any)
	if len(ports) != 1 || len(interfaces) != 1 || ports[0].(object)["id"] != interfaces[0].(object)["port_id"] {
		t.Errorf("ports %v, interfaces %v", ports, interfaces)
	}
	groups := a.get("/compute/v2.1/servers/" + c.Instance("web").ID() + "/os-security-groups")["security_groups"].([]any)
	if len(groups) != 1 || groups[0].(object)["name"] != "ssh-open" || len(groups[0].(object)["rules"].([]any)) != 2 {
		t.Errorf("groups %v", groups)
	}
	if names := a.list("/compute/v2.1/os-security-groups", "security_groups", "name"); len(names) != 6 {
		t.Errorf("nova's list of groups: %v", names)
	}
	volboot := a.get("/compute/v2.1/servers/" + c.Instance("volboot").ID())["server"].(object)
	volume := volboot["os-extended-volumes:volumes_attached"].([]any)[0].(object)["id"]
	meta := a.get("/volume/v3/" + c.identity.projectID + "/volumes/" + text(volume))["volume"].(object)["volume_image_metadata"]
	if volboot["image"] != "" || meta.(object)["os_admin_user"] != "debian" {
		t.Errorf("volboot has image %v, its volume says %v", volboot["image"], meta)
	}
}

func TestKeypairs(t *testing.T) {
	a := signIn(t, start(t, Options{}))
	key := a.get("/compute/v2.1/os-keypairs/ed25519")["keypair"].(object)["public_key"].(string)
	for _, test := range []struct {
		minor, body string
		status      int
		want        string
	}{
		{"2.1", `{"keypair":{"name":"made"}}`, 200, "BEGIN RSA PRIVATE KEY"},
		{"2.2", `{"keypair":{"name":"given","public_key":"` + key + `"}}`, 201, `"type":"ssh"`},
		{"2.2", `{"keypair":{"name":"given","public_key":"` + key + `"}}`, 409, "Key pair 'given' already exists."},
		{"2.92", `{"keypair":{"name":"x"}}`, 400, "'public_key' is a required property"},
		{"2.92", `{"keypair":{"name":"a@b.c","public_key":"` + key + `"}}`, 201, "a@b.c"},
		{"2.91", `{"keypair":{"name":"a@b","public_key":"` + key + `"}}`, 400, "Only expected characters"},
		{"2.2", `{"keypair":{"name":"bad","public_key":"bad"}}`, 400, "failed to generate fingerprint"},
		{"2.2", `{}`, 400, "badRequest"},
	} {
		a.minor = test.minor
		if status, _, body := a.do("POST", "/compute/v2.1/os-keypairs", test.body); status != test.status || !strings.Contains(body, test.want) {
			t.Errorf("%s %s: %d %s", test.minor, test.body, status, body)
		}
	}
	a.minor = "2.2"
	if status, _, _ := a.do("DELETE", "/compute/v2.1/os-keypairs/a@b.c", ""); status != 204 {
		t.Errorf("delete: %d", status)
	}
	if status, _, body := a.do("GET", "/compute/v2.1/os-keypairs/a@b.c", ""); status != 404 || !strings.Contains(body, "Keypair a@b.c not found for user") {
		t.Errorf("deleted keypair: %d %s", status, body)
	}
	for n := 0; ; n++ {
		status, _, body := a.do("POST", "/compute/v2.1/os-keypairs", `{"keypair":{"name":"k`+itoa(n)+`","public_key":"`+key+`"}}`)
		if status == 403 && strings.Contains(body, "Quota exceeded") {
			break
		}
		if status != 201 || n > maxKeypairs {
			t.Fatalf("keypair %d: %d %s", n, status, body)
		}
	}
}

func TestServerActions(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	web := c.Instance("web")
	path := "/compute/v2.1/servers/" + web.ID()
	act := func(body string, want int) {
		t.Helper()
		if status, _, answer := a.do("POST", path+"/action", body); status != want {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
	status := func() string { return text(a.get(path)["server"].(object)["status"]) }
	keys := web.HostKeys()
	same := func() bool { return string(keys[0].Marshal()) == string(web.HostKeys()[0].Marshal()) }

	act(`{"os-start":null}`, 409)
	act(`{"os-stop":null}`, 202)
	if status() != "SHUTOFF" {
		t.Errorf("stopped: %s", status())
	}
	act(`{"os-start":null}`, 202)
	act(`{"reboot":{"type":"HARD"}}`, 202)
	if !same() || strings.Count(web.Console(), "BEGIN SSH HOST KEY KEYS") != 1 || strings.Count(web.Console(), "web login:") != 3 {
		t.Errorf("a reboot keeps the host keys and does not print them:\n%s", web.Console())
	}
	act(`{"rescue":{}}`, 200)
	if status() != "RESCUE" || same() {
		t.Errorf("rescued: %s, same host keys: %v", status(), same())
	}
	act(`{"unrescue":null}`, 202)
	if status() != "ACTIVE" || !same() {
		t.Errorf("unrescued: %s, same host keys: %v", status(), same())
	}
	image := text(a.get(path)["server"].(object)["image"].(object)["id"])
	act(`{"rebuild":{"imageRef":"x"}}`, 400)
	act(`{"rebuild":{"imageRef":"`+image+`"}}`, 202)
	if same() || strings.Count(web.Console(), "web login:") != 1 {
		t.Errorf("a rebuild makes host keys and a console anew")
	}
	actions := a.list(path+"/os-instance-actions", "instanceActions", "action")
	if got := strings.Join(actions, " "); got != "rebuild unrescue rescue reboot start stop create" {
		t.Errorf("actions: %s", got)
	}
	act(`{"addSecurityGroup":{"name":"ssh-none"}}`, 202)
	act(`{"removeSecurityGroup":{"name":"ssh-open"}}`, 202)
	act(`{"addSecurityGroup":{"name":"nope"}}`, 404)
	act(`{"unheard":null}`, 400)
	act(`{}`, 400)
	if groups := a.get(path)["server"].(object)["security_groups"].([]any); len(groups) != 1 || groups[0].(object)["name"] != "ssh-none" {
		t.Errorf("groups: %v", groups)
	}
	a.must("POST", path+"/metadata", `{"metadata":{"osssh_user":"x"}}`)
	if a.get(path + "/metadata")["metadata"].(object)["osssh_user"] != "x" {
		t.Error("metadata is not kept")
	}
}

func TestConsoleOutput(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	said := "one\r\ntwo\x1b[0m\x07\nthree"
	if err := c.Inject(Fault{Instance: "web", Console: &said}); err != nil {
		t.Fatal(err)
	}
	path := "/compute/v2.1/servers/" + c.Instance("web").ID() + "/action"
	for length, want := range map[string]string{
		`{}`: "one\ntwo[0m\nthree", `{"length":null}`: "one\ntwo[0m\nthree", `{"length":-1}`: "one\ntwo[0m\nthree",
		`{"length":1}`: "three", `{"length":"2"}`: "two[0m\nthree", `{"length":0}`: "", `{"length":99}`: "one\ntwo[0m\nthree",
	} {
		if got := a.must("POST", path, `{"os-getConsoleOutput":`+length+`}`)["output"]; got != want {
			t.Errorf("%s: %q", length, got)
		}
	}
	status := "SHELVED_OFFLOADED"
	if err := c.Inject(Fault{Instance: "web", ServerStatus: &status}); err != nil {
		t.Fatal(err)
	}
	if got, _, body := a.do("POST", path, `{"os-getConsoleOutput":{}}`); got != 409 {
		t.Errorf("offloaded: %d %s", got, body)
	}
}

func TestCreateAndDeleteServer(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	image := a.list("/image/v2/images?name=ubuntu-24.04", "images", "id")[0]
	flavor := a.list("/compute/v2.1/flavors", "flavors", "id")[0]
	isolated := a.list("/networking/v2.0/networks?name=isolated", "networks", "id")[0]
	body := `{"server":{"name":"New One","imageRef":"` + image + `","flavorRef":"` + flavor + `","key_name":"rsa","networks":[{"uuid":"` + isolated +
		`"}],"security_groups":[{"name":"ssh-open"}],"metadata":{"a":"b"}}}`
	id := text(a.must("POST", "/compute/v2.1/servers", body)["server"].(object)["id"])
	i := c.Instance("New One")
	if i == nil || i.ID() != id || i.User() != "ubuntu" || !strings.Contains(i.Console(), "new-one login:") {
		t.Fatalf("instance %+v", i)
	}
	for _, broken := range []string{`{}`, `[`, strings.Replace(body, image, "x", 1), strings.Replace(body, flavor, "x", 1),
		strings.Replace(body, "rsa", "nokey", 1), strings.Replace(body, isolated, "x", 1), strings.Replace(body, "ssh-open", "x", 1)} {
		if status, _, answer := a.do("POST", "/compute/v2.1/servers", broken); status != 400 {
			t.Errorf("%s: %d %s", broken, status, answer)
		}
	}
	a.must("DELETE", "/compute/v2.1/servers/"+id, "")
	if c.Instance("New One") != nil || len(a.list("/networking/v2.0/ports?device_id="+id, "ports", "id")) != 0 {
		t.Error("the server left something")
	}
}
