package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/urfave/cli/v2"
)

// Exit statuses of osssh's own. A login has the remote's, and exitLogin for
// every failure before it, usage included, as ssh does.
const (
	exitFailure = 1
	exitUsage   = 2
	exitLogin   = 255
)

// statusError ends a command with a status and no words of its own.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// run is the whole program: args are the process's, the status is returned.
func run(args []string, stdin, stdout, stderr *os.File) int {
	ctx, stop := endBySignal(context.Background())
	defer stop()
	p := &process{
		ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, env: os.Getenv,
		ui: &ui{stderr: stderr, env: os.Getenv},
	}
	words, err := p.globals.leading(args[1:])
	if err != nil {
		return p.fail(err, exitLogin)
	}
	app := newApp(p)
	if len(words) == 0 {
		fmt.Fprintln(stderr, "usage: osssh [flags] [user@]NAME [command ...]")
		fmt.Fprintln(stderr, "       osssh COMMAND ...        osssh --help shows the commands")
		return exitLogin
	}
	switch words[0] {
	case "--help", "-h":
		words[0] = "help"
	case "--version":
		words[0] = "version"
	}
	if words[0] == "ssh" {
		return p.runLogin(words[1:])
	}
	command := app.Command(words[0])
	if command == nil {
		return p.runLogin(words)
	}
	err = app.RunContext(ctx, append([]string{"osssh"}, flagsFirst(command, words)...))
	var status statusError
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage):
		return p.fail(err, exitUsage)
	}
	return p.fail(err, exitFailure)
}

// endBySignal gives a context that ends by the signals that end a program, so
// that terminals are restored and files removed. What was to be ignored, as
// under nohup, stays ignored. A broken pipe is an error like any other.
func endBySignal(ctx context.Context) (context.Context, context.CancelFunc) {
	var ending []os.Signal
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) {
			ending = append(ending, s)
		}
	}
	signal.Ignore(syscall.SIGPIPE)
	if len(ending) == 0 { // for NotifyContext, none means all
		return context.WithCancel(ctx)
	}
	return signal.NotifyContext(ctx, ending...)
}

// newApp is the one list of commands. A word that is none of them is an
// instance's name.
func newApp(p *process) *cli.App {
	app := &cli.App{
		Name:                      "osssh",
		Usage:                     "log in to an OpenStack instance by its name",
		UsageText:                 "osssh [flags] [user@]NAME [command ...]\nosssh COMMAND ...",
		Description:               loginHelp,
		HideVersion:               true,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		Writer:                    p.stdout,
		ErrWriter:                 p.stderr,
		ExitErrHandler:            func(*cli.Context, error) {},
		Commands: []*cli.Command{
			sshCommand(p),
			listCommand(p),
			resolveCommand(p),
			diagnoseCommand(p),
			causesCommand(p),
			allowCommand(p),
			revokeCommand(p),
			keyCommand(p),
			puttyCommand(p),
			demoCommand(p),
			versionCommand(p),
			helpCommand(),
		},
	}
	p.equip(app.Commands)
	return app
}

// equip gives commands, and those below them, what all have.
func (p *process) equip(commands []*cli.Command) {
	for _, command := range commands {
		command.HideHelpCommand = true
		command.Flags = append(command.Flags, p.globals.flags()...)
		command.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return &usageError{err.Error()} }
		p.equip(command.Subcommands)
	}
}

func versionCommand(p *process) *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version",
		Action: func(*cli.Context) error {
			_, err := fmt.Fprintln(p.stdout, "osssh", version())
			return err
		},
	}
}

func helpCommand() *cli.Command {
	return &cli.Command{
		Name:      "help",
		Usage:     "explain osssh, or one of its commands",
		ArgsUsage: "[COMMAND]",
		Action: func(c *cli.Context) error {
			if name := c.Args().First(); name != "" {
				if c.App.Command(name) == nil {
					return &usageError{fmt.Sprintf("no command %q", name)}
				}
				return cli.ShowCommandHelp(c, name)
			}
			return cli.ShowAppHelp(c)
		},
	}
}

// built is the version that the Makefile stamps in.
var built string

// version is what the build says of itself: `go install` stamps nothing, but
// knows the module's version.
func version() string {
	if built != "" {
		return built
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
