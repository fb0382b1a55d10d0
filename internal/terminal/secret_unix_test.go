//go:build unix

package terminal

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

const askingChild = "OSSSH_TEST_ASKS"

// TestMain is the asking process too: it asks a secret, then something else.
func TestMain(m *testing.M) {
	if os.Getenv(askingChild) == "" {
		os.Exit(m.Run())
	}
	tty, err := OpenTTY()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	secret, err := tty.AskSecret(context.Background(), fmt.Sprintf("passphrase for %d: ", os.Getpid()))
	fmt.Printf("got %q, %v\n", secret, err)
	line, err := tty.Ask(context.Background(), "more? ")
	fmt.Printf("got %q, %v\n", line, err)
}

// desk is a pseudo-terminal with a shell that starts the asking process.
type desk struct {
	t         *testing.T
	keys, tty *os.File
	shown     chan string
	text      string
}

// sit starts sh with job control and a script, in which "$0" asks.
func sit(t *testing.T, script string) *desk {
	t.Helper()
	keys, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	shell := exec.Command("sh", "-m", "-c", script, program)
	shell.Env = append(os.Environ(), askingChild+"=1")
	shell.Stdin, shell.Stdout, shell.Stderr = tty, tty, tty
	shell.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, keys: keys, tty: tty, shown: make(chan string, 100)}
	go func() {
		buf := make([]byte, 1024)
		for {
			n, err := keys.Read(buf)
			if err != nil {
				return
			}
			d.shown <- string(buf[:n])
		}
	}()
	t.Cleanup(func() {
		keys.Close() // hangs up on a shell that is still there
		tty.Close()
		_ = shell.Process.Kill()
		_ = shell.Wait()
	})
	return d
}

// await waits for a match of pattern, takes the text up to its end, and
// returns the match's last group.
func (d *desk) await(pattern string) string {
	d.t.Helper()
	find := regexp.MustCompile(pattern)
	late := time.After(10 * time.Second)
	for {
		if at := find.FindStringSubmatchIndex(d.text); at != nil {
			found := d.text[at[len(at)-2]:at[len(at)-1]]
			d.text = d.text[at[1]:]
			return found
		}
		select {
		case s := <-d.shown:
			d.text += s
		case <-late:
			d.t.Fatalf("no %q in %q", pattern, d.text)
		}
	}
}

func (d *desk) typed(s string) {
	d.t.Helper()
	if _, err := d.keys.WriteString(s); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) modes() unix.Termios {
	d.t.Helper()
	modes, err := unix.IoctlGetTermios(int(d.tty.Fd()), ioctlGetTermios)
	if err != nil {
		d.t.Fatal(err)
	}
	return *modes
}

func (d *desk) wantEcho(when string, want bool) {
	d.t.Helper()
	if got := d.modes().Lflag&unix.ECHO != 0; got != want {
		d.t.Errorf("%s: echo is %v", when, got)
	}
}

// The shells of these scripts leave the terminal's modes alone at a stop, as
// dash does, unless they say stty.
func TestAskSecretStopped(t *testing.T) {
	ctrlZ := func(d *desk, _ int) { d.typed("half\x1a") }
	signalled := func(sig unix.Signal) func(*desk, int) {
		return func(d *desk, pid int) {
			d.typed("half")
			if err := unix.Kill(pid, sig); err != nil {
				d.t.Fatal(err)
			}
		}
	}
	const rest = `; fg; echo stopped again; fg; echo ended`
	for _, tt := range []struct {
		name   string
		script string
		stop   func(*desk, int)
	}{
		{"ctrl-Z", `"$0"; echo stopped; read go` + rest, ctrlZ},
		{"ctrl-Z, and bg first", `"$0"; bg; sleep 0.2; echo stopped; read go` + rest, ctrlZ},
		{"SIGTSTP, and echo set by the shell", `"$0"; stty echo; echo stopped; read go` + rest, signalled(unix.SIGTSTP)},
		{"SIGTTIN, and echo set by the shell", `"$0"; stty echo; echo stopped; read go` + rest, signalled(unix.SIGTTIN)},
		{"SIGSTOP, and echo set by the shell", `"$0"; stty echo; echo stopped; read go` + rest, signalled(unix.SIGSTOP)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := sit(t, tt.script)
			before := d.modes()
			pid, err := strconv.Atoi(d.await(`passphrase for (\d+): `))
			if err != nil {
				t.Fatal(err)
			}
			d.wantEcho("at the question", false)

			tt.stop(d, pid)
			d.await(`stopped\r\n()`)
			d.wantEcho("while stopped", true)
			if strings.HasPrefix(tt.name, "ctrl-Z") && d.modes() != before {
				t.Error("while stopped: the modes are not those from before")
			}

			d.typed("\n") // to the shell: go on
			d.await(`passphrase for \d+: ()`)
			time.Sleep(50 * time.Millisecond) // after bg there are two SIGCONT, and so two questions
			d.wantEcho("gone on", false)
			d.typed("s3cret\n")
			if got := d.await(`(?s)(.*)more\? `); !strings.Contains(got, `got "s3cret", <nil>`) || strings.Count(got, "s3cret") != 1 {
				t.Errorf("screen shows %q", got)
			}
			if d.modes() != before {
				t.Error("the terminal is not as it was")
			}

			// ctrl-Z is as good as ever at the next question.
			d.typed("\x1a")
			d.await(`stopped again\r\n()`)
			d.typed("yes\n")
			d.await(`got "(yes)", <nil>`)
			d.await(`ended()`)
			if d.modes() != before {
				t.Error("the terminal is not as it was in the end")
			}
		})
	}
}

// Nobody could continue a process group that no shell watches, so the system
// does not stop it: ctrl-Z asks anew there.
func TestAskSecretCtrlZWithoutShell(t *testing.T) {
	d := sit(t, `exec "$0"`)
	before := d.modes()
	d.await(`passphrase for \d+: ()`)
	d.typed("half\x1a")
	d.await(`passphrase for \d+: ()`)
	d.wantEcho("at the second question", false)
	d.typed("s3cret\n")
	d.await(`got "(s3cret)", <nil>`)
	d.await(`more\? ()`)
	if d.modes() != before {
		t.Error("the terminal is not as it was")
	}
}

func TestAskSecretWithoutSuspendCharacter(t *testing.T) {
	tty, keys := openPair(t)
	modes, err := unix.IoctlGetTermios(int(tty.in.Fd()), ioctlGetTermios)
	if err != nil {
		t.Fatal(err)
	}
	modes.Cc[unix.VSUSP] = noCharacter
	if err := unix.IoctlSetTermios(int(tty.in.Fd()), ioctlSetTermios, modes); err != nil {
		t.Fatal(err)
	}
	go keys.typed("a\x1ab\n")
	got, err := tty.AskSecret(context.Background(), "passphrase: ")
	if err != nil || !bytes.Equal(got, []byte("a\x1ab")) {
		t.Errorf("got %q, %v", got, err)
	}
}
