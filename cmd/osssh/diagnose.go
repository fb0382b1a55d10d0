package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"

	"osssh/diagnose"
	"osssh/internal/openstack"
	"osssh/sshconfig"
)

const diagnoseHelp = `Draws the path of a login from here to the shell, names the one cause why it
fails, and the command that mends it. Nothing is changed, nothing is asked but
what signing in needs. At most two logins are tried.

` + exploringFlags + `
   --via-instance NAME   begin at that instance in place of this machine
   --source ADDRESS      this machine's address as instances see it

A cause bears an id that stays (osssh causes ID tells of it), and how sure it is:
certain, probable or possible. -v shows the evidence.

--json prints one object (docs/diagnose.schema.json). --report writes what a
support ticket needs, FILE.md or FILE.html: no secret, and of private addresses
those only that you are shown. --fix offers to run the command that mends it where
that is osssh's own and harmless (allow, a key file's mode, a known_hosts line),
and looks again.

Exit status 0 if a login works, 1 if a cause was found, 3 if it could not be told.

Examples:
   osssh why web
   osssh why ubuntu@web -v --report ticket.html
   osssh diagnose web --json | jq -r '.causes[0].id'`

// exitUndecided is the status of a diagnosis that comes to nothing.
const exitUndecided = 3

// diagnoseOptions are the flags of diagnose's own.
type diagnoseOptions struct {
	json, fix   bool
	report, via string
}

func diagnoseCommand(p *process) *cli.Command {
	var o diagnoseOptions
	own := ownFlags{
		toggles: map[string]*bool{"json": &o.json, "fix": &o.fix},
		words:   map[string]*string{"report": &o.report, "via-instance": &o.via},
	}
	return &cli.Command{
		Name:            "diagnose",
		Aliases:         []string{"why"},
		Usage:           "tell why a login to an instance fails, and what mends it",
		UsageText:       "osssh why [flags of ssh] [user@]NAME [-v] [--fix] [--json] [--report FILE.md|FILE.html]",
		Description:     diagnoseHelp,
		SkipFlagParsing: true,
		Action: p.exploring(own, func(args *sshArgs) error {
			if err := o.check(args); err != nil {
				return err
			}
			return p.diagnose(args, o)
		}),
	}
}

// check refuses flags that do not go together, and a report that could not be
// written, before anything is asked.
func (o diagnoseOptions) check(args *sshArgs) error {
	if _, err := sourceAddress(args.source); err != nil { // before there is a cloud to be asked
		return err
	}
	if o.json && o.fix {
		return &usageError{"--fix asks, and --json is for programs: one of them"}
	}
	if o.via != "" {
		for _, option := range args.options {
			if isProxyJump(option) {
				return &usageError{"--via-instance is a jump host already: -J goes without it"}
			}
		}
		args.options = append(args.options, "ProxyJump="+o.via)
	}
	if o.report == "" {
		return nil
	}
	return mayReport(o.report)
}

// examination is a diagnosis with what it rests on.
type examination struct {
	diagnose.Diagnosis
	facts       *diagnose.Facts
	cloud       *openstack.Cloud // nil: there is no configuration
	took        time.Duration
	interrupted bool
}

func (p *process) diagnose(args *sshArgs, o diagnoseOptions) error {
	view := p.newPathView(o.json || args.quiet)
	x, err := p.examine(args, o.via, view.show)
	if err != nil {
		return err
	}
	p.ui.progress.Stop()
	if o.json {
		err = p.writeDiagnosis(x)
	} else {
		err = p.writeFindings(x, view, args.verbose > 0)
	}
	if err != nil {
		return err
	}
	if o.report != "" {
		if err := p.report(x, o.report); err != nil {
			return err
		}
	}
	if o.fix && p.ctx.Err() == nil {
		mended, err := p.mend(x)
		if err != nil {
			return err
		}
		if mended {
			return p.diagnose(args, diagnoseOptions{via: o.via})
		}
	}
	return x.status()
}

// writeFindings draws the whole path, and says what it comes to.
func (p *process) writeFindings(x *examination, view *pathView, verbose bool) error {
	if err := view.finish(x.Steps); err != nil {
		return err
	}
	return p.writeVerdict(x, verbose)
}

