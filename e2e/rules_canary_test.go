//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

const laptopNamespace = "rc-client"

// canary is a connect that tells whether a port's rules are in force.
type canary struct {
	leg       leg
	namespace string
	from      netip.Addr
	to        netip.AddrPort
	answers   bool // once they are
	*attempt
}

// canaries are a round's for one port of a target, of both families.
func (w *world) canaries(target, port, round int, answers bool) []canary {
	l := w.targets[target].legs()[port]
	one := func(namespace string, from, to netip.Addr) canary {
		return canary{l, namespace, from, netip.AddrPortFrom(to, uint16(canaryPort+round)), answers, nil}
	}
	if port == 0 {
		return []canary{
			one(laptopNamespace, laptop.public, l.floating),
			one(w.floating.namespace(), w.floating.private.v6, l.v6),
		}
	}
	return []canary{
		one(laptopNamespace, laptop.provider, l.v4),
		one(laptopNamespace, laptop.provider6, l.v6),
	}
}

// answering lists the targets' ports that answer a round's canary.
func (w *world) answering(round int) ([]leg, error) {
	var all []canary
	for i := range w.targets {
		for j := range 2 {
			all = append(all, w.canaries(i, j, round, false)...)
		}
	}
	if err := probe(all, 0); err != nil {
		return nil, err
	}
	var legs []leg
	for _, c := range all {
		if c.reached {
			legs = append(legs, c.leg)
		}
	}
	return legs, nil
}

// await waits until each target's ports answer the round's canary, or no
// longer answer the one before where nothing is bound to them.
func (w *world) await(ctx context.Context, round int, drawn [][2]drawnPort) error {
	var waiting []canary
	for i := range w.targets {
		for j, p := range drawn[i] {
			if p.unfiltered || p.groups != nil {
				waiting = append(waiting, w.canaries(i, j, round, true)...)
			} else {
				waiting = append(waiting, w.canaries(i, j, round-1, false)...)
			}
		}
	}
	return awaitAll(ctx, waiting)
}

func awaitAll(ctx context.Context, waiting []canary) error {
	ctx, cancel := context.WithTimeout(ctx, bindTimeout)
	defer cancel()
	for try := 0; len(waiting) > 0; try++ {
		if err := probe(waiting, try); err != nil {
			return err
		}
		waiting = slices.DeleteFunc(waiting, func(c canary) bool { return c.err == nil && c.reached == c.answers })
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			if len(waiting) > 0 {
				c := waiting[0]
				return fmt.Errorf("rules that are not in force: canary of %s: reached %t, %d more like it: %w", c.to, c.reached, len(waiting)-1, ctx.Err())
			}
		}
	}
	return nil
}

// probe tries canaries once, each try from other source ports.
func probe(canaries []canary, try int) error {
	byNamespace := make(map[string][]*attempt)
	for i := range canaries {
		c := &canaries[i]
		reply := uint16(canaryReplyLow + try%(canaryReplyTo-canaryReplyLow+1))
		c.attempt = &attempt{from: netip.AddrPortFrom(c.from, reply), to: c.to}
		byNamespace[c.namespace] = append(byNamespace[c.namespace], c.attempt)
	}
	return connectFrom(byNamespace, 400*time.Millisecond)
}

// connectFrom makes the attempts of several namespaces at once.
func connectFrom(byNamespace map[string][]*attempt, timeout time.Duration) error {
	var calls errgroup.Group
	for namespace, attempts := range byNamespace {
		calls.Go(func() error { return connectAll(namespace, attempts, timeout) })
	}
	return calls.Wait()
}
