package connect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// run runs a command and wants no error.
func run(t testing.TB, client *Client, opts SessionOptions) (exit Exit, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if opts.Stdout == nil {
		opts.Stdout = &out
	}
	opts.Stderr = &errs
	exit, err := client.Session(context.Background(), opts)
	if err != nil {
		t.Fatalf("%q: %v", opts.Command, err)
	}
	return exit, out.String(), errs.String()
}

func TestSSHDExit(t *testing.T) {
	server := startSSHD(t)
	client := dial(t, server.config, server.Candidate)
	tests := []struct {
		command string
		want    Exit
	}{
		{"true", Exit{Status: 0}},
		{"exit 7", Exit{Status: 7}},
		{"exit 255", Exit{Status: 255}},
		{"kill -KILL $$", Exit{Status: 255, Signal: "KILL"}},
		{"kill -TERM $$", Exit{Status: 255, Signal: "TERM"}},
	}
	for _, tt := range tests {
		got, _, _ := run(t, client, SessionOptions{Command: tt.command})
		if got != tt.want {
			t.Errorf("%q: got %+v, want %+v", tt.command, got, tt.want)
		}
		if tt.want.Status == 255 && tt.want.Signal != "TERM" {
			continue // of one kind, one comparison will do
		}
		cmd := server.ssh(tt.command)
		if _ = cmd.Run(); cmd.ProcessState.ExitCode() != got.Status {
			t.Errorf("%q: ssh exits with %d, we with %d", tt.command, cmd.ProcessState.ExitCode(), got.Status)
		}
	}
}

