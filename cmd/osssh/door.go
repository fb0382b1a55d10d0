package main

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"osssh/internal/openstack"
	"osssh/reach"
	"osssh/resolve"
	"osssh/secgroup"
)

// door is the port of a server that is to be opened.
type door struct {
	plan      *reach.Plan
	client    *openstack.Client
	candidate resolve.Candidate
	source    netip.Addr // of this machine, as the port sees it; zero: not known
	verdict   secgroup.Verdict
	port      openstack.Port
	groups    []openstack.SecurityGroup
	patience  time.Duration // how long SSH is waited for
}

func (d *door) name() string { return d.plan.Server.Name }

// sshPort is the port at the instance.
func (d *door) sshPort() int { return int(d.candidate.Inside.Port()) }

// findDoor finds the port that a login would come to. What else a login would
// lack is no matter here.
func (p *process) findDoor(o allowOptions, given netip.Prefix) (*door, error) {
	args := &sshArgs{globals: p.globals, host: o.name, port: o.port}
	settings, err := p.settings(p.ctx, args)
	if err != nil {
		return nil, err
	}
	p.ui.obey(settings)
	request := p.request(args, settings)
	request.NoJump = true
	if o.address != "" {
		request.Choice = resolve.ParseChoice(o.address)
	}
	d := &door{patience: cmp.Or(settings.ConnectTimeout(), answerPatience)}
	err = p.anywhere(o.name, func(name string) error {
		config, err := p.reachConfig()
		if err != nil {
			return err
		}
		p.ui.start()
		request.Name = name
		if d.plan, err = reach.Explore(p.ctx, config, request); err == nil {
			d.client, err = config.Client(p.ctx, true)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return d, d.choose(p.ctx, given)
}

// choose takes the first candidate whose port is known and whose family is that
// of the given prefix, if one is.
func (d *door) choose(ctx context.Context, given netip.Prefix) error {
	candidates := d.plan.Candidates
	at := slices.IndexFunc(candidates, func(c resolve.Candidate) bool {
		return c.PortID != "" && (!given.IsValid() || given.Addr().Is4() == c.Inside.Addr().Is4())
	})
	ways, err := d.plan.Ways()
	switch {
	case at >= 0:
	case err != nil:
		return err
	case len(candidates) == 0 && len(d.plan.Problems) > 0:
		return d.noAddress()
	default:
		return &noDoorError{server: d.plan.Server, from: given, proxied: d.plan.Proxied()}
	}
	d.candidate = candidates[at]
	for _, port := range ways.Ports {
		if port.ID == d.candidate.PortID {
			d.port = port
		}
	}
	if d.groups, err = d.plan.Groups(); err != nil {
		return err
	}
	verdict := d.plan.Verdicts(ctx)[at]
	d.verdict = verdict.Rules
	if !d.plan.Proxied() { // else the port sees the host on the way
		d.source = verdict.Source
	}
	return verdict.Err
}

// noAddress is why there is none, whatever else a login would lack.
func (d *door) noAddress() error {
	for _, problem := range d.plan.Problems {
		var none *reach.NoAddressError
		if errors.As(problem, &none) {
			return none
		}
	}
	return d.plan.Problems[0]
}

// allowedSource is who is to be let in; the zero prefix where this machine's
// address is not known and any would be let in already.
func (p *process) allowedSource(o allowOptions, d *door, given netip.Prefix) (netip.Prefix, error) {
	if given.IsValid() {
		return given, nil
	}
	inside := d.candidate.Inside.Addr()
	if o.from == "anywhere" {
		if inside.Is4() {
			return netip.PrefixFrom(netip.IPv4Unspecified(), 0), nil
		}
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0), nil
	}
	if d.source.IsValid() && d.source.Is4() == inside.Is4() {
		return netip.PrefixFrom(d.source, d.source.BitLen()), nil
	}
	if d.verdict.Answer == secgroup.Allow {
		return netip.Prefix{}, nil
	}
	return netip.Prefix{}, &sourceUnknownError{
		name: d.name(), proxied: d.plan.Proxied(), guess: reach.LocalAddress(d.candidate.Address),
	}
}

func (p *process) planOpening(d *door, from netip.Prefix, until time.Time) (secgroup.Opening, error) {
	p.ui.stage("asking who else uses the security groups of " + d.name())
	facts, err := secgroup.Gather(p.ctx, d.client, []openstack.Port{d.port}, d.groups)
	if err != nil {
		return secgroup.Opening{}, err
	}
	use, err := secgroup.GatherUse(p.ctx, d.client, d.port, d.groups)
	if err != nil {
		return secgroup.Opening{}, err
	}
	return secgroup.PlanOpening(secgroup.OpeningQuery{
		Port: d.port, Groups: d.groups, Facts: facts, Use: use, From: from, DestinationPort: d.sshPort(),
		ServerID: d.plan.Server.ID, ServerName: d.name(), Until: until,
	}), nil
}

// stopped says that the server's state lets nothing answer, nil where it does not.
func (d *door) stopped() *reach.StateError {
	for _, problem := range d.plan.Problems {
		var state *reach.StateError
		if errors.As(problem, &state) {
			return state
		}
	}
	return nil
}
