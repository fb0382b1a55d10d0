package main

import (
	"github.com/urfave/cli/v2"

	"osssh/keystore"
)

func keyPasswdCommand(p *process) *cli.Command {
	passphraseFile := ""
	var next newPassphrase
	return &cli.Command{
		Name:      "passwd",
		Usage:     "change, set or remove the passphrase of a private key",
		UsageText: "osssh key passwd FILE [flags]",
		Description: `FILE keeps its format and its comment, and is replaced whole or not at all. An
empty passphrase leaves it unencrypted. pem holds none: one can be removed there.`,
		Flags: append([]cli.Flag{passphraseFlag(&passphraseFile)}, next.flags("new-passphrase-file")...),
		Action: p.keyAction([]string{"FILE"}, func(words []string) error {
			return p.keyPasswd(words[0], passphraseFile, next)
		}),
	}
}

func (p *process) keyPasswd(path, passphraseFile string, next newPassphrase) error {
	if err := next.check(passphraseFile); err != nil {
		return err
	}
	file, err := readPrivate(path)
	if err != nil {
		return err
	}
	if file.Format == keystore.PEM && !next.none {
		return &keystore.FormatError{Format: file.Format, Type: file.Type, Encrypted: true}
	}
	key, data, err := p.rewrite(rewriting{
		file: file, passphraseFile: passphraseFile, next: next, target: path,
		options: keystore.Options{Format: file.Format, PPKVersion: file.Version},
	})
	if err != nil {
		return err
	}
	defer clear(data)
	if err := keystore.ReplacePrivate(path, data); err != nil {
		return err
	}
	return showPublic(path, key)
}

func keyFixCommand(p *process) *cli.Command {
	return &cli.Command{
		Name:        "fix",
		Usage:       "make a private key readable by its owner only",
		UsageText:   "osssh key fix FILE",
		Description: `Sets mode 0600, as ssh wants it; on Windows an ACL that names the owner alone.`,
		Action: p.keyAction([]string{"FILE"}, func(words []string) error {
			if _, err := readPrivate(words[0]); err != nil {
				return err
			}
			return keystore.Protect(words[0])
		}),
	}
}
