package connect

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// desk is a terminal with somebody in front of it.
type desk struct {
	keys   *os.File // typed into and shown on
	tty    *os.File // what the program has
	screen lockedBuffer
}

// newDesk is called before dial, for a session must end before its terminal.
func newDesk(t testing.TB, size *pty.Winsize) *desk {
	t.Helper()
	keys, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close(); keys.Close() })
	if err := pty.Setsize(keys, size); err != nil {
		t.Fatal(err)
	}
	d := &desk{keys: keys, tty: tty}
	go io.Copy(&d.screen, keys)
	return d
}

func (d *desk) options(command string) SessionOptions {
	return SessionOptions{
		Command: command, PTY: &PTY{Term: "xterm-256color"}, Local: &Terminal{In: d.tty, Out: d.tty},
		Stdin: d.tty, Stdout: d.tty, Stderr: d.tty,
	}
}

func (d *desk) modes(t testing.TB) unix.Termios {
	t.Helper()
	var m *unix.Termios
	err := onFD(d.tty, func(fd int) (err error) { m, err = unix.IoctlGetTermios(fd, unix.TCGETS); return err })
	if err != nil {
		t.Fatal(err)
	}
	return *m
}

func (d *desk) isRaw(t testing.TB) bool { return d.modes(t).Lflag&unix.ICANON == 0 }

func (d *desk) stty(t testing.TB, args ...string) {
	t.Helper()
	cmd := exec.Command("stty", args...)
	cmd.Stdin = d.tty
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("stty %q: %v %s", args, err, out)
	}
}

func (d *desk) shows(t testing.TB, text string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("the screen shows %q", d.screen.String())
		}
	}()
	eventually(t, fmt.Sprintf("%q on the screen", text), func() bool { return strings.Contains(d.screen.String(), text) })
}

// What the remote stty says must be what it says to ssh, on terminals with all
// sorts of modes and sizes.
func TestSSHDTerminalAsWithSSH(t *testing.T) {
	server := startSSHD(t)
	client := dial(t, server.config, server.Candidate)
	desks := []struct {
		size pty.Winsize
		mode []string
	}{
		{pty.Winsize{Rows: 24, Cols: 80}, []string{"sane"}},
		{pty.Winsize{Rows: 51, Cols: 201, X: 1000, Y: 700}, []string{"erase", "^H", "intr", "undef", "susp", "^X", "-ixon", "ixoff", "-iutf8"}},
		{pty.Winsize{}, []string{"-echo", "-icrnl", "-onlcr", "ixany", "noflsh", "tostop", "9600"}},
		{pty.Winsize{Rows: 1, Cols: 1}, []string{"iutf8", "-opost", "kill", "^?", "start", "^A", "115200"}},
	}
	const command = "stty -a; stty size; echo $TERM"
	for _, tt := range desks {
		t.Run(fmt.Sprint(tt.mode), func(t *testing.T) {
			d := newDesk(t, &tt.size)
			d.stty(t, tt.mode...)
			before := d.modes(t)
			var want, got bytes.Buffer
			reference := server.ssh(command)
			reference.Args = slices.Insert(reference.Args, 1, "-tt")
			reference.Env = append(os.Environ(), "TERM=xterm-256color")
			reference.Stdin, reference.Stdout = d.tty, &want
			if err := reference.Run(); err != nil {
				t.Fatal(err)
			}
			opts := d.options(command)
			opts.Stdout = &got
			if exit, err := client.Session(context.Background(), opts); err != nil || exit.Status != 0 {
				t.Fatalf("got %+v, %v", exit, err)
			}
			if got.String() != want.String() {
				t.Errorf("to us:\n%s\nto ssh:\n%s", got.String(), want.String())
			}
			if d.modes(t) != before {
				t.Error("the terminal is not as it was")
			}
		})
	}
}

