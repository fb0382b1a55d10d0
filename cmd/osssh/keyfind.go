package main

import (
	"errors"

	"github.com/urfave/cli/v2"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"

	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/keystore"
	"osssh/reach"
	"osssh/resolve"
)

func keyFindCommand(p *process) *cli.Command {
	return &cli.Command{
		Name:      "find",
		Usage:     "tell which private key here opens a keypair or an instance",
		UsageText: "osssh key find NAME|SERVER",
		Description: `NAME is a keypair; where none bears it, an instance: its name, id or address. The
keys here that fit are listed, the best first, with the fingerprint and how that
is known. Exit status 1: none fits.`,
		Action: p.keyAction([]string{"NAME"}, func(words []string) error { return p.keyFind(words[0]) }),
	}
}

// keyNotHereError says that no private key here fits.
type keyNotHereError struct {
	name   string
	wanted keystore.Wanted
	result keystore.Result
}

func (e *keyNotHereError) Error() string { return "no private key here opens " + e.name }

// nothingNamedError says that neither a keypair nor a server has the name.
type nothingNamedError struct{ *resolve.NotFoundError }

func (p *process) keyFind(name string) error {
	client, err := p.signIn()
	if err != nil {
		return err
	}
	var index *keystore.Index
	var wanted keystore.Wanted
	asking, asked := errgroup.WithContext(p.ctx)
	asking.Go(func() (err error) { index, err = p.scanKeys(asked); return })
	asking.Go(func() (err error) {
		p.ui.stage("looking for " + name)
		keypairs, err := client.Keypairs(asked)
		if err != nil {
			return err
		}
		for _, k := range keypairs {
			if k.Name == name {
				wanted = keystore.Wanted{Name: name, Public: keypairKey(k)}
				return nil
			}
		}
		server, err := resolve.Find(asked, client, name)
		var missing *resolve.NotFoundError
		if errors.As(err, &missing) {
			return &nothingNamedError{missing}
		}
		if err != nil {
			return err
		}
		wanted, err = p.wantedBy(client, server)
		return err
	})
	if err := asking.Wait(); err != nil {
		return err
	}
	p.ui.progress.Stop()
	found := index.Match(wanted)
	if len(found.Identities) == 0 {
		return &keyNotHereError{name: name, wanted: wanted, result: found}
	}
	table := terminal.Table{Header: []string{"KEY", "FINGERPRINT", "KNOWN BY"}}
	for _, id := range found.Identities {
		table.Rows = append(table.Rows, []string{identityPlace(id), fingerprintOf(id.Public), howWords(id.How)})
	}
	return p.table(table)
}

// wantedBy is what is known of the key that a server takes: its keypair, and
// what its console shows. What cannot be asked is told.
func (p *process) wantedBy(client *openstack.Client, server openstack.Server) (keystore.Wanted, error) {
	owner := ""
	if server.UserID != client.UserID() {
		owner = server.UserID
	}
	var keypair *openstack.Keypair
	if server.KeyName != "" {
		var err error
		if keypair, err = client.Keypair(p.ctx, server.KeyName, owner); err != nil {
			p.ui.notef("keypair %s could not be asked: %s", server.KeyName, explain(err).what)
		}
	}
	text, err := client.Console(p.ctx, server.ID, -1)
	if err != nil {
		p.ui.notef("console of %s could not be asked: %s", server.Name, explain(err).what)
	}
	return reach.WantedKey(server, keypair, console.Parse(text)), p.ctx.Err()
}

// table writes a table for a person, or for a program.
func (p *process) table(t terminal.Table) error {
	if terminal.IsTerminal(p.stdout) {
		return t.WriteText(p.stdout, terminal.Width(p.stdout))
	}
	return t.WriteTSV(p.stdout)
}

// identityPlace is where a private key lies.
func identityPlace(id *keystore.Identity) string {
	if id.File == nil {
		return "agent"
	}
	return id.File.Path
}

func fingerprintOf(key ssh.PublicKey) string {
	if key == nil {
		return ""
	}
	return ssh.FingerprintSHA256(key)
}

func howWords(how keystore.How) string {
	switch how {
	case keystore.ByFingerprint:
		return "the console shows it installed"
	case keystore.ByPublicKey:
		return "it is the keypair's public key"
	case keystore.ByPubFile:
		return "the .pub beside it is the public key"
	case keystore.ByExplicit:
		return "it was named by -i or IdentityFile"
	case keystore.ByName:
		return "it bears the keypair's name"
	}
	return "nothing is known of the key: ssh would try this one"
}
