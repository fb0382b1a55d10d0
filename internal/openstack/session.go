package openstack

import (
	"context"
	"errors"
	"maps"
	"time"
)

// session is what a token request gives, and what the cache keeps.
type session struct {
	Token       string    `json:"token"`
	Expires     time.Time `json:"expires"`
	UserID      string    `json:"user_id"`
	ProjectID   string    `json:"project_id"`
	ProjectName string    `json:"project_name"`
	Catalog     catalog   `json:"catalog"`

	// Learnt is what services said of themselves, by the endpoint of the
	// catalog: the microversion of a nova that refused the usual one, the base
	// URL of a neutron that is not at its usual place.
	Learnt map[string]string `json:"learnt,omitempty"`

	// renewed is when this session took the place of a refused token.
	renewed time.Time
}

// minValidity is what a cached token must have left to be worth using.
const minValidity = time.Minute

func (s *session) valid(now time.Time) bool {
	return s.Token != "" && s.Expires.Sub(now) >= minValidity
}

// renewPause is how long after a renewal another refusal counts as final: what
// a fresh token does not open, a fresher one does not either.
const renewPause = time.Minute

// errTokenFresh means that a refused token was itself a renewal.
var errTokenFresh = errors.New("the token is fresh")

// renew replaces the session whose token was refused; "" stands for none yet.
// Callers that come with the same token share one request.
func (c *Client) renew(ctx context.Context, refused string) (*session, error) {
	if err := c.renewing.take(ctx); err != nil {
		return nil, err
	}
	defer c.renewing.give()
	old := c.current()
	if old != nil && old.Token != refused {
		return old, nil
	}
	if old != nil && time.Since(old.renewed) < renewPause {
		return nil, errTokenFresh
	}
	fresh, err := c.authenticate(ctx)
	if err != nil {
		return nil, err
	}
	if old != nil {
		fresh.renewed = time.Now()
		fresh.Learnt = old.Learnt
	}
	c.keep(fresh)
	return fresh, nil
}

// keep makes s the session of this client and, by the cache, of the next one.
func (c *Client) keep(s *session) {
	c.mu.Lock()
	c.session = s
	c.mu.Unlock()
	c.save(s)
}

func (c *Client) save(s *session) {
	if err := writeSession(c.options.CacheDir, c.cloud, s); err != nil && c.options.Warn != nil {
		c.options.Warn(err)
	}
}

// learn remembers what a service said of itself.
func (c *Client) learn(endpoint, value string) {
	c.mu.Lock()
	changed := *c.session
	changed.Learnt = maps.Clone(c.session.Learnt)
	if changed.Learnt == nil {
		changed.Learnt = map[string]string{}
	}
	changed.Learnt[endpoint] = value
	c.session = &changed
	c.mu.Unlock()
	c.save(&changed)
}

// turn lets one at a time do something that serves all who wait for it. Unlike
// a mutex it can be waited for until a context ends.
type turn chan struct{}

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t turn) give() { <-t }
