package openstack

import (
	"io/fs"
	"os"
)

// openPrivate opens a regular file. The user's profile, where the cache lies,
// is closed to other users by its access control list.
func openPrivate(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrInvalid}
	}
	return os.Open(path)
}

// privateDir makes a directory under the user's profile.
func privateDir(path string) error { return os.MkdirAll(path, 0o700) }
