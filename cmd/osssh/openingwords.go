package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/secgroup"
)

// The words for opening a port and closing it.

// openingCalls are the calls of an opening as openstackclient makes them.
func openingCalls(o secgroup.Opening, portID string) []string {
	var calls []string
	group := ""
	if o.Group != nil {
		group = o.Group.ID
	} else {
		group = o.NewGroup.Name
		kind := ""
		if o.NewGroup.Stateful != nil && !*o.NewGroup.Stateful {
			kind = "--stateless "
		}
		calls = append(calls,
			fmt.Sprintf("openstack security group create %s--description %s %s", kind, terminal.Quote(o.NewGroup.Description), terminal.Quote(group)),
			"openstack security group rule delete RULE ...  # all that neutron puts into a new group")
	}
	for _, r := range o.Rules {
		calls = append(calls, fmt.Sprintf("openstack security group rule create --%s --ethertype %s --protocol %s --dst-port %s --remote-ip %s --description %s %s",
			r.Direction, r.EtherType, r.Protocol, portsWords(r.PortRangeMin, r.PortRangeMax), r.RemoteIPPrefix, terminal.Quote(r.Description), terminal.Quote(group)))
	}
	if o.Group == nil {
		calls = append(calls, fmt.Sprintf("openstack port set --security-group %s %s", terminal.Quote(group), portID))
	}
	return calls
}

func portsWords(low, high int) string {
	if low == high {
		return fmt.Sprint(low)
	}
	return fmt.Sprintf("%d:%d", low, high)
}

// closingCalls are those of a closing.
func closingCalls(c secgroup.Closing) []string {
	var calls []string
	for _, r := range c.Rules {
		calls = append(calls, fmt.Sprintf("openstack security group rule delete %s  # %s", r.ID, admitsWords(r.Admits())))
	}
	for _, e := range c.Groups {
		for _, port := range e.Ports {
			calls = append(calls, fmt.Sprintf("openstack port unset --security-group %s %s", e.Group.ID, port.ID))
		}
		calls = append(calls, fmt.Sprintf("openstack security group delete %s  # %s", e.Group.ID, e.Group.Name))
	}
	return calls
}

// sourceUnknownError says that it is not known whom the port sees.
type sourceUnknownError struct {
	name    string
	proxied bool       // it sees the host on the way
	guess   netip.Addr // of this machine, on the way to the port; zero: none
}

func (e *sourceUnknownError) Error() string {
	return fmt.Sprintf("it is not known as whom %s sees this machine", e.name)
}

func saySourceUnknown(e *sourceUnknownError) words {
	w := words{what: e.Error() + ": a NAT may stand between", hint: "--from CIDR"}
	switch {
	case e.proxied:
		w.what = fmt.Sprintf("the way to %s leads through another host: the port sees that one", e.name)
	case e.guess.IsValid():
		w.hint = fmt.Sprintf("--from CIDR; if no NAT stands between, --from %s is a guess: it is this machine's address on the way", e.guess)
	}
	return w
}

// noDoorError says that no neutron port is known that could be opened.
type noDoorError struct {
	server  openstack.Server
	from    netip.Prefix // as it was given
	proxied bool
}

func (e *noDoorError) Error() string {
	return fmt.Sprintf("no port of server %q is known that could be opened", e.server.Name)
}

func sayNoDoor(e *noDoorError) words {
	if e.from.IsValid() {
		return words{
			what: fmt.Sprintf("no address of %s that a login would dial is of the family of %s", e.server.Name, e.from),
			hint: "--address names another address",
		}
	}
	return words{
		what: fmt.Sprintf("it is not known which port of %s a login comes to", e.server.Name),
		hint: "--address names one of its own addresses",
	}
}

// noAnswerError says that a rule was added and SSH does not answer.
type noAnswerError struct {
	name    string
	address netip.AddrPort
	after   time.Duration
	err     error // of the last try
}

func (e *noAnswerError) Error() string {
	return fmt.Sprintf("%s does not answer at %s: %v", e.name, e.address, e.err)
}
func (e *noAnswerError) Unwrap() error { return e.err }

func sayNoAnswer(e *noAnswerError) words {
	return words{
		what: fmt.Sprintf("no SSH server answers at %s after %.0f s: %s", e.address, e.after.Seconds(), reason(e.err)),
		more: []string{"the rule stays"},
		hint: fmt.Sprintf("osssh revoke %s takes it back; osssh -v %s says more", terminal.Quote(e.name), terminal.Quote(e.name)),
	}
}

// notTakenBackError says that what was opened for a time is open still.
type notTakenBackError struct {
	name string
	err  error
}

func (e *notTakenBackError) Error() string {
	return fmt.Sprintf("what was opened for %s is not closed: %v", e.name, e.err)
}
func (e *notTakenBackError) Unwrap() error { return e.err }

func sayNotTakenBack(e *notTakenBackError) words {
	inner := explain(e.err)
	return words{
		what: fmt.Sprintf("what was opened for %s is not closed: %s", e.name, inner.what),
		more: inner.more,
		hint: "osssh revoke " + terminal.Quote(e.name),
	}
}

func sayStep(e *secgroup.StepError) words {
	w := stepCause(e)
	for _, left := range e.Left {
		w.more = append(w.more, fmt.Sprintf("not undone: %s %s: %s", left.Step, left.ID, explain(left.Err).what))
		w.hint = "osssh revoke NAME takes back what is left"
	}
	if len(e.Left) == 0 && e.Step <= secgroup.BindGroup {
		w.more = append(w.more, "nothing was changed")
	}
	return w
}

func stepCause(e *secgroup.StepError) words {
	what := fmt.Sprintf("%s %s: ", e.Step, e.ID)
	var quota *openstack.QuotaError
	switch {
	case errors.Is(e.Err, context.Canceled):
		return words{what: what + "interrupted"}
	case errors.As(e.Err, &quota):
		resource := strings.ReplaceAll(quota.What, "_", " ")
		return words{
			what: fmt.Sprintf("%sthe project may have no more of %ss (quota)", what, resource),
			hint: "openstack quota show; osssh revoke --expired may make room",
		}
	case e.Step == secgroup.BindGroup && openstack.IsNotFound(e.Err):
		return words{what: what + "one of the port's groups may not be used by this project, so neutron takes no change of them"}
	}
	inner := explain(e.Err)
	inner.what = what + inner.what
	return inner
}
