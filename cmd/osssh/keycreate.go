package main

import (
	"slices"

	"github.com/urfave/cli/v2"
	"golang.org/x/crypto/ssh"

	"osssh/internal/openstack"
	"osssh/keystore"
)

// keyCreateOptions say what keypair is made, and how its private half is kept.
type keyCreateOptions struct {
	name       string
	kind       keystore.Type
	bits       int
	formats    []keystore.Format
	out        string // directory; "" is osssh's own
	passphrase newPassphrase
	serverSide bool
}

func keyCreateCommand(p *process) *cli.Command {
	var o keyCreateOptions
	kind := ""
	return &cli.Command{
		Name:      "create",
		Usage:     "make a private key here and register it as a keypair",
		UsageText: "osssh key create NAME [flags]",
		Description: `The private half is made on this machine, saved with mode 0600 as NAME (openssh),
NAME.pem, NAME.pk8 (pkcs8) or NAME.ppk, and never sent. NAME.pub is its public
half. Nothing is overwritten, and nothing written if NAME is taken. If registering
fails the files are kept: osssh key import registers them.

Examples:
   osssh key create work
   osssh key create work --format openssh --format ppk
   osssh key create ci --type rsa --bits 4096 --format pem --no-passphrase`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "type", Usage: "ed25519, ecdsa or rsa (default: ed25519)", Destination: &kind},
			&cli.IntFlag{Name: "bits", Usage: "of ecdsa: 256, 384, 521; of rsa: 2048 to 16384", Destination: &o.bits, DefaultText: " "},
			&cli.StringSliceFlag{Name: "format", Usage: "openssh, pem, pkcs8 or ppk; may be given again"},
			&cli.StringFlag{Name: "out", Usage: "save in `DIR` (default: ~/.ssh/osssh)", Destination: &o.out},
			&cli.BoolFlag{Name: "server-side", Usage: "let nova make it (rsa, pem) where it still can", Destination: &o.serverSide, DisableDefaultText: true},
		}, o.passphrase.flags("passphrase-file")...),
		Action: func(c *cli.Context) error {
			var err error
			if o.formats, err = parseFormats(c.StringSlice("format")); err != nil {
				return err
			}
			o.kind = keystore.Type(kind)
			return p.keyAction([]string{"NAME"}, func(words []string) error {
				o.name = words[0]
				return p.keyCreate(o)
			})(c)
		},
	}
}

// complete fills the defaults in and refuses what cannot be made.
func (o *keyCreateOptions) complete(p *process) error {
	if o.serverSide && (o.bits != 0 || o.kind != "" && o.kind != keystore.RSA) {
		return &usageError{"nova makes rsa keys of its own size: --server-side goes with no --bits and no other --type"}
	}
	defaultKind, defaultFormat := keystore.Ed25519, keystore.OpenSSH
	if o.serverSide {
		defaultKind, defaultFormat = keystore.RSA, keystore.PEM
	}
	if o.kind == "" {
		o.kind = defaultKind
	}
	if len(o.formats) == 0 {
		o.formats = []keystore.Format{defaultFormat}
	}
	if err := o.passphrase.check(""); err != nil {
		return err
	}
	if err := o.kind.Check(o.bits); err != nil {
		return err
	}
	if err := openstack.CheckKeypairName(o.name); err != nil {
		return err
	}
	if err := checkKeyFileName(o.name); err != nil {
		return err
	}
	if o.out == "" {
		var err error
		if o.out, err = p.keyDir(); err != nil {
			return err
		}
	}
	return nil
}

// holdable tells whether all formats can hold the key, perhaps encrypted.
func (o *keyCreateOptions) holdable(passphrase []byte) error {
	for _, format := range o.formats {
		if err := (keystore.Options{Format: format, Passphrase: passphrase}).Check(string(o.kind)); err != nil {
			return err
		}
	}
	return nil
}

func (p *process) keyCreate(o keyCreateOptions) error {
	if err := o.complete(p); err != nil {
		return err
	}
	var given []byte
	if o.passphrase.file != "" {
		given = []byte("given")
	}
	if err := o.holdable(given); err != nil {
		return err
	}
	if err := o.free(); err != nil {
		return err
	}
	client, err := p.signIn()
	if err != nil {
		return err
	}
	p.ui.stage("looking for keypair " + o.name)
	if _, err := client.Keypair(p.ctx, o.name, ""); err == nil {
		return &openstack.KeypairExistsError{Name: o.name}
	} else if !openstack.IsNotFound(err) {
		return err
	}
	passphrase, err := p.createPassphrase(o)
	if err != nil {
		return err
	}
	defer clear(passphrase)
	var public ssh.PublicKey
	var paths []string
	if o.serverSide {
		public, paths, err = p.createThere(client, o, passphrase)
	} else {
		public, paths, err = p.createHere(client, o, passphrase)
	}
	p.ui.progress.Stop()
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := p.result("file", path); err != nil {
			return err
		}
	}
	return p.result("fingerprint", ssh.FingerprintSHA256(public))
}

// createPassphrase asks where any format can hold one, and refuses one that not
// all can hold.
func (p *process) createPassphrase(o keyCreateOptions) ([]byte, error) {
	onlyPEM := !slices.ContainsFunc(o.formats, func(f keystore.Format) bool { return f != keystore.PEM })
	if onlyPEM && o.passphrase.file == "" {
		return nil, nil
	}
	passphrase, err := p.setPassphrase(o.passphrase, o.name, "passphrase-file")
	if err != nil {
		return nil, err
	}
	return passphrase, o.holdable(passphrase)
}

// createHere makes the key, saves it and registers its public half: in this
// order, so that no keypair is ever without its private key.
func (p *process) createHere(client *openstack.Client, o keyCreateOptions, passphrase []byte) (ssh.PublicKey, []string, error) {
	p.ui.stage("making the key")
	key, err := keystore.Generate(o.kind, o.bits)
	if err != nil {
		return nil, nil, err
	}
	key.Comment = o.name
	paths, err := o.save(key, nil, passphrase)
	if err != nil {
		return nil, nil, err
	}
	p.ui.stage("registering keypair " + o.name)
	if _, err := client.ImportKeypair(p.ctx, o.name, publicLine(key.Public, o.name)); err != nil {
		return nil, nil, &keyKeptError{name: o.name, paths: paths, err: err}
	}
	return key.Public, paths, nil
}

// createThere lets nova make the key. As PEM it is saved as nova gave it.
func (p *process) createThere(client *openstack.Client, o keyCreateOptions, passphrase []byte) (ssh.PublicKey, []string, error) {
	p.ui.stage("registering keypair " + o.name)
	_, private, err := client.GenerateKeypair(p.ctx, o.name)
	if err != nil {
		return nil, nil, err
	}
	file, err := keystore.Parse(private)
	if err != nil {
		return nil, nil, &keyLostError{name: o.name, err: err}
	}
	key, err := file.Open(nil)
	if err != nil {
		return nil, nil, &keyLostError{name: o.name, err: err}
	}
	key.Comment = o.name
	paths, err := o.save(key, private, passphrase)
	if err != nil {
		return nil, nil, &keyLostError{name: o.name, err: err}
	}
	return key.Public, paths, nil
}
