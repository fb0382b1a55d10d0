package diagnose

import (
	"cmp"
	"errors"
	"slices"
	"syscall"

	"osssh/connect"
)

// Outcome is what a diagnosis comes to.
type Outcome int

// The outcomes.
const (
	Undecided Outcome = iota // nothing found, and no login seen to work
	Healthy                  // a login works
	Broken                   // at least one cause
)

// String names the outcome in lower case.
func (o Outcome) String() string { return [...]string{"undecided", "healthy", "broken"}[o] }

// Diagnosis is what the facts mean.
type Diagnosis struct {
	Outcome Outcome
	Steps   []Step      // from here to the shell
	Causes  []Finding   // most likely first; the first one is to be mended first
	Later   []Finding   // what would hit next, once these are mended; also beside a login that works
	Login   *LoginProbe // that works, where Healthy
	// Disagreements are rules and states of the APIs that the wire contradicts,
	// one line each, whatever the outcome.
	Disagreements []string
	// RuledOut and Settle, one line each, are filled where nothing is certain:
	// what is surely not the cause, and what would settle it.
	RuledOut []string
	Settle   []string
}

// Explain turns facts into a diagnosis. It asks nothing. Evidence has rank: what
// an SSH server answered goes before what TCP did, that before the APIs' state,
// the console, and last the rules. So an answer refutes every cause that lies on
// the way to it, and no cause behind the point that the packet came to is what
// stops it now. Of what is left the surest goes first; among equals the one that
// a login meets first.
func Explain(f *Facts) Diagnosis {
	d := Diagnosis{Steps: steps(f), Login: f.working(), Disagreements: f.disagreements()}
	if f.Setup.SSHConfig != nil { // it was left out of the looking, and would end a login at once
		d.Login = nil
	}
	reached, stopped := f.furthest(), f.stop()
	for _, cause := range Catalogue() {
		found := cause.Find(f)
		if found == nil || !found.ByWire && refuted(cause, reached) {
			continue
		}
		found.Cause = cause
		if d.Login != nil || cause.Layer > stopped && !found.ByWire {
			d.Later = append(d.Later, *found)
		} else {
			d.Causes = append(d.Causes, *found)
		}
	}
	slices.SortStableFunc(d.Causes, before)
	slices.SortStableFunc(d.Later, before)
	switch {
	case d.Login != nil:
		d.Outcome = Healthy
	case len(d.Causes) > 0:
		d.Outcome = Broken
		if d.Causes[0].Confidence == Certain {
			// what comes behind a certain cause is not what stops the login now
			d.Causes, d.Later = d.Causes[:1:1], append(d.Causes[1:], d.Later...)
			return d
		}
	}
	if d.Outcome != Healthy {
		d.RuledOut, d.Settle = f.ruledOut(), f.settle()
	}
	return d
}

// before orders findings: the surest first, among equals what a login meets first.
func before(a, b Finding) int {
	return cmp.Or(-cmp.Compare(a.Confidence, b.Confidence), cmp.Compare(a.Cause.Layer, b.Cause.Layer))
}

// furthest is the layer that the wire has shown to be passed up to: an answer
// over TCP proves the path and the groups, a handshake the transport, and so on.
// What answers at an address that a login does not dial proves nothing.
func (f *Facts) furthest() Layer {
	reached := Local
	for _, p := range f.Probes {
		switch {
		case p.PassedOver:
		case p.Failed == nil:
			reached = max(reached, User)
		case p.Version != "" || p.Failed.Stage >= connect.StageHostKey:
			reached = max(reached, Transport)
		case p.Answered():
			reached = max(reached, State)
		}
	}
	return reached
}

// stop is the last layer at which the wire may have stopped the login that came
// furthest. Where nothing was dialled everything may.
func (f *Facts) stop() Layer {
	stopped := Layer(-1)
	for _, p := range f.Probes {
		switch {
		case p.PassedOver:
		case p.Failed != nil && p.Failed.Stage < connect.StageHostKey:
			stopped = max(stopped, Transport)
		case p.Failed != nil:
			stopped = max(stopped, HostKey)
		case slices.ContainsFunc(p.Logins, func(l LoginProbe) bool { return l.Signed }):
			stopped = Session
		default:
			stopped = max(stopped, User)
		}
	}
	if stopped < 0 {
		return Session
	}
	return stopped
}

// refuted says whether the wire contradicts a cause: the layers between the
// server's name and what was reached are open, whatever the APIs say of them.
func refuted(c Cause, reached Layer) bool {
	return c.Layer >= Address && c.Layer < reached
}

func isRefused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
}
