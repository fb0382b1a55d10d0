package secgroup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"osssh/internal/openstack"
)

type record = map[string]any

// world is a neutron that keeps groups, rules and one port "p", and fails when
// it is told to.
type world struct {
	mu     sync.Mutex
	next   int
	groups map[string]record
	rules  map[string]record
	port   []string // its groups
	writes int
	log    []string
	// fail is asked at each write, the first being 1: whether it is done, and the
	// status in place of the answer, 0 for the answer.
	fail func(write int, method, path string) (done bool, status int)
}

func newWorld() *world {
	w := &world{groups: map[string]record{}, rules: map[string]record{}, port: []string{"g"}}
	w.groups["g"] = record{"id": "g", "name": "ssh", "description": ""}
	w.rules["r"] = record{"id": "r", "security_group_id": "g", "direction": "egress", "ethertype": "IPv4", "description": ""}
	return w
}

// state is everything that an opening could change.
func (w *world) state() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	port := slices.Sorted(slices.Values(w.port))
	return fmt.Sprint(slices.Sorted(maps.Keys(w.groups)), slices.Sorted(maps.Keys(w.rules)), port)
}

func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/v2.0/")
	if !ok {
		(&neutron{}).ServeHTTP(out, r)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, r.Method+" "+path)
	done, status := true, 0
	if r.Method != http.MethodGet {
		w.writes++
		if w.fail != nil {
			done, status = w.fail(w.writes, r.Method, path)
		}
	}
	var body map[string]record
	_ = json.NewDecoder(r.Body).Decode(&body)
	answer, code := record{}, http.StatusInternalServerError
	if done {
		answer, code = w.do(r.Method, path, body)
	}
	if status != 0 {
		answer, code = record{"NeutronError": record{"type": "T", "message": "told to fail", "detail": ""}}, status
	}
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(code)
	if code != http.StatusNoContent {
		_ = json.NewEncoder(out).Encode(answer)
	}
}

func (w *world) do(method, path string, body map[string]record) (record, int) {
	collection, id, _ := strings.Cut(path, "/")
	switch method + " " + collection {
	case "GET security-groups":
		var all []record
		for _, id := range slices.Sorted(maps.Keys(w.groups)) {
			all = append(all, w.group(id))
		}
		return record{"security_groups": all}, http.StatusOK
	case "GET ports":
		return record{"ports": []record{{"id": "p", "device_id": serverA, "security_groups": w.port}}}, http.StatusOK
	case "POST security-groups":
		g := body["security_group"]
		g["id"] = w.id("g")
		w.groups[g["id"].(string)] = g
		for range 2 {
			w.rule(record{"security_group_id": g["id"], "direction": "egress", "ethertype": "IPv4", "description": ""})
		}
		return record{"security_group": w.group(g["id"].(string))}, http.StatusCreated
	case "POST security-group-rules":
		return record{"security_group_rule": w.rule(body["security_group_rule"])}, http.StatusCreated
	case "PUT ports":
		w.port = nil
		for _, g := range body["port"]["security_groups"].([]any) {
			w.port = append(w.port, g.(string))
		}
		return record{"port": record{"id": "p", "security_groups": w.port}}, http.StatusOK
	case "DELETE security-groups":
		if slices.Contains(w.port, id) {
			return record{"NeutronError": record{"type": "SecurityGroupInUse", "message": "in use", "detail": ""}}, http.StatusConflict
		}
		maps.DeleteFunc(w.rules, func(_ string, r record) bool { return r["security_group_id"] == id })
		return gone(w.groups, id)
	case "DELETE security-group-rules":
		return gone(w.rules, id)
	}
	return record{}, http.StatusNotFound
}

func gone(from map[string]record, id string) (record, int) {
	if from[id] == nil {
		return record{}, http.StatusNotFound
	}
	delete(from, id)
	return nil, http.StatusNoContent
}

func (w *world) id(kind string) string {
	w.next++
	return fmt.Sprintf("%s%d", kind, w.next)
}

func (w *world) rule(r record) record {
	r["id"] = w.id("r")
	w.rules[r["id"].(string)] = r
	return r
}

