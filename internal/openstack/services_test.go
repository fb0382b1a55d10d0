package openstack

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

func TestCatalog(t *testing.T) {
	c := catalog{
		{Type: "compute", Endpoints: []tokens.Endpoint{
			{Interface: "public", Region: "R1", URL: "http://c1"},
			{Interface: "public", Region: "R2", RegionID: "id2", URL: "http://c2"},
			{Interface: "internal", Region: "R2", URL: "http://c2i"},
		}},
		{Type: "volume", Endpoints: []tokens.Endpoint{{Interface: "public", Region: "R1", URL: "http://old"}}},
		{Type: "volumev3", Endpoints: []tokens.Endpoint{{Interface: "public", Region: "R1", URL: "http://v3"}}},
		{Type: "image", Endpoints: []tokens.Endpoint{{Interface: "public", Region: "R2", URL: ""}}},
	}
	regions := []string{"R1", "R2", "id2"}
	tests := []struct {
		service       service
		region, iface string
		want          string
		err           error
	}{
		{compute, "", "public", "http://c1", nil},
		{compute, "R2", "public", "http://c2", nil},
		{compute, "id2", "public", "http://c2", nil},
		{compute, "R2", "internal", "http://c2i", nil},
		{volumes, "R1", "public", "http://v3", nil},
		{images, "R2", "public", "", &ServiceMissingError{Service: "image", Region: "R2", Interface: "public", Regions: regions}},
		{network, "R1", "public", "", &ServiceMissingError{Service: "network", Region: "R1"}},
		{compute, "R1", "admin", "", &ServiceMissingError{Service: "compute", Interface: "admin"}},
		{compute, "r1", "public", "", &ServiceMissingError{Region: "r1", Regions: regions, RegionUnknown: true}},
	}
	for _, test := range tests {
		got, err := c.endpoint(test.service, test.region, test.iface)
		if got != test.want || test.err == nil && err != nil || test.err != nil && !sameFacts(err, test.err) {
			t.Errorf("%s in %q by %s: got %q, %#v", test.service, test.region, test.iface, got, err)
		}
	}
	_, err := c.endpoint(network, "R1", "public")
	if missing := err.(*ServiceMissingError); missing.RegionUnknown {
		t.Error("a service that is missing in a known region is taken for an unknown region")
	}
}

func TestVersioned(t *testing.T) {
	tests := []struct {
		service service
		in, out string
	}{
		{compute, "http://h:8774/v2.1", "http://h:8774/v2.1/"},
		{compute, "http://h/compute/v2/pid/", "http://h/compute/v2/pid/"},
		{compute, "http://h/compute", "http://h/compute/v2.1/"},
		{network, "http://h:9696", "http://h:9696/v2.0/"},
		{network, "http://h:9696/", "http://h:9696/v2.0/"},
		{network, "http://h/networking/v2.0", "http://h/networking/v2.0/"},
		{images, "http://v2.example.net/image", "http://v2.example.net/image/v2/"},
		{volumes, "http://h/volume/v3/pid", "http://h/volume/v3/pid/"},
		{volumes, "http://h/volume", "http://h/volume/v3/pid/"},
		{identity, "http://h:5000", "http://h:5000/v3/"},
		{identity, "http://h/identity/v3/", "http://h/identity/v3/"},
	}
	for _, test := range tests {
		if got := versioned(test.service, test.in, "pid"); got != test.out {
			t.Errorf("%s %s: got %s, want %s", test.service, test.in, got, test.out)
		}
	}
}

