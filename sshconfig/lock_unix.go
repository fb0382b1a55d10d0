//go:build unix

package sshconfig

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// tryLock locks the directory of the file: the file itself changes its inode
// when it is replaced, and a lock file would be litter in ~/.ssh. Without an
// error and without unlock, somebody else holds the lock.
func tryLock(path string) (unlock func(), err error) {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case err == nil:
		return func() { dir.Close() }, nil // closing unlocks
	case errors.Is(err, unix.EWOULDBLOCK), errors.Is(err, unix.EINTR):
		return nil, dir.Close()
	}
	dir.Close()
	return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
}

// copyOwnerAndMode gives f the owner and mode of the file that it replaces. A
// root that edits a user's file must not take it away from the user.
func copyOwnerAndMode(f *os.File, like fs.FileInfo) error {
	if stat, ok := like.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		if err := f.Chown(int(stat.Uid), int(stat.Gid)); err != nil {
			return err
		}
	}
	return f.Chmod(like.Mode().Perm())
}
