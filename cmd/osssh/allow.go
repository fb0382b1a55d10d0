package main

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/urfave/cli/v2"

	"osssh/internal/terminal"
)

const allowHelp = `Adds the one security group rule that lacks for SSH: at the port of the address
that a login would dial first, to a group that this port alone bears, or to one
of its own, osssh-NAME. The calls are printed first, and you are asked. A new
rule is waited for until SSH answers. osssh revoke takes it back.

--from is me unless given: the address that the port sees of this machine. Behind
a NAT osssh does not know it: then say --from CIDR, or --source ADDRESS.

Examples:
   osssh allow web
   osssh allow web --from 198.51.100.0/24 --for 2h
   osssh allow web --from anywhere --for 30m --detach`

// allowOptions say what is let in, and for how long.
type allowOptions struct {
	name, from, hold, address string
	port                      int
	detach, yes               bool
}

func allowCommand(p *process) *cli.Command {
	var o allowOptions
	return &cli.Command{
		Name:        "allow",
		Usage:       "let SSH to an instance through its security groups",
		UsageText:   "osssh allow NAME [--from CIDR|me|anywhere] [--for 2h [--detach]] [-y]",
		Description: allowHelp,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "who is let in: `CIDR`, me or anywhere (default: me)", Destination: &o.from},
			&cli.StringFlag{Name: "for", Usage: "stay here, and take it back after a `DURATION` (30m, 2h) or at ctrl-C", Destination: &o.hold},
			&cli.BoolFlag{Name: "detach", Usage: "with --for: do not stay; osssh revoke --expired takes it back", Destination: &o.detach, DisableDefaultText: true},
			&cli.IntFlag{Name: "port", Usage: "the port of SSH (default: as a login)", Destination: &o.port, DefaultText: " "},
			&cli.StringFlag{Name: "address", Usage: "the way in: fixed, floating, an address or a network", Destination: &o.address},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask", Destination: &o.yes, DisableDefaultText: true},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return &usageError{"allow takes NAME"}
			}
			p.ui.settle(p.globals, 0)
			o.name = c.Args().First()
			if c.IsSet("port") && (o.port < 1 || o.port > 65535) {
				return &usageError{fmt.Sprintf("bad port %d", o.port)}
			}
			return p.allow(o)
		},
	}
}

// maxHold bounds --for: what is longer is meant to stay.
const maxHold = 366 * 24 * time.Hour

// holdTime reads --for; 0 where it was not given.
func (o allowOptions) holdTime() (time.Duration, error) {
	if o.hold == "" {
		if o.detach {
			return 0, &usageError{"--detach goes with --for DURATION"}
		}
		return 0, nil
	}
	hold, err := time.ParseDuration(o.hold)
	if err != nil || hold < time.Second || hold > maxHold {
		return 0, &usageError{fmt.Sprintf("bad duration %q: 1s to %s, as 90s, 30m or 2h", o.hold, maxHold)}
	}
	return hold, nil
}

// prefix reads --from: the zero prefix for me and for anywhere.
func (o allowOptions) prefix() (netip.Prefix, error) {
	switch o.from {
	case "", "me", "anywhere":
		return netip.Prefix{}, nil
	}
	prefix, err := netip.ParsePrefix(o.from)
	if err != nil {
		address, err := netip.ParseAddr(o.from)
		if err != nil || address.Zone() != "" {
			return netip.Prefix{}, &usageError{fmt.Sprintf("bad --from %q: an address, a CIDR, me or anywhere", o.from)}
		}
		prefix = netip.PrefixFrom(address, address.BitLen())
	}
	if prefix.Addr().Is4In6() {
		return netip.Prefix{}, &usageError{fmt.Sprintf("bad --from %q: write it as IPv4", o.from)}
	}
	return prefix.Masked(), nil
}

func (p *process) allow(o allowOptions) error {
	hold, err := o.holdTime()
	if err != nil {
		return err
	}
	given, err := o.prefix()
	if err != nil {
		return err
	}
	d, err := p.findDoor(o, given)
	if err != nil {
		return err
	}
	from, err := p.allowedSource(o, d, given)
	if err != nil {
		return err
	}
	if !from.IsValid() { // not known, and all are let in
		return p.sayAdmitted(d, "anywhere", d.verdict.Reason, d.verdict.Rule)
	}
	var until time.Time
	if hold > 0 {
		until = time.Now().Add(hold + time.Second - 1).Truncate(time.Second)
	}
	opening, err := p.planOpening(d, from, until)
	if err != nil {
		return err
	}
	if !opening.Needed() {
		return p.sayAdmitted(d, from.String(), opening.Unfiltered, opening.Admitted)
	}
	if err := p.confirmCalls(openingCalls(opening, d.port.ID), o.yes, fmt.Sprintf("let %s in to tcp/%d of %s?", from, d.sshPort(), d.name())); err != nil {
		return err
	}
	p.ui.stage(fmt.Sprintf("opening tcp/%d of %s", d.sshPort(), d.name()))
	opened, err := opening.Do(p.ctx, d.client, d.port.ID)
	if err != nil {
		if p.ctx.Err() != nil { // what became of the steps is to be told even so
			p.ui.explain(err)
		}
		return err
	}
	return p.opened(o, d, from, opened, until)
}

// confirmCalls prints what will be done, and asks.
func (p *process) confirmCalls(calls []string, yes bool, question string) error {
	for _, call := range calls {
		if err := p.tell("call", call); err != nil {
			return err
		}
	}
	if yes {
		return nil
	}
	err := p.ui.mustSayYes(p.ctx, terminal.Sanitize(question), errNothingChanged)
	if errors.Is(err, terminal.ErrNoTerminal) {
		return &usageError{"no terminal to ask on, and no -y"}
	}
	return err
}

// errNothingChanged says that the user did not say yes.
var errNothingChanged = errors.New("nothing was changed")

// tell prints one line of a result while progress may be shown.
func (p *process) tell(name, value string) (err error) {
	p.ui.progress.Pause(func() { err = p.result(name, value) })
	return err
}