func TestServiceSettings(t *testing.T) {
	f := newFake(t)
	f.on("/r2/network/v2.0/ports", says(200, `{"ports": []}`))
	f.on("/own/v3/pid/volumes/v", says(200, `{"volume": {"id": "v", "volume_image_metadata": {"os_distro": "debian"}}}`))
	cloud := f.cloud()
	cloud.Services = map[string]ServiceConfig{
		"network": {Region: "R2"}, "image": {Interface: "admin"},
		"block-storage": {Endpoint: f.URL + "/own/v3/%(tenant_id)s"},
	}
	c, err := Connect(context.Background(), cloud, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if ports, err := c.Ports(context.Background(), nil); err != nil || len(ports) != 0 {
		t.Errorf("another region: %v, %v", ports, err)
	}
	if v, err := c.Volume(context.Background(), "v"); err != nil || v.ImageMetadata["os_distro"] != "debian" {
		t.Errorf("an override: %v, %v", v, err)
	}
	if _, err := c.Image(context.Background(), "i"); !sameFacts(err, &ServiceMissingError{Service: "image", Interface: "admin"}) {
		t.Errorf("another interface: %v", err)
	}
}

func TestMicroversion(t *testing.T) {
	f := newFake(t)
	max := "2.60"
	f.on("/compute/v2.1/", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, `{"version": {"id": "v2.1", "version": "`+max+`", "min_version": "2.1"}}`)
	})
	f.on(serverPath, func(w http.ResponseWriter, r *http.Request) {
		version := r.Header.Get("X-Openstack-Nova-Api-Version")
		if r.Header.Get("Openstack-Api-Version") != "compute "+version {
			t.Errorf("headers differ: %v", r.Header)
		}
		asked, _ := minor(version)
		most, ok := minor(max)
		if asked > most && ok || !ok && asked > 1 {
			reply(w, 406, `{"computeFault": {"code": 406, "message": "Version `+version+` is not supported by the API. Minimum is 2.1 and maximum is `+max+`."}}`)
			return
		}
		reply(w, 200, `{"server": {"id": "x", "name": "`+version+`"}}`)
	})
	server := func(c *Client) string {
		t.Helper()
		s, err := c.Server(context.Background(), "x")
		if err != nil {
			t.Fatal(err)
		}
		return s.Name
	}
	dir := t.TempDir()
	c := f.connect(ClientOptions{CacheDir: dir})
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if s, err := c.Server(context.Background(), "x"); err != nil || s.Name != "2.60" {
				t.Errorf("got %v, %v", s, err)
			}
		})
	}
	wait.Wait()
	documents := 0
	for _, request := range f.requests() {
		if request == "GET /compute/v2.1/" {
			documents++
		}
	}
	if documents != 1 {
		t.Errorf("the version document was read %d times", documents)
	}
	if c := f.connect(ClientOptions{CacheDir: dir}); server(c) != "2.60" || c.Calls() != 1 {
		t.Errorf("%d calls with a warm cache", c.Calls())
	}
	max = "2.93"
	if c := f.connect(ClientOptions{}); server(c) != novaMicroversion || c.Calls() != 2 {
		t.Errorf("%d calls to a newer nova", c.Calls())
	}
	max = ""
	if got := server(f.connect(ClientOptions{})); got != "2.1" {
		t.Errorf("got %s from a nova without a version", got)
	}
	f.on("/compute/v2.1/", says(500, "{}"))
	_, err := f.connect(ClientOptions{}).Server(context.Background(), "x")
	if !hasStatus(err, 406) || !strings.Contains(err.Error(), "500") {
		t.Errorf("got %v", err)
	}
}

func TestVersionRoot(t *testing.T) {
	for in, want := range map[string]string{
		"http://h/compute/v2.1/pid/": "http://h/compute/v2.1/",
		"http://h:8774/v2.1/":        "http://h:8774/v2.1/",
		"http://h:8774/v2/p%2Fid/":   "http://h:8774/v2/",
	} {
		if got := versionRoot(in); got != want {
			t.Errorf("%s: got %s", in, got)
		}
	}
}

func TestNeutronElsewhere(t *testing.T) {
	f := newFake(t)
	f.on("/network/", says(200, `{"versions": [{"id": "v2.0", "links": [{"rel": "self", "href": "http://thief.invalid/network/api/v2.0"}]}]}`))
	f.on("/network/api/v2.0/ports", says(200, `{"ports": [{"id": "p"}]}`))
	dir := t.TempDir()
	c := f.connect(ClientOptions{CacheDir: dir})
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if ports, err := c.Ports(context.Background(), nil); err != nil || len(ports) != 1 {
				t.Errorf("got %v, %v", ports, err)
			}
		})
	}
	wait.Wait()
	documents := 0
	for _, request := range f.requests() {
		if request == "GET /network/" {
			documents++
		}
	}
	if documents != 1 {
		t.Errorf("the version document was read %d times", documents)
	}
	c = f.connect(ClientOptions{CacheDir: dir})
	if _, err := c.Ports(context.Background(), nil); err != nil || c.Calls() != 1 {
		t.Errorf("%v after %d calls with a warm cache", err, c.Calls())
	}
}

