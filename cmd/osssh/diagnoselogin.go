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
	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/reach"
	"osssh/resolve"
)

// quickPatience is how long a login that has failed asks the APIs why.
const quickPatience = time.Second

// loginError is a login that failed, with what it was tried with.
type loginError struct {
	err     error
	plan    *reach.Plan // nil: it did not come that far
	config  *reach.Config
	request reach.Request
}

func (e *loginError) Error() string { return e.err.Error() }
func (e *loginError) Unwrap() error { return e.err }

// failLogin says why a login failed, and the cause by diagnose's name for it.
func (p *process) failLogin(err error) int {
	if p.ui.quiet || p.ctx.Err() != nil {
		return p.fail(err, exitLogin)
	}
	name, x := p.lookQuickly(err)
	p.ui.progress.Stop()
	w := explain(err)
	p.ui.tell(p.withCause(w, name, x))
	return exitLogin
}

// withCause adds the cause to the words for an error. Its fix goes before their
// hint where the server had to be looked at to find it.
func (p *process) withCause(w words, name string, x *examination) words {
	if x == nil {
		return w
	}
	broken := x.Outcome == diagnose.Broken
	if broken {
		lines := p.findingLines("cause", x.Causes[0], p.ui.verbose > 0)
		if name == "" && w.hint != "" {
			lines = lines[:1]
		} else if len(lines) > 1 {
			w.hint = ""
		}
		for _, r := range lines {
			w.more = append(w.more, r.String())
		}
	}
	if name != "" && (!broken || x.Causes[0].Confidence != diagnose.Certain) {
		w.more = append(w.more, "osssh why "+terminal.Quote(name)+" looks closer")
	}
	return w
}

// lookQuickly explains a failed login. name is the server's where it was looked
// at again: "" where the error tells all. There is nothing to explain where
// somebody else failed, or where the user said no.
func (p *process) lookQuickly(err error) (name string, x *examination) {
	var hop *reach.HopError
	var failed *loginError
	switch {
	case errors.As(err, &hop): // it is the jump host's
		return "", nil
	case errors.As(err, &failed) && failed.plan != nil && failed.plan.Facts() != nil && needsLook(err):
		return failed.request.Name, p.lookAgain(failed)
	}
	if f := factsOf(err); f != nil {
		return "", &examination{facts: f, Diagnosis: diagnose.Explain(f)}
	}
	return "", nil
}

// needsLook says whether it takes the APIs to name the cause: no server answered,
// one did not admit the user, or no address or key is there.
func needsLook(err error) bool {
	var unreached *reach.UnreachedError
	var refused *connect.AuthError
	var nowhere *reach.NoAddressError
	var keyless *reach.NoKeyError
	return errors.As(err, &unreached) || errors.As(err, &refused) && refused.Err == nil ||
		errors.As(err, &nowhere) && !nowhere.Wanted.Given() && nowhere.Family == 0 || errors.As(err, &keyless)
}

// factsOf are the facts that an error tells alone, nil for another one.
func factsOf(err error) *diagnose.Facts {
	var (
		unconfigured *openstack.NoCloudsError
		unknown      *openstack.UnknownCloudError
		refused      *openstack.AuthError
		missing      *openstack.MissingSecretError
		notFound     *resolve.NotFoundError
		several      *resolve.AmbiguousError
		down         *reach.StateError
	)
	switch f := (diagnose.Facts{}); {
	case errors.As(err, &unconfigured), errors.As(err, &unknown):
		f.Setup.Err = err
		return &f
	case errors.As(err, &refused):
		f.Setup.SignIn, f.Setup.AuthType, f.Setup.Cloud, f.Phase = err, refused.AuthType, refused.Cloud, diagnose.SignedIn
		return &f
	case errors.As(err, &missing):
		f.Setup.SignIn, f.Setup.Cloud, f.Phase = err, missing.Cloud, diagnose.SignedIn
		return &f
	case errors.As(err, &notFound):
		f.Name, f.Nova.Lookup, f.Phase = notFound.Name, notFound, diagnose.Found
		return &f
	case errors.As(err, &several):
		f.Name, f.Nova.Lookup, f.Phase = several.Name, several, diagnose.Found
		return &f
	case errors.As(err, &down):
		f.Name, f.Nova.Server, f.Phase = down.Server.Name, &down.Server, diagnose.Found
		return &f
	}
	return nil
}

// lookAgain explains a failed login from what it met and from what the APIs tell
// at once. Nothing is dialled again.
func (p *process) lookAgain(failed *loginError) *examination {
	p.ui.stage("asking why")
	ctx, cancel := context.WithTimeout(p.ctx, quickPatience)
	defer cancel()
	config := diagnose.Config{Reach: failed.config, Plan: failed.plan, Setup: diagnose.Setup{Proxy: apiProxy(failed.config.Cloud.AuthURL)}}
	x := &examination{facts: diagnose.Gather(ctx, config, failed.request, nil), cloud: failed.config.Cloud}
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
