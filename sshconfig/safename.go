package sshconfig

import (
	"fmt"
	"strings"
	"unicode"
)

// UnsafeNameError is a host or user from the command line that ssh refuses,
// because a token would put it into a command for the shell.
type UnsafeNameError struct{ Name string }

func (e *UnsafeNameError) Error() string {
	return fmt.Sprintf("%q contains characters that have a meaning to the shell", e.Name)
}

// safeHost is ssh_valid_hostname of OpenSSH's readconf.c.
func safeHost(s string) bool {
	return !strings.HasPrefix(s, "-") && !strings.ContainsAny(s, "'`\"$\\;&<>|(){},") && !strings.ContainsFunc(s, isSpaceOrControl)
}

// safeUser is ssh_valid_ruser of OpenSSH's readconf.c.
func safeUser(s string) bool {
	if strings.HasPrefix(s, "-") || strings.HasSuffix(s, "\\") || strings.ContainsAny(s, "'`\";&<>|(){}") {
		return false
	}
	return !strings.ContainsFunc(s, isControl) && !strings.Contains(s, " -")
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func isSpaceOrControl(r rune) bool { return isControl(r) || unicode.IsSpace(r) }
