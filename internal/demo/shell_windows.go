package demo

import (
	"os"
	"os/exec"
	"syscall"
)

const defaultShell = "cmd.exe"

// shellCommand hands the line to cmd.exe as it is: the rules by which Go quotes
// an argument are not those of cmd.exe.
func shellCommand(shell, line string) *exec.Cmd {
	cmd := exec.Command(shell)
	if line != "" {
		cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `"` + shell + `" /C ` + line}
	}
	return cmd
}

func onTerminal(*exec.Cmd) {}

// sendSignal can only kill here.
func sendSignal(p *os.Process, name string) {
	switch name {
	case "KILL", "TERM", "HUP", "INT":
		_ = p.Kill() // it may have gone
	}
}

func signalName(*os.ProcessState) string { return "" }
