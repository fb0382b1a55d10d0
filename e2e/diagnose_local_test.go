//go:build e2e && linux

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"
)

// What the user's own machine has wrong: configuration, credentials, ssh_config.
func localScenarios() []scenario {
	return []scenario{
		{id: "L1", what: "no configuration at all", quick: true, among: certain, harm: func(_ context.Context, s *scene) error {
			s.onThisMachine() // the laptop has a clouds.yaml by default
			s.setenv("OS_CLIENT_CONFIG_FILE", "")
			s.setenv("OS_CLOUD", "")
			return nil
		}},
		{id: "L2", what: "a cloud that is not in the file", among: certain, harm: func(_ context.Context, s *scene) error {
			s.setenv("OS_CLOUD", "demonstration")
			return nil
		}},
		{id: "L3", what: "clouds.yaml is no YAML", among: certain, harm: func(_ context.Context, s *scene) error {
			s.setenv("OS_CLIENT_CONFIG_FILE", s.write("clouds.yaml", "clouds:\n  demo:\n\tauth: {}\n", 0o600))
			return nil
		}},
		{id: "L4", what: "no password", among: certain, harm: configured(func(c, auth object) { delete(auth, "password") })},
		{id: "L5", what: "wrong password", quick: true, among: certain, harm: configured(func(c, auth object) { auth["password"] = "wrong" })},
		{id: "L5", what: "wrong domain", among: certain, harm: configured(func(c, auth object) { auth["user_domain_name"] = "Nowhere" })},
		{id: "L6", what: "deleted application credential", among: certain, harm: func(ctx context.Context, s *scene) error {
			used, err := s.applicationCredential(ctx, object{})
			if err != nil {
				return err
			}
			err = s.undoAll(ctx)
			s.use(used)
			return err
		}},
		{id: "L6", what: "expired application credential", among: certain, harm: func(ctx context.Context, s *scene) error {
			used, err := s.applicationCredential(ctx, object{"expires_at": time.Now().UTC().Add(3 * time.Second).Format("2006-01-02T15:04:05")})
			time.Sleep(3 * time.Second)
			s.use(used)
			return err
		}},
		{id: "L7", what: "access rules without servers", quick: true, among: certain, harm: func(ctx context.Context, s *scene) error {
			used, err := s.applicationCredential(ctx, object{"access_rules": []object{
				{"path": "/v2.0/**", "method": "GET", "service": "network"},
			}})
			s.use(used)
			return err
		}},
		{id: "L8", what: "no project", among: certain, harm: withoutProject},
		{id: "L9", what: "another project", quick: true, among: certain, fix: byLogin, harm: otherProject},
		{id: "L10", what: "a region that is none", quick: true, among: certain, harm: configured(func(c, auth object) { c["region_name"] = "Elsewhere" })},
		{id: "L10", what: "the wrong one of several regions", among: certain, fix: byLogin, harm: configured(func(c, auth object) {
			c["regions"] = []string{"Elsewhere", "RegionOne"}
			delete(c, "region_name")
		})},
		{id: "L11", what: "a certificate of an own CA", quick: true, among: certain, harm: func(_ context.Context, s *scene) error {
			server := httptest.NewTLSServer(proxyTo("http://127.0.0.1:5000", nil))
			s.undo(func(context.Context) error { server.Close(); return nil })
			s.onThisMachine()
			s.use(cloud(func(_, auth object) { auth["auth_url"] = server.URL + "/v3" }))
			return nil
		}},
		{id: "L12", what: "nothing listens at auth_url", among: certain, harm: configured(func(c, auth object) { auth["auth_url"] = "http://127.0.0.1:9/v3" })},
		{id: "L13", what: "auth_type of a browser", among: certain, harm: configured(func(c, auth object) {
			c["auth_type"] = "v3websso"
		})},
		{id: "L14", what: "ssh_config that others may write", among: certain, fix: byRunning, harm: func(_ context.Context, s *scene) error {
			s.write(".ssh/config", "Host *\n  ConnectTimeout 10\n", 0o666)
			return nil
		}},
	}
}

// Between the user and the cloud's services: a load balancer that answers in
// their place, an endpoint that leads nowhere.
func apiScenarios() []scenario {
	return []scenario{
		{id: "C2", what: "nova forbids to list servers", quick: true, among: certain, harm: withNova(http.StatusForbidden, "/servers/detail",
			`{"forbidden": {"code": 403, "message": "Policy doesn't allow os_compute_api:servers:detail to be performed."}}`)},
		{id: "C3", what: "nova's load balancer has no backend", quick: true, among: certain, harm: withNova(http.StatusServiceUnavailable, "/", "no server is available")},
		{id: "C4", what: "nova throttles", among: certain, harm: withNova(http.StatusTooManyRequests, "/", `{"overLimit": {"code": 429, "message": "slow down"}}`)},
		{id: "C5", what: "details of servers fail", among: probable, harm: withNova(http.StatusInternalServerError, "/servers/detail",
			`{"computeFault": {"code": 500, "message": "Unexpected API Error."}}`)},
		{id: "C8", what: "the endpoint leads nowhere", among: certain, harm: configured(func(c, auth object) {
			c["compute_endpoint_override"] = "http://127.0.0.1:9/v2.1"
		})},
	}
}

// cloud is an entry of clouds.yaml for the demo project, with changes.
func cloud(change func(c, auth object)) object {
	auth := object{
		"auth_url": "http://127.0.0.1:5000/v3", "username": "demo", "password": "realcloud", "project_name": "demo",
		"user_domain_name": "Default", "project_domain_name": "Default",
	}
	c := object{"auth_type": "password", "region_name": "RegionOne", "auth": auth}
	change(c, auth)
	return c
}

