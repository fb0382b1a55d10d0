package sshconfig

import (
	"os/exec"
	"syscall"
)

// passCommand hands the shell its command line, with /c and unquoted: cmd.exe
// reads a command line by rules of its own.
func passCommand(cmd *exec.Cmd, command string) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `"` + cmd.Path + `" /c ` + command}
}

// killTogether has no process groups to work with here.
func killTogether(*exec.Cmd) {}
