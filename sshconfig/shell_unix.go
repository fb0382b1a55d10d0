//go:build unix

package sshconfig

import (
	"os/exec"
	"syscall"
)

// passCommand hands the shell its command line, with -c.
func passCommand(cmd *exec.Cmd, command string) {
	cmd.Args = []string{cmd.Path, "-c", command}
}

// killTogether gives the command a process group of its own, so that what the
// shell has started is killed with it.
func killTogether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
