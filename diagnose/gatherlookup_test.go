package diagnose

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"osssh/internal/openstack"
	"osssh/reach"
)

// fakeCloud is a cloud of two regions, and a user with two projects: "web" is in
// region R2 of the first and in region R1 of the second.
func fakeCloud(t *testing.T) *openstack.Cloud {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	endpoints := func(path string) []map[string]any {
		var all []map[string]any
		for _, region := range []string{"R1", "R2"} {
			all = append(all, map[string]any{"interface": "public", "region": region, "region_id": region, "url": server.URL + "/" + region + path})
		}
		return all
	}
	answer := func(w http.ResponseWriter, status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	mux.HandleFunc("POST /v3/auth/tokens", func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Auth struct {
				Scope struct{ Project struct{ ID string } }
			}
		}
		_ = json.NewDecoder(r.Body).Decode(&asked)
		project := asked.Auth.Scope.Project.ID
		w.Header().Set("X-Subject-Token", "token-"+project)
		answer(w, http.StatusCreated, map[string]any{"token": map[string]any{
			"expires_at": "2099-01-01T00:00:00Z", "user": map[string]any{"id": "u"}, "project": map[string]any{"id": project, "name": project},
			"catalog": []map[string]any{{"type": "compute", "endpoints": endpoints("/v2.1")}, {"type": "network", "endpoints": endpoints("/net")}},
		}})
	})
	mux.HandleFunc("GET /v3/auth/projects", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, map[string]any{"projects": []map[string]any{
			{"id": "p1", "name": "first", "enabled": true}, {"id": "p2", "name": "second", "enabled": true}, {"id": "p3", "name": "gone", "enabled": false},
		}})
	})
	mux.HandleFunc("GET /{region}/v2.1/servers/detail", func(w http.ResponseWriter, r *http.Request) {
		servers := []map[string]any{}
		where := r.PathValue("region") + " " + strings.TrimPrefix(r.Header.Get("X-Auth-Token"), "token-")
		if where == "R2 p1" || where == "R1 p2" {
			servers = append(servers, map[string]any{"id": where, "name": "web", "status": "ACTIVE"})
		}
		answer(w, 200, map[string]any{"servers": servers})
	})
	mux.HandleFunc("GET /R1/net/v2.0/floatingips", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, map[string]any{"floatingips": []map[string]any{{"id": "f", "floating_ip_address": "198.51.100.7", "port_id": "lb"}}})
	})
	mux.HandleFunc("GET /R1/net/v2.0/ports", func(w http.ResponseWriter, r *http.Request) {
		ports := []map[string]any{
			{"id": "lb", "device_owner": "Octavia", "fixed_ips": []map[string]any{{"ip_address": "10.0.0.9"}}},
			{"id": "a", "allowed_address_pairs": []map[string]any{{"ip_address": "10.0.0.9"}, {"ip_address": "198.51.100.7"}}},
			{"id": "b"},
		}
		if r.URL.Query().Has("fixed_ips") {
			ports = ports[:1]
		}
		answer(w, 200, map[string]any{"ports": ports})
	})
	return &openstack.Cloud{Name: "fake", Region: "R1", Interface: "public", AuthURL: server.URL + "/v3",
		Auth: openstack.Auth{Type: openstack.AuthPassword, UserID: "u", Password: "secret", ProjectID: "p1"}}
}

func gatherAt(t *testing.T, cloud *openstack.Cloud, name string) *Facts {
	t.Helper()
	client, err := openstack.Connect(t.Context(), cloud, openstack.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	c := Config{Reach: &reach.Config{Cloud: cloud, Client: func(context.Context, bool) (*openstack.Client, error) { return client, nil }}}
	return Gather(t.Context(), c, reach.Request{Name: name, Settings: settings(t, t.TempDir(), name, "")}, nil)
}

func TestGatherElsewhere(t *testing.T) {
	f := gatherAt(t, fakeCloud(t), "web")
	var found []string
	for _, e := range f.Nova.Elsewhere {
		found = append(found, fmt.Sprintf("%s/%s: %s", e.Project, e.Region, e.Server.ID))
	}
	if len(found) != 2 || !strings.Contains(strings.Join(found, ", "), "second/: R1 p2") || !strings.Contains(strings.Join(found, ", "), "/R2: R2 p1") {
		t.Errorf("found %q", found)
	}
	if len(f.Gaps) != 0 || f.Nova.UserID != "u" {
		t.Errorf("gaps %v, user %q", f.Gaps, f.Nova.UserID)
	}
}

func TestGatherOwner(t *testing.T) {
	owner := gatherAt(t, fakeCloud(t), "198.51.100.7").Neutron.Owner
	if owner == nil || owner.Floating == nil || owner.Floating.ID != "f" || owner.Port == nil || owner.Port.ID != "lb" || len(owner.VIPOf) != 1 || owner.VIPOf[0].ID != "a" {
		t.Errorf("owner %+v", owner)
	}
}
