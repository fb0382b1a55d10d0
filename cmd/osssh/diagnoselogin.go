package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/diagnose"
	"osssh/reach"
	"osssh/resolve"
)

// quickPatience is how long a login that has failed asks the APIs why.
const quickPatience = time.Second

// loginError is a login that failed, with what it was tried with.
type loginError struct {
	err     error
	config  *reach.Config
	request reach.Request
}

func (e *loginError) Error() string { return e.err.Error() }
func (e *loginError) Unwrap() error { return e.err }

// failLogin says why a login failed: the cause that diagnose finds where the
// server was dialled in vain, else the words for the error.
func (p *process) failLogin(err error) int {
	var failed *loginError
	if p.ui.quiet || p.ctx.Err() != nil || !errors.As(err, &failed) || !wasDialled(err) {
		return p.fail(err, exitLogin)
	}
	x := p.lookQuickly(failed)
	p.ui.progress.Stop()
	w := explain(err)
	if x.Outcome == diagnose.Broken {
		for _, r := range p.findingLines("cause", x.Causes[0], p.ui.verbose > 0) {
			w.more = append(w.more, r.String())
		}
		w.hint = ""
	}
	if x.Outcome != diagnose.Broken || x.Causes[0].Confidence != diagnose.Certain {
		w.more = append(w.more, "osssh why "+quote(failed.request.Name)+" looks closer")
	}
	p.ui.tell(w)
	return exitLogin
}

// wasDialled says whether the wire has had its say: no server answered, or one
// did not admit the user. The errors before that, and those of host keys, name
// their cause themselves.
func wasDialled(err error) bool {
	var unreached *reach.UnreachedError
	var refused *connect.AuthError
	var hop *reach.HopError // then it is the jump host that fails
	return !errors.As(err, &hop) && (errors.As(err, &unreached) || errors.As(err, &refused) && refused.Err == nil)
}

// lookQuickly explains a failed login from what it met and from what the APIs
// tell at once. Nothing is dialled again.
func (p *process) lookQuickly(failed *loginError) *examination {
	p.ui.stage("asking why")
	ctx, cancel := context.WithTimeout(p.ctx, quickPatience)
	defer cancel()
	request := failed.request
	request.Wait, request.Start = 0, false
	config := diagnose.Config{Reach: failed.config, Dialled: true, Setup: diagnose.Setup{Proxy: apiProxy(failed.config.Cloud.AuthURL)}}
	x := &examination{facts: diagnose.Gather(ctx, config, request, nil), cloud: failed.config.Cloud}
	addMet(x.facts, failed.err)
	x.Diagnosis = diagnose.Explain(x.facts)
	return x
}

// addMet adds what a login met to the facts, and what it knew already where the
// APIs were too slow to tell it again.
func addMet(f *diagnose.Facts, err error) {
	var unreached *reach.UnreachedError
	gaveUp := false
	if errors.As(err, &unreached) {
		gaveUp = unreached.GaveUp
		if f.Nova.Server == nil {
			f.Nova.Server, f.Phase = &unreached.Server, diagnose.Found
		}
		if len(f.Way.Verdicts) == 0 {
			f.Way.Verdicts = unreached.Verdicts
		}
		f.Way.JumpErr = unreached.Jump
	}
	if len(f.Way.Candidates) == 0 {
		for _, v := range f.Way.Verdicts {
			f.Way.Candidates = append(f.Way.Candidates, v.Candidate)
		}
	}
	var dialled *connect.DialError
	if errors.As(err, &dialled) {
		for _, attempt := range dialled.Attempts {
			f.Probes = append(f.Probes, probeOf(f, attempt, gaveUp))
		}
	}
}

// probeOf is an attempt of a login as diagnose knows it.
func probeOf(f *diagnose.Facts, attempt connect.Attempt, gaveUp bool) diagnose.Probe {
	probe := diagnose.Probe{Candidate: resolve.Candidate{Address: attempt.Candidate.Address}, Took: attempt.Duration, Failed: &attempt}
	at := slices.IndexFunc(f.Way.Candidates, func(c resolve.Candidate) bool { return c.Address == attempt.Candidate.Address })
	if at >= 0 {
		probe.Candidate = f.Way.Candidates[at]
	}
	if host, through := strings.CutPrefix(attempt.Candidate.Label, "through "); through {
		probe.Through = host
	}
	var refused *connect.AuthError
	switch {
	case errors.As(attempt.Err, &refused):
		probe.Failed = nil
		probe.Logins = []diagnose.LoginProbe{{
			User: refused.User, Offered: offered(f, refused.Offered), Methods: refused.Methods, Err: refused, Banner: refused.Banner,
		}}
	case gaveUp && attempt.Stage == connect.StageDial: // it was cut short as it was silent
		attempt.Err = &connect.TimeoutError{Stage: connect.StageDial, After: attempt.Duration}
	}
	return probe
}

// offered are the keys that a login offers first.
func offered(f *diagnose.Facts, most int) (keys []ssh.PublicKey) {
	for _, id := range f.Way.Keys.Identities {
		if id.Public != nil && len(keys) < most {
			keys = append(keys, id.Public)
		}
	}
	return keys
}
