package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/crypto/ssh"

	"osssh/keystore"
)

func keyShowCommand(p *process) *cli.Command {
	passphraseFile, asJSON := "", false
	return &cli.Command{
		Name:      "show",
		Usage:     "tell what a key file is",
		UsageText: "osssh key show FILE [--passphrase-file FILE] [--json]",
		Description: `Tells format, type, size, comment, encryption, fingerprints and public key. No
passphrase is asked for: with --passphrase-file, and where the file has none, the
private half is loaded and checked. Exit status 1: the check failed, or the
public half is hidden by encryption and no .pub lies beside.`,
		Flags: []cli.Flag{
			passphraseFlag(&passphraseFile),
			&cli.BoolFlag{Name: "json", Usage: "one JSON object (docs/key-show.schema.json)", Destination: &asJSON, DisableDefaultText: true},
		},
		Action: p.keyAction([]string{"FILE"}, func(words []string) error {
			return p.keyShow(words[0], passphraseFile, asJSON)
		}),
	}
}

// keyShowSchema names the form of keyShown; docs/key-show.schema.json describes it.
const keyShowSchema = "osssh.key-show/1"

// keyShown is what is told of a key file. What is not known is nil.
type keyShown struct {
	Schema      string          `json:"schema"`
	File        string          `json:"file"`
	Format      string          `json:"format"`
	Version     *int            `json:"version"`
	Type        *string         `json:"type"`
	Bits        *int            `json:"bits"`
	Comment     *string         `json:"comment"`
	Encryption  *keyEncryption  `json:"encryption"`
	Private     keyPrivateState `json:"private"`
	Mode        string          `json:"mode"`
	Unprotected bool            `json:"unprotected"`
	SHA256      *string         `json:"sha256"`
	MD5         *string         `json:"md5"`
	PublicKey   *string         `json:"public_key"`
	Certificate *string         `json:"certificate"`
}

type keyEncryption struct {
	Cipher      string `json:"cipher"`
	KDF         string `json:"kdf"`
	Rounds      int    `json:"rounds"`
	MemoryKiB   int    `json:"memory_kib"`
	Passes      int    `json:"passes"`
	Parallelism int    `json:"parallelism"`
}

// keyPrivateState says what is known of the private half.
type keyPrivateState string

const (
	privateNone    keyPrivateState = "none"    // the file holds a public key only
	privateChecked keyPrivateState = "checked" // loaded, and belongs to the public half
	privateUnread  keyPrivateState = "unread"  // encrypted, and no passphrase was given
)

// errHiddenHalf says that encryption hides a file's public half.
var errHiddenHalf = errors.New("the public half is encrypted, and no .pub lies beside")

func (p *process) keyShow(path, passphraseFile string, asJSON bool) error {
	file, err := keystore.Read(path)
	if err != nil {
		return err
	}
	public, comment, state := file.Public, file.Comment, privateNone
	if file.HasPrivate() {
		state = privateUnread
		if !file.Encrypted || passphraseFile != "" {
			key, err := p.openKey(file, passphraseFile)
			if err != nil {
				return err
			}
			public, comment, state = key.Public, key.Comment, privateChecked
		}
	}
	shown := showKey(file, public, comment, state)
	if asJSON {
		err = json.NewEncoder(p.stdout).Encode(shown)
	} else {
		err = p.printKey(shown)
	}
	if err == nil && public == nil {
		err = errHiddenHalf
	}
	return err
}

func showKey(file *keystore.File, public ssh.PublicKey, comment string, state keyPrivateState) keyShown {
	shown := keyShown{
		Schema: keyShowSchema, File: file.Path, Format: file.Format.String(), Version: known(file.Version),
		Type: known(file.Type), Bits: known(file.Bits), Comment: known(comment), Private: state,
		Mode: fmt.Sprintf("%04o", file.Mode), Unprotected: file.Unprotected,
	}
	if file.Encrypted {
		e := keyEncryption(file.Encryption)
		shown.Encryption = &e
	}
	if public != nil {
		shown.Type = known(public.Type())
		shown.SHA256, shown.MD5 = known(ssh.FingerprintSHA256(public)), known(ssh.FingerprintLegacyMD5(public))
		shown.PublicKey = known(publicLine(public, comment))
	}
	if file.Certificate != nil {
		shown.Certificate = known(fmt.Sprintf("%s, serial %d", file.Certificate.KeyId, file.Certificate.Serial))
	}
	return shown
}

// known is nil for what is not known.
func known[T comparable](value T) *T {
	var unknown T
	if value == unknown {
		return nil
	}
	return &value
}

// printKey writes what is known, a line for each.
func (p *process) printKey(k keyShown) error {
	format := k.Format
	if k.Version != nil {
		format += " " + strconv.Itoa(*k.Version)
	}
	bits := ""
	if k.Bits != nil {
		bits = strconv.Itoa(*k.Bits)
	}
	mode := ""
	if k.Unprotected {
		mode = k.Mode + ", others can read it"
	}
	for _, line := range [][2]string{
		{"file", k.File}, {"format", format}, {"type", orEmpty(k.Type)}, {"bits", bits}, {"comment", orEmpty(k.Comment)},
		{"encryption", k.Encryption.words()}, {"private", string(k.Private)}, {"mode", mode},
		{"fingerprint", orEmpty(k.SHA256)}, {"md5", orEmpty(k.MD5)}, {"public", orEmpty(k.PublicKey)}, {"certificate", orEmpty(k.Certificate)},
	} {
		if line[1] == "" {
			continue
		}
		if err := p.result(line[0], line[1]); err != nil {
			return err
		}
	}
	return nil
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (e *keyEncryption) words() string {
	if e == nil {
		return "none"
	}
	all := []string{e.Cipher, e.KDF}
	for _, part := range []struct {
		n    int
		what string
	}{{e.Rounds, "rounds"}, {e.MemoryKiB, "KiB"}, {e.Passes, "passes"}, {e.Parallelism, "lanes"}} {
		if part.n != 0 {
			all = append(all, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return strings.Join(all, ", ")
}
