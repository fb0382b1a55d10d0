package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"osssh/reach"
)

// twinPatience is how long one cloud's listing waits to learn whether another
// entry of clouds.yaml lists the same servers.
const twinPatience = 3 * time.Second

// listClouds lists the servers of all clouds. Where two entries of clouds.yaml
// mean one project, the first one that answers lists it.
func (p *process) listClouds(settingsOf settingsFor, out *listing) error {
	clouds, err := p.clouds()
	if err != nil {
		return err
	}
	p.ui.stage(fmt.Sprintf("listing servers of %d clouds", len(clouds)))
	entries := map[*oneCloud]*entry{}
	for _, c := range clouds {
		entries[c] = newEntry(c)
	}
	return p.askEach(clouds, func(c *oneCloud) error {
		own := entries[c]
		defer own.settle(false)
		client, err := c.config.Client(c.ctx, false)
		if err != nil {
			return err
		}
		own.signIn(client.Scope())
		for _, before := range clouds {
			if before == c {
				break
			}
			if own.isTwin(c.ctx, entries[before]) {
				return nil
			}
		}
		c.config.SettingsOf, c.config.Stage = settingsOf, nil
		gaps, err := reach.Survey(c.ctx, c.config, func(rows []reach.Row) error {
			c.answered()
			own.settle(true)
			return out.add(c.name, rows)
		})
		for _, gap := range gaps {
			p.ui.notef("cloud %q: %s could not be asked: %s", c.name, gap.What, explain(gap.Err).what)
		}
		return err
	})
}

// entry is what the listing of one cloud tells the others of itself.
type entry struct {
	keystone string        // "" where the configuration says nothing
	signedIn chan struct{} // closed once scope is known
	scope    string
	settled  chan struct{} // closed once lists is known
	lists    bool          // servers come from here
	once     sync.Once
}

func newEntry(c *oneCloud) *entry {
	e := &entry{signedIn: make(chan struct{}), settled: make(chan struct{})}
	if c.config != nil {
		e.keystone = c.config.Cloud.AuthURL
	}
	return e
}

func (e *entry) signIn(scope string) {
	e.scope = scope
	close(e.signedIn)
}

func (e *entry) settle(lists bool) {
	e.once.Do(func() {
		e.lists = lists
		close(e.settled)
	})
}

// isTwin says whether the entry before this one lists the same servers. It does
// not wait long: a server that comes twice is listed once anyway.
func (e *entry) isTwin(ctx context.Context, before *entry) bool {
	if before.keystone != e.keystone {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, twinPatience)
	defer cancel()
	select {
	case <-before.signedIn:
	case <-before.settled: // without a scope
	case <-ctx.Done():
		return false
	}
	if e.scope == "" || before.scope != e.scope {
		return false
	}
	select {
	case <-before.settled:
		return before.lists
	case <-ctx.Done():
		return false
	}
}
