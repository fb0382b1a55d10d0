package reach

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"osssh/connect"
	"osssh/internal/console"
	"osssh/resolve"
)

const (
	// probePause lies between two tries of SSH, and probePatience bounds each.
	probePause    = time.Second
	probePatience = 2 * time.Second
	// settledPatience is how long every address may stay silent once the boot is
	// over: then it is not the boot that is in the way, and the dial has to tell.
	settledPatience = 10 * time.Second
	// hostKeysPatience is how long the host keys are waited for after SSH has
	// answered, and quietPatience how long the console may say nothing meanwhile.
	hostKeysPatience = time.Minute
	quietPatience    = 30 * time.Second
	// youngFor is how long after its launch a server may still be in its first boot.
	youngFor = 10 * time.Minute
)

// errNotTheBoot ends a waiting that cannot help: the dial tells why.
var errNotTheBoot = errors.New("the boot is not what is being waited for")

// bootLog is what the console tells of the boot that is waited for.
type bootLog struct {
	console.Log
	size  int       // of the log, in bytes
	mute  bool      // it is empty, or may not be read
	grown time.Time // when its size last changed
	over  time.Time // when the boot was first seen to be over; zero: it is not
}

// longOver says whether the boot has been over for long enough that it is not
// what keeps an address silent.
func (b bootLog) longOver() bool {
	return !b.over.IsZero() && time.Since(b.over) > settledPatience
}

// untilReady waits until SSH answers and until the console has told the host
// keys that a login would ask for. What was explored before that is explored
// again.
func (w *wait) untilReady(ctx context.Context, p *Plan) (*Plan, error) {
	var nokey *NoKeyError
	if errors.As(errors.Join(p.Problems...), &nokey) && nokey.Wanted.Public != nil {
		return p, nil // no waiting brings the key
	}
	if candidates := p.distinct(); len(candidates) > 0 && !w.request.proxied() {
		err := w.bounded(ctx, func(ctx context.Context) error { return w.untilSSH(ctx, p, candidates) })
		if err != nil {
			return nil, err
		}
	}
	if w.lacksHostKeys(p) {
		w.stale = true
		if err := w.untilHostKeys(ctx); err != nil {
			return nil, err
		}
	}
	if !w.stale {
		return p, nil
	}
	return explore(ctx, w.config, w.request, w.client, w.server, w.scan)
}

// distinct are the candidates at which no other machine than the server can
// answer; all of them where its host keys are known, as by Dial.
func (p *Plan) distinct() []resolve.Candidate {
	if p.hostKeys.known() {
		return p.Candidates
	}
	return slices.DeleteFunc(slices.Clone(p.Candidates), func(c resolve.Candidate) bool { return !p.config.unmistakable(c) })
}

// untilSSH tries the candidates until one answers. What nova and the console
// say counts only where none did at once, and ends the waiting early.
func (w *wait) untilSSH(ctx context.Context, p *Plan, candidates []resolve.Candidate) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var heard atomic.Bool
	var followed chan struct{}
	for {
		answered, sign := answers(ctx, candidates)
		heard.Store(sign)
		if answered || ctx.Err() != nil {
			break
		}
		if followed == nil {
			w.stale, followed = true, make(chan struct{})
			go func() {
				defer close(followed)
				end(w.follow(ctx, p, &heard))
			}()
		}
		_ = sleep(ctx, probePause)
	}
	cause := context.Cause(ctx)
	if end(nil); followed != nil {
		<-followed
	}
	if errors.Is(cause, errNotTheBoot) {
		return nil
	}
	return cause
}

// follow looks at the server and its console until ctx ends, or one of them
// tells that no SSH server will answer.
func (w *wait) follow(ctx context.Context, p *Plan, heard *atomic.Bool) error {
	w.stage("SSH")
	if allDenied(p.Verdicts(ctx)) {
		return errNotTheBoot
	}
	for pause := firstPause; ; pause = min(pause*3/2, longestPause) {
		if err := w.look(ctx); err != nil {
			return err
		}
		if w.server.Status == "ERROR" || !mayAnswer(w.server) && !inTransition(w.server) {
			return &StateError{w.server}
		}
		if err := w.listen(ctx); err != nil {
			return err
		}
		if !heard.Load() && w.boot.longOver() {
			return errNotTheBoot
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// listen reads the console, shows how far the boot has come, and fails where it
// goes no further. A console that cannot be read tells nothing.
func (w *wait) listen(ctx context.Context) error {
	text, err := w.client.Console(ctx, w.server.ID, -1)
	w.boot.mute = err == nil && text == "" || err != nil && !passes(err)
	if err != nil {
		return ctx.Err()
	}
	if len(text) != w.boot.size {
		w.boot.size, w.boot.grown = len(text), time.Now()
	}
	w.boot.Log = console.Parse(strings.TrimPrefix(text, w.before))
	if reached := w.boot.Reached(); reached != "" {
		w.stage(reached.Name())
	}
	if w.boot.over.IsZero() && w.boot.Over() {
		w.boot.over = time.Now()
	}
	if fault, dead := w.boot.Dead(); dead {
		return &BootError{Server: w.server, Fault: fault}
	}
	return nil
}

// lacksHostKeys says whether a login would ask about a host key that a boot
// which may be under way has yet to print.
func (w *wait) lacksHostKeys(p *Plan) bool {
	if len(p.hostKeys.memory) > 0 || p.hostKeys.boot.HasHostKeys() || w.boot.HasHostKeys() {
		return false
	}
	return w.looked || time.Since(w.server.LaunchedAt.Time) < youngFor
}

// untilHostKeys waits for the console to tell the host keys, as long as that can
// be hoped for.
func (w *wait) untilHostKeys(ctx context.Context) error {
	w.stage("the host keys on its console")
	limited, cancel := context.WithTimeout(ctx, hostKeysPatience)
	defer cancel()
	w.boot.grown = time.Now()
	for pause := firstPause; ; pause = min(pause*3/2, longestPause) {
		_ = w.listen(limited) // SSH answers, whatever the console says
		if w.boot.HasHostKeys() || w.boot.Over() || w.boot.mute || time.Since(w.boot.grown) > quietPatience {
			return ctx.Err()
		}
		if sleep(limited, pause) != nil {
			return ctx.Err()
		}
	}
}

// answers tries all candidates at once. It says whether an SSH server answers
// at one of them, and whether any of them gave a sign, as a refusal is.
func answers(ctx context.Context, candidates []resolve.Candidate) (answered, sign bool) {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	results := make(chan error, len(candidates))
	for _, candidate := range candidates {
		go func() {
			_, err := connect.Identify(ctx, candidate.Address)
			results <- err
		}()
	}
	for range candidates {
		err := <-results
		if err == nil {
			return true, true
		}
		sign = sign || !silent(err)
	}
	return false, sign
}

// silent says whether a try ended because nothing came back.
func silent(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.Canceled)
}
