package main

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"osssh/internal/terminal"
	"osssh/keystore"
	"osssh/reach"
	"osssh/sshconfig"
)

const puttyHelp = `Finds the instance as a login does, and hands it over to PuTTY: the key as a PPK
file, and a saved session osssh-NAME with address, port, user, key and host key.
Then it starts putty, or plink where there is no display or words follow NAME.

Flags of ssh, before or after NAME: -l USER, -p PORT, -i FILE, -F FILE, -o K=V, -4, -6, -q, -v
   --plink     start plink, whatever is installed
   --print     print the command in place of starting it

Words that follow NAME go to plink. Flags for it stand behind "--".

Examples:
   osssh putty web
   osssh putty --plink web uptime
   osssh putty web -- -L 8080:localhost:80 -N`

// puttyCommand has its words read by parsePuttyArgs.
func puttyCommand(p *process) *cli.Command {
	return &cli.Command{
		Name:            "putty",
		Usage:           "log in to an instance with PuTTY",
		UsageText:       "osssh putty [flags] [user@]NAME [plink words ...]",
		Description:     puttyHelp,
		SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			args, err := parsePuttyArgs(c.Args().Slice(), p.globals)
			if errors.Is(err, errHelp) {
				return cli.ShowCommandHelp(c, "putty")
			}
			if err != nil {
				return err
			}
			p.globals, p.quiet = args.login.globals, args.login.quiet
			p.ui.settle(p.globals, args.login.verbose)
			return p.putty(args)
		},
	}
}

// puttyArgs is a command line of osssh putty.
type puttyArgs struct {
	login        *sshArgs
	words        []string // for plink
	plink, print bool
}

// parsePuttyArgs reads the flags of ssh, and our own among them, as far as
// plink's words do not begin.
func parsePuttyArgs(words []string, g globals) (*puttyArgs, error) {
	a := &puttyArgs{}
	var ours []string
	named := false
	for len(words) > 0 {
		word := words[0]
		isFlag := len(word) > 1 && word[0] == '-'
		if word == "--" && named || !isFlag && named {
			break
		}
		words = words[1:]
		switch {
		case word == "--print":
			a.print = true
			continue
		case word == "--plink":
			a.plink = true
			continue
		case !isFlag:
			named = true
		case wantsWord(word, &g) && len(words) > 0:
			ours = append(ours, word)
			word, words = words[0], words[1:]
		}
		ours = append(ours, word)
	}
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	var err error
	a.words = words
	a.login, err = parseSSHArgs(ours, g)
	return a, err
}

// wantsWord says whether the value of a flag is the next word.
func wantsWord(flag string, g *globals) bool {
	if name, long := strings.CutPrefix(flag, "--"); long {
		return g.word(name) != nil
	}
	at := strings.IndexAny(flag[1:], sshFlagsOfWord)
	return at >= 0 && at == len(flag)-2
}

// proxiedError says that PuTTY cannot go the way that ssh_config prescribes.
type proxiedError struct{ name string }

func (e *proxiedError) Error() string {
	return fmt.Sprintf("the way to %s leads through ssh_config's ProxyJump or ProxyCommand, which a PuTTY session does not know", e.name)
}

// noPuTTYError says which program is not installed.
type noPuTTYError struct{ program string }

func (e *noPuTTYError) Error() string { return e.program + " is not installed" }

// putty makes key and session, and starts PuTTY.
func (p *process) putty(args *puttyArgs) error {
	program, path, err := p.puttyProgram(args)
	if err != nil {
		return err
	}
	plan, err := p.puttyPlan(args.login)
	if err != nil {
		return err
	}
	session, err := p.puttySession(args, plan)
	if err != nil {
		return err
	}
	words := []string{program, "-load", session}
	if program == "plink" {
		// Its prompt behind the login is to tell plink's questions from what
		// the server prints. The server is verified, and the user was promised
		// no question.
		words = append(words, "-no-antispoof")
	}
	words = append(words, args.words...)
	if args.print {
		for i := range words {
			words[i] = terminal.Quote(words[i])
		}
		_, err := fmt.Fprintln(p.stdout, strings.Join(words, " "))
		return err
	}
	return p.become(path, words)
}

// puttyProgram chooses between putty and plink. Only plink takes a command.
func (p *process) puttyProgram(args *puttyArgs) (name, path string, err error) {
	display := runtime.GOOS == "windows" || p.env("DISPLAY") != "" || p.env("WAYLAND_DISPLAY") != ""
	if display && !args.plink && len(args.words) == 0 {
		if path, err = exec.LookPath("putty"); err == nil {
			return "putty", path, nil
		}
	}
	if path, err = exec.LookPath("plink"); err != nil {
		return "", "", &noPuTTYError{"plink"}
	}
	return "plink", path, nil
}

// puttyPlan prepares a login, and lets PuTTY do it.
func (p *process) puttyPlan(args *sshArgs) (*reach.Plan, error) {
	settings, err := p.settings(p.ctx, args)
	if err != nil {
		return nil, err
	}
	p.ui.obey(settings)
	p.ui.traceSettings(settings)
	request := p.request(args, settings)
	var plan *reach.Plan
	err = p.anywhere(args.host, func(name string) error {
		config, err := p.reachConfig()
		if err != nil {
			return err
		}
		p.ui.start()
		defer p.ui.progress.Stop()
		request.Name = name
		plan, err = reach.Prepare(p.ctx, config, request)
		return err
	})
	if err == nil && plan.Proxied() {
		return nil, &proxiedError{plan.Server.Name}
	}
	return plan, err
}

// puttySession makes the key file and the saved session, and gives its name.
func (p *process) puttySession(args *puttyArgs, plan *reach.Plan) (string, error) {
	key, err := p.puttyKey(p.ctx, plan.Identity(keystore.PPK), plan.Server)
	if err != nil {
		return "", err
	}
	address, known := plan.Answering(p.ctx).Address, plan.HostKeys()
	session := sshconfig.PuTTYSession{
		Host: address.Addr().String(), Port: int(address.Port()), User: plan.Login.User, KeyFile: key,
		HostKeys: known.Fingerprints(), HostKeyTypes: known.Types, HostKeyAlias: reach.Alias(plan.Server),
	}
	if len(known.Keys) == 0 {
		p.ui.notef("nothing vouches for the host key of %s: PuTTY will ask", plan.Server.Name)
	}
	name := "osssh-" + args.login.host
	err = p.savePuTTYSession(name, session)
	var unfit *sshconfig.PuTTYNameError
	if errors.As(err, &unfit) {
		name = "osssh-" + plan.Server.ID
		err = p.savePuTTYSession(name, session)
	}
	if err == nil && (args.print || args.login.verbose > 0) {
		p.ui.notef("saved PuTTY's session %s: %s at %s", name, session.User, address)
	}
	return name, err
}
