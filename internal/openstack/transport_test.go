package openstack

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const serverPath = "/compute/v2.1/servers/x"

// flaky answers its first calls by fail, the others well.
func flaky(times int, fail http.HandlerFunc) (http.HandlerFunc, *atomic.Int64) {
	var calls atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) <= int64(times) {
			fail(w, r)
			return
		}
		reply(w, 200, `{"server": {"id": "x"}}`)
	}, &calls
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// breakOff closes the connection within the body.
func breakOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"server": {"id": `)
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func TestRetry(t *testing.T) {
	busy := func(status int, after string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", after)
			reply(w, status, `{"x": {"message": "busy"}}`)
		}
	}
	tests := []struct {
		name  string
		times int
		fail  http.HandlerFunc
		want  error
		calls int64
	}{
		{"429", 2, busy(429, "0"), nil, 3},
		{"503", 3, busy(503, "0"), nil, 4},
		{"502 without Retry-After", 1, says(502, "<html>bad gateway"), nil, 2},
		{"504 for ever", 99, busy(504, "0"), &APIError{Status: 504, Message: "busy"}, 4},
		{"500", 1, says(500, `{"computeFault": {"code": 500, "message": "Unexpected"}}`), &APIError{Status: 500, Message: "Unexpected", RequestID: "req-1"}, 1},
		{"a Retry-After longer than the call may take", 1, busy(503, "3600"), &APIError{Status: 503}, 1},
		{"dropped", 2, hangUp, nil, 3},
		{"broken off", 1, breakOff, nil, 2},
		{"dropped for ever", 99, hangUp, &UnreachableError{}, 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			handler, calls := flaky(test.times, test.fail)
			f.on(serverPath, handler)
			c := f.connect(ClientOptions{Timeout: 5 * time.Second})
			_, err := c.Server(context.Background(), "x")
			if test.want == nil && err != nil || test.want != nil && !sameFacts(err, test.want) {
				t.Errorf("got %T %v, want %v", err, err, test.want)
			}
			// net/http itself repeats a GET on a kept connection that was dropped.
			if got := calls.Load(); got < test.calls || got > test.calls+1 {
				t.Errorf("%d calls, want %d", got, test.calls)
			}
		})
	}
}

func TestOnlyRepeatableCallsAreRepeated(t *testing.T) {
	f := newFake(t)
	handler, calls := flaky(9, says(503, `{}`))
	f.on(serverPath, handler)
	c := f.connect(ClientOptions{})
	err := c.do(context.Background(), request{service: compute, method: http.MethodPost, path: "servers/x"}, &answer{})
	if !hasStatus(err, 503) || calls.Load() != 1 {
		t.Errorf("%d calls, %v", calls.Load(), err)
	}
}

func TestTokenRequestIsRepeated(t *testing.T) {
	f := newFake(t)
	var calls atomic.Int64
	f.on("/v3/auth/tokens", func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			reply(w, 503, "{}")
			return
		}
		f.login(w, r)
	})
	f.connect(ClientOptions{})
	if calls.Load() != 2 {
		t.Errorf("%d calls", calls.Load())
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := map[string]time.Duration{
		"":                              -1,
		"0":                             0,
		"7":                             7 * time.Second,
		"-1":                            -1,
		"1.5":                           -1,
		"99999999999999999999":          -1,
		"soon":                          -1,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second,
		"Fri, 02 Jan 2026 03:00:00 GMT": 0,
	}
	for header, want := range tests {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q: got %v, want %v", header, got, want)
		}
	}
	pause, ok := retryPause(&APIError{Status: 429, retryAfter: time.Hour}, 0)
	if !ok || pause != maxRetryAfter {
		t.Errorf("got %v, %v: Retry-After is not capped", pause, ok)
	}
}

func TestSleepKnowsItsEnd(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	start := time.Now()
	if sleep(ctx, time.Hour) || time.Since(start) > time.Second {
		t.Errorf("%v were waited for nothing", time.Since(start))
	}
}

func TestRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	cloud := newFake(t).cloud()
	cloud.AuthURL = "http://user:hidden@" + address
	_, err = Connect(context.Background(), cloud, ClientOptions{})
	if !sameFacts(err, &UnreachableError{URL: "http://" + address + "/v3/auth/tokens", Err: syscall.ECONNREFUSED}) {
		t.Errorf("got %T %v", err, err)
	}
	if strings.Contains(err.Error(), "hidden") {
		t.Errorf("a password stands in %q", err)
	}
}

func TestDropped(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	tests := []struct {
		err  error
		want bool
	}{
		{io.EOF, true},
		{io.ErrUnexpectedEOF, true},
		{dial(syscall.ECONNREFUSED), true},
		{dial(syscall.ECONNRESET), true},
		{dial(os.ErrDeadlineExceeded), false},
		{dial(&net.DNSError{Err: "no such host", IsNotFound: true}), false},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(42)}, false},
		{x509.UnknownAuthorityError{}, false},
		{context.DeadlineExceeded, false},
	}
	for _, test := range tests {
		if got := dropped(test.err); got != test.want {
			t.Errorf("%v: got %v", test.err, got)
		}
	}
}

func TestHangingAPI(t *testing.T) {
	f := newFake(t)
	release := make(chan struct{})
	defer close(release)
	var calls atomic.Int64
	hang := func(_ http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
	f.on(serverPath, hang)
	f.on("/compute/v2.1/servers/slow", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"server": `)
		w.(http.Flusher).Flush()
		hang(w, r)
	})
	c := f.connect(ClientOptions{Timeout: 150 * time.Millisecond})
	for _, id := range []string{"x", "slow"} {
		calls.Store(0)
		_, err := c.Server(context.Background(), id)
		if !sameFacts(err, &UnreachableError{Err: context.DeadlineExceeded}) || calls.Load() != 1 {
			t.Errorf("%s: got %T %v in %d calls", id, err, err, calls.Load())
		}
	}

	patient := f.connect(ClientOptions{})
	why := errors.New("interrupted")
	for _, id := range []string{"x", "slow"} {
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(100*time.Millisecond, func() { cancel(why) })
		start := time.Now()
		_, err := patient.Server(ctx, id)
		if !errors.Is(err, why) || time.Since(start) > 2*time.Second {
			t.Errorf("%s: got %T %v after %v", id, err, err, time.Since(start))
		}
	}
}

