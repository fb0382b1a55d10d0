package demo

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"os"
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
		var start func() // behind the reply: a command may end before it is sent
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
			start = func() { s.run(command.Line) }
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
		if start != nil {
			running.Go(start)
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
		_, _ = s.channel.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Name       string
			CoreDumped bool
			Message    string
			Language   string
		}{Name: name}))
		_ = s.channel.CloseWrite()
		return
	}
	s.exit(end.ExitCode())
}

// exit tells the status before the end of output: a client that has seen both
// ends closes the channel, and would miss it.
func (s *session) exit(status int) {
	_, _ = s.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
	_ = s.channel.CloseWrite()
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
