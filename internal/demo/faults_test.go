//go:build unix

package demo

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestAPIFaults(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	const ports = "/networking/v2.0/ports"
	for _, test := range []struct {
		name, fault string
		path        string
		want        string // status and body
	}{
		{"403 of neutron", `{"service":"neutron","path":"/v2.0/ports","status":403}`, ports, `403 {"NeutronError":{"detail":"","message":"rule:get_resource is disallowed by policy","type":"PolicyNotAuthorized"}}`},
		{"below it too", `{"service":"neutron","path":"/v2.0/ports","status":403}`, ports + "/x", `403 `},
		{"elsewhere not", `{"service":"neutron","path":"/v2.0/ports","status":403}`, "/networking/v2.0/routers", `200 `},
		{"other method", `{"service":"neutron","method":"POST","status":403}`, ports, `200 `},
		{"500 of nova", `{"service":"nova","status":500}`, "/compute/v2.1/servers", `500 {"computeFault":{"code":500,`},
		{"own body", `{"service":"nova","status":503,"body":"{\"a\":1}"}`, "/compute/v2.1/servers", `503 {"a":1}`},
		{"401 of nova", `{"service":"nova","status":401}`, "/compute/v2.1/servers", `401 {"error":{"code":401,`},
		{"a part of the path", `{"service":"nova","path":"/v2.1/servers/*/action","status":404}`, "/compute/v2.1/servers/x/action", `404 {"itemNotFound"`},
		{"no JSON", `{"service":"glance","notjson":true}`, "/image/v2/images", `200 <html>`},
		{"closed", `{"service":"neutron","close":true}`, ports, `0 `},
		{"delayed", `{"service":"neutron","delay":"30ms"}`, ports, `200 {`},
	} {
		t.Run(test.name, func(t *testing.T) {
			steer(t, c, "POST", "/faults", test.fault, http.StatusNoContent)
			defer steer(t, c, "DELETE", "/faults", "", http.StatusNoContent)
			a := &client{t: t, cloud: c, token: a.token}
			begun := time.Now()
			if status, _, body := a.do("GET", test.path, ""); !strings.HasPrefix(itoa(status)+" "+body, test.want) {
				t.Errorf("%d %.200s", status, body)
			}
			if test.name == "delayed" && time.Since(begun) < 30*time.Millisecond {
				t.Error("not delayed")
			}
		})
	}
	steer(t, c, "POST", "/faults", `{"service":"nope"}`, http.StatusBadRequest)
	steer(t, c, "POST", "/faults", `{"instance":"nope"}`, http.StatusBadRequest)
	steer(t, c, "POST", "/faults", `{"instance":"web","ssh":"nope"}`, http.StatusBadRequest)
	steer(t, c, "POST", "/faults", `{"service":"nova","delay":"x"}`, http.StatusBadRequest)
	steer(t, c, "POST", "/faults", `{`, http.StatusBadRequest)

	if err := c.Inject(Fault{Service: "neutron", Status: 429, RetryAfter: "1", Times: 2}); err != nil {
		t.Fatal(err)
	}
	for n, want := range []int{429, 429, 200} {
		if status, header, _ := a.do("GET", ports, ""); status != want || want == 429 && header.Get("Retry-After") != "1" {
			t.Errorf("request %d: %d %v", n, status, header)
		}
	}
}

func steer(t *testing.T, c *Cloud, method, path, body string, want int) string {
	t.Helper()
	q, _ := http.NewRequestWithContext(t.Context(), method, c.base+c.control+path, strings.NewReader(body))
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	answer, _ := io.ReadAll(r.Body)
	if r.StatusCode != want {
		t.Errorf("%s %s %s: %d %s", method, path, body, r.StatusCode, answer)
	}
	return string(answer)
}