func TestSSHDStreams(t *testing.T) {
	server := startSSHD(t)
	client := dial(t, server.config, server.Candidate)
	every := make([]byte, 0, 1<<20)
	for i := range 1 << 20 {
		every = append(every, byte(i*7+i>>8))
	}
	t.Run("eight bits both ways, end of input", func(t *testing.T) {
		exit, out, _ := run(t, client, SessionOptions{Command: "cat", Stdin: bytes.NewReader(every)})
		if exit.Status != 0 || out != string(every) {
			t.Errorf("exit %+v, %d of %d bytes came back", exit, len(out), len(every))
		}
	})
	t.Run("stderr apart", func(t *testing.T) {
		_, out, errs := run(t, client, SessionOptions{Command: "echo a; echo b >&2"})
		if out != "a\n" || errs != "b\n" {
			t.Errorf("got %q and %q", out, errs)
		}
	})
	t.Run("all output before the exit", func(t *testing.T) {
		exit, out, errs := run(t, client, SessionOptions{Command: "head -c 5000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 3"})
		if exit.Status != 3 || len(out) != 5000000 || len(errs) != 3000000 {
			t.Errorf("exit %+v, %d and %d bytes", exit, len(out), len(errs))
		}
	})
	t.Run("slow reader", func(t *testing.T) {
		var n atomic.Int64
		slow := writerFunc(func(p []byte) (int, error) {
			time.Sleep(time.Millisecond)
			n.Add(int64(len(p)))
			return len(p), nil
		})
		exit, _, _ := run(t, client, SessionOptions{Command: "head -c 6000000 /dev/zero; exit 4", Stdout: slow})
		if exit.Status != 4 || n.Load() != 6000000 {
			t.Errorf("exit %+v, %d bytes", exit, n.Load())
		}
	})
	t.Run("output after the end of input", func(t *testing.T) {
		_, out, _ := run(t, client, SessionOptions{Command: "cat; sleep 0.2; echo late", Stdin: strings.NewReader("in\n")})
		if out != "in\nlate\n" {
			t.Errorf("got %q", out)
		}
	})
	t.Run("remote closes output first", func(t *testing.T) {
		exit, out, _ := run(t, client, SessionOptions{Command: "echo x; exec >&- 2>&-; sleep 0.2; exit 5"})
		if exit.Status != 5 || out != "x\n" {
			t.Errorf("got %+v, %q", exit, out)
		}
	})
	t.Run("remote does not read", func(t *testing.T) {
		exit, _, _ := run(t, client, SessionOptions{Command: "exit 6", Stdin: endless{}})
		if exit.Status != 6 {
			t.Errorf("got %+v", exit)
		}
	})
	t.Run("no input", func(t *testing.T) {
		for _, opts := range []SessionOptions{{Command: "cat"}, {Command: "cat", Stdin: endless{}, NoStdin: true}} {
			if exit, out, _ := run(t, client, opts); exit.Status != 0 || out != "" {
				t.Errorf("got %+v, %q", exit, out)
			}
		}
	})
	t.Run("environment", func(t *testing.T) {
		_, out, _ := run(t, client, SessionOptions{
			Command: `printf %s "$OSSSH_A$OSSSH_B$REFUSED"`,
			Env:     []EnvVar{{"OSSSH_A", "a b"}, {"REFUSED", "r"}, {"OSSSH_B", "'\xff"}},
		})
		if out != "a b'\xff" {
			t.Errorf("got %q", out)
		}
	})
	t.Run("command byte for byte", func(t *testing.T) {
		if _, out, _ := run(t, client, SessionOptions{Command: "printf '%s' \"a  b\"  \\'\xfe"}); out != "a  b'\xfe" {
			t.Errorf("got %q", out)
		}
	})
	t.Run("shell", func(t *testing.T) {
		exit, out, _ := run(t, client, SessionOptions{Stdin: strings.NewReader("echo shell; exit 8\n")})
		if exit.Status != 8 || !strings.HasSuffix(out, "shell\n") {
			t.Errorf("got %+v, %q", exit, out)
		}
	})
	t.Run("several at once", func(t *testing.T) {
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				if _, out, _ := run(t, client, SessionOptions{Command: "cat", Stdin: bytes.NewReader(every)}); out != string(every) {
					t.Error("mixed up")
				}
			})
		}
		group.Wait()
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// The remote exits while the local input is open and says nothing: a pipe, and
// a reader that cannot be stopped. Neither is waited for, and of the pipe no
// read is left behind to take what comes later.
func TestSSHDExitsWhileInputIsOpen(t *testing.T) {
	server := startSSHD(t)
	client := dial(t, server.config, server.Candidate)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	check := nothingLeft(t)
	start := time.Now()
	if exit, _, _ := run(t, client, SessionOptions{Command: "exit 2", Stdin: r}); exit.Status != 2 {
		t.Errorf("got %+v", exit)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
	check()
	go io.WriteString(w, "for the next")
	next := make([]byte, 100)
	if n, _ := r.Read(next); string(next[:n]) != "for the next" {
		t.Errorf("the next reads %q", next[:n])
	}

	stuck, unstick := io.Pipe()
	defer unstick.Close()
	if exit, _, _ := run(t, client, SessionOptions{Command: "exit 2", Stdin: stuck}); exit.Status != 2 {
		t.Errorf("got %+v", exit)
	}
}

// As with `ssh HOST yes | head`: the remote command ends for nobody reads it,
// and its status comes through.
func TestSSHDLocalOutputBreaks(t *testing.T) {
	server := startSSHD(t)
	client := dial(t, server.config, server.Candidate)
	broken := writerFunc(func([]byte) (int, error) { return 0, syscall.EPIPE })
	exit, _, _ := run(t, client, SessionOptions{Command: "exec yes", Stdout: broken})
	if exit.Signal != "PIPE" || exit.Status != 255 {
		t.Errorf("got %+v", exit)
	}
	exit, _, _ = run(t, client, SessionOptions{Command: "trap '' PIPE; yes 2>/dev/null; exit 9", Stdout: broken})
	if exit.Status != 9 {
		t.Errorf("got %+v", exit)
	}
	// On a terminal what writes would wait for ever.
	exit, _, _ = run(t, client, SessionOptions{Command: "yes", Stdout: broken, PTY: &PTY{Term: "xterm"}})
	if exit.Status != 255 {
		t.Errorf("got %+v", exit)
	}
}

// Nobody reads the output any more, and yet the input goes on.
func TestSSHDInputOutlivesOutput(t *testing.T) {
	server := startSSHD(t)
	client := dial(t, server.config, server.Candidate)
	r, w := io.Pipe()
	broken := writerFunc(func([]byte) (int, error) {
		time.AfterFunc(300*time.Millisecond, func() { io.WriteString(w, "9\n") })
		return 0, syscall.EPIPE
	})
	exit, _, _ := run(t, client, SessionOptions{Command: "echo; read n; exit $n", Stdin: r, Stdout: broken})
	w.Close()
	if exit.Status != 9 {
		t.Errorf("got %+v", exit)
	}
}

func TestSSHDLocalErrorOutputBreaks(t *testing.T) {
	server := startSSHD(t)
	client := dial(t, server.config, server.Candidate)
	broken := writerFunc(func([]byte) (int, error) { return 0, syscall.EPIPE })
	exit, err := client.Session(context.Background(), SessionOptions{Command: "head -c 5000000 /dev/zero >&2; exit 3", Stderr: broken})
	if err != nil || exit.Status != 3 {
		t.Errorf("got %+v, %v", exit, err)
	}
}

func TestLocalOutputBreaksElsewhere(t *testing.T) {
	f := newFake(t)
	f.session = func(channel ssh.Channel, requests <-chan *ssh.Request) {
		go func() {
			for r := range requests {
				_ = r.Reply(true, nil)
			}
		}()
		for {
			if _, err := channel.Write(make([]byte, 1000)); err != nil {
				return
			}
		}
	}
	client := dial(t, configFor(t), listen(t, f.serve))
	broken := writerFunc(func([]byte) (int, error) { return 0, syscall.EPIPE })
	if exit, _, _ := run(t, client, SessionOptions{Command: "x", Stdout: broken}); exit.Status != 255 || !exit.Missing {
		t.Errorf("got %+v", exit)
	}
}

// script answers the command and then does what a test wants.
func script(then func(ssh.Channel)) func(ssh.Channel, <-chan *ssh.Request) {
	return func(channel ssh.Channel, requests <-chan *ssh.Request) {
		for r := range requests {
			_ = r.Reply(true, nil)
			if r.Type == "exec" || r.Type == "shell" {
				go then(channel)
			}
		}
	}
}

func exitStatus(channel ssh.Channel, status uint32) {
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ S uint32 }{status}))
}

