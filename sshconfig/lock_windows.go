package sshconfig

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks a file beside the file: an open file cannot be replaced on
// Windows. Without an error and without unlock, somebody else holds the lock.
func tryLock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{})
	switch {
	case err == nil:
		return func() { f.Close() }, nil // closing unlocks
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION):
		return nil, f.Close()
	}
	f.Close()
	return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
}

// copyOwnerAndMode has nothing to do: a new file inherits its directory's
// access list.
func copyOwnerAndMode(*os.File, fs.FileInfo) error { return nil }
