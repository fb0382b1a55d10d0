package demo

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// command is the process, with an environment of the instance's, not of the caller's.
func (s *session) command(line string) *exec.Cmd {
	i := s.login.instance
	shell := cmp.Or(i.cloud.options.Shell, defaultShell)
	cmd := shellCommand(shell, line)
	cmd.Dir = i.home
	name := i.hostname()
	env := []string{
		"HOME=" + i.home, "USER=" + s.user, "LOGNAME=" + s.user, "SHELL=" + shell,
		"PATH=" + filepath.Join(i.home, "bin") + string(os.PathListSeparator) + environPath,
		"PS1=" + s.user + "@" + name + "$ ", "PROMPT=" + name + " $P$G",
		"SSH_CONNECTION=" + spaced(s.tcp.RemoteAddr()) + " " + spaced(s.tcp.LocalAddr()),
		"SSH_CLIENT=" + spaced(s.tcp.RemoteAddr()) + " " + fmt.Sprint(i.door.addr.Port),
	}
	if runtime.GOOS == "windows" { // cmd.exe does not work without SystemRoot and its like
		env = append(cmd.Environ(), env[6], "HOME="+i.home, "USERPROFILE="+i.home)
	}
	if s.pty != nil {
		env = append(env, "TERM="+s.pty.Term)
	}
	cmd.Env = append(env, s.env...)
	return cmd
}

func spaced(a net.Addr) string {
	host, port, _ := net.SplitHostPort(a.String())
	return host + " " + port
}

func (i *Instance) hostname() string {
	i.cloud.mu.Lock()
	defer i.cloud.mu.Unlock()
	return i.server.hostname()
}

// ended notes that the process is gone: its id may be another's soon.
func (s *session) ended() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process = nil
}

// runOnPipes keeps stdout and stderr apart. As sshd it waits until both are
// closed by all who hold them: a child in the background keeps the session.
func (s *session) runOnPipes(cmd *exec.Cmd) (*os.ProcessState, error) {
	var ends [6]*os.File
	for n := range 3 {
		var err error
		if ends[2*n], ends[2*n+1], err = os.Pipe(); err != nil {
			closeAll(ends[:2*n])
			return nil, err
		}
	}
	stdin, stdout, stderr := ends[1], ends[2], ends[4]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = ends[0], ends[3], ends[5]
	s.mu.Lock()
	err := cmd.Start()
	if err == nil {
		s.process, s.pipes = cmd.Process, []io.Closer{stdin, stdout, stderr}
	}
	s.mu.Unlock()
	closeAll([]*os.File{ends[0], ends[3], ends[5]})
	if err != nil {
		closeAll([]*os.File{stdin, stdout, stderr})
		return nil, err
	}
	go func() { // ends with the channel at the latest
		_, _ = io.Copy(stdin, s.channel)
		_ = stdin.Close()
	}()
	var out sync.WaitGroup
	out.Go(func() { _, _ = io.Copy(s.channel, stdout); _ = stdout.Close() })
	out.Go(func() { _, _ = io.Copy(s.channel.Stderr(), stderr); _ = stderr.Close() })
	_ = cmd.Wait() // how it ended stands in ProcessState
	s.ended()
	out.Wait()
	return cmd.ProcessState, nil
}

// runOnTerminal ends with the process, as sshd does: what it left in the
// background does not keep the session.
func (s *session) runOnTerminal(cmd *exec.Cmd) (*os.ProcessState, error) {
	master, slave, err := openPTY()
	if err != nil {
		return nil, err
	}
	defer master.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	onTerminal(cmd)
	cmd.Env = append(cmd.Env, "SSH_TTY="+slave.Name())
	s.mu.Lock()
	setModes(slave, parseModes(s.pty.Modes))
	setSize(master, windowChange{s.pty.Columns, s.pty.Rows, s.pty.WidthPixel, s.pty.HighPixel})
	if err = cmd.Start(); err == nil {
		s.process, s.master, s.pipes = cmd.Process, master, []io.Closer{master}
	}
	s.mu.Unlock()
	_ = slave.Close()
	if err != nil {
		return nil, err
	}
	go func() { _, _ = io.Copy(master, s.channel) }() // ends with the channel at the latest
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(s.channel, master)
	}()
	_ = cmd.Wait() // how it ended stands in ProcessState
	s.ended()
	select {
	case <-drained:
	case <-time.After(drainTime):
	}
	return cmd.ProcessState, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}