func TestNeutronNotFound(t *testing.T) {
	f := newFake(t)
	f.on("/network/", says(200, `{"versions": [{"id": "v2.0", "links": [{"rel": "self", "href": "`+f.URL+`/network/v2.0/"}]}]}`))
	c := f.connect(ClientOptions{})
	for range 3 {
		if _, err := c.AddressGroup(context.Background(), "x"); !IsNotFound(err) || IsForbidden(err) {
			t.Errorf("got %v", err)
		}
	}
	want := []string{"GET /network/v2.0/address-groups/x", "GET /network/", "GET /network/v2.0/address-groups/x", "GET /network/v2.0/address-groups/x"}
	if got := f.requests(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	f.on("/network/v2.0/ports", says(403, `{"NeutronError": {"type": "PolicyNotAuthorized", "message": "disallowed by policy", "detail": ""}}`))
	if _, err := c.Ports(context.Background(), nil); !IsForbidden(err) || !sameFacts(err, &APIError{Message: "disallowed by policy"}) {
		t.Errorf("got %v", err)
	}
}

// paged answers pages of the given size, with links that lead elsewhere.
func paged(t *testing.T, key string, ids []string, size int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		from := 0
		if marker := r.URL.Query().Get("marker"); marker != "" {
			from = slices.Index(ids, marker) + 1
			if from == 0 {
				t.Errorf("marker %q", marker)
			}
		}
		to := min(from+size, len(ids))
		var items []string
		for _, id := range ids[from:to] {
			items = append(items, `{"id": "`+id+`"}`)
		}
		more := ""
		if to-from == size {
			more = `, "` + key + `_links": [{"rel": "previous", "href": ""}, {"rel": "next", "href": "http://thief.invalid/next"}]`
		}
		reply(w, 200, `{"`+key+`": [`+strings.Join(items, ",")+`]`+more+`}`)
	}
}

func numbered(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = "id-" + strconv.Itoa(i)
	}
	return ids
}

func TestPages(t *testing.T) {
	f := newFake(t)
	ids := numbered(25)
	f.on("/compute/v2.1/servers/detail", paged(t, "servers", ids, 10))
	f.on("/network/v2.0/ports", paged(t, "ports", ids, 5))
	c := f.connect(ClientOptions{})
	var got []string
	for server, err := range c.Servers(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, server.ID)
	}
	if !slices.Equal(got, ids) || len(f.requests()) != 3 {
		t.Errorf("got %q by %q", got, f.requests())
	}
	for range c.Servers(context.Background()) {
		break
	}
	if len(f.requests()) != 4 {
		t.Errorf("a page was fetched that nobody wants: %q", f.requests())
	}
	found, err := c.ServersMatching(context.Background(), "^a.b$")
	if err != nil || len(found) != 25 || !strings.Contains(f.requests()[4], "name=%5Ea.b%24") || !strings.Contains(f.requests()[5], "name=%5Ea.b%24") {
		t.Errorf("got %d, %v by %q", len(found), err, f.requests()[4:])
	}
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	if _, err := c.ServersChangedSince(context.Background(), "x", since); err != nil || !strings.Contains(f.requests()[7], "changes-since=2026-01-02T02%3A04%3A05Z") {
		t.Errorf("%v by %q", err, f.requests()[7:])
	}
	if page, err := c.Ports(context.Background(), url.Values{"limit": {"5"}}); err != nil || len(page) != 5 {
		t.Errorf("one page: got %d ports, %v", len(page), err)
	}
	// 25 ports on pages of 5: the last page is full, so a sixth is looked for.
	ports, err := c.Ports(context.Background(), nil)
	if err != nil || len(ports) != 25 {
		t.Errorf("got %d ports, %v", len(ports), err)
	}
}

func TestServerPages(t *testing.T) {
	f := newFake(t)
	for n, want := range map[int][]int{0: {0}, 3: {3}, 25: {10, 10, 5}} {
		f.on("/compute/v2.1/servers/detail", paged(t, "servers", numbered(n), 10))
		var got []int
		for servers, err := range f.connect(ClientOptions{}).ServerPages(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, len(servers))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d servers: pages of %v, want %v", n, got, want)
		}
	}
	f.on("/compute/v2.1/servers/detail", says(403, `{}`))
	n := 0
	for servers, err := range f.connect(ClientOptions{}).ServerPages(context.Background()) {
		if n++; !IsForbidden(err) || servers != nil {
			t.Errorf("got %v, %v", servers, err)
		}
	}
	if n != 1 {
		t.Errorf("%d pages of an error", n)
	}
}

