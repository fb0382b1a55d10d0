package openstack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	rightPassword = "right-PASSWORD"
	tokenMark     = "TOKEN-" // every token of the fake begins with it
)

// fake is keystone, and the services behind it as far as a test sets them.
type fake struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex
	issued   int
	valid    map[string]bool
	life     time.Duration
	logins   []map[string]any // bodies of the token requests
	log      []string         // METHOD path?query, tokens apart
	catalog  []map[string]any
	handlers map[string]http.HandlerFunc // by path, all methods
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t: t, valid: map[string]bool{}, life: time.Hour, handlers: map[string]http.HandlerFunc{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	for kind, path := range map[string]string{
		"compute": "/compute/v2.1", "network": "/network", "image": "/image", "volumev3": "/volume/v3/pid",
	} {
		f.catalog = append(f.catalog, map[string]any{"type": kind, "endpoints": []map[string]any{
			{"interface": "internal", "region": "R1", "region_id": "R1", "url": "http://internal.invalid"},
			{"interface": "public", "region": "R1", "region_id": "R1", "url": f.URL + path},
			{"interface": "public", "region": "R2", "region_id": "R2", "url": f.URL + "/r2" + path},
		}})
	}
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Openstack-Request-Id", "req-1")
	path := r.URL.EscapedPath()
	f.mu.Lock()
	handler := f.handlers[path]
	f.mu.Unlock()
	if path == "/v3/auth/tokens" && handler == nil {
		f.login(w, r)
		return
	}
	f.mu.Lock()
	f.log = append(f.log, r.Method+" "+r.URL.RequestURI())
	good := f.valid[r.Header.Get("X-Auth-Token")]
	f.mu.Unlock()
	switch {
	case path != "/v3/auth/tokens" && !good:
		reply(w, 401, `{"error": {"message": "The request you have made requires authentication.", "code": 401, "title": "Unauthorized"}}`)
	case handler == nil:
		reply(w, 404, `{"message": "no such thing", "code": "404 Not Found"}`)
	default:
		handler(w, r)
	}
}

func (f *fake) login(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	text, _ := io.ReadAll(r.Body)
	if err := json.Unmarshal(text, &body); err != nil {
		f.t.Errorf("token request: %v", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Header.Get("X-Auth-Token") != "" {
		f.t.Error("a token was sent with a token request")
	}
	f.logins = append(f.logins, body)
	if strings.Contains(string(text), "wrong") {
		reply(w, 401, `{"error": {"code": 401, "message": "The request you have made requires authentication.", "title": "Unauthorized"}}`)
		return
	}
	f.issued++
	token := fmt.Sprintf("%s%d", tokenMark, f.issued)
	f.valid[token] = true
	w.Header().Set("X-Subject-Token", token)
	w.WriteHeader(http.StatusCreated)
	answer := map[string]any{
		"expires_at": time.Now().Add(f.life).UTC().Format("2006-01-02T15:04:05.000000Z"),
		"user":       map[string]any{"id": "uid", "name": "u"},
		"project":    map[string]any{"id": "pid", "name": "proj"},
		"catalog":    f.catalog,
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"token": answer})
}

// on sets what a path answers.
func (f *fake) on(path string, handler http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handlers[path] = handler
}

// revoke makes all tokens invalid.
func (f *fake) revoke() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.valid)
}

func (f *fake) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.log...)
}

func (f *fake) tokens() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.logins)
}

func reply(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// says is a handler that always answers the same.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { reply(w, status, body) }
}

// cloud is the configuration of the fake.
func (f *fake) cloud() *Cloud {
	return &Cloud{
		Name: "fake", Region: "R1", Interface: "public", AuthURL: f.URL,
		Auth: Auth{
			Type: AuthPassword, Username: "u", UserDomainID: "default", Password: rightPassword,
			ProjectName: "proj", ProjectDomainID: "default",
		},
	}
}

// connect gives a client and closes it at the end.
func (f *fake) connect(o ClientOptions) *Client {
	f.t.Helper()
	c, err := Connect(context.Background(), f.cloud(), o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(c.Close)
	return c
}