func TestChannelClosedWithoutStatus(t *testing.T) {
	f := newFake(t)
	f.session = script(func(c ssh.Channel) { _ = c.Close() })
	client := dial(t, configFor(t), listen(t, f.serve))
	exit, err := client.Session(context.Background(), SessionOptions{Command: "x"})
	if err != nil || exit != (Exit{Status: 255, Missing: true}) {
		t.Errorf("got %+v, %v", exit, err)
	}
}

func TestRefusals(t *testing.T) {
	rejecting := dial(t, configFor(t), listen(t, newFake(t).serve))
	_, err := rejecting.Session(context.Background(), SessionOptions{Command: "x"})
	var refused *RequestError
	var open *ssh.OpenChannelError
	if !errors.As(err, &refused) || refused.Request != "session" || !errors.As(err, &open) {
		t.Errorf("got %v", err)
	}

	f := newFake(t)
	f.session = func(_ ssh.Channel, requests <-chan *ssh.Request) {
		for r := range requests {
			_ = r.Reply(false, nil)
		}
	}
	client := dial(t, configFor(t), listen(t, f.serve))
	for command, want := range map[string]string{"x": "exec", "": "shell"} {
		exit, err := client.Session(context.Background(), SessionOptions{Command: command})
		if !errors.As(err, &refused) || refused.Request != want || exit.Status != 255 {
			t.Errorf("got %+v, %v", exit, err)
		}
	}
}

func TestMalformedRequestsOfTheServer(t *testing.T) {
	f := newFake(t)
	f.session = script(func(c ssh.Channel) {
		for _, name := range []string{"exit-status", "exit-signal", "", "keepalive@openssh.com"} {
			for _, payload := range [][]byte{nil, {1}, bytes.Repeat([]byte{0xff}, 1000)} {
				if ok, _ := c.SendRequest(name, true, payload); ok {
					t.Errorf("took %q %x", name, payload)
				}
			}
		}
		exitStatus(c, 4)
		_ = c.Close()
	})
	client := dial(t, configFor(t), listen(t, f.serve))
	if exit, _, _ := run(t, client, SessionOptions{Command: "x"}); exit.Status != 4 {
		t.Errorf("got %+v", exit)
	}
}