func TestPagesWithoutEnd(t *testing.T) {
	f := newFake(t)
	f.on("/compute/v2.1/servers/detail", says(200, `{"servers": [{"id": "same"}], "servers_links": [{"rel": "next"}]}`))
	_, err := f.connect(ClientOptions{}).ServersMatching(context.Background(), "x")
	if err != errCircle || len(f.requests()) != 2 {
		t.Errorf("got %v after %d calls", err, len(f.requests()))
	}
	n := 0
	f.on("/compute/v2.1/servers/detail", func(w http.ResponseWriter, _ *http.Request) {
		n++
		reply(w, 200, fmt.Sprintf(`{"servers": [{"id": "%d"}], "servers_links": [{"rel": "next"}]}`, n))
	})
	_, err = f.connect(ClientOptions{}).ServersMatching(context.Background(), "x")
	if err != errCircle || n != maxPages {
		t.Errorf("got %v after %d calls", err, n)
	}
}

func TestChunks(t *testing.T) {
	f := newFake(t)
	ids := numbered(250)
	var mu sync.Mutex
	asked, inside, most := 0, 0, 0
	f.on("/network/v2.0/ports", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		mu.Lock()
		asked += len(query["device_id"])
		inside++
		most = max(most, inside)
		mu.Unlock()
		time.Sleep(20 * time.Millisecond)
		mu.Lock()
		inside--
		mu.Unlock()
		if len(query["device_id"]) > chunkSize || query.Get("status") != "ACTIVE" {
			t.Errorf("asked for %v", query)
		}
		items := []string{`{"id": "shared"}`}
		for _, id := range query["device_id"] {
			items = append(items, `{"id": "port-`+id+`"}`)
		}
		reply(w, 200, `{"ports": [`+strings.Join(items, ",")+`]}`)
	})
	c := f.connect(ClientOptions{})
	ports, err := c.Ports(context.Background(), url.Values{"device_id": ids, "status": {"ACTIVE"}})
	if err != nil || len(ports) != 251 || asked != 250 || len(f.requests()) != 3 || most < 2 {
		t.Errorf("got %d ports, %v; asked for %d in %d calls, %d at once", len(ports), err, asked, len(f.requests()), most)
	}
	most = 0
	if _, err := c.Ports(context.Background(), url.Values{"device_id": numbered(2000), "status": {"ACTIVE"}}); err != nil || most > atOnce {
		t.Errorf("%v, %d at once", err, most)
	}
	f.on("/network/v2.0/ports", says(500, "{}"))
	if _, err := c.Ports(context.Background(), url.Values{"device_id": ids}); !hasStatus(err, 500) {
		t.Errorf("got %v", err)
	}
}

func TestSplitTwoLongKeys(t *testing.T) {
	pieces := split(url.Values{"a": numbered(150), "b": numbered(201), "c": {"x"}})
	seen := map[string]bool{}
	for _, piece := range pieces {
		if len(piece["a"]) > chunkSize || len(piece["b"]) > chunkSize || len(piece["c"]) != 1 {
			t.Fatalf("a piece of %d × %d", len(piece["a"]), len(piece["b"]))
		}
		for _, a := range piece["a"] {
			for _, b := range piece["b"] {
				seen[a+b] = true
			}
		}
	}
	if len(pieces) != 6 || len(seen) != 150*201 {
		t.Errorf("%d pieces with %d pairs", len(pieces), len(seen))
	}
}

func TestCollections(t *testing.T) {
	f := newFake(t)
	for path, key := range map[string]string{
		"/network/v2.0/floatingips": "floatingips", "/network/v2.0/networks": "networks",
		"/network/v2.0/subnets": "subnets", "/network/v2.0/security-groups": "security_groups",
		"/volume/v3/pid/volumes/detail": "volumes",
	} {
		f.on(path, paged(t, key, numbered(5), 3))
	}
	f.on("/network/v2.0/address-groups/g", says(200, `{"address_group": {"id": "g", "addresses": ["192.0.2.0/24"]}}`))
	c, ctx := f.connect(ClientOptions{}), context.Background()
	fips, err := c.FloatingIPs(ctx, nil)
	check := func(what string, n int, err error) {
		t.Helper()
		if n != 5 || err != nil {
			t.Errorf("%s: got %d, %v", what, n, err)
		}
	}
	check("floating IPs", len(fips), err)
	networks, err := c.Networks(ctx, nil)
	check("networks", len(networks), err)
	subnets, err := c.Subnets(ctx, nil)
	check("subnets", len(subnets), err)
	groups, err := c.SecurityGroups(ctx, nil)
	check("security groups", len(groups), err)
	volumes, err := c.Volumes(ctx)
	check("volumes", len(volumes), err)
	if g, err := c.AddressGroup(ctx, "g"); err != nil || len(g.Addresses) != 1 {
		t.Errorf("address group: %v, %v", g, err)
	}
}

