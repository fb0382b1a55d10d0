package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"osssh/internal/openstack"
	"osssh/reach"
)

// cloudPatience is how long a cloud may keep silent where others have answered.
const cloudPatience = 10 * time.Second

var (
	errSilent  = fmt.Errorf("no answer within %s", cloudPatience)
	errNoCloud = errors.New("none of the clouds answers")
)

// cloudError says why one cloud of several could not be asked.
type cloudError struct {
	cloud string
	err   error
}

func (e *cloudError) Error() string { return fmt.Sprintf("cloud %q: %v", e.cloud, e.err) }
func (e *cloudError) Unwrap() error { return e.err }

// sayCloud puts the cloud before what is said of it, once.
func sayCloud(e *cloudError) words {
	w := explain(e.err)
	var secret *openstack.MissingSecretError
	if errors.As(e.err, &secret) {
		w.what = fmt.Sprintf("no %s configured, and none is asked for with --all-clouds", secret.Name)
	}
	for _, prefix := range []string{"cloud %s: ", "cloud %q: ", "cloud %s "} {
		w.what = strings.TrimPrefix(w.what, fmt.Sprintf(prefix, e.cloud))
	}
	w.what = fmt.Sprintf("cloud %q: %s", e.cloud, w.what)
	return w
}

// oneCloud is one of several clouds that are asked at once.
type oneCloud struct {
	name     string
	config   *reach.Config // nil where err says why
	err      error
	ctx      context.Context
	answered func() // to be called once the cloud has shown that it is there
}

// clouds are those that --all-clouds means, sorted by name, at least one.
func (p *process) clouds() ([]*oneCloud, error) {
	if p.cloud != "" {
		return nil, &usageError{"--all-clouds and --os-cloud exclude one another"}
	}
	options, err := p.cloudOptions()
	if err != nil {
		return nil, err
	}
	names, err := openstack.CloudNames(options)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		_, err := openstack.Load(options) // says what is missing
		return nil, err
	}
	clouds := make([]*oneCloud, len(names))
	for i, name := range names {
		inside := *p
		inside.cloud = name
		clouds[i] = &oneCloud{name: name}
		clouds[i].config, clouds[i].err = inside.reachConfig()
	}
	return clouds, nil
}

// askEach asks clouds at once, without a question to the user: several might
// come together. What keeps one from answering is said in a line; where none
// answers, that is the error.
func (p *process) askEach(clouds []*oneCloud, ask func(*oneCloud) error) error {
	all := roundup{silent: map[*oneCloud]context.CancelCauseFunc{}}
	for _, c := range clouds {
		var cancel context.CancelCauseFunc
		c.ctx, cancel = context.WithCancelCause(p.ctx)
		defer cancel(nil)
		c.answered = sync.OnceFunc(func() { all.hear(c) })
		all.silent[c] = cancel
	}
	defer time.AfterFunc(cloudPatience, all.expire).Stop()
	var asking sync.WaitGroup
	for _, c := range clouds {
		if c.err != nil {
			continue
		}
		asking.Go(func() {
			if c.err = ask(c); c.err == nil {
				c.answered()
			} else if context.Cause(c.ctx) == errSilent {
				c.err = errSilent
			}
		})
	}
	asking.Wait()
	if err := p.ctx.Err(); err != nil {
		return err
	}
	for _, c := range clouds {
		if c.err != nil {
			p.ui.notef("%s", explain(&cloudError{c.name, c.err}).what)
		}
	}
	if all.answers == 0 {
		return errNoCloud
	}
	return nil
}

// roundup knows which clouds have not answered yet. They are given up when their
// time is over, but not before another one has answered.
type roundup struct {
	mu      sync.Mutex
	silent  map[*oneCloud]context.CancelCauseFunc
	answers int
	late    bool
}

func (r *roundup) hear(c *oneCloud) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.silent, c)
	r.answers++
	r.giveUp()
}

func (r *roundup) expire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late = true
	r.giveUp()
}

func (r *roundup) giveUp() {
	if r.late && r.answers > 0 {
		for _, cancel := range r.silent {
			cancel(errSilent)
		}
	}
}
