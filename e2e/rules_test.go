//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"osssh/secgroup"
)

// TestRules holds secgroup.Evaluate against real enforcement: random rule sets
// on the ports of servers, and for each a TCP connect from every source there
// is. It takes three numbers from the environment: OSSSH_RULES_CASES (40), a
// case being what is bound to one port; OSSSH_RULES_SEED, by default another
// one each time; OSSSH_RULES_TARGETS (8), the servers that are tried at once,
// with two ports each. OSSSH_RULES_KEEP=1 leaves the servers for the next run.
func TestRules(t *testing.T) {
	began := time.Now()
	cases, targets := number(t, "OSSSH_RULES_CASES", 40), int(number(t, "OSSSH_RULES_TARGETS", 8))
	seed := uint64(number(t, "OSSSH_RULES_SEED", time.Now().UnixNano()%1e9))
	fmt.Printf("security group rules: %d cases, OSSSH_RULES_SEED=%d\n", cases, seed)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	t.Cleanup(stop)
	if deadline, ok := t.Deadline(); ok {
		limited, cancel := context.WithDeadline(ctx, deadline.Add(-clearTimeout)) // what is left is for clearing up
		t.Cleanup(cancel)
		ctx = limited
	}
	w := newWorld(ctx, t, targets, os.Getenv("OSSSH_RULES_KEEP") != "")
	d := &draw{Rand: rand.New(rand.NewPCG(seed, 0)), sources: w.sources(),
		members: slices.Sorted(maps.Keys(w.members)), tracked: w.tracked()}
	if err := w.addAddressGroups(ctx, d); err != nil {
		t.Fatal(err)
	}
	d.addressGroups = w.addressGroups

	var sum summary
	defer func() { fmt.Printf("%s, seed %d, %.0f s\n", &sum, seed, time.Since(began).Seconds()) }()
	round := 0
	try := func(step func() (compared []comparison, refused int, err error)) {
		compared, refused, err := step()
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for _, c := range compared {
			switch {
			case round > 0:
				sum.add(t, c)
			case !c.reached:
				t.Fatalf("with all open: %s", c)
			}
		}
		sum.refused += refused
		if round > 0 {
			sum.cases += 2 * targets
		}
		t.Logf("%d of %d cases after %.0f s", sum.cases, cases, time.Since(began).Seconds())
		round++
	}
	try(func() ([]comparison, int, error) { return w.round(ctx, round, open(targets)) }) // that every way is one
	for sum.cases < int(cases) {
		p := d.plan(round, targets)
		try(func() ([]comparison, int, error) { return w.round(ctx, round, p) })
		for more := 0; more < growths && sum.cases < int(cases); more++ {
			try(func() ([]comparison, int, error) {
				added, canaries := d.grow(p, round)
				return w.grow(ctx, round, p, added, canaries)
			})
		}
	}
}

func number(t *testing.T, variable string, otherwise int64) int64 {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s: not a number above 0", variable, text)
	}
	return n
}

// open is a round that lets everything through, to try the ways themselves.
func open(targets int) plan {
	g := drawnGroup{name: rulesPrefix + "open", stateful: true, egressAll: true, rules: []drawnRule{
		{Direction: "ingress", EtherType: "IPv4"}, {Direction: "ingress", EtherType: "IPv6"},
	}}
	port := drawnPort{groups: []string{g.name}}
	return plan{groups: []drawnGroup{g}, targets: slices.Repeat([][2]drawnPort{{port, port}}, targets)}
}

// round puts a plan into force and compares verdicts with connects.
func (w *world) round(ctx context.Context, n int, p plan) (compared []comparison, refused int, err error) {
	if refused, err = w.asDemo.makeRound(ctx, p.groups, w.ids); err != nil {
		return nil, 0, err
	}
	if err := w.setMembers(ctx, p.members); err != nil {
		return nil, 0, err
	}
	if err := w.bind(ctx, n, p.targets); err != nil {
		return nil, 0, err
	}
	if err := w.await(ctx, n, p.targets); err != nil {
		return nil, 0, err
	}
	if compared, err = w.compare(ctx, n); err != nil {
		return nil, 0, err
	}
	current := func(g named) bool {
		return slices.ContainsFunc(p.groups, func(d drawnGroup) bool { return d.name == g.Name })
	}
	return compared, refused, w.asDemo.sweep(ctx, "security-groups", current)
}

// grow adds rules to a round's groups, which is far quicker than to bind others,
// and compares again.
func (w *world) grow(ctx context.Context, n int, p plan, added, canaries []drawnGroup) (compared []comparison, refused int, err error) {
	before, err := w.answering(n)
	if err != nil {
		return nil, 0, err
	}
	if refused, err = w.asDemo.fill(ctx, posted(added, w.ids)); err != nil {
		return nil, 0, err
	}
	// The canaries come last, all in one: the agent reads the rules of all ports
	// that changed and puts them into force at once, so that a port whose canary
	// tells nothing is as far as the others.
	if _, err = w.asDemo.fill(ctx, posted(canaries, w.ids)); err != nil {
		return nil, 0, err
	}
	var waiting []canary
	for i := range w.targets {
		for j, l := range w.targets[i].legs() {
			if p.targets[i][j].groups != nil && !slices.Contains(before, l) {
				waiting = append(waiting, w.canaries(i, j, n, true)...)
			}
		}
	}
	if err := awaitAll(ctx, waiting); err != nil {
		return nil, 0, err
	}
	compared, err = w.compare(ctx, n)
	return compared, refused, err
}

// growths is how often a round's groups get further rules.
const growths = 3

// summary counts.
type summary struct {
	cases, compared, refused, wrong int
	answers                         [3]int // by secgroup.Answer
	through                         int    // of the unknown ones
}

func (s *summary) add(t *testing.T, c comparison) {
	s.compared++
	s.answers[c.verdict.Answer]++
	if c.verdict.Answer == secgroup.Unknown && c.reached {
		s.through++
	}
	if wrong := c.wrong(); wrong != "" {
		s.wrong++
		t.Errorf("%s: %s\n%s", wrong, c, c.rules())
	}
}

func (s *summary) String() string {
	return fmt.Sprintf("security group rules: %d cases, %d comparisons: %d allow, %d deny, %d unknown (%d of them let through), %d disagreements; neutron refused %d rules",
		s.cases, s.compared, s.answers[secgroup.Allow], s.answers[secgroup.Deny], s.answers[secgroup.Unknown], s.through, s.wrong, s.refused)
}
