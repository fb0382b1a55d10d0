//go:build unix

package sshconfig

import (
	"io/fs"
	"os"
	"syscall"
)

// checkConfigPermission refuses a file that another user than uid and root
// owns or may write. A group may write it if it is the owner's alone: Debian's
// ssh admits that, because there every user has such a group and a umask of
// 002 is common; OpenSSH's own does not.
func checkConfigPermission(f *os.File, uid int) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return &fs.PathError{Op: "stat", Path: f.Name(), Err: fs.ErrInvalid}
	}
	const groupWrites, othersWrite = 0o020, 0o002
	owner, mode := int(stat.Uid), info.Mode()
	bad := owner != 0 && owner != uid || mode&othersWrite != 0 ||
		mode&groupWrites != 0 && !isPrivateGroup(int(stat.Gid), uid)
	if bad {
		return &PermissionError{Path: f.Name(), Owner: owner, Mode: mode}
	}
	return nil
}
