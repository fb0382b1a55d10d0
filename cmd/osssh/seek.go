package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/resolve"
)

// sighting is a server that a NAME means in one of several clouds.
type sighting struct {
	cloud  string
	client *openstack.Client
	server openstack.Server
	name   string // that means this server only, in its cloud
}

// elsewhereError says that not exactly one server of all clouds is meant.
type elsewhereError struct {
	name   string
	clouds []string   // that answered
	found  []sighting // none, or two and more
}

func (e *elsewhereError) Error() string {
	return fmt.Sprintf("%d servers %q in %d clouds", len(e.found), e.name, len(e.clouds))
}

func sayElsewhere(e *elsewhereError) words {
	if len(e.found) == 0 {
		return words{what: fmt.Sprintf("no server %s in %s", e.name, strings.Join(e.clouds, ", ")), hint: "osssh --all-clouds list"}
	}
	w := words{what: fmt.Sprintf("%d servers are named %s", len(e.found), e.name), hint: "osssh " + terminal.Quote(e.found[0].path())}
	for _, s := range e.found {
		w.more = append(w.more, "  "+s.line())
	}
	return w
}

// path is a NAME that means the server from any cloud.
func (s sighting) path() string { return s.cloud + "/" + s.name }

func (s sighting) line() string { return s.path() + "  " + serverLine(s.server) }

// seek looks a name up in all clouds and gives the one server that it means. A
// server that two entries of clouds.yaml show is that of the first one.
func (p *process) seek(name string) (sighting, error) {
	clouds, err := p.clouds()
	if err != nil {
		return sighting{}, err
	}
	p.ui.start()
	p.ui.stage(fmt.Sprintf("looking for %s in %d clouds", name, len(clouds)))
	var mu sync.Mutex
	var all []sighting
	err = p.askEach(clouds, func(c *oneCloud) error {
		found, err := c.seek(name)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, found...)
		return err
	})
	if err != nil {
		return sighting{}, err
	}
	slices.SortStableFunc(all, func(a, b sighting) int { return cmp.Compare(a.cloud, b.cloud) })
	missing := &elsewhereError{name: name}
	for _, s := range all {
		same := func(other sighting) bool { return other.server.ID == s.server.ID }
		if !slices.ContainsFunc(missing.found, same) {
			missing.found = append(missing.found, s)
		}
	}
	for _, c := range clouds {
		if c.err == nil {
			missing.clouds = append(missing.clouds, c.name)
		}
	}
	switch len(missing.found) {
	case 0:
		return sighting{}, missing
	case 1:
		return missing.found[0], nil
	}
	return p.ui.chooseSighting(p.ctx, missing)
}

// seek gives the servers of one cloud that a name means.
func (c *oneCloud) seek(name string) ([]sighting, error) {
	client, err := c.config.Client(c.ctx, false)
	if err != nil {
		return nil, err
	}
	server, err := resolve.FindExactly(c.ctx, client, name)
	var missing *resolve.NotFoundError
	var several *resolve.AmbiguousError
	switch {
	case err == nil:
		return []sighting{{c.name, client, server, name}}, nil
	case errors.As(err, &missing):
		return nil, nil
	case !errors.As(err, &several):
		return nil, err
	}
	var found []sighting
	for _, s := range several.Servers {
		found = append(found, sighting{c.name, client, s, s.ID})
	}
	return found, nil
}

func (u *ui) chooseSighting(ctx context.Context, several *elsewhereError) (sighting, error) {
	var choices []string
	for _, s := range several.found {
		choices = append(choices, s.line())
	}
	chosen, err := u.choose(ctx, fmt.Sprintf("%d servers are named %s:", len(choices), several.name), choices)
	if errors.Is(err, terminal.ErrNoTerminal) {
		return sighting{}, several
	}
	if err != nil {
		return sighting{}, err
	}
	return several.found[chosen], nil
}
