package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"osssh/internal/terminal"
	"osssh/keystore"
)

// maxPassphrase bounds the first line of a passphrase file, in bytes.
const maxPassphrase = 4096

// newPassphrase says where the passphrase of a written key comes from: a file,
// nowhere, or the user.
type newPassphrase struct {
	file string
	none bool
}

// passphraseFlag is the flag of the passphrase of a key that is read.
func passphraseFlag(target *string) cli.Flag {
	return &cli.StringFlag{Name: "passphrase-file", Usage: "first line of `FILE` is the passphrase (- is standard input)", Destination: target}
}

// flags are those of a passphrase to be set; name is that of the file's flag.
func (n *newPassphrase) flags(name string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: name, Usage: "first line of `FILE` is the new passphrase (- is standard input)", Destination: &n.file},
		&cli.BoolFlag{Name: "no-passphrase", Usage: "write the private key unencrypted", Destination: &n.none, DisableDefaultText: true},
	}
}

// check refuses flags that contradict each other. read is the file of the
// passphrase that the key has now.
func (n newPassphrase) check(read string) error {
	if n.none && n.file != "" {
		return &usageError{"a passphrase file and --no-passphrase exclude each other"}
	}
	if n.file == "-" && read == "-" {
		return &usageError{"standard input holds one passphrase only"}
	}
	return nil
}

// unaskedError says that a passphrase is needed that nobody could be asked for.
type unaskedError struct {
	flags string // that give it
	err   error
}

func (e *unaskedError) Error() string { return "no passphrase: " + e.err.Error() }
func (e *unaskedError) Unwrap() error { return e.err }

// unasked is err, told with the flags that help where there is no terminal.
func unasked(err error, flags string) error {
	if errors.Is(err, terminal.ErrNoTerminal) {
		return &unaskedError{flags: flags, err: err}
	}
	return err
}

// errDiffer says that a passphrase was not typed twice alike.
var errDiffer = errors.New("the two passphrases differ")

// setPassphrase gives the passphrase of a key to be written, nil for none. It is
// asked for twice.
func (p *process) setPassphrase(n newPassphrase, what, flag string) ([]byte, error) {
	if n.none {
		return nil, nil
	}
	if n.file != "" {
		passphrase, err := p.readPassphrase(n.file)
		if err == nil && len(passphrase) == 0 {
			return nil, fmt.Errorf("first line of %q is empty: use --no-passphrase for a key without one", n.file)
		}
		return passphrase, err
	}
	for try := 1; ; try++ {
		passphrase, err := p.askTwice(what)
		if !errors.Is(err, errDiffer) || try == 3 {
			return passphrase, unasked(err, fmt.Sprintf("--%s FILE or --no-passphrase", flag))
		}
		p.ui.notef("%v", err)
	}
}

func (p *process) askTwice(what string) ([]byte, error) {
	first, err := p.ui.secret(p.ctx, fmt.Sprintf("new passphrase for %s (empty for none): ", terminal.Sanitize(what)))
	if err != nil {
		return nil, err
	}
	second, err := p.ui.secret(p.ctx, "the same again: ")
	if err != nil {
		return nil, err
	}
	defer clear(second)
	if !bytes.Equal(first, second) {
		clear(first)
		return nil, errDiffer
	}
	return first, nil
}

// readPassphrase gives the first line of a file, without its end.
func (p *process) readPassphrase(path string) ([]byte, error) {
	file := p.stdin
	if path != "-" {
		opened, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer opened.Close()
		file = opened
	}
	line, err := bufio.NewReader(io.LimitReader(file, maxPassphrase+1)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(line) > maxPassphrase {
		return nil, fmt.Errorf("first line of %q is longer than %d bytes", path, maxPassphrase)
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// openKey decrypts a private key, with the passphrase of a file or the one that
// the user types in one of three tries.
func (p *process) openKey(file *keystore.File, passphraseFile string) (*keystore.Key, error) {
	if !file.Encrypted {
		return file.Open(nil)
	}
	if passphraseFile != "" {
		passphrase, err := p.readPassphrase(passphraseFile)
		if err != nil {
			return nil, err
		}
		defer clear(passphrase)
		return file.Open(passphrase)
	}
	for try := 1; ; try++ {
		passphrase, err := p.ui.passphrase(p.ctx, keystore.Prompt{Path: file.Path, Comment: file.Comment, Try: try})
		if err != nil {
			return nil, unasked(err, "--passphrase-file FILE")
		}
		key, err := file.Open(passphrase)
		clear(passphrase)
		var wrong *keystore.WrongPassphraseError
		if !errors.As(err, &wrong) || try == 3 {
			return key, err
		}
	}
}

// readPrivate reads a private key file.
func readPrivate(path string) (*keystore.File, error) {
	file, err := keystore.Read(path)
	if err != nil {
		return nil, err
	}
	if !file.HasPrivate() {
		return nil, fmt.Errorf("%q: %w", path, keystore.ErrNoPrivate)
	}
	return file, nil
}
