//go:build unix

package demo

import (
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const defaultShell = "/bin/sh"

// shellCommand runs in a process group of its own, so that what it starts ends with it.
func shellCommand(shell, line string) *exec.Cmd {
	cmd := exec.Command(shell)
	if line != "" {
		cmd.Args = append(cmd.Args, "-c", line)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// onTerminal makes stdin the process's controlling terminal.
func onTerminal(cmd *exec.Cmd) { cmd.SysProcAttr.Setctty = true }

func sendSignal(p *os.Process, name string) {
	if number := unix.SignalNum("SIG" + name); number != 0 {
		_ = unix.Kill(-p.Pid, number) // it may have gone
	}
}

// signalName is the signal that ended a process, without SIG, or "".
func signalName(s *os.ProcessState) string {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return strings.TrimPrefix(unix.SignalName(status.Signal()), "SIG")
	}
	return ""
}