// status is how the command ends.
func (x *examination) status() error {
	switch x.Outcome {
	case diagnose.Healthy:
		return nil
	case diagnose.Broken:
		return statusError(exitFailure)
	}
	return statusError(exitUndecided)
}

// examine gathers the facts and explains them. What keeps it from looking at
// all is a cause like any other, but for words that cannot be read. show, if not
// nil, gets the path as it becomes known.
func (p *process) examine(args *sshArgs, via string, show func([]diagnose.Step)) (*examination, error) {
	began := time.Now()
	x := &examination{}
	var setup diagnose.Setup
	settings, err := p.settings(p.ctx, args)
	if err != nil { // the rest is looked at without the user's ssh_config
		setup.SSHConfig = err
		plain := *args
		plain.configFile = "none"
		if settings, err = p.settings(p.ctx, &plain); err != nil {
			return nil, &usageError{explain(err).what}
		}
	}
	p.ui.obey(settings)
	p.ui.traceSettings(settings)
	p.ui.noChoice = true
	request := p.request(args, settings)
	gather := func(c diagnose.Config) {
		c.Setup, c.Via = setup, via
		x.facts = diagnose.Gather(p.ctx, c, request, func(f *diagnose.Facts) {
			p.ui.stage(phaseWords(f))
			if show != nil {
				show(diagnose.Explain(f).Steps)
			}
		})
	}
	err = p.anywhere(args.host, func(name string) error {
		request.Name = name
		config, err := p.reachConfig()
		var usage *usageError
		switch {
		case errors.As(err, &usage):
			return err
		case err != nil:
			setup.Err = err
			gather(diagnose.Config{})
			return err
		}
		config.SettingsOf = func(ctx context.Context, hop sshconfig.JumpHost) (*sshconfig.Settings, error) {
			return p.hopSettings(ctx, args, hop)
		}
		p.ui.start()
		p.askForSecret(config.Cloud)
		setup.Err, setup.Proxy, x.cloud = nil, apiProxy(config.Cloud.AuthURL), config.Cloud
		config.Client = p.connector(config.Cloud)
		gather(diagnose.Config{Reach: config})
		return x.facts.Nova.Lookup
	})
	var several *elsewhereError
	var usage *usageError
	switch {
	case errors.As(err, &usage), errors.As(err, &several):
		return nil, err
	case x.facts == nil && p.ctx.Err() != nil:
		return nil, err
	case x.facts == nil: // clouds.yaml could not be read for the clouds' names
		setup.Err = err
		gather(diagnose.Config{})
	}
	x.Diagnosis = diagnose.Explain(x.facts)
	x.took, x.interrupted = time.Since(began), p.ctx.Err() != nil
	return x, nil
}

// phaseWords say what is under way once a phase has ended.
func phaseWords(f *diagnose.Facts) string {
	switch f.Phase {
	case diagnose.SignedIn:
		return "looking for " + f.Name
	case diagnose.Found:
		return "asking for addresses, rules, routers and the console"
	case diagnose.Addressed, diagnose.Matched:
		return "dialling " + f.Name
	}
	return ""
}

// apiProxy is the proxy that calls of an API go through, "" for none. A password
// in it is hidden.
func apiProxy(url string) string {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return ""
	}
	proxy, err := http.ProxyFromEnvironment(request)
	if err != nil || proxy == nil {
		return ""
	}
	return proxy.Redacted()
}

// askForSecret signs in before the looking begins if the configuration lacks the
// secret: nothing is asked later, and its being asked for is no fault. That
// keystone refuses is told by the diagnosis.
func (p *process) askForSecret(cloud *openstack.Cloud) {
	if !lacksSecret(cloud.Auth) || p.client != nil {
		return
	}
	p.ui.stage(fmt.Sprintf("signing in to %s", cloud.Name))
	if client, err := p.connector(cloud)(p.ctx, true); err == nil {
		p.client = client
	}
}

func lacksSecret(a openstack.Auth) bool {
	switch a.Type {
	case openstack.AuthPassword:
		return a.Password == ""
	case openstack.AuthTOTP:
		return a.Passcode == ""
	case openstack.AuthPasswordAndTOTP:
		return a.Password == "" || a.Passcode == ""
	}
	return false
}
