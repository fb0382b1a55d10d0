package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"osssh/internal/openstack"
	"osssh/internal/terminal"
)

func keyDeleteCommand(p *process) *cli.Command {
	yes := false
	return &cli.Command{
		Name:      "delete",
		Usage:     "delete a keypair in nova, never a file",
		UsageText: "osssh key delete NAME [-y]",
		Description: `Says which instances were made with it (they keep its key), prints the public key
and the command that brings it back, and asks for a "yes".`,
		Flags: []cli.Flag{&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask", Destination: &yes, DisableDefaultText: true}},
		Action: p.keyAction([]string{"NAME"}, func(words []string) error {
			return p.keyDelete(words[0], yes)
		}),
	}
}

// errNotDeleted says that the user did not say yes.
var errNotDeleted = errors.New("nothing was deleted")

// noKeypairError says that the user has no keypair of that name.
type noKeypairError struct{ name string }

func (e *noKeypairError) Error() string { return "no keypair " + e.name }

func (p *process) keyDelete(name string, yes bool) error {
	client, err := p.signIn()
	if err != nil {
		return err
	}
	p.ui.stage("looking for keypair " + name)
	keypair, err := client.Keypair(p.ctx, name, "")
	if openstack.IsNotFound(err) {
		return &noKeypairError{name: name}
	}
	if err != nil {
		return err
	}
	servers, err := serversByKeypair(p.ctx, client)
	p.ui.progress.Stop()
	if err != nil {
		p.ui.notef("which servers were made with %s is not known: %s", name, explain(err).what)
	}
	if made := servers[name]; len(made) > 0 {
		p.ui.notef("made with keypair %s, and keep its key: %s", name, strings.Join(serverNames(made), ", "))
	}
	if err := p.printWayBack(*keypair); err != nil {
		return err
	}
	if !yes {
		if err := p.ui.mustSayYes(p.ctx, fmt.Sprintf("delete keypair %s?", terminal.Sanitize(name)), errNotDeleted); err != nil {
			return unasked(err, "-y")
		}
	}
	return client.DeleteKeypair(p.ctx, name)
}

// printWayBack prints the public key and the command that registers it again.
// It needs no file: the private one may lie anywhere.
func (p *process) printWayBack(k openstack.Keypair) error {
	public := strings.TrimSpace(k.PublicKey)
	if err := p.result("public", public); err != nil || keypairKey(k) == nil {
		return err
	}
	end := ""
	if strings.HasPrefix(k.Name, "-") {
		end = "-- "
	}
	return p.result("undo", fmt.Sprintf(`printf '%%s\n' %s | osssh key import %s%s -`, terminal.Quote(public), end, terminal.Quote(k.Name)))
}

// mustSayYes asks for the whole word. Any other answer is the given error.
func (u *ui) mustSayYes(ctx context.Context, question string, otherwise error) error {
	return u.ask(func(tty *terminal.TTY) error {
		answer, err := tty.Ask(ctx, question+" Type yes: ")
		if err == nil && strings.TrimSpace(answer) != "yes" {
			err = otherwise
		}
		return err
	})
}

// serversByKeypair lists the user's own servers by the keypair that each was
// made with: another user's keypair of the same name is another one.
func serversByKeypair(ctx context.Context, client *openstack.Client) (map[string][]openstack.Server, error) {
	made := map[string][]openstack.Server{}
	for server, err := range client.Servers(ctx) {
		if err != nil {
			return nil, err
		}
		if server.KeyName != "" && server.UserID == client.UserID() {
			made[server.KeyName] = append(made[server.KeyName], server)
		}
	}
	return made, nil
}

func serverNames(servers []openstack.Server) []string {
	var names []string
	for _, s := range servers {
		names = append(names, s.Name)
	}
	return names
}
