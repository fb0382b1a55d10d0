package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"osssh/internal/demo"
	"osssh/internal/terminal"
)

// demoInstance is the one that the demo logs in to.
const demoInstance = "web"

func demoCommand(p *process) *cli.Command {
	var options demo.Options
	serve := false
	return &cli.Command{
		Name:      "demo",
		Usage:     "try osssh on an OpenStack of its own, here and now",
		UsageText: "osssh demo [--serve] [-- command ...]",
		Description: `Starts an OpenStack and its instances in this process, on loopback only, and logs
in to the instance "web" by the same path as to any other. The instances run
your own shell; all their files go at the end. Beside the cloud "demo" stands a
second one, "other", to try --all-clouds and CLOUD/NAME on.

Examples:
   osssh demo
   osssh demo -- uname -a
   osssh demo --serve      (then paste the export lines into another terminal)`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "serve", Usage: "keep it up and print the variables to use it", Destination: &serve, DisableDefaultText: true},
			&cli.StringFlag{Name: "sshd", Usage: "put this OpenSSH sshd into the instances (for tests)", Destination: &options.SSHD, DefaultText: " "},
			&cli.IntFlag{Name: "servers", Usage: "this many more servers, to look at", Destination: &options.Servers, DefaultText: " "},
		},
		Action: func(c *cli.Context) error {
			p.ui.settle(p.globals, 0)
			if serve && c.Args().Present() {
				return &usageError{"--serve takes no command"}
			}
			return p.demo(options, serve, c.Args().Slice())
		},
	}
}

func (p *process) demo(options demo.Options, serve bool, command []string) (err error) {
	cloud, err := demo.Start(p.ctx, options)
	if err != nil {
		return err
	}
	defer func() {
		if closed := cloud.Close(); err == nil {
			err = closed
		}
	}()
	if serve {
		return p.serveDemo(p.ctx, cloud)
	}
	inside := *p
	inside.env = overlay(p.env, cloud.Env())
	inside.globals = globals{debug: p.debug, quiet: p.quiet}
	if len(command) == 0 {
		p.ui.notef("this is an OpenStack in a process of its own; %s is one of its instances (leave with exit)", demoInstance)
	}
	if status := inside.runLogin(append([]string{demoInstance, "--"}, command...)); status != 0 {
		return statusError(status)
	}
	return nil
}

// serveDemo prints how to use the demo and waits until it is interrupted.
func (p *process) serveDemo(ctx context.Context, cloud *demo.Cloud) error {
	for _, variable := range cloud.Env() {
		name, value, _ := strings.Cut(variable, "=")
		if _, err := fmt.Fprintf(p.stdout, "export %s=%s\n", name, terminal.Quote(value)); err != nil {
			return err
		}
	}
	p.ui.notef("the demo is up until ctrl-C; paste these lines into another terminal, then: osssh list")
	<-ctx.Done()
	return nil
}

// overlay is an environment with some variables set otherwise, and without any
// other cloud.
func overlay(env func(string) string, variables []string) func(string) string {
	set := map[string]string{}
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		set[name] = value
	}
	return func(name string) string {
		if value, ok := set[name]; ok {
			return value
		}
		if strings.HasPrefix(name, "OS_") {
			return ""
		}
		return env(name)
	}
}
