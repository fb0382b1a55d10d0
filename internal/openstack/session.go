package openstack

import (
	"context"
	"errors"
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

	// Microversion is nova's, where it refused the usual one.
	Microversion string `json:"compute_microversion,omitempty"`

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
	select {
	case c.renewing <- struct{}{}:
		defer func() { <-c.renewing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
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
		fresh.Microversion = old.Microversion
	}
	c.keep(fresh)
	return fresh, nil
}

// keep makes s the session of this client and, by the cache, of the next one.
func (c *Client) keep(s *session) {
	c.mu.Lock()
	c.session = s
	c.mu.Unlock()
	if err := writeSession(c.options.CacheDir, c.cloud, s); err != nil && c.options.Warn != nil {
		c.options.Warn(err)
	}
}

// setMicroversion remembers what nova can do.
func (c *Client) setMicroversion(version string) {
	changed := *c.current()
	changed.Microversion = version
	c.keep(&changed)
}