func TestLost(t *testing.T) {
	// Each server ends the connection in its way after some output.
	var conns sync.Map
	serve := func(f *fake) func(net.Conn) {
		return func(c net.Conn) { conns.Store(f, c); f.serve(c) }
	}
	tests := []struct {
		name string
		end  func(ssh.Channel, *net.TCPConn)
		want error
	}{
		{"hung up", func(_ ssh.Channel, c *net.TCPConn) { c.Close() }, io.EOF},
		{"reset", func(_ ssh.Channel, c *net.TCPConn) { _ = c.SetLinger(0); c.Close() }, syscall.ECONNRESET},
		{"reset between status and close", func(ch ssh.Channel, c *net.TCPConn) {
			exitStatus(ch, 0)
			time.Sleep(50 * time.Millisecond)
			_ = c.SetLinger(0)
			c.Close()
		}, syscall.ECONNRESET},
		{"garbage", func(_ ssh.Channel, c *net.TCPConn) {
			_, _ = c.Write(bytes.Repeat([]byte{7}, 1000))
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.session = script(func(channel ssh.Channel) {
				_, _ = channel.Write([]byte("half"))
				time.Sleep(50 * time.Millisecond)
				c, _ := conns.Load(f)
				tt.end(channel, c.(*net.TCPConn))
			})
			server := listen(t, serve(f))
			check := nothingLeft(t)
			client := dial(t, configFor(t), server)
			r, w := io.Pipe()
			var out bytes.Buffer
			exit, err := client.Session(context.Background(), SessionOptions{Command: "x", Stdin: r, Stdout: &out})
			var lost *LostError
			if !errors.As(err, &lost) || tt.want != nil && !errors.Is(err, tt.want) || exit.Status != 255 {
				t.Errorf("got %+v, %v", exit, err)
			}
			if out.String() != "half" {
				t.Errorf("output %q", out.String())
			}
			w.Close()
			check()
		})
	}
}

// A server that closes with our last words unread resets the connection.
func TestHangUpRightBehindTheStatus(t *testing.T) {
	for range 20 {
		f := newFake(t)
		var conn atomic.Pointer[net.TCPConn]
		f.session = script(func(channel ssh.Channel) {
			_, _ = channel.Write([]byte("all"))
			exitStatus(channel, 3)
			_ = channel.Close()
			conn.Load().Close()
		})
		client := dial(t, configFor(t), listen(t, func(c net.Conn) { conn.Store(c.(*net.TCPConn)); f.serve(c) }))
		if exit, out, _ := run(t, client, SessionOptions{Command: "x"}); exit.Status != 3 || out != "all" {
			t.Fatalf("got %+v, %q", exit, out)
		}
	}
}

func TestSessionCancelled(t *testing.T) {
	f := newFake(t)
	f.session = script(func(c ssh.Channel) { _, _ = c.Write([]byte("ready")) })
	server := listen(t, f.serve)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	check := nothingLeft(t)
	client := dial(t, configFor(t), server)
	cause := errors.New("SIGTERM")
	ctx, cancel := context.WithCancelCause(context.Background())
	out := writerFunc(func(p []byte) (int, error) { cancel(cause); return len(p), nil })
	exit, err := client.Session(ctx, SessionOptions{Command: "x", Stdin: r, Stdout: out})
	var lost *LostError
	if !errors.As(err, &lost) || !errors.Is(err, cause) || exit.Status != 255 {
		t.Errorf("got %+v, %v", exit, err)
	}
	if _, err := client.Session(ctx, SessionOptions{Command: "x"}); !errors.As(err, &lost) {
		t.Errorf("a second one: %v", err)
	}
	check()
}

// A local reader that does not read must not hold up the end.
func TestSessionCancelledWhileOutputIsStuck(t *testing.T) {
	f := newFake(t)
	f.session = script(func(c ssh.Channel) { _, _ = c.Write([]byte("ready")) })
	client := dial(t, configFor(t), listen(t, f.serve))
	ctx, cancel := context.WithCancel(context.Background())
	stuck := make(chan struct{})
	defer close(stuck)
	out := writerFunc(func(p []byte) (int, error) { cancel(); <-stuck; return len(p), nil })
	start := time.Now()
	if _, err := client.Session(ctx, SessionOptions{Command: "x", Stdout: out}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %v", took)
	}
}
