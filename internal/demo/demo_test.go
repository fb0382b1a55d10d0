package demo

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// start brings up a cloud that ends with the test. Such tests share nothing and
// mostly wait: they run beside one another.
func start(t testing.TB, o Options) *Cloud {
	t.Helper()
	if t, ok := t.(*testing.T); ok {
		t.Parallel()
	}
	c, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// client speaks to a cloud's APIs.
type client struct {
	t     testing.TB
	cloud *Cloud
	token string
	minor string // "" sends no microversion
}

func signIn(t testing.TB, c *Cloud) *client {
	t.Helper()
	a := &client{t: t, cloud: c}
	status, header, _ := a.do("POST", "/identity/v3/auth/tokens", passwordRequest(c.identity.password))
	if status != http.StatusCreated {
		t.Fatalf("login: status %d", status)
	}
	a.token = header.Get("X-Subject-Token")
	return a
}

func passwordRequest(password string) string {
	return `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"demo","domain":{"name":"Default"},"password":"` +
		password + `"}}},"scope":{"project":{"name":"demo","domain":{"id":"default"}}}}}`
}

func (a *client) do(method, path, body string) (int, http.Header, string) {
	a.t.Helper()
	q, err := http.NewRequestWithContext(a.t.Context(), method, a.cloud.base+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	q.Header.Set("X-Auth-Token", a.token)
	if a.minor != "" {
		q.Header.Set("OpenStack-API-Version", "compute "+a.minor)
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer r.Body.Close()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return r.StatusCode, r.Header, string(data)
}

// get gives the answer as JSON.
func (a *client) get(path string) object {
	a.t.Helper()
	status, _, body := a.do("GET", path, "")
	if status != http.StatusOK {
		a.t.Fatalf("GET %s: %d %s", path, status, body)
	}
	return a.parse(body)
}

func (a *client) parse(body string) object {
	a.t.Helper()
	var o object
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		a.t.Fatalf("%v in %q", err, body)
	}
	return o
}

// list gives one field of each record of a listing.
func (a *client) list(path, collection, field string) []string {
	a.t.Helper()
	values := []string{}
	for _, o := range a.get(path)[collection].([]any) {
		values = append(values, text(o.(object)[field]))
	}
	return values
}

// must does a request that is to succeed.
func (a *client) must(method, path, body string) object {
	a.t.Helper()
	status, _, answer := a.do(method, path, body)
	if status >= 300 || status == 0 {
		a.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	if answer == "" {
		return nil
	}
	return a.parse(answer)
}

// inject makes a fault that the cloud takes.
func inject(t *testing.T, c *Cloud, f Fault) {
	t.Helper()
	if err := c.Inject(f); err != nil {
		t.Fatal(err)
	}
}

func TestStartFillsItsHome(t *testing.T) {
	c := start(t, Options{})
	if !slices.IsSorted(c.Env()) {
		t.Errorf("not sorted: %v", c.Env())
	}
	info, err := os.Stat(c.Home())
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("home has mode %v", info.Mode())
	}
	for _, name := range []string{".ssh/ed25519", ".ssh/rsa", ".ssh/ecdsa", ".ssh/generated.pem", "clouds.yaml"} {
		info, err := os.Stat(filepath.Join(c.Home(), name))
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	generated, err := os.ReadFile(filepath.Join(c.Home(), ".ssh/generated.pem"))
	if err != nil || !bytes.HasPrefix(generated, []byte("-----BEGIN RSA PRIVATE KEY-----")) {
		t.Errorf("nova makes PKCS#1, this is %.40q, %v", generated, err)
	}
	for _, s := range standard {
		i := c.Instance(s.name)
		if i == nil {
			t.Fatalf("no instance %s", s.name)
		}
		if i.Console() == "" || len(i.HostKeys()) != 3 || i.ID() == "" || i.User() == "" {
			t.Errorf("%s is not whole", s.name)
		}
	}
	if c.Instance("nope") != nil {
		t.Error("there is an instance nope")
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	c, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	web := c.Instance("web").Address().String()
	idle, err := net.Dial("tcp", web) // an open connection must not keep it
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
	c.ClearFaults() // as a request that outlives Close may do
	if _, err := os.Stat(c.Home()); !os.IsNotExist(err) {
		t.Errorf("home is still there: %v", err)
	}
	for _, address := range []string{web, strings.TrimPrefix(c.base, "http://")} {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			t.Errorf("%s still listens", address)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func TestManyRecords(t *testing.T) {
	c := start(t, Options{Servers: 3_000})
	a := signIn(t, c)
	seen, next := 0, "/compute/v2.1/servers/detail"
	for pages := 1; next != ""; pages++ {
		body := a.get(next)
		seen += len(body["servers"].([]any))
		next = ""
		if links, ok := body["servers_links"].([]any); ok {
			next = strings.TrimPrefix(text(links[0].(object)["href"]), c.base)
		}
		if pages > 5 {
			t.Fatal("paging does not end")
		}
	}
	if seen != 3_000+len(standard) {
		t.Errorf("%d servers listed", seen)
	}
	ids := ""
	for _, id := range a.list("/compute/v2.1/servers?limit=100&name=server-", "servers", "id") {
		ids += "&device_id=" + id
	}
	if ports := a.list("/networking/v2.0/ports?fields=id"+ids, "ports", "id"); len(ports) != 100 {
		t.Errorf("%d ports of 100 servers", len(ports))
	}
}

// TestTenThousandServers: one server costs as much among many as among few.
func TestTenThousandServers(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	cost := func(path string) (bytes int64) {
		c.ResetCalls()
		a.get(path)
		return c.Calls()[0].Bytes
	}
	look := "/compute/v2.1/servers/detail?name=^web$"
	few := cost(look)
	c.Grow(10_000)
	if many := cost(look); many != few || few < 1000 {
		t.Errorf("web's record takes %d bytes of %d servers, %d of many", few, len(standard), many)
	}
	if ids := a.list("/compute/v2.1/servers?limit=5000", "servers", "id"); len(ids) != maxPage {
		t.Errorf("a page of %d servers", len(ids))
	}
	if list := a.list("/networking/v2.0/floatingips?status=ACTIVE", "floatingips", "floating_ip_address"); len(list) != maxPublic+6 {
		t.Errorf("%d floating IPs", len(list))
	}
	id := a.list("/compute/v2.1/servers?name=^server-0300$", "servers", "id")[0]
	addresses := a.get("/compute/v2.1/servers/" + id)["server"].(object)["addresses"].(object)["scale"].([]any)
	if len(addresses) != 2 || addresses[1].(object)["addr"] != "127.64.1.44" {
		t.Errorf("server-0300 at %v", addresses)
	}
	if ports := a.list("/networking/v2.0/ports", "ports", "id"); len(ports) < 10_000 {
		t.Errorf("%d ports: neutron pages though none asked", len(ports))
	}
}

func TestConcurrentUse(t *testing.T) {
	c := start(t, Options{})
	a := signIn(t, c)
	done := make(chan bool)
	for _, path := range []string{"/compute/v2.1/servers/detail", "/networking/v2.0/ports", "/networking/v2.0/security-groups"} {
		go func() {
			for range 20 {
				a.get(path)
			}
			done <- true
		}()
	}
	refused := SSHRefuse
	healthy := SSHHealthy
	for range 10 {
		for _, mode := range []*SSHFault{&refused, &healthy} {
			if err := c.Inject(Fault{Instance: "web", SSH: mode}); err != nil {
				t.Error(err)
			}
		}
	}
	for range 3 {
		<-done
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

// BenchmarkStart is what osssh demo and each test pay.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		c, err := Start(b.Context(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGrow is what ten thousand servers take, in time and in memory.
func BenchmarkGrow(b *testing.B) {
	var before, after runtime.MemStats
	for b.Loop() {
		c, err := Start(b.Context(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&before)
		begun := time.Now()
		c.Grow(10_000)
		b.ReportMetric(float64(time.Since(begun).Milliseconds()), "ms/grow")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/(1<<20), "MiB")
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTenThousandServers(b *testing.B) {
	c := start(b, Options{Servers: 10_000})
	a := signIn(b, c)
	for b.Loop() {
		a.get("/compute/v2.1/servers/detail")
	}
}
