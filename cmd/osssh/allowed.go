package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"osssh/connect"
	"osssh/internal/terminal"
	"osssh/secgroup"
)

const (
	// answerPatience is how long SSH is waited for, unless ConnectTimeout says
	// otherwise: neutron's agents take a second or two to do what the API has taken.
	answerPatience = 30 * time.Second
	// answerTry bounds one connection: its packets may have been dropped just
	// before the rule was there.
	answerTry   = time.Second
	answerPause = 200 * time.Millisecond
)

// sayAdmitted says what lets the prefix in already.
func (p *process) sayAdmitted(d *door, from string, unfiltered secgroup.Reason, rule *secgroup.Rule) error {
	what := fmt.Sprintf("tcp/%d of %s from %s already", d.sshPort(), d.name(), from)
	if rule == nil {
		return p.tell("admitted", what+": "+unfilteredWords(unfiltered))
	}
	what += fmt.Sprintf(", by rule %s of security group %s", rule.ID, rule.GroupName)
	if mark, ours := secgroup.ParseMark(rule.Description); ours {
		what += ", which osssh allow added" + untilWords(mark.Until)
	}
	return p.tell("admitted", what)
}

func unfilteredWords(r secgroup.Reason) string {
	switch r {
	case secgroup.PortSecurityDisabled:
		return "port security is off"
	case secgroup.NoExtension:
		return "this cloud has no security groups"
	}
	return "nothing filters the port (" + r.String() + ")"
}

func untilWords(until time.Time) string {
	if until.IsZero() {
		return ""
	}
	return " until " + until.UTC().Format(time.RFC3339)
}

// opened tells what was done and waits for SSH. What is to be taken back here
// is taken back here, whatever else goes wrong.
func (p *process) opened(o allowOptions, d *door, from netip.Prefix, done secgroup.Opened, until time.Time) error {
	what := fmt.Sprintf("tcp/%d of %s to %s", d.sshPort(), d.name(), from)
	ours := len(done.RuleIDs) > 0
	said := what + ": another has added that rule meanwhile, and osssh will not take it back"
	if ours {
		said = fmt.Sprintf("%s, by security group %s%s", what, done.GroupName, untilWords(until))
	}
	err := p.tell("opened", said)
	if ours && o.detach {
		p.ui.notef("only osssh revoke --expired will close it")
	}
	if err == nil {
		err = p.awaitAnswer(d, from)
	}
	if !ours || until.IsZero() || o.detach {
		if p.ctx.Err() != nil {
			p.ui.notef("the rule stays; osssh revoke %s takes it back", terminal.Quote(o.name))
		}
		return err
	}
	var silent *noAnswerError
	if errors.As(err, &silent) { // it may come yet
		p.ui.explain(err)
		err = statusError(exitFailure)
	}
	if err == nil || silent != nil {
		p.countDown(what, until)
	}
	if p.ctx.Err() != nil { // which is how this is meant to end
		err = nil
	}
	return cmp.Or(p.takeBack(d, done), err)
}

// awaitAnswer waits until an SSH server answers, and says how long that took.
func (p *process) awaitAnswer(d *door, from netip.Prefix) error {
	switch {
	case d.plan.Proxied():
		return nil // what answers is known on the other side only
	case d.source.IsValid() && !from.Contains(d.source):
		p.ui.notef("not tried from here: this machine is %s", d.source)
		return nil
	case d.stopped() != nil:
		p.ui.notef("not tried: %s", explain(d.stopped()).what)
		return nil
	}
	p.ui.stage("waiting until SSH answers at " + d.candidate.Address.String())
	began := time.Now()
	ctx, cancel := context.WithTimeout(p.ctx, d.patience)
	defer cancel()
	for {
		try, done := context.WithTimeout(ctx, answerTry)
		_, err := connect.Identify(try, d.candidate.Address)
		done()
		took := time.Since(began)
		if err == nil {
			return p.tell("answers", fmt.Sprintf("%s after %.1f s", d.candidate.Address, took.Seconds()))
		}
		select {
		case <-time.After(answerPause):
		case <-ctx.Done():
			if p.ctx.Err() != nil {
				return p.ctx.Err()
			}
			return &noAnswerError{name: d.name(), address: d.candidate.Address, after: took, err: err}
		}
	}
}

// countDown waits for the end, or for ctrl-C.
func (p *process) countDown(what string, until time.Time) {
	if p.ui.progress == nil {
		p.ui.notef("open until %s; ctrl-C closes it at once", until.UTC().Format(time.RFC3339))
	}
	for left := time.Until(until); left > 0; left = time.Until(until) {
		p.ui.progress.Stage(fmt.Sprintf("%s: open for %s more, ctrl-C closes it", what, left.Round(time.Second)))
		select {
		case <-time.After(min(left, time.Second)):
		case <-p.ctx.Done():
			return
		}
	}
}

// takeBack closes what was opened, also after ctrl-C: so it tells itself what
// goes wrong.
func (p *process) takeBack(d *door, done secgroup.Opened) error {
	ctx := context.WithoutCancel(p.ctx)
	p.ui.stage(fmt.Sprintf("closing tcp/%d of %s", d.sshPort(), d.name()))
	q, err := secgroup.GatherClosing(ctx, d.client)
	if err != nil {
		p.ui.explain(&notTakenBackError{name: d.name(), err: err})
		return statusError(exitFailure)
	}
	q.Pick = func(r secgroup.Rule, _ secgroup.Mark) bool { return slices.Contains(done.RuleIDs, r.ID) }
	closing := secgroup.PlanClosing(q)
	if failed := closing.Do(ctx, d.client); len(failed) > 0 {
		p.ui.explain(&notTakenBackError{name: d.name(), err: failed[0]})
		return statusError(exitFailure)
	}
	return p.sayClosed(closing, nil)
}
