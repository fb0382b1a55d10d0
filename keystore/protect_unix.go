//go:build unix

package keystore

import (
	"errors"
	"os"
	"syscall"
)

// unprotected is OpenSSH's rule (authfile.c, sshkey_perm_ok): it ignores a
// private key that others may read, if it is the user's own.
func unprotected(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid() && info.Mode().Perm()&0o077 != 0
}

// openNonblocking returns at once, also where a FIFO lies.
func openNonblocking(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
}

// Protect makes a private key file readable by its owner only: 0600. It works
// on the opened file, so that no other can be put in its place meanwhile.
func Protect(path string) error {
	file, err := openNonblocking(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &NotRegularError{Path: path, Mode: info.Mode()}
	}
	return file.Chmod(0o600)
}

func createPrivate(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// syncDirectory makes a rename last through a power failure. Filesystems that
// cannot say so are let be.
func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	defer directory.Close()
	if err := directory.Sync(); !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
