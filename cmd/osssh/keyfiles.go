package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"osssh/keystore"
)

// The files of a key that is made: what they are named, and that none is in
// their way.

// path is where a format of the key is saved.
func (o *keyCreateOptions) path(format keystore.Format) string {
	return filepath.Join(o.out, o.name+extension(format))
}

func (o *keyCreateOptions) publicPath() string { return filepath.Join(o.out, o.name+".pub") }

// extension is how the names of files of a format end.
func extension(format keystore.Format) string {
	switch format {
	case keystore.PEM:
		return ".pem"
	case keystore.PKCS8:
		return ".pk8"
	case keystore.PPK:
		return ".ppk"
	}
	return ""
}

// free tells, before anything is made, whether a file is in the way.
func (o *keyCreateOptions) free() error {
	paths := []string{o.publicPath()}
	for _, format := range o.formats {
		paths = append(paths, o.path(format))
		if format == keystore.PKCS8 {
			paths = append(paths, o.path(format)+".pub")
		}
	}
	for _, path := range paths {
		if err := mustNotExist(path); err != nil {
			return err
		}
	}
	return nil
}

// mustNotExist refuses a path where something lies, also a broken link.
func mustNotExist(path string) error {
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return &fileExistsError{path: path}
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

// save writes the key in its formats, all or none, and its public half. raw is
// the PEM as nova gave it; nil: it is written from the key.
func (o *keyCreateOptions) save(key *keystore.Key, raw, passphrase []byte) (paths []string, err error) {
	var made []string
	defer func() {
		if err != nil {
			for _, path := range made {
				err = errors.Join(err, os.Remove(path))
			}
		}
	}()
	public := keystore.AuthorizedKey(key.Public, o.name)
	for _, format := range o.formats {
		data := raw
		if format != keystore.PEM || raw == nil {
			if data, err = key.Marshal(keystore.Options{Format: format, Passphrase: passphrase, Comment: o.name}); err != nil {
				return nil, err
			}
		}
		path := o.path(format)
		if err = keystore.WritePrivate(path, data); err != nil {
			return nil, err
		}
		made, paths = append(made, path), append(paths, path)
		if format == keystore.PKCS8 && len(passphrase) > 0 { // which hides the public half
			if err = keystore.WritePublic(path+".pub", public); err != nil {
				return nil, err
			}
			made = append(made, path+".pub")
		}
	}
	return paths, keystore.WritePublic(o.publicPath(), public)
}

// keyFileNameError says that a keypair's name cannot be the name of a key file.
type keyFileNameError struct{ name string }

func (e *keyFileNameError) Error() string {
	return fmt.Sprintf("%q cannot be a key file's name", e.name)
}

// checkKeyFileName refuses names that lead to another directory, that look like
// a flag or a hidden file, or that mean something to ssh.
func checkKeyFileName(name string) error {
	reserved := []string{"config", "known_hosts", "known_hosts.old", "authorized_keys", "environment", "rc"}
	switch {
	case !filepath.IsLocal(name), strings.ContainsAny(name, `/\:`),
		strings.HasPrefix(name, "."), strings.HasPrefix(name, "-"), strings.HasSuffix(name, "."), strings.HasSuffix(name, ".pub"),
		slices.Contains(reserved, strings.ToLower(name)):
		return &keyFileNameError{name: name}
	}
	return nil
}
