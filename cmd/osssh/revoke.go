package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"osssh/internal/openstack"
	"osssh/resolve"
	"osssh/secgroup"
)

const revokeHelp = `Deletes the security group rules that osssh allow added, and only those: for the
instance NAME, or with --expired all of the project whose time is over. A group
osssh-NAME goes with its last rule, and the port has its former groups again.
The calls are printed first, and you are asked.

Examples:
   osssh revoke web
   osssh revoke --expired -y`

// revokeOptions say which rules go.
type revokeOptions struct {
	name         string
	expired, yes bool
}

func revokeCommand(p *process) *cli.Command {
	var o revokeOptions
	return &cli.Command{
		Name:        "revoke",
		Usage:       "take back what osssh allow let in",
		UsageText:   "osssh revoke NAME [-y]\nosssh revoke --expired [-y]",
		Description: revokeHelp,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "expired", Usage: "all over the project, where allow's --for is over", Destination: &o.expired, DisableDefaultText: true},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask", Destination: &o.yes, DisableDefaultText: true},
		},
		Action: func(c *cli.Context) error {
			p.ui.settle(p.globals, 0)
			o.name = c.Args().First()
			if c.NArg() > 1 || o.expired == (c.NArg() == 1) {
				return &usageError{"revoke takes NAME, or --expired"}
			}
			return p.revoke(o)
		},
	}
}

func (p *process) revoke(o revokeOptions) error {
	client, servers, err := p.revokedServers(o)
	if err != nil {
		return err
	}
	p.ui.stage("looking for what osssh allow added")
	q, err := secgroup.GatherClosing(p.ctx, client)
	if err != nil {
		return err
	}
	now := time.Now()
	q.Servers = servers
	q.Pick = func(_ secgroup.Rule, m secgroup.Mark) bool {
		return o.expired && m.Expired(now) || slices.Contains(servers, m.ServerID)
	}
	closing := secgroup.PlanClosing(q)
	p.sayKept(closing)
	if !closing.Needed() {
		p.ui.notef("nothing to revoke")
		return nil
	}
	if err := p.confirmCalls(closingCalls(closing), o.yes, "make these calls?"); err != nil {
		return err
	}
	p.ui.stage("closing")
	err = p.sayClosed(closing, closing.Do(p.ctx, client))
	if err != nil && p.ctx.Err() != nil {
		p.ui.explain(err) // what became of the steps is to be told even so
	}
	return err
}

// revokedServers finds the server by its name, and gives its id. One that is
// gone has left its group behind: then its id is enough, or all of that name are
// meant.
func (p *process) revokedServers(o revokeOptions) (client *openstack.Client, ids []string, err error) {
	if o.expired {
		client, err = p.signIn()
		return client, nil, err
	}
	var server openstack.Server
	err = p.anywhere(o.name, func(name string) error {
		if client, err = p.signIn(); err != nil {
			return err
		}
		p.ui.stage("looking for " + name)
		server, err = resolve.Find(p.ctx, client, name)
		return err
	})
	var several *resolve.AmbiguousError
	var missing *resolve.NotFoundError
	switch {
	case errors.As(err, &several):
		server, err = p.ui.chooseServer(p.ctx, several)
	case errors.As(err, &missing) && secgroup.IsServerID(missing.Name):
		return client, []string{missing.Name}, nil
	case errors.As(err, &missing) && len(missing.Deleted) > 0:
		for _, gone := range missing.Deleted {
			p.ui.notef("%s was deleted (%s)", missing.Name, gone.ID)
			ids = append(ids, gone.ID)
		}
		return client, ids, nil
	}
	return client, []string{server.ID}, err
}

// sayKept tells which groups stay though they were made by osssh.
func (p *process) sayKept(closing secgroup.Closing) {
	for _, k := range closing.Kept {
		p.ui.notef("security group %s stays, for others use it: %s", k.Group.Name, keptWords(k))
	}
}

func keptWords(k secgroup.KeptGroup) string {
	var by []string
	for _, use := range []struct {
		n    int
		what string
	}{{k.Rules, "other rules"}, {k.Ports, "other ports"}, {k.Named, "rules that name it"}} {
		if use.n > 0 {
			by = append(by, fmt.Sprintf("%s (%d)", use.what, use.n))
		}
	}
	return strings.Join(by, ", ")
}

// sayClosed tells what was done, and gives the last of the steps that failed.
func (p *process) sayClosed(closing secgroup.Closing, failed []*secgroup.StepError) error {
	not := map[string]error{}
	for _, f := range failed {
		not[f.ID] = f
	}
	for _, r := range closing.Rules {
		if not[r.ID] != nil {
			continue
		}
		if err := p.tell("closed", fmt.Sprintf("%s, security group %s", admitsWords(r.Admits()), r.GroupName)); err != nil {
			return err
		}
	}
	for _, e := range closing.Groups {
		if not[e.Group.ID] != nil {
			continue
		}
		if err := p.tell("deleted", "security group "+e.Group.Name); err != nil {
			return err
		}
	}
	for i, f := range failed {
		if i == len(failed)-1 {
			return f
		}
		p.ui.explain(f)
	}
	return nil
}
