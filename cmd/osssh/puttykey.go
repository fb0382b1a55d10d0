package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"golang.org/x/crypto/ssh"

	"osssh/internal/openstack"
	"osssh/keystore"
	"osssh/sshconfig"
)

// ppkTakenError says that where a PPK would be written another file lies.
type ppkTakenError struct{ path string }

func (e *ppkTakenError) Error() string {
	return fmt.Sprintf("%s is in the way: it is not the PPK of this key", e.path)
}

// puttyKey gives the path of a file that PuTTY can read the key from, and makes
// it where there is none.
func (p *process) puttyKey(ctx context.Context, id *keystore.Identity, server openstack.Server) (string, error) {
	if id.File == nil {
		return p.agentKey(id, server.KeyName)
	}
	path, err := filepath.Abs(id.File.Path)
	if err != nil || id.File.Format == keystore.PPK {
		return path, err
	}
	places, err := p.ppkPlaces(path, server.KeyName)
	if err != nil {
		return "", err
	}
	if id.Public != nil {
		for _, place := range places {
			if holdsKey(place, keystore.PPK, id.Public) {
				return place, nil
			}
		}
	}
	key, passphrase, err := p.openIdentity(ctx, id)
	if err != nil {
		return "", err
	}
	defer clear(passphrase)
	ppk, err := key.Marshal(keystore.Options{Format: keystore.PPK, Passphrase: passphrase})
	if err != nil {
		return "", err
	}
	return p.writePPK(places, key.Public, ppk)
}

// agentKey gives the path of a public key file, by which PuTTY chooses one of
// the agent's keys: a server refuses whoever offers many. "", and with it every
// key of the agent, where another key's file is in the way.
func (p *process) agentKey(id *keystore.Identity, keypair string) (string, error) {
	path, err := p.ownKeyFile(keypair, "agent", ".pub")
	if err != nil {
		return "", err
	}
	err = keystore.WritePublic(path, keystore.AuthorizedKey(id.Public, id.Agent.Comment))
	if errors.Is(err, fs.ErrExist) {
		if !holdsKey(path, keystore.Public, id.Public) {
			return "", nil
		}
		return path, nil
	}
	return path, err
}

// ppkPlaces are where the PPK of a key file may lie: beside it, else with
// osssh's own files under the keypair's name.
func (p *process) ppkPlaces(path, keypair string) ([]string, error) {
	own, err := p.ownKeyFile(keypair, filepath.Base(path), ".ppk")
	return []string{path + ".ppk", own}, err
}

// maxFileName is what file systems allow, in bytes.
const maxFileName = 255

// ownKeyFile is a file among osssh's own, named as the keypair, which may have
// any name or none.
func (p *process) ownKeyFile(keypair, otherwise, extension string) (string, error) {
	home, err := p.home()
	if err != nil {
		return "", err
	}
	name := sshconfig.PuTTYFileName(keypair)
	if name == "" || len(name)+len(extension) > maxFileName {
		name = otherwise
	}
	return filepath.Join(home, ".ssh", "osssh", name+extension), nil
}

func holdsKey(path string, format keystore.Format, public ssh.PublicKey) bool {
	file, err := keystore.Read(path)
	return err == nil && file.Format == format && file.Public != nil &&
		bytes.Equal(file.Public.Marshal(), public.Marshal())
}

// writePPK writes to the first place that is free and lets itself be written.
func (p *process) writePPK(places []string, public ssh.PublicKey, ppk []byte) (string, error) {
	var failed error
	for _, place := range places {
		err := keystore.WritePrivate(place, ppk)
		switch {
		case err == nil:
			p.ui.notef("wrote %s", place)
			return place, nil
		case !errors.Is(err, fs.ErrExist):
			failed = err
		case holdsKey(place, keystore.PPK, public):
			return place, nil
		default:
			failed = &ppkTakenError{place}
		}
	}
	return "", failed
}

// openIdentity opens a key file as a login does, and gives the passphrase that
// opened it; nil if it has none.
func (p *process) openIdentity(ctx context.Context, id *keystore.Identity) (key *keystore.Key, passphrase []byte, err error) {
	ask := func(ctx context.Context, prompt keystore.Prompt) ([]byte, error) {
		answer, err := p.ui.passphrase(ctx, prompt)
		passphrase = slices.Clone(answer)
		return answer, err
	}
	signer, err := id.Signer(ctx, ask)
	var open *keystore.UnprotectedError
	if errors.As(err, &open) {
		protected, asked := p.ui.protectKey(ctx, id.File)
		if asked != nil || !protected {
			return nil, nil, errors.Join(err, asked)
		}
		signer, err = id.Signer(ctx, ask)
	}
	if err != nil {
		return nil, nil, err
	}
	// The first signature asks for the passphrase, and tells whether it is the
	// wanted key.
	if _, err := signer.Sign(rand.Reader, []byte(id.File.Path)); err != nil {
		return nil, nil, err
	}
	file, err := keystore.Read(id.File.Path)
	if err != nil {
		return nil, nil, err
	}
	key, err = file.Open(passphrase)
	return key, passphrase, err
}
