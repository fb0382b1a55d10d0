package keystore

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
)

// WritePrivate writes a private file whole or not at all, for its owner only
// (0600; on Windows an ACL that names the owner alone), and never over another:
// fs.ErrExist. Missing directories are made with mode 0700.
func WritePrivate(path string, data []byte) error {
	return writeNew(path, data, createPrivate)
}

// WritePublic writes a public file (0644), never over another: fs.ErrExist.
func WritePublic(path string, data []byte) error {
	return writeNew(path, data, func(path string) (*os.File, error) {
		return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	})
}

// writeNew takes the name first, with O_EXCL, so that the rename can replace
// nothing but the empty file that it made itself.
func writeNew(path string, data []byte, create func(string) (*os.File, error)) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	claim, err := create(path)
	if err != nil {
		return err
	}
	if err := claim.Close(); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	if err := replace(path, data, create); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return syncDirectory(filepath.Dir(path))
}

// ReplacePrivate gives an existing private file a new content, whole or not at
// all, and mode 0600. Of a symbolic link the target is replaced.
func ReplacePrivate(path string, data []byte) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if err := replace(target, data, createPrivate); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(target))
}

// replace writes beside path, forces it to the disk, and renames.
func replace(path string, data []byte, create func(string) (*os.File, error)) error {
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()+".tmp")
	file, err := create(temporary)
	if err != nil {
		return err
	}
	if err := fill(file, data); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return nil
}

// fill writes, syncs and closes.
func fill(file *os.File, data []byte) error {
	_, err := file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}