func TestInterruptEndsAPause(t *testing.T) {
	f := newFake(t)
	f.on(serverPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "9")
		reply(w, 503, "{}")
	})
	c := f.connect(ClientOptions{})
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := c.Server(ctx, "x"); err == nil || time.Since(start) > 2*time.Second {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
}

func TestBodies(t *testing.T) {
	html := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "\n <!DOCTYPE html><title>\x1b[31mSign in</title>")
	}
	tests := map[string]struct {
		handler http.HandlerFunc
		want    error
	}{
		"a page":          {html, &BodyError{Status: 200, ContentType: "text/html", Start: "<!DOCTYPE html><title>\x1b[31mSign in</title>"}},
		"nothing":         {says(200, ""), &BodyError{Err: io.EOF}},
		"a text":          {says(200, `"x"`), &BodyError{Start: `"x"`}},
		"cut off":         {says(200, `{"server": {"id": "`), &BodyError{Err: io.ErrUnexpectedEOF}},
		"another key":     {says(200, `{"servers": []}`), &BodyError{Err: errMissing}},
		"null":            {says(200, `{"server": null}`), &BodyError{Err: errMissing}},
		"another type":    {says(200, `{"server": []}`), &BodyError{}},
		"a bad time":      {says(200, `{"server": {"created": "yesterday"}}`), &BodyError{}},
		"nested for ever": {says(200, `{"server": `+strings.Repeat("[", 100_000)), &BodyError{}},
		"300":             {says(300, `{"server": []}`), &BodyError{Status: 300}},
		"304":             {says(304, ""), &APIError{Status: 304}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.on(serverPath, test.handler)
			_, err := f.connect(ClientOptions{}).Server(context.Background(), "x")
			if !sameFacts(err, test.want) {
				t.Fatalf("got %T %v, want %#v", err, err, test.want)
			}
			if strings.ContainsRune(err.Error(), 0x1b) {
				t.Errorf("an escape sequence stands in %q", err)
			}
		})
	}
}

