package diagnose

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"osssh/internal/demo"
)

func localScenarios() []scenario {
	variable := func(name, value string) func(*stage) { return func(s *stage) { s.env[name] = value } }
	yaml := func(text string) func(*stage) { return func(s *stage) { s.write("clouds.yaml", text, 0o600) } }
	edit := func(oldNew ...string) func(*stage) { return func(s *stage) { s.edit(oldNew...) } }
	settings := func(text string, mode os.FileMode) func(*stage) {
		return func(s *stage) { s.userFile = s.write(".ssh/config", text, mode) }
	}
	return []scenario{
		{cause: "L1", name: "nothing at all", breaks: func(s *stage) {
			s.env["OS_CLIENT_CONFIG_FILE"], s.env["OS_CLOUD"] = "", ""
		}},
		{cause: "L2", name: "a slip in OS_CLOUD", breaks: variable("OS_CLOUD", "dmeo"), mends: func(s *stage, fix Fix) {
			runLogin(s, fix)
			s.env["OS_CLOUD"] = "demo"
		}},
		{cause: "L2", name: "none of several chosen", breaks: variable("OS_CLOUD", "")},
		{cause: "L3", name: "a tab in YAML", breaks: yaml("clouds:\n\tdemo:\n")},
		{cause: "L3", name: "a directory in its place", breaks: func(s *stage) {
			path := filepath.Join(s.Home(), "clouds.yaml")
			if err := os.Remove(path); err != nil {
				s.t.Fatal(err)
			}
			if err := os.Mkdir(path, 0o700); err != nil {
				s.t.Fatal(err)
			}
		}},
		{cause: "L4", name: "no password", breaks: func(s *stage) {
			s.edit("      password: "+string(s.cloud.Auth.Password)+"\n", "")
		}},
		{cause: "L5", name: "wrong password", breaks: func(s *stage) { s.edit(string(s.cloud.Auth.Password), "guess") }},
		{cause: "L5", name: "wrong project", breaks: edit("project_name: demo", "project_name: nope")},
		{cause: "L5", name: "wrong domain", breaks: edit("user_domain_name: Default", "user_domain_name: Other")},
		{cause: "L6", name: "deleted", breaks: func(s *stage) {
			s.env["OS_CLOUD"] = "demo-appcred"
			s.edit("application_credential_id: ", "application_credential_id: 0")
		}},
		{cause: "L7", name: "without GET /servers", breaks: func(s *stage) {
			s.env["OS_CLOUD"] = "demo-appcred"
			s.inject(demo.Fault{Service: "nova", Path: "/v2.1/servers", Status: http.StatusUnauthorized})
		}},
		{cause: "L8", name: "no project said, and none by default", breaks: func(s *stage) {
			s.inject(demo.Fault{Service: "keystone", Joined: "project"})
			s.edit("      project_name: demo\n", "", "      project_domain_name: Default\n", "")
		}},
		{cause: "L9", name: "in the user's other project", breaks: func(s *stage) {
			s.inject(demo.Fault{Service: "keystone", Joined: "project"})
			s.request.Name = "lone"
		}, mends: runLogin},
		{cause: "L10", name: "no such region", breaks: edit("region_name: RegionOne", "region_name: RegionNine")},
		{cause: "L10", name: "in the other region", breaks: func(s *stage) {
			s.inject(demo.Fault{Service: "keystone", Joined: "region"})
			s.request.Name = "lone"
		}, mends: runLogin},
		{cause: "L11", name: "an unknown authority", breaks: func(s *stage) { s.behindTLS("127.0.0.1:0") }},
		{cause: "L11", name: "another host's certificate", breaks: func(s *stage) { s.behindTLS("127.0.0.2:0") }},
		{cause: "L11", name: "https where http is spoken", breaks: edit("http://", "https://")},
		{cause: "L12", name: "nothing listens", breaks: func(s *stage) {
			s.inject(demo.Fault{Broken: true})
			s.env["OS_CLOUD"] = "broken"
		}},
		{cause: "L12", name: "keystone hangs up", breaks: func(s *stage) { s.inject(demo.Fault{Service: "keystone", Path: "/", Close: true}) }},
		{cause: "L12", name: "keystone is silent", breaks: func(s *stage) { s.inject(demo.Fault{Service: "keystone", Path: "/", Hang: true}) }},
		{cause: "L13", name: "websso", breaks: edit("auth_type: password", "auth_type: v3websso")},
		{cause: "L13", name: "OpenID Connect in a browser", breaks: edit("auth_type: password", "auth_type: v3oidcauthcode")},
		{cause: "L14", name: "writable by all", breaks: settings("Host web\n", 0o666), mends: runFix},
		{cause: "L14", name: "a bad option", breaks: settings("Host web\n  NoSuchOption yes\n", 0o600)},
		{cause: "L15", name: "a token that is refused everywhere", breaks: func(s *stage) {
			s.inject(demo.Fault{Service: "nova", Status: http.StatusUnauthorized, Path: "/v2.1/servers"})
		}},
	}
}

// behindTLS puts a server of TLS before the demo's APIs, whose certificate this
// machine does not trust. At another address it is trusted, and does not hold there.
func (s *stage) behindTLS(address string) {
	s.t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	front := &httptest.Server{Listener: listener, Config: &http.Server{
		Handler: http.NotFoundHandler(), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Second,
	}}
	front.StartTLS()
	s.t.Cleanup(front.Close)
	s.edit(strings.TrimSuffix(s.cloud.AuthURL, "/identity/v3"), "https://"+listener.Addr().String())
	if !strings.HasPrefix(address, "127.0.0.1:") {
		certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
		s.edit("    auth_type: password\n", "    auth_type: password\n    cacert: "+s.write("ca.pem", string(certificate), 0o600)+"\n")
	}
}
