package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"osssh/connect"
	"osssh/internal/terminal"
	"osssh/reach"
	"osssh/resolve"
	"osssh/sshconfig"
)

const loginHelp = `A word that is no command is an instance: its name, its id or one of its
addresses. osssh finds where it is and which of your keys opens it, verifies its
host key against the one on its console, and logs you in.

Flags of ssh, before or after NAME:
   -l USER     log in as USER (default: what the image says)
   -p PORT     dial PORT (default: the server's metadata osssh_port, else 22)
   -i FILE     use this private key; may be given again
   -J HOST     go through this host, an instance or a plain one; HOST,HOST for more
   -F FILE     read this ssh_config in place of yours
   -o K=V      a keyword of ssh_config
   -t, -T      a terminal for a command; none for a shell
   -n          no standard input
   -4, -6      IPv4 only, IPv6 only
   -q, -v      quiet; say what is done (-vv, -vvv: more)

Flags of osssh's own:
   --address WHICH   fixed, floating, an address of the instance, or a network
   --no-jump         look for no jump host
   --all-clouds      look for NAME in every cloud of clouds.yaml
   --wait[=TIME]     wait until it has booted and SSH answers, 10m unless TIME says
   --start           start it if it is down, and wait

Examples:
   osssh web
   osssh ubuntu@web uptime
   osssh --os-cloud prod -i ~/Downloads/work.pem db1 'df -h /'`

// sshCommand is only listed: its words are read by parseSSHArgs.
func sshCommand(*process) *cli.Command {
	return &cli.Command{
		Name:            "ssh",
		Usage:           "log in to an instance, whatever its name",
		UsageText:       "osssh [ssh] [flags] [user@]NAME [command ...]",
		Description:     loginHelp,
		SkipFlagParsing: true,
	}
}

// errHelp asks for the help of a login.
var errHelp = errors.New("help is asked for")

// runLogin logs in and gives the status to exit with.
func (p *process) runLogin(words []string) int {
	args, err := parseSSHArgs(words, p.globals)
	if errors.Is(err, errHelp) {
		_ = newApp(p).RunContext(p.ctx, []string{"osssh", "help", "ssh"})
		return 0
	}
	if err != nil {
		return p.fail(err, exitLogin)
	}
	p.globals = args.globals
	p.quiet = args.quiet
	p.ui.settle(p.globals, args.verbose)
	status, err := p.login(args)
	if err != nil {
		return p.failLogin(err)
	}
	return status
}

// login opens the session. Where root is told to log in as another user it
// does that, once.
func (p *process) login(args *sshArgs) (int, error) {
	settings, err := p.settings(p.ctx, args)
	if err != nil {
		return 0, err
	}
	p.ui.obey(settings)
	p.ui.traceSettings(settings)
	request := p.request(args, settings)
	var config *reach.Config
	var client *connect.Client
	var plan *reach.Plan
	err = p.anywhere(args.host, func(name string) (err error) {
		if config, err = p.reachConfig(); err != nil {
			return err
		}
		config.SettingsOf = func(ctx context.Context, hop sshconfig.JumpHost) (*sshconfig.Settings, error) {
			return p.hopSettings(ctx, args, hop)
		}
		p.ui.start()
		request.Name = name
		client, plan, err = reach.Open(p.ctx, config, request)
		return err
	})
	if err != nil {
		if config != nil {
			err = &loginError{err: err, plan: plan, config: config, request: request}
		}
		return 0, err
	}
	defer plan.Close()
	exit, hint, err := p.session(client, plan, args, settings)
	if hint != "" {
		p.ui.notef("%s does not admit root: logging in as %s", plan.Server.Name, hint)
		if client, err = plan.DialAs(p.ctx, hint, "the answer to root"); err != nil {
			return 0, err
		}
		exit, _, err = p.session(client, plan, args, settings)
	}
	return exit.Status, err
}

