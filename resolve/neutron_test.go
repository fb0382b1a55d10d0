package resolve

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"osssh/internal/openstack"
)

// record is one of neutron's as JSON has it.
type record map[string]any

const project = "mine"

// neutron is what the tests ask: it filters, sorts, cuts and picks as neutron
// does. nova lists the servers beside it.
type neutron struct {
	records   map[string][]record // by collection
	forwards  map[string][]record // by floating IP: what its port_forwardings say
	forbidden map[string]bool     // paths that are refused
	broken    map[string]bool     // paths that fail
	ignored   []string            // filters that this neutron does not know
	nullsLast bool                // as in PostgreSQL, in ascending order
	delay     func(path string) time.Duration

	mu      sync.Mutex
	asked   []string // paths with their queries
	running int
	most    int // requests at once
}

// connect starts the cloud and logs in.
func (n *neutron) connect(t *testing.T) *openstack.Client {
	t.Helper()
	server := httptest.NewServer(n)
	t.Cleanup(server.Close)
	c, err := openstack.Connect(context.Background(), &openstack.Cloud{
		Name: "fake", Interface: "public", AuthURL: server.URL,
		Auth: openstack.Auth{Type: openstack.AuthPassword, Username: "u", UserDomainID: "default", Password: "p", ProjectID: project},
	}, openstack.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (n *neutron) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/auth/tokens") {
		w.Header().Set("X-Subject-Token", "token")
		w.WriteHeader(http.StatusCreated)
		base := "http://" + r.Host
		answer(w, record{"token": record{
			"expires_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "project": record{"id": project},
			"user": record{"id": "u"}, "catalog": []record{catalogEntry("network", base), catalogEntry("compute", base+"/v2.1")},
		}})
		return
	}
	n.mu.Lock()
	n.asked = append(n.asked, r.URL.RequestURI())
	n.running++
	n.most = max(n.most, n.running)
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		n.running--
		n.mu.Unlock()
	}()
	path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/v2.0/"), "/v2.1/")
	if n.delay != nil {
		time.Sleep(n.delay(path))
	}
	id, forwardings := strings.CutSuffix(strings.TrimPrefix(path, "floatingips/"), "/port_forwardings")
	switch {
	case n.forbidden[path]:
		w.WriteHeader(http.StatusForbidden)
		answer(w, record{"NeutronError": record{"type": "PolicyNotAuthorized", "message": "disallowed by policy", "detail": ""}})
	case n.broken[path]:
		w.WriteHeader(http.StatusBadRequest)
		answer(w, record{"NeutronError": record{"type": "HTTPBadRequest", "message": "no", "detail": ""}})
	case forwardings:
		answer(w, record{"port_forwardings": append([]record{}, n.forwards[id]...)})
	case path == "servers/detail":
		answer(w, record{"servers": append([]record{}, n.records["servers"]...)})
	case strings.HasPrefix(path, "servers/"):
		for _, s := range n.records["servers"] {
			if "servers/"+fmt.Sprint(s["id"]) == path {
				answer(w, record{"server": s})
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
		answer(w, record{"itemNotFound": record{"code": 404, "message": "Instance could not be found."}})
	case n.records[path] == nil && path == "floatingips":
		w.WriteHeader(http.StatusNotFound)
		answer(w, record{"NeutronError": record{"type": "HTTPNotFound", "message": "The resource could not be found.", "detail": ""}})
	default:
		answer(w, n.list(path, r))
	}
}

func catalogEntry(kind, url string) record {
	return record{"type": kind, "endpoints": []record{{"interface": "public", "region": "R", "region_id": "R", "url": url}}}
}

func answer(w http.ResponseWriter, body record) { _ = json.NewEncoder(w).Encode(body) }

func (n *neutron) list(collection string, r *http.Request) record {
	query := r.URL.Query()
	rows := slices.Clone(n.records[collection])
	if key := query.Get("sort_key"); key != "" {
		n.sort(rows, key, query.Get("sort_dir") == "desc")
	}
	limit, _ := strconv.Atoi(query.Get("limit"))
	passed := query.Get("marker") == ""
	found, body := []record{}, record{}
	for _, row := range rows {
		if !passed {
			passed = row["id"] == query.Get("marker")
			continue
		}
		for _, key := range n.ignored {
			query.Del(key)
		}
		if !row.fits(query) {
			continue
		}
		found = append(found, row.pick(query["fields"]))
		if len(found) == limit {
			body[collection+"_links"] = []record{{"rel": "next", "href": "http://nowhere.invalid"}}
			break
		}
	}
	body[strings.NewReplacer("os-", "", "-", "_").Replace(collection)] = found
	return body
}

func (n *neutron) sort(rows []record, key string, down bool) {
	slices.SortFunc(rows, func(a, b record) int {
		x, y := fmt.Sprint(a[key]), fmt.Sprint(b[key])
		order := cmp.Compare(x, y)
		if (a[key] == nil) != (b[key] == nil) {
			order = 1
			if (a[key] == nil) != n.nullsLast {
				order = -1
			}
		}
		order = cmp.Or(order, cmp.Compare(fmt.Sprint(a["id"]), fmt.Sprint(b["id"])))
		if down {
			return -order
		}
		return order
	})
}

func (r record) fits(query map[string][]string) bool {
	for key, values := range query {
		if slices.Contains([]string{"fields", "limit", "marker", "sort_key", "sort_dir"}, key) {
			continue
		}
		value := r[key]
		if addresses, ok := value.([]record); ok && len(addresses) > 0 {
			value = fmt.Sprintf("ip_address=%v", addresses[0]["ip_address"])
		}
		if value == nil {
			value = ""
		}
		if !slices.Contains(values, fmt.Sprint(value)) {
			return false
		}
	}
	return true
}

func (r record) pick(fields []string) record {
	if len(fields) == 0 {
		return r
	}
	picked := record{}
	for _, f := range fields {
		if value, ok := r[f]; ok {
			picked[f] = value
		}
	}
	return picked
}

func (n *neutron) requests(prefix string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var found []string
	for _, uri := range n.asked {
		if strings.Contains(uri, prefix) {
			found = append(found, uri)
		}
	}
	return found
}

// The records of the tests: a server's port bears the server's id with its network's.

func legOf(server, network, address string) record {
	return record{
		"id": server + "-" + network, "network_id": network, "project_id": project, "device_id": server, "device_owner": "compute:nova",
		"fixed_ips": []record{{"subnet_id": network, "ip_address": address}}, "security_groups": []string{"g"},
	}
}

func routerLeg(router, network string) record {
	return record{
		"id": router + "-" + network, "network_id": network, "project_id": project, "device_id": router,
		"device_owner": "network:router_interface", "fixed_ips": []record{},
	}
}

func bound(id, address, port, fixed string) record {
	return record{
		"id": id, "floating_ip_address": address, "floating_network_id": "public", "project_id": project, "status": "ACTIVE",
		"router_id": "r", "port_id": port, "fixed_ip_address": fixed, "port_forwardings": []record{},
	}
}

// forwarder is a floating IP with forwardings; nil: neutron does not show them.
func forwarder(id, address string, forwardings []record) record {
	f := bound(id, address, "", "")
	f["port_id"], f["fixed_ip_address"] = nil, nil
	delete(f, "port_forwardings")
	if forwardings != nil {
		f["port_forwardings"] = forwardings
	}
	return f
}

// forward is one forwarding, whole.
func forward(external, internal int, address, port string) record {
	return record{
		"id": fmt.Sprintf("%d-%s", external, port), "protocol": "tcp", "external_port": external, "internal_port": internal,
		"internal_ip_address": address, "internal_port_id": port,
	}
}

// without is a copy of a record that lacks fields.
func (r record) without(fields ...string) record {
	left := record{}
	for key, value := range r {
		if !slices.Contains(fields, key) {
			left[key] = value
		}
	}
	return left
}
