package openstack

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"time"
)

const (
	connectTimeout = 10 * time.Second
	maxBody        = 64 << 20 // a page of 1000 servers is some 3 MB
	maxErrorBody   = 64 << 10
	maxHeader      = 256 << 10 // a token of keystone is at most 8 KiB
	sniffed        = 512       // bytes looked at to tell JSON from other things
	maxRedirects   = 3
	idleConns      = 16
)

// transport bounds what a service may send, and reports each exchange.
type transport struct {
	base  *http.Transport
	trace func(Call)
	calls *atomic.Int64
	ahead *atomic.Int64 // as Client.Ahead
	limit int64         // bytes of a body
}

func newTransport(t TLS, o ClientOptions, calls, ahead *atomic.Int64) (*transport, error) {
	config, err := t.config()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: connectTimeout}
	return &transport{
		base: &http.Transport{
			Proxy:                  o.Proxy,
			DialContext:            dialer.DialContext,
			TLSClientConfig:        config,
			TLSHandshakeTimeout:    connectTimeout,
			ResponseHeaderTimeout:  o.Timeout,
			MaxResponseHeaderBytes: maxHeader,
			MaxIdleConnsPerHost:    idleConns,
			IdleConnTimeout:        time.Minute,
			ForceAttemptHTTP2:      true,
		},
		trace: o.Trace,
		calls: calls,
		ahead: ahead,
		limit: maxBody,
	}, nil
}

// config reads the files that the configuration names.
func (t TLS) config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.Insecure} //nolint:gosec // the user's own `verify: false`
	if t.CACert != "" && !t.Insecure {
		pem, err := os.ReadFile(t.CACert)
		if err != nil {
			return nil, &ConfigError{File: t.CACert, Err: err}
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, &ConfigError{File: t.CACert, Err: errors.New("no certificate in it")}
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, firstOf(t.Key, t.Cert))
		if err != nil {
			return nil, &ConfigError{File: t.Cert, Err: err}
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	start := time.Now()
	t.calls.Add(1)
	response, err := t.base.RoundTrip(request)
	if t.trace != nil {
		t.trace(report(request, response, err, time.Since(start)))
	}
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		t.ahead.Store(int64(time.Until(date)))
	}
	return bounded(response, t.limit)
}

func report(request *http.Request, response *http.Response, err error, took time.Duration) Call {
	c := Call{Method: request.Method, URL: withoutUser(request.URL), Duration: took, Err: err}
	if response != nil {
		c.Status, c.RequestID = response.StatusCode, requestID(response.Header)
	}
	return c
}

// requestID is what the operator's logs know a call by.
func requestID(h http.Header) string {
	return line(firstOf(h.Get("X-Openstack-Request-Id"), h.Get("X-Compute-Request-Id")), maxRequestID)
}

// bounded limits the body of a response. A success that does not begin as JSON
// is an error right here, whoever decodes it.
func bounded(response *http.Response, limit int64) (*http.Response, error) {
	clean := withoutQuery(response.Request.URL.String())
	if response.StatusCode >= 300 {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, maxErrorBody), response.Body}
		return response, nil
	}
	body := &boundedBody{from: response.Body, left: limit, limit: limit, url: clean}
	peeked := bufio.NewReaderSize(body, sniffed)
	start, err := peeked.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) && len(start) == 0 {
		response.Body.Close()
		return nil, err
	}
	if text := bytes.TrimLeft(start, " \t\r\n"); len(text) > 0 && text[0] != '{' {
		response.Body.Close()
		return nil, &BodyError{
			URL: clean, Status: response.StatusCode,
			ContentType: response.Header.Get("Content-Type"), Start: string(text[:min(len(text), 80)]),
		}
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{peeked, response.Body}
	return response, nil
}

// boundedBody gives a typed error where a body is too long or breaks off.
type boundedBody struct {
	from        io.Reader
	left, limit int64
	url         string
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, &TooLargeError{URL: b.url, Limit: b.limit}
	}
	n, err := b.from.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &UnreachableError{URL: b.url, Err: err}
	}
	return n, err
}

// sameOrigin follows no redirect that would carry the token to another place,
// nor one that would turn a POST into a GET.
func sameOrigin(next *http.Request, via []*http.Request) error {
	last := via[len(via)-1]
	if len(via) > maxRedirects || next.Method != last.Method ||
		next.URL.Scheme != last.URL.Scheme || next.URL.Host != last.URL.Host {
		return http.ErrUseLastResponse
	}
	return nil
}

// withoutUser is a URL without user information.
func withoutUser(u *url.URL) string {
	c := *u
	c.User = nil
	return c.String()
}

// withoutQuery is a URL without user information and query.
func withoutQuery(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
