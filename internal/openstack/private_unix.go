//go:build unix

package openstack

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

var errNotPrivate = errors.New("not this user's alone")

// openPrivate opens a regular file that this user owns and no other can touch.
// A symbolic link or a FIFO that somebody put there is not even opened.
func openPrivate(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !(info.Mode().IsRegular() && info.Mode().Perm()&0o077 == 0 && own(info)) {
		err = &fs.PathError{Op: "open", Path: path, Err: errNotPrivate}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// privateDir makes a directory that only this user can look into.
func privateDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() || !own(info) {
		return &fs.PathError{Op: "open", Path: path, Err: errNotPrivate}
	}
	if info.Mode().Perm()&0o077 != 0 {
		return os.Chmod(path, 0o700)
	}
	return nil
}

func own(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
