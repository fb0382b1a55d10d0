package openstack

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// ClientOptions says how a client behaves; the zero value is usable.
type ClientOptions struct {
	// Password asks for the password, Passcode for a one-time code. They are
	// called only if the configuration has none and no cached token is valid,
	// at most once; nil makes that a *MissingSecretError.
	Password func(ctx context.Context) (string, error)
	Passcode func(ctx context.Context) (string, error)

	// CacheDir is the directory that holds tokens/; "" means no cache at all.
	CacheDir string

	// Trace is told of every HTTP exchange once its header is here, retries
	// included, from several goroutines at once. It never sees a token or a
	// password.
	Trace func(Call)

	// Warn is told of what failed but stops nothing: a cache that cannot be
	// written.
	Warn func(error)

	// Proxy is as in http.Transport; nil means no proxy.
	Proxy func(*http.Request) (*url.URL, error)

	UserAgent string
	Timeout   time.Duration // for one call with its retries; 0 means 30 s
}

// Call is one HTTP exchange with a service.
type Call struct {
	Method    string
	URL       string        // without user information
	Status    int           // 0 if no answer came
	Duration  time.Duration // until the header of the answer was read
	RequestID string        // x-openstack-request-id
	Err       error
}

// Client talks to the services of one cloud in one region. All its methods may
// be used at once.
type Client struct {
	cloud    *Cloud
	options  ClientOptions
	provider *gophercloud.ProviderClient // carries no token: each request brings its own
	calls    atomic.Int64
	ahead    atomic.Int64
	secrets  secrets

	mu      sync.Mutex // guards session, never held during a call
	session *session   // replaced, never changed

	renewing turn // for a token
	learning turn // what a service says of itself

	networkFound atomic.Bool // neutron answers where it is looked for
}

// Connect gives a client with a token: the cached one, unasked, or a new one,
// by one request. A cached token that keystone has revoked shows at the first
// call, which renews it.
func Connect(ctx context.Context, cloud *Cloud, o ClientOptions) (*Client, error) {
	if o.Timeout <= 0 {
		o.Timeout = callTimeout
	}
	c := &Client{cloud: cloud, options: o, renewing: make(turn, 1), learning: make(turn, 1)}
	transport, err := newTransport(cloud.TLS, o, &c.calls, &c.ahead)
	if err != nil {
		return nil, err
	}
	c.provider = &gophercloud.ProviderClient{
		HTTPClient: http.Client{Transport: transport, CheckRedirect: sameOrigin},
	}
	if o.UserAgent != "" {
		c.provider.UserAgent.Prepend(o.UserAgent)
	}
	c.session = readSession(o.CacheDir, cloud, time.Now())
	if c.session == nil {
		if _, err := c.renew(ctx, ""); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Close gives up the kept connections. The client can still be used.
func (c *Client) Close() { c.provider.HTTPClient.CloseIdleConnections() }

// UserID is the user whom the token stands for.
func (c *Client) UserID() string { return c.current().UserID }

// ProjectID is the project that the token is for; "" if it is for none.
func (c *Client) ProjectID() string { return c.current().ProjectID }

// ProjectName is the name of that project.
func (c *Client) ProjectName() string { return c.current().ProjectName }

// Scope tells apart which servers this client sees: two clients of one scope
// see the same ones. "" where the catalog has no nova.
func (c *Client) Scope() string {
	s := c.current()
	base, err := c.cloud.endpoint(compute, s)
	if err != nil {
		return ""
	}
	return base + " " + s.ProjectID
}

// Calls counts the HTTP exchanges so far, retries and token requests included.
func (c *Client) Calls() int { return int(c.calls.Load()) }

// Ahead is how far the clock of the last service that answered is ahead of this
// machine's, good to about a second; 0 before any answer.
func (c *Client) Ahead() time.Duration { return time.Duration(c.ahead.Load()) }

func (c *Client) current() *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}
