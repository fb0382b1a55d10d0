//go:build e2e && linux

package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// scenario breaks one thing on the way to a server.
type scenario struct {
	id    string // of the cause
	what  string // is broken
	quick bool   // it belongs to the quick half
	among int    // the first of so many causes that are named must be it: 1, or 3 where the facts prove less
	fix   fix
	harm  func(context.Context, *scene) error
}

// fix is what is done with the command that the diagnosis prints.
type fix int

// The fixes.
const (
	byUndoing fix = iota // none is safe to type, or none is complete
	byRunning            // it is typed, and then a login works
	byLogin              // it is a login, and works itself
)

// certain, probable and possible are how many causes may be named first where the
// catalogue calls the evidence so.
const (
	certain  = 1
	probable = 3
	possible = 3
)

// TestWhy breaks one thing after the other on the way to servers of its own,
// compares what `osssh why` names with that, mends it, where that is safe by the
// very command that was printed, and logs in. OSSSH_WHY=all tries every scenario
// and not the quick half only; OSSSH_WHY_ONLY=G3,T2 those of these causes.
// OSSSH_WHY_KEEP=1 leaves the servers for the next run.
func TestWhy(t *testing.T) {
	chosen := chooseScenarios()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	t.Cleanup(stop)
	if deadline, ok := t.Deadline(); ok {
		limited, cancel := context.WithDeadline(ctx, deadline.Add(-clearTimeout)) // what is left is for clearing up
		t.Cleanup(cancel)
		ctx = limited
	}
	began := time.Now()
	w := newGuests(ctx, t, os.Getenv("OSSSH_WHY_KEEP") != "")
	if ctx.Err() != nil {
		t.Fatal(context.Cause(ctx))
	}
	t.Logf("%d servers after %.0f s", 2*len(w.guests), time.Since(began).Seconds())

	queue := make(chan scenario, len(chosen))
	for _, s := range chosen {
		queue <- s
	}
	close(queue)
	var table confusion
	var workers sync.WaitGroup
	for _, g := range w.guests {
		workers.Go(func() {
			for s := range queue {
				if ctx.Err() != nil {
					continue
				}
				t.Run(strings.ReplaceAll(s.id+" "+s.what, " ", "_"), func(t *testing.T) { w.try(ctx, t, g, s, &table) })
			}
		})
	}
	workers.Wait()
	fmt.Printf("\nosssh why, on the real OpenStack: %s, %.0f s\n", &table, time.Since(began).Seconds())
}

func chooseScenarios() []scenario {
	all := slices.Concat(localScenarios(), apiScenarios(), serverScenarios(), addressScenarios(), pathScenarios(),
		groupScenarios(), transportScenarios(), hostKeyScenarios(), userScenarios(), bootScenarios(), sessionScenarios())
	only := os.Getenv("OSSSH_WHY_ONLY")
	return slices.DeleteFunc(all, func(s scenario) bool {
		if only != "" {
			return !slices.Contains(strings.Split(only, ","), s.id)
		}
		return !s.quick && os.Getenv("OSSSH_WHY") != "all"
	})
}

// scene is a scenario as it is played: on a guest, by a user with a home
// directory of their own.
type scene struct {
	*guests
	t     *testing.T
	guest *guest
	name  string   // of the server that is asked about
	args  []string // of osssh, before the name
	home  string
	env   map[string]string // "" takes a variable away
	local bool              // osssh runs on this machine, not on the laptop
	group uint32            // that osssh runs as, to tell its packets from others'
	undos []func(context.Context) error
	then  func(context.Context) error // what a reboot would do after the fix; nil: nothing
}

// undo notes what puts back what was just changed; the last comes first.
func (s *scene) undo(f func(context.Context) error) { s.undos = append(s.undos, f) }

func (s *scene) undoAll(ctx context.Context) (err error) {
	for _, f := range slices.Backward(s.undos) {
		err = errors.Join(err, f(ctx))
	}
	s.undos = nil
	return err
}

// diagnosis is what is read of the answer, see docs/diagnose.schema.json.
type diagnosis struct {
	Outcome       string
	Causes, Later []struct {
		ID, Confidence, What string
		Evidence             []string
		Fix                  *string
		Hint                 *string
	}
	NotSeen []struct{ What, Error string } `json:"not_seen"`
}

func (d *diagnosis) named() (ids []string) {
	for _, c := range append(slices.Clone(d.Causes), d.Later...) {
		ids = append(ids, c.ID)
	}
	return ids
}

// try plays one scenario, and leaves the guest as it was.
func (w *guests) try(ctx context.Context, t *testing.T, g *guest, play scenario, table *confusion) {
	s := w.newScene(t, g)
	defer func() {
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearTimeout/2)
		defer cancel()
		if err := errors.Join(s.undoAll(after), g.heal(after)); err != nil {
			t.Errorf("putting %s back: %v", g.name, err)
		}
	}()
	if err := play.harm(ctx, s); err != nil {
		t.Fatalf("breaking it: %v", err)
	}
	found, took, err := s.why(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if !play.named(found) && took > slow {
		t.Logf("named %v after %.1f s: once more, for the machine is busy and APIs do not answer in time", found.named(), took.Seconds())
		if found, took, err = s.why(ctx); err != nil {
			t.Fatal(err)
		}
	}
	named := found.named()
	if !play.named(found) {
		table.add(play.id, append(named, found.Outcome)[0])
		t.Errorf("named %v (%s, %.1f s), not %s first of %d\n%s", named, found.Outcome, took.Seconds(), play.id, play.among, found.words())
		return
	}
	table.add(play.id, play.id)
	t.Logf("%.1f s: %s", took.Seconds(), found.words())
	if err := s.mend(ctx, play, found); err != nil {
		t.Errorf("mending it: %v\n%s", err, found.words())
	}
}

