package main

import (
	"io"

	"github.com/urfave/cli/v2"
	"golang.org/x/crypto/ssh"

	"osssh/internal/openstack"
	"osssh/keystore"
)

// maxKeyFile bounds a key on standard input, in bytes, as keystore.Read bounds a
// file.
const maxKeyFile = 1 << 20

func keyImportCommand(p *process) *cli.Command {
	passphraseFile := ""
	return &cli.Command{
		Name:      "import",
		Usage:     "register a key that you have as a keypair",
		UsageText: "osssh key import NAME FILE [--passphrase-file FILE]",
		Description: `FILE is a public key (a line of authorized_keys, RFC 4716) or a private key of any
format, of which the public half is sent; "-" is standard input. A passphrase is
asked for only where it hides the public half.

Examples:
   osssh key import laptop ~/.ssh/id_ed25519.pub
   osssh key import office work.ppk`,
		Flags: []cli.Flag{passphraseFlag(&passphraseFile)},
		Action: p.keyAction([]string{"NAME", "FILE"}, func(words []string) error {
			return p.keyImport(words[0], words[1], passphraseFile)
		}),
	}
}

func (p *process) keyImport(name, path, passphraseFile string) error {
	if err := openstack.CheckKeypairName(name); err != nil {
		return err
	}
	if path == "-" && passphraseFile == "-" {
		return &usageError{"standard input is either the key or its passphrase"}
	}
	file, err := p.readKey(path)
	if err != nil {
		return err
	}
	public, comment := file.Public, file.Comment
	if public == nil {
		key, err := p.openKey(file, passphraseFile)
		if err != nil {
			return err
		}
		public, comment = key.Public, key.Comment
	}
	if err := p.result("fingerprint", ssh.FingerprintSHA256(public)); err != nil {
		return err
	}
	client, err := p.signIn()
	if err != nil {
		return err
	}
	p.ui.stage("registering keypair " + name)
	_, err = client.ImportKeypair(p.ctx, name, publicLine(public, comment))
	p.ui.progress.Stop()
	return err
}

// readKey reads a key file, or standard input by "-".
func (p *process) readKey(path string) (*keystore.File, error) {
	if path != "-" {
		return keystore.Read(path)
	}
	data, err := io.ReadAll(io.LimitReader(p.stdin, maxKeyFile+1))
	if err != nil {
		return nil, err
	}
	return keystore.Parse(data)
}
