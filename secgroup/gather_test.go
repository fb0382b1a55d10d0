package secgroup

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"osssh/internal/openstack"
)

const project = "11111111111111111111111111111111"

// neutron answers by path and notes what was asked.
type neutron struct {
	mu      sync.Mutex
	asked   []string
	answers map[string]string // by path; what is missing is a 404
	status  map[string]int
}

func (n *neutron) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/auth/tokens") {
		w.Header().Set("X-Subject-Token", "token")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{"token": map[string]any{
			"expires_at": "2099-01-01T00:00:00.000000Z",
			"user":       map[string]any{"id": "u"},
			"project":    map[string]any{"id": project, "name": "demo"},
			"catalog": []any{map[string]any{"type": "network", "endpoints": []any{
				map[string]any{"interface": "public", "region": "R", "region_id": "R", "url": "http://" + r.Host},
			}}},
		}})
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/v2.0/")
	if !ok { // the client looks for the API's beginning after a 404
		w.WriteHeader(http.StatusNotFound)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	query := r.URL.Query()
	query.Del("fields")
	n.asked = append(n.asked, path+"?"+query.Encode())
	if status := n.status[path]; status != 0 {
		w.WriteHeader(status)
		return
	}
	body, ok := n.answers[path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(body))
}

func connect(t *testing.T, n http.Handler) *openstack.Client {
	t.Helper()
	server := httptest.NewServer(n)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	file := "clouds: {c: {region_name: R, auth: {auth_url: '" + server.URL + "/v3', username: u, password: p, project_id: " + project + ", user_domain_id: default}}}\n"
	if err := os.WriteFile(filepath.Join(dir, "clouds.yaml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	cloud, err := openstack.Load(openstack.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	client, err := openstack.Connect(context.Background(), cloud, openstack.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

const answeredPorts = `{"ports": [
	{"id": "p1", "security_groups": ["g"], "fixed_ips": [{"ip_address": "10.0.0.5"}, {"ip_address": "2001:db8::5"}], "allowed_address_pairs": [{"ip_address": "10.0.0.99"}, {"ip_address": "10.1.0.9/24"}, {"ip_address": "junk"}]},
	{"id": "p2", "security_groups": ["g", "own"], "fixed_ips": [{"ip_address": "10.0.0.6"}]},
	{"id": "p3", "security_groups": ["elsewhere"], "fixed_ips": [{"ip_address": "10.0.0.7"}]}]}`

func gatherQuery(t *testing.T) ([]openstack.Port, []openstack.SecurityGroup) {
	g := group(t, "g",
		"ingress IPv4 - - sg:g", "ingress IPv4 tcp 22 sg:own", "ingress IPv4 tcp 22 sg:foreign", "ingress IPv4 tcp 22 sg:lent", "ingress IPv4 tcp 22 sg:own",
		"ingress IPv4 tcp 22 ag:readable", "ingress IPv4 tcp 22 ag:hidden",
		"ingress IPv4 udp 53 sg:never", "egress IPv4 - - sg:never", "egress IPv4 - - ag:never")
	g.ProjectID = project
	return []openstack.Port{{ID: "p1", SecurityGroups: []string{"g"}}},
		[]openstack.SecurityGroup{g, group(t, "unbound", "ingress IPv4 tcp 22 sg:never")}
}

func TestGather(t *testing.T) {
	n := &neutron{answers: map[string]string{
		"ports":                   answeredPorts,
		"security-groups":         `{"security_groups": [{"id": "own", "project_id": "` + project + `"}, {"id": "foreign", "project_id": "x"}, {"id": "lent", "project_id": "` + project + `", "shared": true}]}`,
		"address-groups/readable": `{"address_group": {"id": "readable", "addresses": ["203.0.113.0/24"]}}`,
	}}
	ports, groups := gatherQuery(t)
	facts, err := Gather(context.Background(), connect(t, n), ports, groups)
	if err != nil {
		t.Fatal(err)
	}
	want := Facts{
		Members: map[string]Members{
			"g":       {Addresses: addrs("10.0.0.5", "2001:db8::5", "10.0.0.6"), Pairs: prefixes("10.0.0.99/32", "10.1.0.0/24"), Complete: true},
			"own":     {Addresses: addrs("10.0.0.6"), Complete: true},
			"foreign": {},
			"lent":    {},
		},
		AddressGroups: map[string]openstack.AddressGroup{"readable": {ID: "readable", Addresses: []string{"203.0.113.0/24"}}},
	}
	if !reflect.DeepEqual(facts, want) {
		t.Errorf("got %+v\nwant %+v", facts, want)
	}
	slices.Sort(n.asked)
	if want := []string{
		"address-groups/hidden?", "address-groups/readable?",
		"ports?security_groups=foreign&security_groups=g&security_groups=lent&security_groups=own",
		"security-groups?id=foreign&id=lent&id=own",
	}; !slices.Equal(n.asked, want) {
		t.Errorf("asked %q", n.asked)
	}
}

// What may not be read is no error; what fails is one, and takes nothing else along.
func TestGatherFaults(t *testing.T) {
	address := `{"address_group": {"id": "readable", "addresses": []}}`
	for _, v := range []struct {
		name    string
		answers map[string]string
		status  map[string]int
		failed  int // status of the error that comes back; 0 = none
		members []string
	}{
		{"nothing may be read", nil, map[string]int{"ports": 403, "security-groups": 403}, 0, nil},
		{"owners may not be read", map[string]string{"ports": answeredPorts}, nil, 0, []string{"foreign", "g", "lent", "own"}},
		{"ports fail", map[string]string{"security-groups": `{"security_groups": []}`}, map[string]int{"ports": 400}, 400, nil},
	} {
		t.Run(v.name, func(t *testing.T) {
			n := &neutron{answers: map[string]string{"address-groups/readable": address}, status: v.status}
			maps.Copy(n.answers, v.answers)
			ports, groups := gatherQuery(t)
			facts, err := Gather(context.Background(), connect(t, n), ports, groups)
			var api *openstack.APIError
			if errors.As(err, &api) != (v.failed != 0) || api != nil && api.Status != v.failed || err != nil && v.failed == 0 {
				t.Errorf("error %v, want status %d", err, v.failed)
			}
			if got := slices.Sorted(maps.Keys(facts.Members)); !slices.Equal(got, v.members) {
				t.Errorf("members of %q, want %q", got, v.members)
			}
			if facts.Members["own"].Complete {
				t.Error("complete without knowing the owner")
			}
			if _, ok := facts.AddressGroups["readable"]; !ok {
				t.Error("the address group was lost")
			}
		})
	}
}

func TestGatherNothing(t *testing.T) {
	n := &neutron{}
	client := connect(t, n)
	before := client.Calls()
	if _, err := Gather(context.Background(), client, []openstack.Port{{SecurityGroups: []string{"g"}}}, []openstack.SecurityGroup{group(t, "g", ssh)}); err != nil {
		t.Fatal(err)
	}
	if got := client.Calls() - before; got != 0 || len(n.asked) != 0 {
		t.Errorf("%d calls for rules that refer to nothing", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ports, groups := gatherQuery(t)
	if _, err := Gather(ctx, client, ports, groups); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A stateless group's egress rules are asked for too.
func TestReferencesOfStatelessGroups(t *testing.T) {
	g := stateful(group(t, "g", ssh, "egress IPv4 - - sg:out", "egress IPv4 tcp - ag:out"), false)
	remote, address := references([]openstack.Port{{SecurityGroups: []string{"g"}}}, []openstack.SecurityGroup{g})
	if !slices.Equal(remote, []string{"out"}) || !slices.Equal(address, []string{"out"}) {
		t.Errorf("got %q %q", remote, address)
	}
}

func TestBackend(t *testing.T) {
	for driver, want := range map[string]Backend{"ovn": OVN, "openvswitch": ML2, "linuxbridge": ML2, "sriovnicswitch": BackendUnknown} {
		var p openstack.Port
		if err := json.Unmarshal([]byte(`{"binding:vif_details": {"bound_drivers": {"0": "`+driver+`"}}}`), &p); err != nil {
			t.Fatal(err)
		}
		if got := backendOf([]openstack.Port{{}, p}); got != want {
			t.Errorf("%s: %v", driver, got)
		}
	}
}
