package diagnose

import (
	"cmp"
	"errors"
	"slices"
	"syscall"
)

// Outcome is what a diagnosis comes to.
type Outcome int

// The outcomes.
const (
	Undecided Outcome = iota // nothing found, and no login seen to work
	Healthy                  // a login works
	Broken                   // at least one cause
)

// Diagnosis is what the facts mean.
type Diagnosis struct {
	Outcome Outcome
	Steps   []Step      // from here to the shell
	Causes  []Finding   // most likely first; the first one is to be mended first
	Later   []Finding   // what would hit next, once these are mended; also beside a login that works
	Login   *LoginProbe // that works, where Healthy

	// Where Undecided, one line each: what is not the cause, and what would tell.
	RuledOut, Settle []string
}

// Explain turns facts into a diagnosis. It asks nothing.
func Explain(f *Facts) Diagnosis {
	d := Diagnosis{Steps: steps(f)}
	reached := f.furthest()
	for _, cause := range Catalogue() {
		found := cause.Find(f)
		switch {
		case found == nil:
		case !found.ByWire && refuted(cause, reached): // what the packet has passed does not stop it
		default:
			found.Cause = cause
			d.Causes = append(d.Causes, *found)
		}
	}
	slices.SortStableFunc(d.Causes, func(a, b Finding) int {
		return cmp.Or(-cmp.Compare(a.Confidence, b.Confidence), cmp.Compare(a.Cause.Layer, b.Cause.Layer))
	})
	d.Login = f.working()
	switch {
	case d.Login != nil:
		d.Outcome, d.Later, d.Causes = Healthy, d.Causes, nil
	case len(d.Causes) > 0:
		d.Outcome = Broken
		if first := d.Causes[0]; first.Confidence == Certain {
			// what comes behind a certain cause is not what stops the login now
			d.Causes, d.Later = d.Causes[:1], d.Causes[1:]
		}
	}
	return d
}

// furthest is the layer that the wire has shown to be passed: an answer over TCP
// proves the path and the groups, a handshake the transport, and so on.
func (f *Facts) furthest() Layer {
	reached := Local
	for _, p := range f.Probes {
		switch {
		case p.Failed == nil:
			reached = max(reached, User)
		case p.Version != "":
			reached = max(reached, Transport)
		case p.Answered():
			reached = max(reached, State)
		}
	}
	return reached
}

// refuted says whether the wire contradicts a cause: the layers between the
// server's name and what was reached are open, whatever the APIs say of them.
func refuted(c Cause, reached Layer) bool {
	return c.Layer >= Address && c.Layer < reached
}

// working is a login that was seen to work, nil where none was.
func (f *Facts) working() *LoginProbe {
	for _, p := range f.Probes {
		for i, login := range p.Logins {
			if login.Signed && login.Exit != nil && *login.Exit == 0 || login.Accepted != nil && login.Err == nil && !login.Silent && login.Exit == nil && login.LoginAs == "" {
				return &p.Logins[i]
			}
		}
	}
	return nil
}

func isRefused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
}