func TestHugeAndHangingBodies(t *testing.T) {
	c := start(t, Options{Faults: []Fault{{Service: "nova", Hang: true}, {Service: "glance", Huge: true}}})
	a := signIn(t, c)
	get := func(path string, limit time.Duration) (*http.Response, error) {
		q, _ := http.NewRequestWithContext(t.Context(), "GET", c.base+path, nil)
		q.Header.Set("X-Auth-Token", a.token)
		return (&http.Client{Timeout: limit}).Do(q)
	}
	if _, err := get("/compute/v2.1/servers", 100*time.Millisecond); err == nil {
		t.Error("a hanging API answered")
	}
	r, err := get("/image/v2/images", 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if n, _ := io.CopyN(io.Discard, r.Body, 8<<20); n != 8<<20 {
		t.Errorf("%d bytes of a huge body", n)
	}
}

func TestCallsAreCounted(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	c.ResetCalls()
	a.get("/networking/v2.0/ports?limit=1")
	a.do("GET", "/compute/v2.1/servers/x", "")
	calls := c.Calls()
	if len(calls) != 2 {
		t.Fatalf("%d calls", len(calls))
	}
	first, second := calls[0], calls[1]
	if first.Service != "neutron" || first.Method != "GET" || first.Path != "/v2.0/ports?limit=1" || first.Status != 200 ||
		first.End.Before(first.Start) || first.Bytes < 100 || !strings.HasPrefix(first.RequestID, "req-") {
		t.Errorf("%+v", first)
	}
	if second.Service != "nova" || second.Path != "/v2.1/servers/x" || second.Status != 404 {
		t.Errorf("%+v", second)
	}
	if answer := steer(t, c, "GET", "/calls", "", http.StatusOK); !strings.Contains(answer, `"Path":"/v2.0/ports?limit=1"`) {
		t.Errorf("control: %s", answer)
	}
	steer(t, c, "DELETE", "/calls", "", http.StatusNoContent)
	if len(c.Calls()) != 0 {
		t.Error("not reset")
	}
}

func TestSSHFaults(t *testing.T) {
	c := start(t, Options{})
	web := c.Instance("web")
	as := func(mode SSHFault) {
		t.Helper()
		inject(t, c, Fault{Instance: "web", SSH: &mode, Delay: 50 * time.Millisecond})
	}
	open := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", web.Address().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(150 * time.Millisecond))
		return conn
	}
	one := make([]byte, 1)

	as(SSHSilent)
	if _, err := open().Read(one); !isTimeout(err) {
		t.Errorf("silent: %v", err)
	}
	as(SSHClose)
	if _, err := open().Read(one); !errors.Is(err, io.EOF) {
		t.Errorf("close: %v", err)
	}
	as(SSHReset)
	conn, err := net.Dial("tcp", web.Address().String())
	if err == nil { // the reset may come before connect has returned
		_, err = conn.Read(one)
		_ = conn.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset: %v", err)
	}
	as(SSHCloseInKex)
	if line, err := bufio.NewReader(open()).ReadString('\n'); !strings.HasPrefix(line, "SSH-2.0-") {
		t.Errorf("close-in-kex: %q %v", line, err)
	}
	if _, err := tryDial(web, "debian", nil); err == nil {
		t.Error("close-in-kex: logged in")
	}
	as(SSHRefuse)
	if _, err := net.Dial("tcp", web.Address().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("refuse: %v", err)
	}
	as(SSHBannerEscape)
	banner := ""
	if _, err := tryDial(web, "debian", func(b string) error { banner = b; return nil }); err != nil || !strings.Contains(banner, "\x1b]0;") {
		t.Errorf("banner-escape: %v %q", err, banner)
	}
	as(SSHOld)
	if _, err := tryDial(web, "debian", nil); err != nil { // its key is Ed25519
		t.Errorf("old: %v", err)
	}
	as(SSHHangAfterAuth)
	hanging := dial(t, web, "debian")
	opened := make(chan error)
	go func() { _, err := hanging.NewSession(); opened <- err }()
	select {
	case err := <-opened:
		t.Errorf("hang-after-auth: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	_ = hanging.Close()
	<-opened
	drop := SSHDropMidSession
	inject(t, c, Fault{Instance: "web", SSH: &drop, Delay: time.Second}) // time for echo, also on a busy machine
	session, err := dial(t, web, "debian").NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := session.Output("echo begun; sleep 9"); err == nil || string(out) != "begun\n" {
		t.Errorf("drop-mid-session: %q %v", out, err)
	}
	as(SSHRootMessage)
	if session, err = dial(t, web, "debian").NewSession(); err != nil {
		t.Fatal(err)
	}
	if out, err := session.Output("id"); err == nil || !strings.HasPrefix(string(out), `Please login as the user "admin" rather than the user "debian".`) {
		t.Errorf("root-message: %q %v", out, err)
	}
	if session, err = dial(t, web, "admin").NewSession(); err != nil {
		t.Fatal(err)
	}
	if out, err := session.Output("hostname"); err != nil || string(out) != "web\n" {
		t.Errorf("root-message, as admin: %q %v", out, err)
	}
	told := web.Console()
	as(SSHNewHostKeys)
	if key := strings.Fields(string(ssh.MarshalAuthorizedKey(web.HostKeys()[1])))[1]; strings.Contains(told, key) || strings.Contains(web.Console(), key) || !answers(t, web) {
		t.Error("new-host-keys: shows keys that the console told")
	}
	c.ClearFaults()
	if !answers(t, web) {
		t.Error("not healed")
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestServerFaults(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	web := c.Instance("web")
	steer(t, c, "POST", "/faults", `{"instance":"web","status":"ERROR"}`, http.StatusNoContent)
	o := a.get("/compute/v2.1/servers/" + web.ID())["server"].(object)
	if o["status"] != "ERROR" || o["fault"] == nil || answers(t, web) {
		t.Errorf("ERROR: %v", o)
	}
	steer(t, c, "POST", "/faults", `{"instance":"web","status":"BUILD"}`, http.StatusNoContent)
	if o := a.get("/compute/v2.1/servers/" + web.ID())["server"].(object); len(o["addresses"].(object)) != 0 {
		t.Errorf("BUILD: %v", o)
	}
	steer(t, c, "POST", "/faults", `{"instance":"web","status":"ACTIVE","console":"","rename":"\u001b]0;x"}`, http.StatusNoContent)
	if c.Instance("web") != nil || c.Instance("\x1b]0;x") != web || web.Console() != "" || !answers(t, web) {
		t.Error("rename and console")
	}
}
