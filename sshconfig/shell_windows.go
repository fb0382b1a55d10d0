package sshconfig

import (
	"os/exec"
	"syscall"
)

// shellCommand passes the command with /c, unquoted: cmd.exe reads a command
// line by rules of its own.
func shellCommand(cmd *exec.Cmd, command string) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `"` + cmd.Path + `" /c ` + command}
}