func TestSSHDShellOnATerminal(t *testing.T) {
	server := startSSHD(t, "ForceCommand echo prompt; exec sh -i")
	d := newDesk(t, &pty.Winsize{Rows: 24, Cols: 80})
	client := dial(t, server.config, server.Candidate)
	before := d.modes(t)
	done := make(chan error, 1)
	var exit Exit
	go func() {
		var err error
		exit, err = client.Session(context.Background(), d.options(""))
		done <- err
	}()
	d.shows(t, "prompt")
	if !d.isRaw(t) {
		t.Error("the terminal is not raw")
	}
	io.WriteString(d.keys, "stty size\r")
	d.shows(t, "24 80")

	if err := pty.Setsize(d.keys, &pty.Winsize{Rows: 30, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	// The test has no controlling terminal: the kernel signals nobody.
	if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	io.WriteString(d.keys, "stty size\r")
	d.shows(t, "30 100")

	io.WriteString(d.keys, "sleep 60\r")
	time.Sleep(200 * time.Millisecond)
	io.WriteString(d.keys, "\x03") // goes to the remote
	time.Sleep(100 * time.Millisecond)
	io.WriteString(d.keys, "exit 6\r")
	if err := <-done; err != nil || exit.Status != 6 {
		t.Errorf("got %+v, %v", exit, err)
	}
	if d.modes(t) != before {
		t.Error("the terminal is not as it was")
	}
}

func TestTypedAfterTheExitIsForTheNext(t *testing.T) {
	server := startSSHD(t)
	d := newDesk(t, &pty.Winsize{})
	client := dial(t, server.config, server.Candidate)
	if exit, err := client.Session(context.Background(), d.options("exit 1")); err != nil || exit.Status != 1 {
		t.Fatalf("got %+v, %v", exit, err)
	}
	io.WriteString(d.keys, "mine\n")
	line := make([]byte, 100)
	if n, _ := d.tty.Read(line); string(line[:n]) != "mine\n" {
		t.Errorf("the next reads %q", line[:n])
	}
}

// However a session ends, the terminal is as it was.
func TestTerminalIsRestored(t *testing.T) {
	tests := []struct {
		name string
		then func(channel ssh.Channel, conn net.Conn, cancel context.CancelFunc)
	}{
		{"exit", func(ch ssh.Channel, _ net.Conn, _ context.CancelFunc) { exitStatus(ch, 0); _ = ch.Close() }},
		{"lost", func(_ ssh.Channel, conn net.Conn, _ context.CancelFunc) { conn.Close() }},
		{"cancelled", func(_ ssh.Channel, _ net.Conn, cancel context.CancelFunc) { cancel() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, &pty.Winsize{})
			before := d.modes(t)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			raw := make(chan bool, 1)
			f := newFake(t)
			conns := make(chan net.Conn, 1)
			f.session = script(func(ch ssh.Channel) {
				raw <- d.isRaw(t)
				tt.then(ch, <-conns, cancel)
			})
			client := dial(t, configFor(t), listen(t, func(c net.Conn) { conns <- c; f.serve(c) }))
			_, _ = client.Session(ctx, d.options("x"))
			if !<-raw {
				t.Error("was not raw")
			}
			if d.modes(t) != before {
				t.Error("the terminal is not as it was")
			}
		})
	}
	t.Run("refused command", func(t *testing.T) {
		d := newDesk(t, &pty.Winsize{})
		before := d.modes(t)
		f := newFake(t)
		f.session = func(_ ssh.Channel, requests <-chan *ssh.Request) {
			for r := range requests {
				_ = r.Reply(r.Type == "pty-req", nil)
			}
		}
		client := dial(t, configFor(t), listen(t, f.serve))
		if _, err := client.Session(context.Background(), d.options("x")); err == nil {
			t.Error("no error")
		}
		if d.modes(t) != before {
			t.Error("the terminal is not as it was")
		}
	})
}

// childEnv makes the test binary a program that logs in on its terminal and
// does what the variable says.
const childEnv = "OSSSH_TEST_CHILD"

// TestTerminalIsRestoredByADyingProcess runs a session in another process, for
// signals and panics end it.
func TestTerminalIsRestoredByADyingProcess(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		dyingChild(t)
		return
	}
	for _, how := range []string{"SIGTERM", "SIGHUP", "SIGINT", "panic"} {
		t.Run(how, func(t *testing.T) {
			d := newDesk(t, &pty.Winsize{})
			before := d.modes(t)
			cmd := exec.Command(os.Args[0], "-test.run=^TestTerminalIsRestoredByADyingProcess$", "-test.count=1")
			cmd.Env = append(os.Environ(), childEnv+"="+how)
			cmd.Stdin, cmd.Stdout = d.tty, d.tty
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			d.shows(t, "ready")
			if !d.isRaw(t) {
				t.Error("is not raw")
			}
			if how == "panic" {
				io.WriteString(d.keys, "x")
			} else if err := cmd.Process.Signal(map[string]os.Signal{
				"SIGTERM": syscall.SIGTERM, "SIGHUP": syscall.SIGHUP, "SIGINT": syscall.SIGINT,
			}[how]); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil {
				t.Error("ended well")
			}
			if d.modes(t) != before {
				t.Errorf("the terminal is not as it was: %s", d.screen.String())
			}
		})
	}
}

