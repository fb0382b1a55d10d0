package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/crypto/ssh"

	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/keystore"
)

const keyHelp = `Private keys are made, read and written here; the cloud has their public halves
only. Every format that SSH programs use is read: OpenSSH, PEM, PKCS#8 and PPK.

Passphrases are asked for on the terminal. --passphrase-file takes the first line
of a file, or of standard input by "-". Flags stand before or after the words.

Examples:
   osssh key create work --format openssh --format ppk
   osssh key convert ~/Downloads/work.pem --format ppk
   osssh key find web`

func keyCommand(p *process) *cli.Command {
	return &cli.Command{
		Name:        "key",
		Usage:       "keypairs and private keys: list, create, import, convert, show, find, passwd, fix, delete",
		Description: keyHelp,
		Subcommands: []*cli.Command{
			keyListCommand(p),
			keyCreateCommand(p),
			keyImportCommand(p),
			keyConvertCommand(p),
			keyShowCommand(p),
			keyFindCommand(p),
			keyPasswdCommand(p),
			keyFixCommand(p),
			keyDeleteCommand(p),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return &usageError{fmt.Sprintf("no command key %q", c.Args().First())}
			}
			return &usageError{"key needs a command: list, create, import, convert, show, find, passwd, fix or delete"}
		},
	}
}

// keyAction takes the words of a subcommand, which are as many as their names,
// and runs it.
func (p *process) keyAction(names []string, act func(words []string) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		if c.NArg() != len(names) {
			wants := "no words"
			if len(names) > 0 {
				wants = strings.Join(names, " and ")
			}
			return &usageError{fmt.Sprintf("key %s takes %s", c.Command.Name, wants)}
		}
		p.ui.settle(p.globals, 0)
		return act(c.Args().Slice())
	}
}

// signIn gives a client of the cloud. Progress is shown from now on.
func (p *process) signIn() (*openstack.Client, error) {
	cloud, err := p.loadCloud()
	if err != nil {
		return nil, err
	}
	p.ui.start()
	p.ui.stage("signing in to " + cloud.Name)
	return p.connector(cloud)(p.ctx, true)
}

// scanKeys looks for the private keys here.
func (p *process) scanKeys(ctx context.Context) (*keystore.Index, error) {
	home, err := p.home()
	if err != nil {
		return nil, err
	}
	return keystore.Scan(ctx, keystore.Search{Home: home, Agent: sshAgent(p.env("SSH_AUTH_SOCK"))})
}

// keyDir is where private keys are made.
func (p *process) keyDir() (string, error) {
	home, err := p.home()
	return filepath.Join(home, ".ssh", "osssh"), err
}

// result prints one line of a result: a name, a colon and a value.
func (p *process) result(name, value string) error {
	_, err := fmt.Fprintf(p.stdout, "%s: %s\n", name, terminal.Sanitize(value))
	return err
}

// publicLine is a public key as a line of authorized_keys, without its end.
func publicLine(key ssh.PublicKey, comment string) string {
	return strings.TrimSpace(string(keystore.AuthorizedKey(key, comment)))
}

// keypairKey is the public key of a keypair, nil where it is a certificate
// (type x509) or nothing that ssh reads.
func keypairKey(k openstack.Keypair) ssh.PublicKey {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(k.PublicKey))
	if err != nil {
		return nil
	}
	return key
}

// parseFormats reads the words of --format.
func parseFormats(words []string) ([]keystore.Format, error) {
	var formats []keystore.Format
	seen := map[keystore.Format]bool{}
	for _, word := range words {
		format, ok := keystore.ParseFormat(word)
		if !ok {
			return nil, &usageError{fmt.Sprintf("no format %q: openssh, pem, pkcs8 and ppk are written", word)}
		}
		if !seen[format] {
			formats = append(formats, format)
		}
		seen[format] = true
	}
	return formats, nil
}
