//go:build unix

package sshconfig

import (
	"os/exec"
	"syscall"
)

// shellCommand passes the command with -c. A process group of its own lets
// what the shell has started be killed with it.
func shellCommand(cmd *exec.Cmd, command string) {
	cmd.Args = []string{cmd.Path, "-c", command}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
