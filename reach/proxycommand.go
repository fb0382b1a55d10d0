package reach

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// dialCommand starts a ProxyCommand as ssh does (sshconnect.c,
// ssh_proxy_connect): the user's shell runs it, its input and output are the
// connection, what it complains of goes to stderr.
func (c *Config) dialCommand(command string) (net.Conn, error) {
	if runtime.GOOS != "windows" { // so that ending the shell ends the command
		command = "exec " + command
	}
	cmd := c.Shell.Command(context.Background(), command)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &commandConn{Reader: out, WriteCloser: in, cmd: cmd}, nil
}

// commandConn is the connection that a command makes. It knows no deadlines: it
// ends by being closed.
type commandConn struct {
	io.Reader
	io.WriteCloser
	cmd *exec.Cmd
}

// Close ends the command.
func (c *commandConn) Close() error {
	err := c.WriteCloser.Close()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait() // its status says only that it was ended
	return err
}

func (c *commandConn) LocalAddr() net.Addr              { return commandAddr{} }
func (c *commandConn) RemoteAddr() net.Addr             { return commandAddr{} }
func (c *commandConn) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (c *commandConn) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (c *commandConn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// commandAddr stands for the addresses that a command does not have.
type commandAddr struct{}

func (commandAddr) Network() string { return "proxy" }
func (commandAddr) String() string  { return "proxy command" }
