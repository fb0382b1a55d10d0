package diagnose

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"osssh/internal/demo"
)

// The demo's APIs, as the user and behind their back.

// edit changes clouds.yaml.
func (s *stage) edit(oldNew ...string) {
	s.t.Helper()
	path := filepath.Join(s.Home(), "clouds.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	edited := strings.NewReplacer(oldNew...).Replace(string(text))
	if edited == string(text) {
		s.t.Fatalf("%q is not in clouds.yaml", oldNew)
	}
	s.write("clouds.yaml", edited, 0o600)
}

// call asks an API below the demo's root, such as /compute/v2.1/servers.
func (s *stage) call(method, path, body string) map[string]any {
	s.t.Helper()
	root := strings.TrimSuffix(s.cloud.AuthURL, "/identity/v3")
	auth := s.cloud.Auth
	token := s.send(http.MethodPost, root+"/identity/v3/auth/tokens", "", `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"`+
		auth.Username+`","domain":{"name":"Default"},"password":"`+string(auth.Password)+`"}}}}}`).Header.Get("X-Subject-Token")
	answer := s.send(method, root+path, token, body)
	var decoded map[string]any
	data, _ := io.ReadAll(answer.Body)
	if len(data) > 0 {
		if err := json.Unmarshal(data, &decoded); err != nil {
			s.t.Fatalf("%s: %v", data, err)
		}
	}
	return decoded
}

func encode(t *testing.T, body any) string {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s *stage) send(method, url, token, body string) *http.Response {
	s.t.Helper()
	q, err := http.NewRequestWithContext(s.t.Context(), method, url, bytes.NewBufferString(body))
	if err != nil {
		s.t.Fatal(err)
	}
	q.Header.Set("X-Auth-Token", token)
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = answer.Body.Close() })
	if answer.StatusCode >= http.StatusBadRequest {
		data, _ := io.ReadAll(answer.Body)
		s.t.Fatalf("%s %s: %d %s", method, url, answer.StatusCode, data)
	}
	return answer
}

// act does a server's action, such as {"os-stop":null}.
func (s *stage) act(name, action string) {
	s.t.Helper()
	s.call(http.MethodPost, "/compute/v2.1/servers/"+s.Instance(name).ID()+"/action", action)
}

// idOf gives the id of the first record of neutron that a query finds.
func (s *stage) idOf(collection, query string) string {
	s.t.Helper()
	rows := s.rows(collection, query)
	if len(rows) == 0 {
		s.t.Fatalf("no %s with %s", collection, query)
	}
	return rows[0]["id"].(string)
}

func (s *stage) rows(collection, query string) (rows []map[string]any) {
	s.t.Helper()
	found := s.call(http.MethodGet, "/networking/v2.0/"+collection+"?"+query, "")
	for _, row := range found[strings.ReplaceAll(collection, "-", "_")].([]any) {
		rows = append(rows, row.(map[string]any))
	}
	return rows
}

// group makes a security group of these rules, and puts it on the first port of
// a server in place of its own.
func (s *stage) group(server, name string, rules ...map[string]any) string {
	s.t.Helper()
	made := s.call(http.MethodPost, "/networking/v2.0/security-groups", `{"security_group":{"name":"`+name+`"}}`)
	id := made["security_group"].(map[string]any)["id"].(string)
	for _, rule := range rules {
		rule["security_group_id"], rule["direction"] = id, "ingress"
		s.call(http.MethodPost, "/networking/v2.0/security-group-rules", encode(s.t, map[string]any{"security_group_rule": rule}))
	}
	s.record("ports/"+server, map[string]any{"security_groups": []any{id}})
	return id
}

// record changes a record of nova or neutron behind the APIs' back.
func (s *stage) record(record string, set map[string]any) {
	service := "neutron"
	if strings.HasPrefix(record, "servers/") {
		service = "nova"
	}
	s.inject(demo.Fault{Service: service, Record: record, Set: set})
}

// silence drops what comes for an instance, as a fault that neutron knows
// nothing of would.
func (s *stage) silence(name string) { s.instance(name, demo.SSHBacklog) }
