package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"osssh/internal/openstack"
	"osssh/reach"
	"osssh/sshconfig"
)

// The commands that look at the way of a login and do not go it: they take the
// words of a login, and find the server by its path.

// exploringFlags is the part of their help that is common to them.
const exploringFlags = `Flags of a login, before or after NAME, mean what they mean there: -l USER,
-p PORT, -i FILE, -J HOST, -F FILE, -o K=V, -4, -6, --address, --no-jump.`

// exploring makes the action of such a command. Own are the flags that it has
// beside those of a login.
func (p *process) exploring(own ownFlags, do func(*sshArgs) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		args, err := parseExploring(c.Command.Name, c.Args().Slice(), p.globals, own)
		if errors.Is(err, errHelp) {
			return cli.ShowCommandHelp(c, c.Command.Name)
		}
		if err != nil {
			return err
		}
		p.globals, p.quiet = args.globals, args.quiet
		p.ui.settle(p.globals, args.verbose)
		return do(args)
	}
}

// parseExploring reads words as a login does, but that nothing is run and
// nothing is started.
func parseExploring(command string, words []string, g globals, own ownFlags) (*sshArgs, error) {
	a := &sshArgs{globals: g, quiet: g.quiet, own: own}
	if err := a.parse(words); err != nil {
		return nil, err
	}
	switch {
	case a.command != "":
		return nil, &usageError{fmt.Sprintf("%s takes one NAME", command)}
	case a.wait != 0 || a.start:
		return nil, &usageError{fmt.Sprintf("%s neither waits nor starts a server", command)}
	}
	return a, nil
}

// explored is a server as a login would find it.
type explored struct {
	plan     *reach.Plan
	cloud    *openstack.Cloud
	settings *sshconfig.Settings // what ssh_config says for the name
}

// explore finds the server and all that a login needs. It asks the user nothing
// but what signing in needs: a NAME means one server, or it is an error.
func (p *process) explore(args *sshArgs) (*explored, error) {
	settings, err := p.settings(p.ctx, args)
	if err != nil {
		return nil, err
	}
	p.ui.obey(settings)
	p.ui.traceSettings(settings)
	p.ui.noChoice = true
	request := p.request(args, settings)
	x := &explored{settings: settings}
	err = p.anywhere(args.host, func(name string) error {
		config, err := p.reachConfig()
		if err != nil {
			return err
		}
		config.SettingsOf = func(ctx context.Context, hop sshconfig.JumpHost) (*sshconfig.Settings, error) {
			return p.hopSettings(ctx, args, hop)
		}
		p.ui.start()
		request.Name, x.cloud = name, config.Cloud
		x.plan, err = reach.Explore(p.ctx, config, request)
		return err
	})
	return x, err
}
