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
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	rootSleep   = 10 * time.Second // cloud-init's (cloudinit/ssh_util.py, DISABLE_USER_OPTS)
	rootStatus  = 142
	drainTime   = 200 * time.Millisecond // for what a shell left running on its terminal
	dropAfter   = 300 * time.Millisecond
	maxEnv      = 64
	environPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// session is one session channel (RFC 4254, 6).
type session struct {
	login   *login
	user    string
	tcp     *net.TCPConn
	channel ssh.Channel
	env     []string
	pty     *ptyRequest // nil: none asked for

	mu      sync.Mutex
	process *os.Process // set while it runs
	master  *os.File    // of its terminal
	pipes   []io.Closer // what to close when the channel ends first
}

// ptyRequest is the payload of pty-req.
type ptyRequest struct {
	Term                  string
	Columns, Rows         uint32
	WidthPixel, HighPixel uint32
	Modes                 string
}

type windowChange struct{ Columns, Rows, WidthPixel, HighPixel uint32 }

func (l *login) session(conn *ssh.ServerConn, tcp *net.TCPConn, asked ssh.NewChannel) {
	channel, requests, err := asked.Accept()
	if err != nil {
		return
	}
	s := &session{login: l, user: conn.User(), tcp: tcp, channel: channel}
	var running sync.WaitGroup
	started := false
	for r := range requests { // ends with the channel
		ok := false
		switch r.Type {
		case "env":
			ok = s.addEnv(r.Payload)
		case "pty-req":
			var p ptyRequest
			if ok = !started && hasPTY && ssh.Unmarshal(r.Payload, &p) == nil; ok {
				s.pty = &p
			}
		case "shell", "exec":
			var command struct{ Line string }
			if r.Type == "exec" && ssh.Unmarshal(r.Payload, &command) != nil || started {
				break
			}
			started, ok = true, true
			running.Go(func() { s.run(command.Line) })
		case "window-change":
			var w windowChange
			if ok = ssh.Unmarshal(r.Payload, &w) == nil; ok {
				s.resize(w)
			}
		case "signal":
			var name struct{ Name string }
			if ok = ssh.Unmarshal(r.Payload, &name) == nil; ok {
				s.signal(name.Name)
			}
		}
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
	}
	s.abandon()
	running.Wait()
}

// addEnv takes what Debian's sshd_config accepts: LANG and LC_*.
func (s *session) addEnv(payload []byte) bool {
	var v struct{ Name, Value string }
	if ssh.Unmarshal(payload, &v) != nil || len(s.env) >= maxEnv || v.Name != "LANG" && !strings.HasPrefix(v.Name, "LC_") {
		return false
	}
	s.env = append(s.env, v.Name+"="+v.Value)
	return true
}

func (s *session) resize(w windowChange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.master != nil {
		setSize(s.master, w)
	} else if s.pty != nil { // it is yet to start
		s.pty.Columns, s.pty.Rows, s.pty.WidthPixel, s.pty.HighPixel = w.Columns, w.Rows, w.WidthPixel, w.HighPixel
	}
}

func (s *session) signal(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		sendSignal(s.process, name)
	}
}

// abandon ends what still runs when the channel is gone.
func (s *session) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		sendSignal(s.process, "HUP")
		sendSignal(s.process, "KILL")
	}
	for _, p := range s.pipes {
		_ = p.Close()
	}
}

// run runs a command, or a shell where it is "", and tells how it ended.
func (s *session) run(command string) {
	defer s.channel.Close()
	if s.user != s.login.user {
		s.turnAway()
		return
	}
	if s.login.fault == SSHDropMidSession {
		time.AfterFunc(cmp.Or(s.login.delay, dropAfter), func() { _ = s.tcp.Close() })
	}
	cmd := s.command(command)
	var end *os.ProcessState
	var err error
	if s.pty != nil {
		end, err = s.runOnTerminal(cmd)
	} else {
		end, err = s.runOnPipes(cmd)
	}
	if err != nil {
		fmt.Fprintf(s.channel.Stderr(), "demo: %v\r\n", err)
		s.exit(127)
		return
	}
	if name := signalName(end); name != "" {
		_ = s.channel.CloseWrite()
		_, _ = s.channel.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Name       string
			CoreDumped bool
			Message    string
			Language   string
		}{Name: name}))
		return
	}
	s.exit(end.ExitCode())
}

func (s *session) exit(status int) {
	_ = s.channel.CloseWrite()
	_, _ = s.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
}

// turnAway is what a key in root's authorized_keys is forced to
// (cloudinit/ssh_util.py; cirros' cirros-apply has words of its own).
func (s *session) turnAway() {
	message := fmt.Sprintf("Please login as the user \"%s\" rather than the user \"%s\".", s.login.user, s.user)
	if s.login.cirros {
		message = fmt.Sprintf("Please login as '%s' user, not as root", s.login.user)
	}
	newline := "\n"
	if s.pty != nil {
		newline = "\r\n"
	}
	_, _ = io.WriteString(s.channel, message+newline+newline)
	sleep := cmp.Or(s.login.instance.cloud.options.RootSleep, rootSleep)
	if s.login.fault == SSHRootMessage && s.login.delay != 0 {
		sleep = s.login.delay
	}
	select {
	case <-time.After(sleep):
	case <-s.login.instance.cloud.ctx.Done():
	}
	s.exit(rootStatus)
}

// command is the process, with an environment of the instance's, not of the caller's.
func (s *session) command(line string) *exec.Cmd {
	i := s.login.instance
	shell := cmp.Or(i.cloud.options.Shell, defaultShell)
	cmd := shellCommand(shell, line)
	cmd.Dir = i.home
	name := hostname(i.serverName())
	env := []string{
		"HOME=" + i.home, "USER=" + s.user, "LOGNAME=" + s.user, "SHELL=" + shell,
		"PATH=" + filepath.Join(i.home, "bin") + string(os.PathListSeparator) + environPath,
		"PS1=" + s.user + "@" + name + ":$PWD$ ", "PROMPT=" + name + " $P$G",
		"SSH_CONNECTION=" + spaced(s.tcp.RemoteAddr()) + " " + spaced(s.tcp.LocalAddr()),
		"SSH_CLIENT=" + spaced(s.tcp.RemoteAddr()) + " " + fmt.Sprint(i.door.addr.Port),
	}
	if runtime.GOOS == "windows" { // cmd.exe does not work without SystemRoot and its like
		env = append(os.Environ(), env[6], "HOME="+i.home, "USERPROFILE="+i.home)
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

func (i *Instance) serverName() string {
	i.cloud.mu.Lock()
	defer i.cloud.mu.Unlock()
	return i.server.name
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

// parseModes reads the encoded terminal modes (RFC 4254, 8): opcodes from 1 to
// 159 have one uint32 argument, 0 ends the list and any other does too.
func parseModes(encoded string) map[byte]uint32 {
	modes := map[byte]uint32{}
	for len(encoded) >= 5 && encoded[0] > 0 && encoded[0] < 160 {
		b := encoded[1:5]
		modes[encoded[0]] = uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
		encoded = encoded[5:]
	}
	return modes
}
