package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	maxRequest = 1 << 20 // bytes of a request's body
	maxCalls   = 100_000 // that are remembered, the last ones
)

// Call is one request that was served.
type Call struct {
	Cloud      string // "demo" or "other"
	Service    string // "keystone", "nova", "neutron", "glance" or "cinder"
	Method     string
	Path       string // below the service's root, with the query
	Status     int    // 0 if the connection was closed without an answer
	Bytes      int64  // of the answer's body
	RequestID  string
	Start, End time.Time
}

// callLog is what the clouds of one process were asked.
type callLog struct {
	mu    sync.Mutex
	calls []Call
}

func (l *callLog) add(call Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, call)
	if len(l.calls) > maxCalls {
		l.calls = slices.Delete(l.calls, 0, maxCalls/10)
	}
}

// Calls gives the requests served since the start or the last ResetCalls, in
// the order in which they ended, those of the other cloud too. The control
// endpoint's own are left out.
func (c *Cloud) Calls() []Call {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	return slices.Clone(c.log.calls)
}

// ResetCalls forgets the requests served so far.
func (c *Cloud) ResetCalls() {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	c.log.calls = nil
}

// object is a record as JSON has it.
type object = map[string]any

// request is what a handler gets.
type request struct {
	*http.Request
	service string
	minor   int // nova's microversion 2.minor
}

// decode reads the JSON body into v.
func (r *request) decode(v any) error { return json.NewDecoder(r.Body).Decode(v) }

// reply is what a handler gives: body as JSON, nothing where it is nil.
type reply struct {
	status int
	body   any
	header map[string]string
}

type handler func(*request) reply

// mounts says below which path each service stands (devstack's names).
var mounts = map[string]string{
	"identity": "keystone", "compute": "nova", "networking": "neutron", "image": "glance", "volume": "cinder",
}

// split takes a URL's path apart: /compute/v2.1/x is nova's /v2.1/x.
func split(path string) (service, rest string) {
	mount, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return mounts[mount], "/" + rest
}

// route is one line of a service's table. Handlers run with the state locked.
type route struct {
	pattern string // as http.ServeMux has it
	open    bool   // needs no token
	handle  handler
}

func (c *Cloud) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for _, table := range [][]route{
		c.keystoneRoutes(), c.novaRoutes(), c.neutronRoutes(), c.glanceRoutes(), c.cinderRoutes(),
	} {
		for _, r := range table {
			serve := func(w http.ResponseWriter, q *http.Request) { c.answer(w, q, r) }
			mux.HandleFunc(r.pattern, serve)
			// Clients leave a root's slash out, and keystoneauth follows no relative redirect.
			if root, ok := strings.CutSuffix(r.pattern, "/{$}"); ok {
				mux.HandleFunc(root, serve)
			}
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, q *http.Request) {
		service, _ := split(q.URL.Path)
		if service == "neutron" || service == "keystone" {
			write(w, failure(service, http.StatusNotFound, "The resource could not be found."))
			return
		}
		write(w, page(http.StatusNotFound, "The resource could not be found."))
	})
	c.controlRoutes(mux)
	return mux
}

// recorder remembers the status and counts the bytes that were written.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) Write(data []byte) (int, error) {
	n, err := r.ResponseWriter.Write(data)
	r.bytes += int64(n)
	return n, err
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// ServeHTTP serves all APIs: it keeps the log of calls and plays the faults.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if strings.HasPrefix(q.URL.Path, c.control+"/") {
		c.mux.ServeHTTP(w, q)
		return
	}
	call := Call{Cloud: c.name, Method: q.Method, RequestID: "req-" + newID(), Start: time.Now()}
	call.Service, call.Path = split(q.URL.Path)
	path := call.Path
	if q.URL.RawQuery != "" {
		call.Path += "?" + q.URL.RawQuery
	}
	w.Header().Set("X-Openstack-Request-Id", call.RequestID)
	if call.Service == "nova" {
		w.Header().Set("X-Compute-Request-Id", call.RequestID)
	}
	q.Body = http.MaxBytesReader(w, q.Body, maxRequest)
	rec := &recorder{ResponseWriter: w}
	defer func() { // also where a fault panics with http.ErrAbortHandler
		call.Status, call.Bytes, call.End = rec.status, rec.bytes, time.Now()
		c.log.add(call)
	}()
	if f := c.takeFault(call.Service, q.Method, path); f != nil && f.play(rec, q) {
		return
	}
	c.mux.ServeHTTP(rec, q)
}