func TestImages(t *testing.T) {
	f := newFake(t)
	f.on("/image/v2/images", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		var items []string
		for _, id := range strings.Split(strings.TrimPrefix(query.Get("id"), "in:"), ",") {
			hidden, community := strings.HasPrefix(id, "hidden"), strings.HasPrefix(id, "community")
			switch {
			case hidden != (query.Get("os_hidden") == "true") || community != (query.Get("visibility") == "community") || id == "gone":
			default:
				items = append(items, `{"id": "`+id+`", "os_admin_user": "debian"}`)
			}
		}
		if query.Get("limit") != "100" {
			t.Errorf("asked for %v", query)
		}
		reply(w, 200, `{"images": [`+strings.Join(items, ",")+`]}`)
	})
	c := f.connect(ClientOptions{})
	found, err := c.Images(context.Background(), []string{"a", "b"})
	if err != nil || len(found) != 2 || found[0].OSAdminUser != "debian" || len(f.requests()) != 1 {
		t.Errorf("got %v, %v by %q", found, err, f.requests())
	}
	found, err = c.Images(context.Background(), []string{"a", "hidden-1", "community-1", "gone"})
	if err != nil || len(found) != 3 || len(f.requests()) != 4 {
		t.Errorf("got %v, %v by %q", found, err, f.requests())
	}
	if found, err := c.Images(context.Background(), nil); err != nil || len(found) != 0 || len(f.requests()) != 4 {
		t.Errorf("nothing asked for: %v, %v", found, err)
	}
}

func TestComputeCalls(t *testing.T) {
	f := newFake(t)
	f.on("/compute/v2.1/os-keypairs/a%2Fb%20%3F%23", func(w http.ResponseWriter, r *http.Request) {
		reply(w, 200, `{"keypair": {"name": "a/b ?#", "user_id": "`+r.URL.Query().Get("user_id")+`", "created_at": "2026-01-02T03:04:05.000000"}}`)
	})
	f.on("/compute/v2.1/os-keypairs", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("marker") == "k1" {
			reply(w, 200, `{"keypairs": [{"keypair": {"name": "k2"}}]}`)
			return
		}
		reply(w, 200, `{"keypairs": [{"keypair": {"name": "k1"}}], "keypairs_links": [{"rel": "next"}]}`)
	})
	f.on(serverPath+"/os-interface", says(200, `{"interfaceAttachments": [{"port_id": "p", "net_id": "n", "fixed_ips": [{"ip_address": "10.0.0.1", "subnet_id": "s"}]}]}`))
	f.on(serverPath+"/os-instance-actions", says(200, `{"instanceActions": [{"action": "rebuild", "start_time": "2026-01-02T03:04:05.000000"}]}`))
	var sent string
	f.on(serverPath+"/action", func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, r.ContentLength)
		_, _ = r.Body.Read(body)
		sent = string(body)
		reply(w, 200, `{"output": "log"}`)
	})
	c, ctx := f.connect(ClientOptions{}), context.Background()
	if k, err := c.Keypair(ctx, "a/b ?#", "u&1"); err != nil || k.UserID != "u&1" || k.CreatedAt.Year() != 2026 {
		t.Errorf("keypair: %v, %v", k, err)
	}
	if ks, err := c.Keypairs(ctx); err != nil || len(ks) != 2 || ks[1].Name != "k2" {
		t.Errorf("keypairs: %v, %v", ks, err)
	}
	if is, err := c.Interfaces(ctx, "x"); err != nil || len(is) != 1 || is[0].FixedIPs[0].IPAddress.String() != "10.0.0.1" {
		t.Errorf("interfaces: %v, %v", is, err)
	}
	if as, err := c.Actions(ctx, "x"); err != nil || len(as) != 1 || as[0].Action != "rebuild" {
		t.Errorf("actions: %v, %v", as, err)
	}
	for lines, want := range map[int]string{-1: `{"os-getConsoleOutput":{}}`, 0: `{"os-getConsoleOutput":{"length":0}}`, 50: `{"os-getConsoleOutput":{"length":50}}`} {
		if log, err := c.Console(ctx, "x", lines); err != nil || log != "log" || sent != want {
			t.Errorf("console %d: %q, %v by %s", lines, log, err, sent)
		}
	}
	f.on(serverPath+"/action", says(200, `{"output": null}`))
	if log, err := c.Console(ctx, "x", 1); err != nil || log != "" {
		t.Errorf("no console: %q, %v", log, err)
	}
	if _, err := c.Server(ctx, "../os-keypairs"); !IsNotFound(err) {
		t.Errorf("an id with a path in it: %v", err)
	}
}
