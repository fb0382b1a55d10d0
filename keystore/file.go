package keystore

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Read reads a key file: a regular file of at most 1 MiB, or a symbolic link to
// one. Where the public half is hidden it reads PATH.pub beside it, and
// PATH-cert.pub for a certificate. Errors: those of Parse, *NotRegularError,
// and those of package os.
func Read(path string) (*File, error) {
	data, info, err := readRegular(path)
	if err != nil {
		return nil, err
	}
	f, err := Parse(data)
	if err != nil {
		return nil, locate(err, path)
	}
	f.Path, f.Mode = path, info.Mode().Perm()
	if f.HasPrivate() {
		f.Unprotected = unprotected(info)
		f.readBeside()
	}
	return f, nil
}

// readRegular never waits for a writer or a device: the path is judged before and
// after it is opened, and opened so that a FIFO put there in between does not block.
func readRegular(path string) ([]byte, os.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &NotRegularError{Path: path, Mode: info.Mode()}
	}
	file, err := openNonblocking(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	return readOpened(file)
}

func readOpened(file *os.File) ([]byte, os.FileInfo, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &NotRegularError{Path: file.Name(), Mode: info.Mode()}
	}
	if err := limit("key file", uint64(info.Size()), maxFile, "bytes"); err != nil {
		return nil, nil, locate(err, file.Name())
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, nil, err
	}
	return data, info, nil
}

// readBeside takes a hidden public half, a comment and a certificate from the
// files beside a private key. Whatever is wrong with them leaves the key as it is.
func (f *File) readBeside() {
	if f.Public == nil {
		if pub := readPublic(f.Path + ".pub"); pub != nil {
			f.setPublic(pub.Public)
			f.PublicBeside, f.Comment = true, pub.Comment
		}
	} else if f.Comment == "" {
		if pub := readPublic(f.Path + ".pub"); pub != nil && sameKey(pub.Public, f.Public) {
			f.Comment = pub.Comment
		}
	}
	if f.Certificate == nil {
		if pub := readPublic(f.Path + "-cert.pub"); pub != nil && sameKey(pub.Public, f.Public) {
			f.Certificate = pub.Certificate
		}
	}
}

func readPublic(path string) *File {
	data, _, err := readRegular(path)
	if err != nil {
		return nil
	}
	f, err := Parse(data)
	if err != nil || f.HasPrivate() {
		return nil
	}
	return f
}

// Open decrypts the private half and verifies that the halves fit. A nil
// passphrase gives none. Errors: *PassphraseMissingError, *WrongPassphraseError,
// *CorruptError, *UnsupportedError, *LimitError, *MismatchError (a .pub of
// another key lies beside), ErrNoPrivate.
func (f *File) Open(passphrase []byte) (*Key, error) {
	switch {
	case !f.HasPrivate():
		return nil, ErrNoPrivate
	case f.Encrypted && passphrase == nil:
		return nil, &PassphraseMissingError{Path: f.Path}
	}
	key, err := f.open(passphrase)
	if err != nil {
		return nil, locate(err, f.Path)
	}
	if f.Public != nil && !sameKey(f.Public, key.Public) {
		if f.PublicBeside {
			return nil, &MismatchError{Path: f.Path, Have: key.Public, Want: f.Public}
		}
		return nil, &CorruptError{Path: f.Path, What: "private half does not belong to the public half"}
	}
	if key.Comment == "" {
		key.Comment = f.Comment
	}
	return key, nil
}

// Repaired gives the file's content as ssh and ssh-keygen read it. The private
// half stays encrypted as it is. nil for a PPK, which they do not read.
func (f *File) Repaired() []byte { return f.repaired }

// locate writes the path into an error of this package.
func locate(err error, path string) error {
	var (
		missing     *PassphraseMissingError
		wrong       *WrongPassphraseError
		corrupt     *CorruptError
		unsupported *UnsupportedError
		over        *LimitError
	)
	switch {
	case errors.As(err, &missing):
		missing.Path = path
	case errors.As(err, &wrong):
		wrong.Path = path
	case errors.As(err, &corrupt):
		corrupt.Path = path
	case errors.As(err, &unsupported):
		unsupported.Path = path
	case errors.As(err, &over):
		over.Path = path
	case errors.Is(err, ErrNotKey):
		return fmt.Errorf("%q: %w", path, err)
	}
	return err
}
