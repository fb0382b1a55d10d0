package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"osssh/internal/demo"
)

// A silent cloud is given up 10 s after the start, or once another one has
// answered after that; one that has answered may take its time.
func TestAskEach(t *testing.T) {
	refused := errors.New("refused")
	tests := []struct {
		name   string
		clouds []cloudPlan
		took   time.Duration
		errs   []error
		err    error
	}{
		{"all answer", []cloudPlan{{answers: 1, ends: 2}, {answers: 2, ends: 2}}, 2, []error{nil, nil}, nil},
		{"one is silent", []cloudPlan{{answers: 1, ends: 2}, {}}, 10, []error{nil, errSilent}, nil},
		{"one is broken", []cloudPlan{{answers: 1, ends: 2}, {ends: 1, fails: refused}}, 2, []error{nil, refused}, nil},
		{"slow after its first word", []cloudPlan{{answers: 1, ends: 60}, {}}, 60, []error{nil, errSilent}, nil},
		{"all are slow", []cloudPlan{{answers: 12, ends: 13}, {answers: 14, ends: 15}}, 13, []error{nil, errSilent}, nil},
		{"fails after its first word", []cloudPlan{{answers: 1, ends: 2, fails: refused}}, 2, []error{refused}, nil},
		{"none answers", []cloudPlan{{ends: 30, fails: refused}, {ends: 20, fails: refused}}, 30, []error{refused, refused}, errNoCloud},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stderr := scratch(t)
			synctest.Test(t, func(t *testing.T) {
				p := &process{ctx: t.Context(), ui: &ui{stderr: stderr}}
				var clouds []*oneCloud
				plan := map[*oneCloud]cloudPlan{}
				for i, c := range test.clouds {
					clouds = append(clouds, &oneCloud{name: fmt.Sprint("cloud", i)})
					plan[clouds[i]] = c
				}
				began := time.Now()
				err := p.askEach(clouds, func(c *oneCloud) error { return plan[c].act(c) })
				if !errors.Is(err, test.err) || err != nil && test.err == nil {
					t.Errorf("got %v", err)
				}
				if took := time.Since(began); took != test.took*time.Second {
					t.Errorf("took %s", took)
				}
				for i, c := range clouds {
					if c.err != test.errs[i] {
						t.Errorf("%s: %v", c.name, c.err)
					}
				}
			})
			said := content(t, stderr)
			for i, err := range test.errs {
				if line := fmt.Sprintf("osssh: cloud \"cloud%d\": %v\n", i, err); (err != nil) != strings.Contains(said, line) {
					t.Errorf("said %q", said)
				}
			}
		})
	}
}

// cloudPlan is what a cloud does, in seconds from its start.
type cloudPlan struct {
	answers int // 0: never
	ends    int // 0: only when it is given up
	fails   error
}

func (plan cloudPlan) act(c *oneCloud) error {
	until := func(seconds int) error {
		select {
		case <-time.After(time.Duration(seconds) * time.Second):
			return nil
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
	if plan.answers > 0 {
		if err := until(plan.answers); err != nil {
			return err
		}
		c.answered()
	}
	if plan.ends == 0 {
		<-c.ctx.Done()
		return c.ctx.Err()
	}
	if err := until(plan.ends - plan.answers); err != nil {
		return err
	}
	return plan.fails
}

// The entries of one project are listed once, by the first that works.
func TestTwins(t *testing.T) {
	open := func(scope string, lists bool) *entry {
		e := newEntry(&oneCloud{})
		e.keystone = "http://k"
		if scope != "" {
			e.signIn(scope)
		}
		e.settle(lists)
		return e
	}
	other := open("nova project", true)
	other.keystone = "http://other"
	for name, test := range map[string]struct {
		before *entry
		twin   bool
	}{
		"same project":            {open("nova project", true), true},
		"same, but it fails":      {open("nova project", false), false},
		"another project":         {open("nova other", true), false},
		"could not sign in":       {open("", false), false},
		"another keystone":        {other, false},
		"never read its settings": {newEntry(&oneCloud{}), false},
	} {
		e := newEntry(&oneCloud{})
		e.keystone = "http://k"
		e.signIn("nova project")
		if got := e.isTwin(context.Background(), test.before); got != test.twin {
			t.Errorf("%s: got %v", name, got)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		slow := newEntry(&oneCloud{})
		e := newEntry(&oneCloud{})
		e.signIn("nova project")
		began := time.Now()
		if e.isTwin(t.Context(), slow) || time.Since(began) != twinPatience {
			t.Errorf("waited %s for one that does not sign in", time.Since(began))
		}
	})
}

// serverIDs finds the ids in a listing as JSON.
func serverIDs(text string) []string {
	var ids []string
	for _, match := range regexp.MustCompile(`"id":"([^"]+)"`).FindAllStringSubmatch(text, -1) {
		ids = append(ids, match[1])
	}
	slices.Sort(ids)
	return ids
}

// A server that two entries show comes once also where their projects do not
// tell that they are one.
func TestListedOnce(t *testing.T) {
	cloud := onDemo(t, demo.Options{})
	config, err := os.ReadFile(filepath.Join(cloud.Home(), "clouds.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(config), "127.0.0.1", "localhost")
	_, more, _ := strings.Cut(strings.ReplaceAll(text, "  demo", "  same"), "clouds:\n")
	path := filepath.Join(t.TempDir(), "clouds.yaml")
	if err := os.WriteFile(path, append(config, more...), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stdout, _ := osssh(t, "--all-clouds", "list", "--json")
	want := serverIDs(stdout)
	t.Setenv("OS_CLIENT_CONFIG_FILE", path)
	status, stdout, stderr := osssh(t, "--all-clouds", "list", "--json")
	if got := serverIDs(stdout); status != 0 || len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("status %d, %d servers instead of %d, %q", status, len(got), len(want), stderr)
	}
}