func (c *Cloud) answer(w http.ResponseWriter, q *http.Request, r route) {
	req := &request{Request: q}
	req.service, _ = split(q.URL.Path)
	if req.service == "nova" && !r.open {
		minor, wrong := microversion(q.Header)
		if wrong != nil {
			write(w, *wrong)
			return
		}
		req.minor = minor
		version := fmt.Sprintf("2.%d", minor)
		w.Header().Set("Openstack-Api-Version", "compute "+version)
		w.Header().Set("X-Openstack-Nova-Api-Version", version)
		w.Header().Set("Vary", "OpenStack-API-Version, X-OpenStack-Nova-API-Version")
	}
	a, data := c.handle(req, r)
	send(w, a, data)
}

// handle gives the answer and its encoding, both made with the state locked:
// the body may hold parts of the state.
func (c *Cloud) handle(q *request, r route) (a reply, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a = c.unauthorized()
	if r.open || c.identity.tokens[q.Header.Get("X-Auth-Token")].valid() {
		a = r.handle(q)
	}
	data, err := encode(a)
	if err != nil {
		a = failure(q.service, http.StatusInternalServerError, err.Error())
		data, _ = encode(a)
	}
	return a, data
}

func encode(a reply) ([]byte, error) {
	switch body := a.body.(type) {
	case nil:
		return nil, nil
	case html:
		return []byte(body), nil
	}
	return json.Marshal(a.body)
}

func write(w http.ResponseWriter, a reply) {
	data, _ := encode(a) // only ever called with errors of our own
	send(w, a, data)
}

func send(w http.ResponseWriter, a reply, data []byte) {
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if _, ok := a.body.(html); ok {
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	} else if data != nil {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(data) // the client may have gone
}

// html is a body for people, which webob gives where no API is concerned.
type html string

func page(status int, message string) reply {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return reply{status: status, body: html("<html>\n <head>\n  <title>" + title + "</title>\n </head>\n <body>\n  <h1>" +
		title + "</h1>\n  " + message + "<br /><br />\n </body>\n</html>")}
}

// failure is an error in the words of that service's API.
func failure(service string, status int, message string) reply {
	kind := http.StatusText(status)
	switch service {
	case "nova", "cinder":
		return reply{status: status, body: object{novaFault(status): object{"code": status, "message": message}}}
	case "neutron":
		if status == http.StatusForbidden {
			return neutronError(status, "PolicyNotAuthorized", message)
		}
		return neutronError(status, "HTTP"+strings.ReplaceAll(kind, " ", ""), message)
	case "glance":
		return page(status, message)
	default:
		return reply{status: status, body: object{"error": object{"code": status, "message": message, "title": kind}}}
	}
}

// novaFault names a status as nova does (nova/api/openstack/wsgi.py, Fault).
func novaFault(status int) string {
	switch status {
	case 400:
		return "badRequest"
	case 401:
		return "unauthorized"
	case 403:
		return "forbidden"
	case 404:
		return "itemNotFound"
	case 405:
		return "badMethod"
	case 409:
		return "conflictingRequest"
	case 413, 429:
		return "overLimit"
	case 415:
		return "badMediaType"
	case 501:
		return "notImplemented"
	case 503:
		return "serviceUnavailable"
	}
	return "computeFault"
}

func neutronError(status int, kind, message string) reply {
	return reply{status: status, body: object{"NeutronError": object{"type": kind, "message": message, "detail": ""}}}
}