func (w *world) group(id string) record {
	g := maps.Clone(w.groups[id])
	rules := []record{}
	for _, id := range slices.Sorted(maps.Keys(w.rules)) {
		if w.rules[id]["security_group_id"] == g["id"] {
			rules = append(rules, w.rules[id])
		}
	}
	g["security_group_rules"], g["project_id"] = rules, project
	return g
}

// openings are one into the port's own group, and one into a new group with two
// rules.
func openings(t *testing.T) map[string]Opening {
	own := opening(t, "203.0.113.7/32")
	shared := opening(t, "203.0.113.7/32")
	shared.Groups[0] = stateful(shared.Groups[0], false)
	shared.Groups[0].Rules = nil
	shared.Use.Others["g"] = 1
	return map[string]Opening{"own": PlanOpening(own), "new": PlanOpening(shared)}
}

func TestOpeningDo(t *testing.T) {
	for name, want := range map[string]string{
		"own": "[g] [r r1] [g]",
		"new": "[g g1] [r r4 r5] [g g1]",
	} {
		w := newWorld()
		done, err := openings(t)[name].Do(t.Context(), connect(t, w), "p")
		if err != nil {
			t.Fatal(err)
		}
		if got := w.state(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if wantGroup := map[string]string{"own": "g", "new": "g1"}[name]; done.GroupID != wantGroup {
			t.Errorf("%s: %+v", name, done)
		}
		// and back
		q, err := GatherClosing(t.Context(), connect(t, w))
		if err != nil {
			t.Fatal(err)
		}
		q.Pick = func(r Rule, _ Mark) bool { return slices.Contains(done.RuleIDs, r.ID) }
		if failed := PlanClosing(q).Do(t.Context(), connect(t, w)); len(failed) > 0 {
			t.Error(failed)
		}
		if got := w.state(); got != newWorld().state() {
			t.Errorf("%s: %s is left", name, got)
		}
	}
}

// Whichever write fails, done or not, nothing stays of those before it.
func TestOpeningDoFails(t *testing.T) {
	for name, o := range openings(t) {
		for failing := 1; ; failing++ {
			writes := 0
			for _, done := range []bool{false, true} {
				w := newWorld()
				w.fail = func(write int, _, _ string) (bool, int) {
					if write == failing {
						return done, http.StatusGatewayTimeout
					}
					return true, 0
				}
				_, err := o.Do(t.Context(), connect(t, w), "p")
				if writes = w.writes; writes < failing {
					break // all have had their turn
				}
				var failed *StepError
				if !errors.As(err, &failed) || len(failed.Left) > 0 {
					t.Errorf("%s, write %d: %v", name, failing, err)
				}
				if got := w.state(); got != newWorld().state() {
					t.Errorf("%s, write %d (done: %v) leaves %s\n%s", name, failing, done, got, strings.Join(w.log, "\n"))
				}
			}
			if writes < failing {
				break
			}
		}
	}
}

// So with ctrl-C, whichever call it falls into.
func TestOpeningDoInterrupted(t *testing.T) {
	for name, o := range openings(t) {
		for at := 1; ; at++ {
			w := newWorld()
			ctx, cancel := context.WithCancel(t.Context())
			w.fail = func(write int, _, _ string) (bool, int) {
				if write == at {
					cancel()
				}
				return true, 0
			}
			_, err := o.Do(ctx, connect(t, w), "p")
			cancel()
			if err == nil {
				break // it fell into the last one: everything is done
			}
			if got := w.state(); !errors.Is(err, context.Canceled) || got != newWorld().state() {
				t.Errorf("%s, write %d leaves %s: %v", name, at, got, err)
			}
		}
	}
}

// What cannot be undone is named.
func TestOpeningDoLeft(t *testing.T) {
	w := newWorld()
	w.fail = func(_ int, method, path string) (bool, int) {
		if method == http.MethodPut || method == http.MethodDelete && strings.HasPrefix(path, "security-groups/") {
			return false, http.StatusForbidden
		}
		return true, 0
	}
	_, err := openings(t)["new"].Do(t.Context(), connect(t, w), "p")
	var failed *StepError
	if !errors.As(err, &failed) || failed.Step != BindGroup || failed.ID != "p" || !openstack.IsForbidden(err) {
		t.Fatal(err)
	}
	if len(failed.Left) != 1 || failed.Left[0].Step != DeleteGroup || failed.Left[0].ID != "g1" {
		t.Errorf("left: %v", failed.Left)
	}
	if got := w.state(); got != "[g g1] [r] [g]" {
		t.Errorf("%s is left", got)
	}
}

// Another's change of the port's groups in the meantime is kept.
func TestBindKeepsOthers(t *testing.T) {
	w := newWorld()
	client := connect(t, w)
	o := openings(t)["new"]
	w.fail = func(_ int, method, _ string) (bool, int) {
		if method == http.MethodPost && len(w.port) == 1 {
			w.port = append(w.port, "meanwhile")
		}
		return true, 0
	}
	done, err := o.Do(t.Context(), client, "p")
	if err != nil || !slices.Equal(w.port, []string{"g", "meanwhile", done.GroupID}) {
		t.Errorf("%v, %v", w.port, err)
	}
}

// One step that fails does not hold the others, and what is gone already is as
// it should be.
func TestClosingDo(t *testing.T) {
	w := newWorld()
	client := connect(t, w)
	first, err := openings(t)["new"].Do(t.Context(), client, "p")
	if err != nil {
		t.Fatal(err)
	}
	q, err := GatherClosing(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	q.Servers, q.Pick = []string{serverA}, func(Rule, Mark) bool { return true }
	c := PlanClosing(q)
	delete(w.rules, first.RuleIDs[1])
	w.fail = func(_ int, _, path string) (bool, int) {
		if path == "security-group-rules/"+first.RuleIDs[0] {
			return false, http.StatusForbidden
		}
		return true, 0
	}
	failed := c.Do(t.Context(), client)
	if len(failed) != 1 || failed[0].Step != DeleteRule || failed[0].ID != first.RuleIDs[0] {
		t.Errorf("%v", failed)
	}
	if got := w.state(); got != newWorld().state() {
		t.Errorf("%s is left", got)
	}
	if failed := c.Do(t.Context(), client); len(failed) > 1 { // all is gone; one is still told to fail
		t.Errorf("%v", failed)
	}
}

func TestGatherUse(t *testing.T) {
	n := &neutron{answers: map[string]string{
		"ports":         `{"ports": [{"id": "p", "security_groups": ["g", "h"]}, {"id": "q", "security_groups": ["g"]}, {"id": "z", "security_groups": ["z"]}]}`,
		"rbac-policies": `{"rbac_policies": [{"id": "1", "object_type": "security_group", "object_id": "h"}]}`,
	}, status: map[string]int{}}
	client := connect(t, n)
	port := openstack.Port{ID: "p", SecurityGroups: []string{"g", "h", "hidden"}}
	groups := []openstack.SecurityGroup{group(t, "g"), group(t, "h"), group(t, "unbound")}
	check := func(what string, others map[string]int, lent map[string]bool) {
		t.Helper()
		use, err := GatherUse(t.Context(), client, port, groups)
		if err != nil || use.ProjectID != project || !maps.Equal(use.Others, others) || !maps.Equal(use.Lent, lent) {
			t.Errorf("%s: %+v, %v", what, use, err)
		}
	}
	others, lent := map[string]int{"g": 1, "h": 0}, map[string]bool{"g": false, "h": true}
	check("all is readable", others, lent)
	n.status["rbac-policies"] = http.StatusForbidden
	check("who lends is hidden", others, nil)
	n.status["ports"] = http.StatusForbidden
	check("all is hidden", nil, nil)
	n.status = map[string]int{"ports": http.StatusInternalServerError}
	if use, err := GatherUse(t.Context(), client, port, groups); err == nil {
		t.Errorf("%+v from a broken neutron", use)
	}
	n.status, n.asked = nil, nil
	if _, err := GatherUse(t.Context(), client, openstack.Port{ID: "p"}, groups); err != nil || len(n.asked) > 0 {
		t.Errorf("a port without groups: %v, %v", n.asked, err)
	}
}
