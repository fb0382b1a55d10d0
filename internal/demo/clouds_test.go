package demo

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestOtherCloud(t *testing.T) {
	c := start(t, Options{})
	c.ResetCalls()
	a := signIn(t, c)
	b := &client{t: t, cloud: c.Other()}
	status, header, _ := b.do("POST", "/identity/v3/auth/tokens", strings.ReplaceAll(passwordRequest(c.Other().identity.password), `"demo"`, `"other"`))
	if b.token = header.Get("X-Subject-Token"); status != http.StatusCreated {
		t.Fatalf("login: %d", status)
	}
	if status, _, _ := b.do("POST", "/identity/v3/auth/tokens", passwordRequest(c.Other().identity.password)); status != 401 {
		t.Errorf("the first cloud's user: %d", status)
	}
	if names := b.list("/compute/v2.1/servers", "servers", "name"); !slices.Equal(names, []string{"lone", "web"}) {
		t.Errorf("servers %v", names)
	}
	if status, _, _ := b.do("GET", "/compute/v2.1/servers/"+c.Instance("web").ID(), ""); status != 404 {
		t.Errorf("the first cloud's web: %d", status)
	}
	stranger := &client{t: t, cloud: c.Other(), token: a.token}
	if status, _, _ := stranger.do("GET", "/compute/v2.1/servers", ""); status != 401 {
		t.Errorf("the first cloud's token: %d", status)
	}
	clouds := map[string]int{}
	for _, call := range c.Calls() {
		clouds[call.Cloud]++
	}
	if clouds["demo"] != 1 || clouds["other"] != 5 {
		t.Errorf("calls %v", clouds)
	}
	inject(t, c, Fault{Cloud: "other", Service: "nova", Status: 503})
	if status, _, _ := b.do("GET", "/compute/v2.1/servers", ""); status != 503 {
		t.Errorf("faulty: %d", status)
	}
	a.get("/compute/v2.1/servers")
	c.ClearFaults()
	b.get("/compute/v2.1/servers")
	if c.Inject(Fault{Cloud: "third", Service: "nova", Status: 503}) == nil {
		t.Error("a fault of no cloud")
	}
}

func TestBrokenCloud(t *testing.T) {
	c := start(t, Options{})
	read := func() string {
		data, err := os.ReadFile(filepath.Join(c.Home(), "clouds.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if text := read(); strings.Contains(text, "broken:") || strings.Count(text, "\n  other:\n") != 1 {
		t.Errorf("at first %s", text)
	}
	inject(t, c, Fault{Broken: true})
	if text := read(); !strings.Contains(text, "\n  broken:\n") || !strings.Contains(text, nowhere+"/identity/v3") {
		t.Errorf("then %s", text)
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(nowhere, "http://")); err == nil {
		_ = conn.Close()
		t.Error("the broken cloud answers")
	}
}