func TestEndlessBodies(t *testing.T) {
	f := newFake(t)
	var sent atomic.Int64 // megabytes
	gigabyte := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"server": {`)
			chunk := []byte(strings.Repeat(" ", 1<<20))
			for range 1024 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
				sent.Add(1)
			}
		}
	}
	f.on(serverPath, gigabyte(200))
	f.on("/compute/v2.1/servers/bad", gigabyte(400))
	c := f.connect(ClientOptions{})
	transport := c.provider.HTTPClient.Transport.(*transport)
	if transport.limit != maxBody {
		t.Errorf("the limit is %d", transport.limit)
	}
	transport.limit = 4 << 20 // the race detector takes seconds for 64 MB
	_, err := c.Server(context.Background(), "x")
	if !sameFacts(err, &TooLargeError{URL: f.URL + serverPath, Limit: transport.limit}) {
		t.Errorf("got %T %v", err, err)
	}
	if _, err = c.Server(context.Background(), "bad"); !sameFacts(err, &APIError{Status: 400}) {
		t.Errorf("got %T %v", err, err)
	}
	// What the kernel's buffers hold was sent, but not read.
	if got := sent.Load(); got > 100 {
		t.Errorf("%d MB were taken", got)
	}
}

func TestRedirects(t *testing.T) {
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the token went to another host: %v", r.Header)
	}))
	defer thief.Close()
	f := newFake(t)
	f.on(serverPath, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, thief.URL+"/?x=1", http.StatusFound) })
	f.on("/compute/v2.1/servers/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/compute/v2.1/servers/here", http.StatusMovedPermanently)
	})
	f.on("/compute/v2.1/servers/here", says(200, `{"server": {"id": "here"}}`))
	f.on("/compute/v2.1/servers/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	f.on("/compute/v2.1/servers/post/action", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/compute/v2.1/servers/here", http.StatusFound)
	})
	c := f.connect(ClientOptions{})
	_, err := c.Server(context.Background(), "x")
	if !sameFacts(err, &APIError{Status: 302, Message: "redirects to " + thief.URL + "/"}) {
		t.Errorf("elsewhere: %T %v", err, err)
	}
	if s, err := c.Server(context.Background(), "moved"); err != nil || s.ID != "here" {
		t.Errorf("same host: %v, %v", s, err)
	}
	if _, err := c.Server(context.Background(), "round"); !sameFacts(err, &APIError{Status: 302}) {
		t.Errorf("in a circle: %T %v", err, err)
	}
	if _, err := c.Console(context.Background(), "post", 1); !sameFacts(err, &APIError{Status: 302}) {
		t.Errorf("a POST: %T %v", err, err)
	}
}

func TestTrace(t *testing.T) {
	f := newFake(t)
	var mu sync.Mutex
	var calls []Call
	trace := func(c Call) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, c)
	}
	c := f.connect(ClientOptions{Trace: trace, UserAgent: "osssh/1"})
	var agent string
	f.on("/network/v2.0/ports", func(w http.ResponseWriter, r *http.Request) {
		agent = r.UserAgent()
		w.Header().Set("X-Openstack-Request-Id", "req-é"+strings.Repeat("x", 200))
		reply(w, 200, `{"ports": []}`)
	})
	if _, err := c.Ports(context.Background(), url.Values{"device_id": {"d"}}); err != nil {
		t.Fatal(err)
	}
	f.CloseClientConnections()
	f.Listener.Close()
	_, _ = c.Server(context.Background(), "x")
	if len(calls) < 3 || c.Calls() != len(calls) {
		t.Fatalf("got %v", calls)
	}
	login, ports, lost := calls[0], calls[1], calls[2]
	if login.Method != "POST" || login.Status != 201 || login.RequestID != "req-1" || login.URL != f.URL+"/v3/auth/tokens" {
		t.Errorf("got %+v", login)
	}
	if ports.URL != f.URL+"/network/v2.0/ports?device_id=d" || len(ports.RequestID) > maxRequestID+3 || ports.Duration <= 0 {
		t.Errorf("got %+v", ports)
	}
	if lost.Status != 0 || lost.Err == nil {
		t.Errorf("got %+v", lost)
	}
	if !strings.HasPrefix(agent, "osssh/1 ") {
		t.Errorf("User-Agent %q", agent)
	}
}

// TestNoSecretLeaves drives everything into failure and looks for the token and
// the password in what comes out.
func TestNoSecretLeaves(t *testing.T) {
	f := newFake(t)
	var mu sync.Mutex
	var out []string
	note := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		out = append(out, s)
	}
	for i, handler := range []http.HandlerFunc{says(401, "{}"), says(403, "{}"), says(500, "no"), hangUp, breakOff, says(200, "<html>")} {
		f.on(serverPath, handler)
		c := f.connect(ClientOptions{Trace: func(c Call) {
			note(c.Method + c.URL + c.RequestID)
			if c.Err != nil {
				note(c.Err.Error())
			}
		}})
		_, err := c.Server(context.Background(), "x")
		if err == nil {
			t.Fatalf("%d: no error", i)
		}
		note(err.Error())
	}
	all := strings.Join(out, "\n")
	if strings.Contains(all, tokenMark) || strings.Contains(all, rightPassword) {
		t.Errorf("a secret stands in\n%s", all)
	}
}

// certificate makes a key pair for 127.0.0.1 and writes it to PEM files.
func certificate(t *testing.T, dir, name string) (tls.Certificate, string, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, certFile, keyFile
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	own, ca, _ := certificate(t, dir, "server")
	user, userCert, userKey := certificate(t, dir, "user")
	clients := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(user.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	clients.AddCert(leaf)

	f := newFake(t)
	secure := httptest.NewUnstartedServer(f)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	secure.StartTLS()
	defer secure.Close()

	bare := httptest.NewUnstartedServer(f)
	bare.Config.ErrorLog = secure.Config.ErrorLog
	bare.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
	bare.StartTLS()
	defer bare.Close()

	noPEM := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(noPEM, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		url  string
		tls  TLS
		want error
	}{
		"unknown CA":              {bare.URL, TLS{}, &UnreachableError{}},
		"cacert":                  {bare.URL, TLS{CACert: ca}, nil},
		"insecure":                {bare.URL, TLS{Insecure: true, CACert: "/nowhere"}, nil},
		"another CA":              {bare.URL, TLS{CACert: userCert}, &UnreachableError{}},
		"client certificate":      {secure.URL, TLS{CACert: ca, Cert: userCert, Key: userKey}, nil},
		"no client certificate":   {secure.URL, TLS{CACert: ca}, &UnreachableError{}},
		"no such file":            {bare.URL, TLS{CACert: "/nowhere"}, &ConfigError{File: "/nowhere", Err: os.ErrNotExist}},
		"no certificate in it":    {bare.URL, TLS{CACert: noPEM}, &ConfigError{File: noPEM}},
		"a certificate, no key":   {bare.URL, TLS{Cert: userCert}, &ConfigError{File: userCert}},
		"plain HTTP spoken there": {strings.Replace(f.URL, "http:", "https:", 1), TLS{}, &UnreachableError{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cloud := f.cloud()
			cloud.AuthURL, cloud.TLS = test.url, test.tls
			c, err := Connect(context.Background(), cloud, ClientOptions{})
			if test.want == nil && err != nil || test.want != nil && !sameFacts(err, test.want) {
				t.Fatalf("got %T %v, want %v", err, err, test.want)
			}
			if err == nil {
				c.Close()
			}
		})
	}
	cloud := f.cloud()
	cloud.AuthURL = bare.URL
	calls := 0
	_, err = Connect(context.Background(), cloud, ClientOptions{Trace: func(Call) { calls++ }})
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unknown) || calls != 1 {
		t.Errorf("got %v after %d calls: a certificate that does not verify is not tried again", err, calls)
	}
}

func TestProxy(t *testing.T) {
	f := newFake(t)
	proxy, err := url.Parse(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	cloud := f.cloud()
	cloud.AuthURL = "http://keystone.invalid:5000"
	c, err := Connect(context.Background(), cloud, ClientOptions{Proxy: http.ProxyURL(proxy)})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestConnectionsAreKept(t *testing.T) {
	f := newFake(t)
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	watched := httptest.NewUnstartedServer(f)
	watched.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		open[conn] = state != http.StateClosed
	}
	f.on(serverPath, says(200, `{"server": {"id": "x"}}   `))
	f.on("/compute/v2.1/servers/gone", says(404, `{"itemNotFound": {"message": "gone"}}`))
	watched.Start()
	defer watched.Close()
	cloud := f.cloud()
	cloud.AuthURL = watched.URL
	cloud.Services = map[string]ServiceConfig{"compute": {Endpoint: watched.URL + "/compute/v2.1"}}
	c, err := Connect(context.Background(), cloud, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		_, _ = c.Server(context.Background(), "x")
		_, _ = c.Server(context.Background(), "gone")
	}
	mu.Lock()
	if len(open) != 1 {
		t.Errorf("%d connections for calls one after the other", len(open))
	}
	mu.Unlock()
	c.Close()
	deadline := time.Now().Add(2 * time.Second)
	for {
		mu.Lock()
		left := 0
		for _, is := range open {
			if is {
				left++
			}
		}
		mu.Unlock()
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections left open", left)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