// slow is how long a diagnosis takes that may have waited for an API in vain: it
// waits 6 seconds at most, and 2 for other projects.
const slow = 3 * time.Second

// named says whether the cause is named first, or among the first ones.
func (s scenario) named(d *diagnosis) bool {
	at := slices.Index(d.named(), s.id)
	return at >= 0 && at < s.among
}

// words are the causes, and what could not be asked, in one line each.
func (d *diagnosis) words() string {
	var b strings.Builder
	for _, c := range append(slices.Clone(d.Causes), d.Later...) {
		fmt.Fprintf(&b, "%s, %s: %s", c.ID, c.Confidence, c.What)
		for _, word := range []*string{c.Fix, c.Hint} {
			if word != nil {
				b.WriteString(" | " + *word)
			}
		}
		b.WriteString("\n")
	}
	for _, gap := range d.NotSeen {
		fmt.Fprintf(&b, "not seen: %s: %s\n", gap.What, gap.Error)
	}
	return b.String()
}

// mend does what the scenario has for it, and then logs in.
func (s *scene) mend(ctx context.Context, play scenario, found *diagnosis) error {
	if play.fix == byUndoing {
		if err := s.undoAll(ctx); err != nil {
			return err
		}
		return s.logIn(ctx)
	}
	command := ""
	for _, c := range append(slices.Clone(found.Causes), found.Later...) {
		if c.ID == play.id && c.Fix != nil {
			command = *c.Fix
		}
	}
	if command == "" {
		return errors.New("no command is printed")
	}
	if strings.HasPrefix(command, "osssh allow ") {
		command += " -y"
	}
	if play.fix == byLogin {
		command += " true"
	}
	if out, err := s.shell(ctx, command); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	if play.fix == byLogin {
		return nil
	}
	if s.then != nil {
		if err := s.then(ctx); err != nil {
			return err
		}
	}
	return s.logIn(ctx)
}

// settleTimeout is how long a change at the API may take until it is in force.
const settleTimeout = 45 * time.Second

// logIn tries a login until it works.
func (s *scene) logIn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	var last error
	for {
		_, err := s.osssh(ctx, append(slices.Clone(s.args), "-o", "ConnectTimeout=5", "-o", "BatchMode=yes", s.name, "true")...)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("no login in %s: %w", settleTimeout, cmp.Or(last, err))
		}
		last = err
		time.Sleep(300 * time.Millisecond)
	}
}

// why runs the diagnosis. Its status must say what it found.
func (s *scene) why(ctx context.Context) (*diagnosis, time.Duration, error) {
	began := time.Now()
	out, err := s.osssh(ctx, append(append([]string{"why", "--json"}, s.args...), s.name)...)
	took := time.Since(began)
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		return nil, took, err
	}
	var found diagnosis
	if err := json.Unmarshal(out, &found); err != nil {
		return nil, took, fmt.Errorf("%w in %s %v", err, out, status)
	}
	want := map[string]int{"healthy": 0, "broken": 1, "undecided": 3}[found.Outcome]
	got := 0
	if status != nil {
		got = status.ExitCode()
	}
	if got != want {
		return nil, took, fmt.Errorf("%s, and status %d", found.Outcome, got)
	}
	return &found, took, nil
}

// osssh runs the built program and gives its stdout.
func (s *scene) osssh(ctx context.Context, args ...string) ([]byte, error) {
	cmd := s.command(ctx, filepath.Join(s.bin, "osssh"), args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		return out, fmt.Errorf("%w: %s", err, errs.String())
	}
	return out, err
}

func (s *scene) shell(ctx context.Context, line string) ([]byte, error) {
	return s.command(ctx, "/bin/sh", "-c", line).CombinedOutput()
}

func (s *scene) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	if !s.local {
		name, args = s.laptop, append([]string{name}, args...)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	env := map[string]string{
		"HOME": s.home, "PATH": s.bin + ":/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "REALCLOUD_DIR": state(),
		"OS_CLIENT_CONFIG_FILE": filepath.Join(state(), "clouds.yaml"), "OS_CLOUD": "demo",
	}
	maps.Copy(env, s.env)
	for k, v := range env {
		if v != "" {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
	}
	if s.group != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Gid: s.group}}
	}
	return cmd
}

// newScene gives a user a home with the key of the guests in it.
func (w *guests) newScene(t *testing.T, g *guest) *scene {
	t.Helper()
	s := &scene{guests: w, t: t, guest: g, name: g.name, home: filepath.Join(t.TempDir(), "home"), env: map[string]string{}}
	if err := os.MkdirAll(filepath.Join(s.home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.write(".ssh/"+whyKey, string(w.private), 0o600)
	return s
}

// write puts a file into the user's home.
func (s *scene) write(name, text string, mode os.FileMode) string {
	s.t.Helper()
	path := filepath.Join(s.home, name)
	if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// confusion counts what was named for what was injected.
type confusion struct {
	mu    sync.Mutex
	cells map[[2]string]int
}

func (c *confusion) add(injected, named string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cells == nil {
		c.cells = map[[2]string]int{}
	}
	c.cells[[2]string{injected, named}]++
}

func (c *confusion) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	causes := map[string]bool{}
	right, all := 0, 0
	for cell, n := range c.cells {
		causes[cell[0]] = true
		all += n
		if cell[0] == cell[1] {
			right += n
			continue
		}
		fmt.Fprintf(&b, "\n  %s injected, %s named: %d", cell[0], cell[1], n)
	}
	return fmt.Sprintf("%d of %d scenarios named rightly, of %d causes%s", right, all, len(causes), b.String())
}
