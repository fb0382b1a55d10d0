package sshconfig

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"time"
)

// Shell runs commands as ssh runs those of Match exec: by the user's shell,
// without input, its standard output thrown away.
type Shell struct {
	Path   string    // the shell: $SHELL or /bin/sh, on Windows %ComSpec%
	Stderr io.Writer // nil throws it away
}

// Command prepares a command, as for ProxyCommand. At the end of ctx it is
// killed.
func (s Shell) Command(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.Path)
	passCommand(cmd, command)
	cmd.Stderr = s.Stderr
	return cmd
}

// Exec runs a command and returns its exit status; it is what Options.Exec
// wants. At the end of ctx the command and all that it has started are killed.
func (s Shell) Exec(ctx context.Context, command string) (int, error) {
	cmd := s.Command(ctx, command)
	killTogether(cmd)
	cmd.WaitDelay = time.Second // for what keeps standard error open
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 0, err
	}
	return 0, nil
}
