package demo

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestAuthenticate(t *testing.T) {
	c := start(t, Options{})
	id := c.identity
	token := signIn(t, c).token
	user := fmt.Sprintf(`"user":{"id":%q`, id.userID)
	for _, test := range []struct {
		name, body string
		status     int
		want       string // in the answer
	}{
		{"password", passwordRequest(id.password), 201, `"name":"member"`},
		{"wrong password", passwordRequest("x"), 401, "The request you have made requires authentication."},
		{"unscoped", `{"auth":{"identity":{"methods":["password"],"password":{` + user + `,"password":"` + id.password + `"}}},"scope":"unscoped"}}`, 201, `"methods"`},
		{"default project", `{"auth":{"identity":{"methods":["password"],"password":{` + user + `,"password":"` + id.password + `"}}}}}`, 201, `"project"`},
		{"other project", `{"auth":{"identity":{"methods":["password"],"password":{` + user + `,"password":"` + id.password + `"}}},"scope":{"project":{"name":"x","domain":{"id":"default"}}}}}`, 401, "requires authentication"},
		{"other domain", `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"demo","domain":{"id":"x"},"password":"` + id.password + `"}}}}}`, 401, "requires authentication"},
		{"credential", `{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":"` + id.credentialID + `","secret":"` + id.secret + `"}}}}`, 201, `"application_credential"`},
		{"credential by name", `{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"name":"demo-appcred",` + user + `},"secret":"` + id.secret + `"}}}}`, 201, `"demo-appcred"`},
		{"wrong secret", `{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":"` + id.credentialID + `","secret":"x"}}}}`, 401, "requires authentication"},
		{"token", `{"auth":{"identity":{"methods":["token"],"token":{"id":"` + token + `"}}}}`, 201, `"token"`},
		{"unknown token", `{"auth":{"identity":{"methods":["token"],"token":{"id":"x"}}}}`, 401, "requires authentication"},
		{"passcode", `{"auth":{"identity":{"methods":["totp"],"totp":{` + user + `,"passcode":"123456"}}}}}`, 201, `"totp"`},
		{"wrong passcode", `{"auth":{"identity":{"methods":["totp"],"totp":{` + user + `,"passcode":"1"}}}}}`, 401, "requires authentication"},
		{"both must hold, the first", `{"auth":{"identity":{"methods":["password","totp"],"password":{` + user + `,"password":"x"}},"totp":{` + user + `,"passcode":"123456"}}}}}`, 401, "requires authentication"},
		{"both must hold, the second", `{"auth":{"identity":{"methods":["password","totp"],"password":{` + user + `,"password":"` + id.password + `"}},"totp":{` + user + `,"passcode":"1"}}}}}`, 401, "requires authentication"},
		{"no method", `{"auth":{"identity":{"methods":[]}}}`, 401, "requires authentication"},
		{"unknown method", `{"auth":{"identity":{"methods":["saml2"]}}}`, 401, "requires authentication"},
		{"no auth", `{}`, 400, "Expecting to find auth"},
		{"no JSON", `{`, 400, "Expecting to find valid JSON"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &client{t: t, cloud: c}
			status, header, body := a.do("POST", "/identity/v3/auth/tokens", test.body)
			if status != test.status || !strings.Contains(body, test.want) {
				t.Errorf("%d %s", status, body)
			}
			if made := header.Get("X-Subject-Token") != ""; made != (status == http.StatusCreated) {
				t.Errorf("with a token: %v", made)
			}
			if test.name == "unscoped" && strings.Contains(body, "catalog") {
				t.Error("an unscoped token has a catalog")
			}
		})
	}
}

func TestEveryServiceAsksForAToken(t *testing.T) {
	a := &client{t: t, cloud: start(t, Options{})}
	for _, token := range []string{"", "x"} {
		a.token = token
		for _, path := range []string{"/compute/v2.1/servers", "/networking/v2.0/ports", "/image/v2/images", "/volume/v3/x/volumes/y",
			"/identity/v3/auth/catalog"} {
			status, header, body := a.do("GET", path, "")
			if status != http.StatusUnauthorized || header.Get("Www-Authenticate") == "" {
				t.Errorf("%s with token %q: %d %s", path, token, status, body)
			}
		}
	}
}

func TestCatalog(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	kinds := func() string { return strings.Join(a.list("/identity/v3/auth/catalog", "catalog", "type"), " ") }
	if got := kinds(); got != "identity compute network image block-storage" {
		t.Errorf("catalog: %s", got)
	}
	if err := c.Inject(Fault{Service: "neutron", Missing: true}); err != nil {
		t.Fatal(err)
	}
	if got := kinds(); got != "identity compute image block-storage" {
		t.Errorf("catalog without neutron: %s", got)
	}
	c.ClearFaults()
	if err := c.Inject(Fault{Service: "keystone", Expire: true}); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := a.do("GET", "/compute/v2.1/servers", ""); status != http.StatusUnauthorized {
		t.Errorf("expired token: %d", status)
	}
}

// TestVersionDocuments asks as keystoneauth discovers: no token, no slash.
func TestVersionDocuments(t *testing.T) {
	a := &client{t: t, cloud: start(t, Options{})}
	for path, status := range map[string]int{
		"/identity": 300, "/identity/": 300, "/identity/v3": 200, "/identity/v3/": 200, "/compute": 200, "/compute/v2.1": 200, "/compute/v2.1/": 200,
		"/networking": 200, "/networking/": 200, "/image": 300, "/image/": 300, "/volume": 300, "/volume/v3": 200,
	} {
		if got, _, body := a.do("GET", path, ""); got != status || !strings.Contains(body, "version") {
			t.Errorf("%s: %d %s", path, got, body)
		}
	}
}
