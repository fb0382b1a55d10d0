package reach

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"osssh/internal/openstack"
	"osssh/resolve"
)

// A confirmation is a login from memory at its gate.
type confirmation struct {
	plan  *Plan
	past  remembered
	notes []Note
}

func newConfirmation(t *testing.T, age time.Duration) *confirmation {
	t.Helper()
	c := &confirmation{past: someLogin}
	c.past.Confirmed = time.Now().Add(-age)
	memory := NewMemory(t.TempDir(), passwordCloud("bob", "r"))
	if err := memory.store("web", c.past); err != nil {
		t.Fatal(err)
	}
	c.plan = &Plan{
		Server: openstack.Server{ID: c.past.ServerID}, request: Request{Name: "web"},
		config: &Config{Memory: memory, Notify: func(n Note) { c.notes = append(c.notes, n) }},
	}
	return c
}

// remembered tells when the memory was last confirmed, as its age.
func (c *confirmation) remembered() (time.Duration, bool) {
	past, ok := c.plan.config.Memory.recall("web")
	return time.Since(past.Confirmed), ok
}

// answer is a look-up that has this to say after a while.
func answer(after time.Duration, id string, err error) *lookup {
	l := &lookup{done: make(chan struct{}), server: openstack.Server{ID: id}, err: err}
	time.AfterFunc(after, func() { close(l.done) })
	return l
}

func TestConfirm(t *testing.T) {
	const fresh, stale = confirmedFor - time.Second, confirmedFor
	for _, c := range []struct {
		name   string
		age    time.Duration
		lookup func() *lookup

		want  error
		waits time.Duration
		note  bool
		kept  bool          // in the end
		aged  time.Duration // since the last confirmation, in the end, a minute after all
	}{
		{"fresh, the API agrees", fresh, func() *lookup { return answer(time.Second, "42", nil) },
			nil, 0, false, true, time.Minute - time.Second},
		{"fresh, another server", fresh, func() *lookup { return answer(time.Second, "43", nil) }, nil, 0, false, false, 0},
		{"fresh, gone", fresh, func() *lookup { return answer(time.Second, "", &resolve.NotFoundError{}) }, nil, 0, false, false, 0},
		{"fresh, several", fresh, func() *lookup { return answer(time.Second, "", &resolve.AmbiguousError{}) }, nil, 0, false, false, 0},
		{"fresh, the API fails", fresh, func() *lookup { return answer(time.Second, "", errors.New("503")) },
			nil, 0, false, true, time.Minute + fresh},

		{"stale, the API agrees", stale, func() *lookup { return answer(time.Second, "42", nil) },
			nil, time.Second, false, true, time.Minute},
		{"stale, another server", stale, func() *lookup { return answer(time.Second, "43", nil) },
			errForgotten, time.Second, false, true, time.Minute + time.Second + stale},
		{"stale, gone", stale, func() *lookup { return answer(0, "", &resolve.NotFoundError{}) },
			errForgotten, 0, false, true, time.Minute + stale},
		{"stale, several", stale, func() *lookup { return answer(0, "", &resolve.AmbiguousError{}) },
			errForgotten, 0, false, true, time.Minute + stale},
		{"stale, the API fails", stale, func() *lookup { return answer(time.Second, "", errors.New("503")) },
			nil, time.Second, true, true, time.Minute + time.Second + stale},
		{"stale, the API is silent", stale, func() *lookup { return answer(6*time.Second, "42", nil) },
			nil, confirmPatience, true, true, time.Minute + confirmPatience + stale},
		{"stale, the API agrees late", stale, func() *lookup { return answer(confirmPatience-1, "42", nil) },
			nil, confirmPatience - 1, false, true, time.Minute},
		{"from a clock that went wrong", -time.Hour, func() *lookup { return answer(0, "43", nil) },
			errForgotten, 0, false, true, time.Minute - time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				confirmation := newConfirmation(t, c.age)
				begin := time.Now()
				err := confirmation.plan.confirm(t.Context(), confirmation.past, c.lookup())
				if !errors.Is(err, c.want) || err != nil && c.want == nil {
					t.Errorf("error %v, want %v", err, c.want)
				}
				if waited := time.Since(begin); waited != c.waits {
					t.Errorf("waited %v, want %v", waited, c.waits)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if noted := len(confirmation.notes) == 1 && confirmation.notes[0].Kind == NotConfirmed; noted != c.note {
					t.Errorf("notes: %+v", confirmation.notes)
				}
				age, kept := confirmation.remembered()
				if kept != c.kept || kept && age != c.aged {
					t.Errorf("remembered %v for %v, want %v for %v", kept, age, c.kept, c.aged)
				}
			})
		})
	}
}

// Whoever must be asked for a password is asked, however long that takes.
func TestConfirmAsksForWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConfirmation(t, time.Hour)
		var asked bool
		wrong := errors.New("wrong password")
		c.plan.config.Client = func(_ context.Context, mayAsk bool) (*openstack.Client, error) {
			asked = mayAsk
			time.Sleep(time.Minute)
			return nil, wrong
		}
		err := c.plan.confirm(t.Context(), c.past, answer(0, "", &openstack.MissingSecretError{}))
		if err != nil || !asked || len(c.notes) != 1 || !errors.Is(c.notes[0].Err, wrong) {
			t.Errorf("error %v, asked %v, notes %+v", err, asked, c.notes)
		}
	})
}

func TestConfirmIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConfirmation(t, time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := c.plan.confirm(ctx, c.past, answer(time.Minute, "42", nil))
		if !errors.Is(err, context.DeadlineExceeded) || len(c.notes) > 0 {
			t.Errorf("error %v, notes %+v", err, c.notes)
		}
		synctest.Wait()
		time.Sleep(time.Minute)
	})
}
