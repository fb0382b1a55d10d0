package openstack

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestElsewhere(t *testing.T) {
	f := newFake(t)
	f.on("/v3/auth/projects", says(200, `{"projects": [{"id": "pid", "name": "proj", "enabled": true}, {"id": "p2", "name": "second", "enabled": false}]}`))
	c := f.connect(ClientOptions{CacheDir: t.TempDir()})
	projects, err := c.Projects(t.Context())
	if err != nil || !slices.Equal(projects, []Project{{"pid", "proj", true}, {"p2", "second", false}}) {
		t.Fatalf("projects %v, %v", projects, err)
	}

	other, err := c.InProject(t.Context(), "p2")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	auth := f.logins[1]["auth"].(map[string]any)
	methods := auth["identity"].(map[string]any)["methods"].([]any)
	scope := auth["scope"].(map[string]any)["project"].(map[string]any)
	if methods[0] != "token" || scope["id"] != "p2" {
		t.Errorf("token request %v", auth)
	}

	if regions := c.Regions(); !slices.Equal(regions, []string{"R1", "R2"}) {
		t.Errorf("regions %v", regions)
	}
	far := c.InRegion("R2")
	if far.Scope() == c.Scope() || !strings.Contains(far.Scope(), "/r2/compute") {
		t.Errorf("scopes %q and %q", c.Scope(), far.Scope())
	}
	f.on("/r2/compute/v2.1/servers/s1", says(200, `{"server": {"id": "s1", "name": "far"}}`))
	if server, err := far.Server(t.Context(), "s1"); err != nil || server.Name != "far" {
		t.Errorf("server %v, %v", server, err)
	}
	if f.tokens() != 2 {
		t.Errorf("%d token requests", f.tokens())
	}
}

func TestFirewallGroups(t *testing.T) {
	f := newFake(t)
	c := f.connect(ClientOptions{})
	if _, err := c.FirewallGroups(t.Context()); !IsNotFound(err) {
		t.Errorf("without the extension: %v", err)
	}
	f.on("/network/v2.0/fwaas/firewall_groups", says(200, `{"firewall_groups": [{"id": "g1", "ports": ["p1"], "status": "ACTIVE", "ingress_firewall_policy_id": null}]}`))
	groups, err := c.FirewallGroups(t.Context())
	if err != nil || len(groups) != 1 || groups[0].ID != "g1" || groups[0].IngressPolicyID != "" {
		t.Errorf("groups %+v, %v", groups, err)
	}
}

func TestListsServers(t *testing.T) {
	f := newFake(t)
	c := f.connect(ClientOptions{})
	f.on("/compute/v2.1/servers", says(500, `{"computeFault": {"code": 500, "message": "down"}}`))
	if c.ListsServers(t.Context()) == nil {
		t.Error("a nova that fails lists servers")
	}
	f.on("/compute/v2.1/servers", says(200, `{"servers": [{"id": "s1", "name": "web"}]}`))
	if err := c.ListsServers(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAhead(t *testing.T) {
	f := newFake(t)
	c := f.connect(ClientOptions{})
	f.on("/compute/v2.1/servers", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		reply(w, 200, `{"servers": []}`)
	})
	if err := c.ListsServers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ahead := c.Ahead(); ahead < 59*time.Minute || ahead > 61*time.Minute {
		t.Errorf("ahead by %v", ahead)
	}
}