// request is what the command line and ssh_config ask for.
func (p *process) request(args *sshArgs, settings *sshconfig.Settings) reach.Request {
	return reach.Request{
		Name: args.host, User: args.user, Port: args.port, Family: args.family,
		Choice: resolve.ParseChoice(args.address), NoJump: args.noJump,
		Wait: args.wait, Start: args.start,
		Identities: p.identities(args.identities), Settings: settings,
	}
}

// identities drops what cannot be read with ssh's own warning. The shell leaves
// a tilde alone in -i~/key.
func (p *process) identities(files []string) []string {
	var readable []string
	for _, file := range files {
		if rest, ok := strings.CutPrefix(file, "~/"); ok {
			file = filepath.Join(p.env("HOME"), rest)
		}
		if _, err := os.Stat(file); err != nil {
			p.ui.notef("identity file %s is not accessible: %v", terminal.Sanitize(file), cause(err))
			continue
		}
		readable = append(readable, file)
	}
	return readable
}

// session runs the command or shell and closes the client. The hint is the user
// that root was told to log in as.
func (p *process) session(client *connect.Client, plan *reach.Plan, args *sshArgs, settings *sshconfig.Settings) (exit connect.Exit, hint string, err error) {
	defer client.Close()
	p.ui.progress.Stop()
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	options := connect.SessionOptions{
		Command: args.command, NoStdin: args.noStdin, Env: variables(settings.Environment(os.Environ())),
		Stdin: p.stdin, Stdout: p.stdout, Stderr: p.stderr,
	}
	if p.wantsTTY(args) {
		options.PTY = &connect.PTY{Term: p.env("TERM"), Refused: func() {
			p.ui.notef("the server gives no terminal")
		}}
		options.Local = &connect.Terminal{In: p.stdin, Out: p.stdout}
	}
	var catcher *hintCatcher
	if plan.Login.User == "root" {
		catcher = &hintCatcher{out: p.stdout, found: cancel}
		options.Stdout = catcher
	}
	exit, err = client.Session(ctx, options)
	if catcher != nil && catcher.user != "" {
		return exit, catcher.user, nil
	}
	return exit, "", errors.Join(err, catcher.flush())
}

func variables(environ []string) []connect.EnvVar {
	var send []connect.EnvVar
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		send = append(send, connect.EnvVar{Name: name, Value: value})
	}
	return send
}

// wantsTTY decides as ssh does (ssh.c, main).
func (p *process) wantsTTY(args *sshArgs) bool {
	wants := args.tty == ttyYes || args.tty == ttyForce || args.command == "" && args.tty == ttyAuto
	if wants && args.tty != ttyForce && (args.noStdin || !terminal.IsTerminal(p.stdin)) {
		p.ui.notef("no terminal is allocated: standard input is none")
		return false
	}
	return wants
}

// hintCatcher passes a session's output on, but for the line with which an image
// tells root whom to log in as.
type hintCatcher struct {
	out   io.Writer
	found func() // called once the user is known
	user  string
	held  []byte // of a first line that may become the hint
	done  bool
}

// maxHint bounds the first line that is held back, in bytes.
const maxHint = 512

func (h *hintCatcher) Write(b []byte) (int, error) {
	if h.user != "" { // the rest of a session that is over
		return len(b), nil
	}
	if h.done {
		return h.out.Write(b)
	}
	h.held = append(h.held, b...)
	if user, ok := connect.LoginHint(string(h.held)); ok {
		h.user, h.held = user, nil
		h.found()
		return len(b), nil
	}
	if !mayBecomeHint(h.held) {
		return len(b), h.flush()
	}
	return len(b), nil
}

// mayBecomeHint says whether the beginning of a line can still grow into a hint.
func mayBecomeHint(line []byte) bool {
	const start = "Please login as "
	n := min(len(line), len(start))
	return string(line[:n]) == start[:n] && len(line) <= maxHint && !bytes.ContainsRune(line, '\n')
}

// flush writes what was held back.
func (h *hintCatcher) flush() error {
	if h == nil || h.done {
		return nil
	}
	h.done = true
	_, err := h.out.Write(h.held)
	h.held = nil
	return err
}

// cause is the innermost error: a file's name is said already.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
