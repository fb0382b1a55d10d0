//go:build unix

package main

import (
	"os"
	"syscall"

	"osssh/sshconfig"
)

// savePuTTYSession writes a session where PuTTY looks for it.
func (p *process) savePuTTYSession(name string, s sshconfig.PuTTYSession) error {
	home, err := p.home()
	if err != nil {
		return err
	}
	places := sshconfig.PuTTYPlaces{
		Sessions: p.env("PUTTYSESSIONS"), Dir: p.env("PUTTYDIR"), ConfigHome: p.env("XDG_CONFIG_HOME"), Home: home,
	}
	return sshconfig.WritePuTTYSession(places.SessionDir(), name, s)
}

// become goes on as another program, which has the terminal, the signals and
// the exit status from now on.
func (p *process) become(path string, words []string) error {
	return os.NewSyscallError("exec "+path, syscall.Exec(path, words, os.Environ()))
}
