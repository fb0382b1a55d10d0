package main

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"osssh/keystore"
)

// keyConvertOptions say which private key is written anew, and how.
type keyConvertOptions struct {
	in             string
	format         keystore.Format
	ppkVersion     int
	out            string // "": beside in
	passphraseFile string
	passphrase     newPassphrase
	comment        string // "": the key's own
}

func keyConvertCommand(p *process) *cli.Command {
	var o keyConvertOptions
	return &cli.Command{
		Name:      "convert",
		Usage:     "write a private key in another format",
		UsageText: "osssh key convert IN --format FORMAT [flags]",
		Description: `IN stays as it is. The new file lies beside it unless --out names another, and
overwrites nothing. Its passphrase is asked for; pem holds none.

Examples:
   osssh key convert ~/Downloads/work.pem --format ppk
   osssh key convert work.ppk --format openssh --out ~/.ssh/work`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "format", Usage: "openssh, pem, pkcs8 or ppk"},
			&cli.IntFlag{Name: "ppk-version", Usage: "2 or 3 (default: 3, which PuTTY reads from 0.75)", Destination: &o.ppkVersion, DefaultText: " "},
			&cli.StringFlag{Name: "out", Usage: "write to `FILE`", Destination: &o.out},
			passphraseFlag(&o.passphraseFile),
			&cli.StringFlag{Name: "comment", Usage: "in place of the key's own (openssh and ppk hold one)", Destination: &o.comment},
		}, o.passphrase.flags("new-passphrase-file")...),
		Action: func(c *cli.Context) error {
			if !c.IsSet("format") {
				return &usageError{"key convert needs --format openssh, pem, pkcs8 or ppk"}
			}
			formats, err := parseFormats([]string{c.String("format")})
			if err != nil {
				return err
			}
			o.format = formats[0]
			if o.ppkVersion != 0 && (o.format != keystore.PPK || o.ppkVersion != 2 && o.ppkVersion != 3) {
				return &usageError{"--ppk-version is 2 or 3, and goes with --format ppk"}
			}
			return p.keyAction([]string{"IN"}, func(words []string) error {
				o.in = words[0]
				return p.keyConvert(o)
			})(c)
		},
	}
}

func (p *process) keyConvert(o keyConvertOptions) error {
	if err := o.passphrase.check(o.passphraseFile); err != nil {
		return err
	}
	file, err := readPrivate(o.in)
	if err != nil {
		return err
	}
	if o.out == "" {
		o.out = beside(o.in, o.format)
	}
	if err := mustNotExist(o.out); err != nil {
		return err
	}
	r := rewriting{
		file: file, passphraseFile: o.passphraseFile, next: o.passphrase, target: o.out,
		options: keystore.Options{Format: o.format, PPKVersion: o.ppkVersion, Comment: o.comment},
	}
	key, data, err := p.rewrite(r)
	if err != nil {
		return err
	}
	defer clear(data)
	if err := keystore.WritePrivate(o.out, data); err != nil {
		return err
	}
	if err := showPublic(o.out, key); err != nil {
		return err
	}
	return p.result("file", o.out)
}

// rewriting is a private key that is opened to be written anew.
type rewriting struct {
	file           *keystore.File
	passphraseFile string        // of the passphrase that it has
	next           newPassphrase // that it gets
	target         string        // path of the new file, for the question
	options        keystore.Options
}

// rewrite opens a key, asks for its new passphrase, and gives what is to be
// written. What the format cannot hold is refused before anything is asked.
func (p *process) rewrite(r rewriting) (*keystore.Key, []byte, error) {
	asked := r.options
	if r.next.file != "" {
		asked.Passphrase = []byte("given")
	}
	if r.file.Type != "" {
		if err := asked.Check(r.file.Type); err != nil {
			return nil, nil, err
		}
	}
	if r.options.Format == keystore.PEM && r.next.file == "" {
		r.next.none = true
	}
	key, err := p.openKey(r.file, r.passphraseFile)
	if err != nil {
		return nil, nil, err
	}
	if err := asked.Check(key.Public.Type()); err != nil {
		return nil, nil, err
	}
	if r.options.Passphrase, err = p.setPassphrase(r.next, r.target, "new-passphrase-file"); err != nil {
		return nil, nil, err
	}
	defer clear(r.options.Passphrase)
	data, err := key.Marshal(r.options)
	return key, data, err
}

// showPublic writes FILE.pub where a private key file hides its public half and
// none lies there: without it the key would not be found for an instance.
func showPublic(path string, key *keystore.Key) error {
	file, err := keystore.Read(path)
	if err != nil || !file.Hidden() {
		return err
	}
	err = keystore.WritePublic(path+".pub", keystore.AuthorizedKey(key.Public, key.Comment))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// beside names a converted key after the one that it comes from.
func beside(in string, format keystore.Format) string {
	switch end := filepath.Ext(in); strings.ToLower(end) {
	case ".pem", ".ppk", ".pk8", ".key":
		in = strings.TrimSuffix(in, end)
	}
	return in + extension(format)
}
