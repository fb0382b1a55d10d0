package demo

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func FuzzParseModes(f *testing.F) {
	f.Add("\x01\x00\x00\x00\x03\x81\x00\x00\x96\x00\x00")
	f.Fuzz(func(t *testing.T, encoded string) {
		for opcode := range parseModes(encoded) {
			if opcode == 0 || opcode >= 160 {
				t.Errorf("opcode %d", opcode)
			}
		}
	})
}

// FuzzRequests: whatever a request brings, the answer is one of the API's and
// the cloud still answers.
func FuzzRequests(f *testing.F) {
	c := start(f, Options{})
	a := signIn(f, c)
	port := "/networking/v2.0/ports/" + a.list("/networking/v2.0/ports?device_id="+c.Instance("web").ID(), "ports", "id")[0]
	web := "/compute/v2.1/servers/" + c.Instance("web").ID()
	for _, seed := range []struct{ method, path, body string }{
		{"PUT", port, `{"port":{"security_groups":[],"allowed_address_pairs":[{}],"name":null}}`},
		{"POST", "/networking/v2.0/security-groups", `{"security_group":{"name":"x","tags":["a"]}}`},
		{"POST", "/networking/v2.0/security-group-rules", `{"security_group_rule":{"security_group_id":"x","port_range_min":1e99}}`},
		{"POST", "/networking/v2.0/floatingips", `{"floatingip":{"port_id":7}}`},
		{"POST", "/networking/v2.0/address-groups", `{"address_group":{"addresses":["x",1]}}`},
		{"POST", "/networking/v2.0/floatingips/" + c.network.forwardings[0].fip + "/port_forwardings", `{"port_forwarding":{"protocol":"tcp",` +
			`"internal_port_id":"x","internal_ip_address":"10.20.0.13","internal_port_range":"1:2","external_port":1e9}}`},
		{"PUT", "/networking/v2.0/floatingips/" + c.network.forwardings[0].fip + "/port_forwardings/" + c.network.forwardings[0].id,
			`{"port_forwarding":{"internal_port":null,"external_port_range":"9"}}`},
		{"POST", web + "/action", `{"reboot":{"type":"HARD"}}`},
		{"GET", "/compute/v2.1/os-security-groups", ""},
		{"POST", web + "/action", `{"os-getConsoleOutput":{"length":"-9"}}`},
		{"POST", web + "/metadata", `{"metadata":{"a":"b"}}`},
		{"GET", "/compute/v2.1/servers/detail?name=%28&limit=-1", ""},
		{"GET", "/networking/v2.0/ports?fixed_ips=ip_address%3D&fields=&limit=-1&marker=x", ""},
		{"POST", "/compute/v2.1/os-keypairs", `{"keypair":{"name":"x","public_key":"ssh-rsa AAAA"}}`},
		{"POST", "/identity/v3/auth/tokens", `{"auth":{"identity":{"methods":["token"]},"scope":[]}}`},
	} {
		f.Add(seed.method, seed.path, seed.body)
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		q, err := http.NewRequest(method, "http://x"+path, strings.NewReader(body))
		if err != nil || strings.Contains(path, c.control) || strings.HasSuffix(q.URL.Path, "/auth/tokens") && method == "DELETE" {
			t.Skip()
		}
		q.Header.Set("X-Auth-Token", a.token)
		w := httptest.NewRecorder()
		c.ServeHTTP(w, q)
		if data := w.Body.Bytes(); strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && !json.Valid(data) {
			t.Errorf("%d %q", w.Code, data)
		}
	})
}