func configured(change func(c, auth object)) func(context.Context, *scene) error {
	return func(_ context.Context, s *scene) error {
		s.use(cloud(change))
		return nil
	}
}

// use writes a clouds.yaml with one cloud. JSON is YAML.
func (s *scene) use(c object) {
	data, err := json.Marshal(object{"clouds": object{"demo": c}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.setenv("OS_CLIENT_CONFIG_FILE", s.write("clouds.yaml", string(data), 0o600))
}

// setenv sets a variable of osssh, "" takes it away.
func (s *scene) setenv(name, value string) {
	was, had := s.env[name]
	s.env[name] = value
	s.undo(func(context.Context) error {
		if delete(s.env, name); had {
			s.env[name] = was
		}
		return nil
	})
}

// onThisMachine runs osssh here in place of the laptop, whose network does not
// reach what this test listens on.
func (s *scene) onThisMachine() {
	s.local = true
	s.undo(func(context.Context) error { s.local = false; return nil })
}

// ask has osssh asked about another name, with other flags, until all is undone.
func (s *scene) ask(name string, args ...string) {
	s.name, s.args = name, args
	s.undo(func(context.Context) error {
		s.name, s.args = s.guest.name, nil
		return nil
	})
}

// applicationCredential makes one, and gives the cloud that signs in with it.
func (s *scene) applicationCredential(ctx context.Context, with object) (object, error) {
	user, err := only(ctx, s.admin.identity, "users", "demo")
	if err != nil {
		return nil, err
	}
	with["name"] = fmt.Sprintf("%s%d", whyPrefix, time.Now().UnixNano())
	made, err := create(ctx, s.demo.identity, "users/"+user+"/application_credentials", "application_credential", with)
	if err != nil {
		return nil, err
	}
	s.undo(func(ctx context.Context) error {
		return remove(ctx, s.demo.identity, "users/"+user+"/application_credentials/"+id(made))
	})
	return object{"auth_type": "v3applicationcredential", "region_name": "RegionOne", "auth": object{
		"auth_url": "http://127.0.0.1:5000/v3", "application_credential_id": id(made), "application_credential_secret": text(made, "secret"),
	}}, nil
}

// otherProject signs the user in to an empty project of theirs.
func otherProject(ctx context.Context, s *scene) error {
	name := whyPrefix + "project"
	made, err := create(ctx, s.admin.identity, "projects", "project", object{"name": name, "domain_id": "default"})
	if err != nil {
		return err
	}
	s.undo(func(ctx context.Context) error { return remove(ctx, s.admin.identity, "projects/"+id(made)) })
	user, err := only(ctx, s.admin.identity, "users", "demo")
	if err != nil {
		return err
	}
	if err := s.makeMember(ctx, id(made), user); err != nil {
		return err
	}
	s.use(cloud(func(_, auth object) { auth["project_name"] = name }))
	return nil
}

// withoutProject signs in a user who has no default project, and names none.
func withoutProject(ctx context.Context, s *scene) error {
	user, err := s.makeUser(ctx, whyPrefix+"homeless")
	if err != nil {
		return err
	}
	s.use(cloud(func(_, auth object) {
		auth["username"] = text(user, "name")
		delete(auth, "project_name")
		delete(auth, "project_domain_name")
	}))
	return nil
}

// makeUser makes a user of the cloud, with everybody's password.
func (s *scene) makeUser(ctx context.Context, name string) (object, error) {
	made, err := create(ctx, s.admin.identity, "users", "user", object{"name": name, "password": "realcloud", "domain_id": "default"})
	if err == nil {
		s.undo(func(ctx context.Context) error { return remove(ctx, s.admin.identity, "users/"+id(made)) })
	}
	return made, err
}

// makeMember gives a user the role member in a project.
func (w *guests) makeMember(ctx context.Context, project, user string) error {
	role, err := only(ctx, w.admin.identity, "roles", "member")
	if err != nil {
		return err
	}
	return call(ctx, w.admin.identity, http.MethodPut, "projects/"+project+"/users/"+user+"/roles/"+role, nil, nil)
}

// withNova has something stand before nova that answers in its place where the
// path has this in it.
func withNova(status int, in, body string) func(context.Context, *scene) error {
	return func(_ context.Context, s *scene) error {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		server := &http.Server{Handler: proxyTo("http://127.0.0.1:8774", func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, in) {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body)) // who has gone does not read it
			return true
		})}
		go func() { _ = server.Serve(l) }() // until it is closed
		s.undo(func(context.Context) error { return server.Close() })
		s.onThisMachine()
		s.use(cloud(func(c, _ object) { c["compute_endpoint_override"] = "http://" + l.Addr().String() + "/v2.1" }))
		return nil
	}
}

// proxyTo hands requests on, but for those that another handler has answered.
func proxyTo(target string, answered func(http.ResponseWriter, *http.Request) bool) http.Handler {
	to, err := url.Parse(target)
	if err != nil {
		panic(err) // a constant
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answered == nil || !answered(w, r) {
			proxy.ServeHTTP(w, r)
		}
	})
}

// hideKey takes the private key out of the user's home.
func (s *scene) hideKey() {
	path := s.write(".ssh/"+whyKey, "", 0o600)
	s.undo(func(context.Context) error { s.write(".ssh/"+whyKey, string(s.private), 0o600); return nil })
	if err := os.Remove(path); err != nil {
		s.t.Fatal(err)
	}
}