func dyingChild(t *testing.T) {
	f := newFake(t)
	f.session = script(func(ch ssh.Channel) {
		_, _ = ch.Write([]byte("ready"))
		key := make([]byte, 1)
		if _, err := ch.Read(key); err == nil {
			_, _ = ch.Write(key)
		}
	})
	client := dial(t, configFor(t), listen(t, f.serve))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	defer stop()
	opts := SessionOptions{PTY: &PTY{}, Local: &Terminal{In: os.Stdin, Out: os.Stdout}, Stdin: os.Stdin}
	opts.Stdout = writerFunc(func(p []byte) (int, error) {
		if string(p) == "x" {
			panic("as a test wants")
		}
		return os.Stdout.Write(p)
	})
	_, err := client.Session(ctx, opts)
	t.Fatal(err)
}

func TestSSHDWithoutPTY(t *testing.T) {
	server := startSSHD(t, "PermitTTY no")
	for name, command := range map[string]string{
		"silent": "cat", // as a shell without a terminal
		"lines":  "echo one; cat",
		"stderr": "printf one >&2; cat",
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, &pty.Winsize{})
			client := dial(t, server.config, server.Candidate)
			before := d.modes(t)
			refused := make(chan bool, 10)
			opts := d.options(command)
			opts.PTY.Refused = func() { refused <- d.modes(t) == before }
			done := make(chan Exit, 1)
			go func() {
				exit, err := client.Session(context.Background(), opts)
				if err != nil {
					t.Error(err)
				}
				done <- exit
			}()
			select {
			case cooked := <-refused:
				if !cooked {
					t.Error("the terminal is still raw")
				}
			case <-time.After(5 * time.Second):
				t.Fatal("was not noticed")
			}
			io.WriteString(d.keys, "go on\n\x04")
			if exit := <-done; exit.Status != 0 || len(refused) != 0 {
				t.Errorf("got %+v", exit)
			}
			eventually(t, "the echo from here and the line from cat", func() bool {
				return strings.Count(d.screen.String(), "go on\r\n") == 2
			})
		})
	}
}

func TestSSHDSilentOnATerminalIsNoRefusal(t *testing.T) {
	server := startSSHD(t, "MaxSessions 1")
	roomy := startSSHD(t)
	for _, s := range []*sshd{server, roomy} {
		d := newDesk(t, &pty.Winsize{})
		client := dial(t, s.config, s.Candidate)
		opts := d.options("sleep 1.5; test -t 0")
		opts.PTY.Refused = func() { t.Error("says that there is no terminal") }
		if exit, err := client.Session(context.Background(), opts); err != nil || exit.Status != 0 {
			t.Errorf("got %+v, %v", exit, err)
		}
	}
}

func TestBareLineFeed(t *testing.T) {
	for text, want := range map[string]bool{"": false, "$ ": false, "a\r\nb\r\n": false, "a\n": true, "\n": true, "a\r\nb\n": true} {
		if bareLineFeed([]byte(text)) != want {
			t.Errorf("%q: want %v", text, want)
		}
	}
}

// Input that is a file, a closed descriptor, a directory, /dev/null.
func TestSSHDOddInputs(t *testing.T) {
	server := startSSHD(t)
	client := dial(t, server.config, server.Candidate)
	file := filepath.Join(t.TempDir(), "in")
	writeFile(t, file, []byte("from a file"))
	open := func(name string) *os.File {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	closed := open(file)
	closed.Close()
	for want, in := range map[string][]*os.File{"from a file": {open(file)}, "": {open("/dev/null"), closed, open("/")}} {
		for _, f := range in {
			if exit, out, _ := run(t, client, SessionOptions{Command: "cat", Stdin: f}); exit.Status != 0 || out != want {
				t.Errorf("%s: got %+v, %q", f.Name(), exit, out)
			}
		}
	}
}

func TestLocalThatIsNoTerminal(t *testing.T) {
	server := startSSHD(t)
	client := dial(t, server.config, server.Candidate)
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	opts := SessionOptions{Command: "stty size; test -t 0", PTY: &PTY{}, Local: &Terminal{In: null, Out: null}}
	if exit, out, _ := run(t, client, opts); exit.Status != 0 || out != "0 0\r\n" {
		t.Errorf("got %+v, %q", exit, out)
	}
}
