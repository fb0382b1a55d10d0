//go:build unix

package sshconfig

import (
	"os"
	"strconv"
	"strings"
)

// isPrivateGroup says whether a group has one member, the user uid. It reads
// the local databases: a group of a directory service is not private.
func isPrivateGroup(gid, uid int) bool {
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return false
	}
	group, err := os.ReadFile("/etc/group")
	if err != nil {
		return false
	}
	return soleMember(string(passwd), string(group), gid, uid)
}

// soleMember reads passwd(5) and group(5).
func soleMember(passwd, group string, gid, uid int) bool {
	name, primary := "", false
	for line := range strings.Lines(passwd) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 4 {
			continue
		}
		isUser := f[2] == strconv.Itoa(uid)
		if isUser {
			name = f[0]
		}
		if f[3] == strconv.Itoa(gid) {
			if !isUser {
				return false
			}
			primary = true
		}
	}
	for line := range strings.Lines(group) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 4 || f[2] != strconv.Itoa(gid) {
			continue
		}
		if f[3] == "" {
			return primary
		}
		return f[3] == name
	}
	return false
}
