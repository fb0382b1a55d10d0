package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"osssh/sshconfig"
)

// savePuTTYSession has reg.exe import a session into the registry, where PuTTY
// looks for it.
func (p *process) savePuTTYSession(name string, s sshconfig.PuTTYSession) error {
	content, err := s.Registry(name)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "osssh-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "session.reg")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return err
	}
	reg := filepath.Join(p.env("SystemRoot"), "System32", "reg.exe")
	if said, err := exec.CommandContext(p.ctx, reg, "import", file).CombinedOutput(); err != nil {
		return fmt.Errorf("reg import: %w: %s", err, bytes.TrimSpace(said))
	}
	return nil
}

// become runs another program to its end and ends with its status: Windows
// cannot replace a process.
func (p *process) become(path string, words []string) error {
	c := exec.Command(path, words[1:]...)
	c.Stdin, c.Stdout, c.Stderr = p.stdin, p.stdout, p.stderr
	err := c.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return statusError(ended.ExitCode())
	}
	return err
}
