//go:build unix

package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// openSSH runs the real ssh as user on an instance.
func openSSH(t *testing.T, i *Instance, key, user string, stdin io.Reader, arguments ...string) (stdout, stderr string, status int) {
	t.Helper()
	path, err := exec.LookPath("ssh")
	if err != nil {
		t.Fatal("the tests need OpenSSH's client: ", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	all := []string{"-F", "none", "-o", "IdentityAgent=none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=2",
		"-i", filepath.Join(i.cloud.home, ".ssh", key), "-p", fmt.Sprint(i.Address().Port()), "-l", user}
	cmd := exec.CommandContext(ctx, path, append(all, arguments...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

const there = "127.0.0.1"

func TestOpenSSHLogsIn(t *testing.T) {
	c := start(t, Options{RootSleep: -1})
	for _, test := range []struct {
		instance, key, user, command string
		status                       int
		stdout, stderr               string
	}{
		{"web", "ed25519", "debian", "hostname", 0, "web\n", ""},
		{"web", "ed25519", "debian", "exit 7", 7, "", ""},
		{"web", "ed25519", "debian", "echo out; echo err >&2", 0, "out\n", "err\n"},
		{"web", "ed25519", "debian", "kill -TERM $$", 255, "", ""},
		{"web", "ed25519", "debian", "echo $USER:$HOME; pwd", 0, "debian:", ""},
		{"web", "ed25519", "root", "id", 142, "Please login as the user \"debian\" rather than the user \"root\".\n", ""},
		{"web", "ed25519", "ubuntu", "id", 255, "", "Permission denied (publickey)"},
		{"web", "rsa", "debian", "id", 255, "", "Permission denied (publickey)"},
		{"direct", "ecdsa", "cirros", "hostname", 0, "direct\n", ""},
		{"direct", "ecdsa", "root", "id", 142, "Please login as 'cirros' user, not as root\n", ""},
		{"twonets", "generated.pem", "ubuntu", "hostname", 0, "twonets\n", ""},
		{"volboot", "ed25519", "debian", "hostname", 0, "volboot\n", ""},
	} {
		t.Run(test.instance+" "+test.user+" "+test.command, func(t *testing.T) {
			out, errs, status := openSSH(t, c.Instance(test.instance), test.key, test.user, nil, there, test.command)
			if status != test.status || !strings.HasPrefix(out, test.stdout) || !strings.Contains(errs, test.stderr) || test.stderr == "" && errs != "" {
				t.Errorf("status %d, stdout %q, stderr %q", status, out, errs)
			}
		})
	}
}

func TestOpenSSHLogsInToTheOtherCloud(t *testing.T) {
	c := start(t, Options{})
	for _, name := range []string{"web", "lone"} {
		out, errs, status := openSSH(t, c.Other().Instance(name), "../../.ssh/ed25519", "debian", nil, there, "hostname")
		if status != 0 || out != name+"\n" {
			t.Errorf("%s: %d %q %q", name, status, out, errs)
		}
	}
}

func TestOpenSSHStreams(t *testing.T) {
	web := start(t, Options{}).Instance("web")
	blob := make([]byte, 3<<20)
	_, _ = rand.Read(blob)
	if out, errs, status := openSSH(t, web, "ed25519", "debian", bytes.NewReader(blob), there, "cat"); status != 0 || out != string(blob) {
		t.Errorf("cat: status %d, %d of %d bytes, %q", status, len(out), len(blob), errs)
	}
	// The remote ends before its input does, and after its output is full.
	if out, _, status := openSSH(t, web, "ed25519", "debian", bytes.NewReader(blob), there, "head -c 5 >/dev/null; exit 3"); status != 3 || out != "" {
		t.Errorf("head: status %d, %q", status, out)
	}
	if out, _, status := openSSH(t, web, "ed25519", "debian", nil, there, "head -c 1000000 /dev/zero; exit 4"); status != 4 || len(out) != 1_000_000 {
		t.Errorf("output before exit: status %d, %d bytes", status, len(out))
	}
	if out, _, status := openSSH(t, web, "ed25519", "debian", strings.NewReader("echo hello; exit 5\n"), "-T", there); status != 5 || out != "hello\n" {
		t.Errorf("shell on stdin: status %d, %q", status, out)
	}
	if _, errs, status := openSSH(t, web, "ed25519", "debian", nil, "-s", there, "sftp"); status == 0 || !strings.Contains(errs, "subsystem request failed") {
		t.Errorf("subsystem: status %d, %q", status, errs)
	}
}

func TestJumpHost(t *testing.T) {
	c := start(t, Options{})
	through := func(jump, target string) (string, string, int) {
		port := sourceOf(c.network.portsOf[c.Instance(target).ID()][0], loopback)
		proxy := fmt.Sprintf("ProxyCommand=ssh -F none -o IdentityAgent=none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "+
			"-o LogLevel=ERROR -i %s -p %d -W %%h:%%p debian@127.0.0.1", filepath.Join(c.home, ".ssh", "ed25519"), c.Instance(jump).Address().Port())
		return openSSH(t, c.Instance(target), "ed25519", "debian", nil, "-o", proxy, port.String(), "hostname")
	}
	if out, errs, status := through("bastion", "inner"); status != 0 || out != "inner\n" {
		t.Errorf("inner through bastion: %d %q %q", status, out, errs)
	}
	if out, errs, status := through("bastion", "beside"); status != 0 || out != "beside\n" {
		t.Errorf("beside, on another network of the router, through bastion: %d %q %q", status, out, errs)
	}
	if _, errs, status := through("web", "inner"); status != 255 || !strings.Contains(errs, "timed out") {
		t.Errorf("inner through web, no member of the group: %d %q", status, errs)
	}
	if _, errs, status := through("bastion", "island"); status != 255 || !strings.Contains(errs, "stdio forwarding failed") {
		t.Errorf("island through bastion: %d %q", status, errs)
	}
}

func TestTerminal(t *testing.T) {
	session, err := dial(t, start(t, Options{}).Instance("web"), "debian").NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, _ := session.StdinPipe()
	out, _ := session.StdoutPipe()
	modes := ssh.TerminalModes{ssh.ECHO: 0, ssh.VERASE: 8, ssh.IXON: 0}
	if err := session.RequestPty("vt100", 33, 111, modes); err != nil {
		t.Fatal(err)
	}
	if ok, err := session.SendRequest("env", true, ssh.Marshal(struct{ N, V string }{"LC_TEST", "ü"})); !ok || err != nil {
		t.Errorf("LC_TEST: %v %v", ok, err)
	}
	if ok, _ := session.SendRequest("env", true, ssh.Marshal(struct{ N, V string }{"PATH", "x"})); ok {
		t.Error("PATH may be set")
	}
	if err := session.Start("stty size; stty -a; echo $TERM $LC_TEST $SSH_TTY; read line; stty size; cat"); err != nil {
		t.Fatal(err)
	}
	seen := expect(t, out, "/dev/")
	for _, want := range []string{"33 111", "-echo ", "erase = ^H", "-ixon", "vt100 ü"} {
		if !strings.Contains(seen, want) {
			t.Errorf("no %q in %q", want, seen)
		}
	}
	// Only a reply tells that the size is set: data does not wait for it.
	if ok, err := session.SendRequest("window-change", true, ssh.Marshal(windowChange{Columns: 222, Rows: 44})); !ok || err != nil {
		t.Fatalf("window-change: %v %v", ok, err)
	}
	_, _ = io.WriteString(in, "\n")
	expect(t, out, "44 222")
	_, _ = io.WriteString(in, "up\n") // dash loses a SIGINT just before it executes cat in its own place
	expect(t, out, "up")
	_, _ = io.WriteString(in, "\x03") // the terminal makes it SIGINT
	var exit *ssh.ExitError
	if err := session.Wait(); !errors.As(err, &exit) || exit.Signal() != "INT" && exit.ExitStatus() != 130 {
		t.Errorf("after ctrl-C: %v", err)
	}
}

func TestShellPromptShowsTheName(t *testing.T) {
	session, err := dial(t, start(t, Options{}).Instance("web"), "debian").NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, _ := session.StdinPipe()
	out, _ := session.StdoutPipe()
	if err := session.RequestPty("xterm", 0, 0, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	if err := session.Shell(); err != nil {
		t.Fatal(err)
	}
	expect(t, out, "debian@web$ ")
	_, _ = io.WriteString(in, "exit 9\n")
	var exit *ssh.ExitError
	if err := session.Wait(); !errors.As(err, &exit) || exit.ExitStatus() != 9 {
		t.Errorf("exit 9: %v", err)
	}
}

// expect reads until want has come; the client's deadline ends it otherwise.
func expect(t *testing.T, r io.Reader, want string) string {
	t.Helper()
	seen, b := "", make([]byte, 4096)
	for !strings.Contains(seen, want) {
		n, err := r.Read(b)
		if seen += string(b[:n]); err != nil {
			t.Fatalf("%v before %q, after %q", err, want, seen)
		}
	}
	return seen
}

func TestSignalsAndAbandonedSessions(t *testing.T) {
	c := start(t, Options{})
	client := dial(t, c.Instance("web"), "debian")
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, _ := session.StdoutPipe()
	if err := session.Start("echo $$; sleep 60 & wait"); err != nil {
		t.Fatal(err)
	}
	expect(t, out, "\n")
	if err := session.Signal(ssh.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var exit *ssh.ExitError
	if err := session.Wait(); !errors.As(err, &exit) || exit.Signal() != "TERM" {
		t.Errorf("after SIGTERM: %v", err)
	}

	if session, err = client.NewSession(); err != nil {
		t.Fatal(err)
	}
	out, _ = session.StdoutPipe()
	if err := session.Start("trap '' HUP; echo $$; exec sleep 60"); err != nil {
		t.Fatal(err)
	}
	pid := strings.TrimSpace(expect(t, out, "\n"))
	_ = client.Close()
	for deadline := time.Now().Add(5 * time.Second); exec.Command("kill", "-0", pid).Run() == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the process outlives its connection")
		}
	}
}

func TestKeepalive(t *testing.T) {
	client := dial(t, start(t, Options{}).Instance("web"), "debian")
	if _, _, err := client.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		t.Error(err)
	}
}

func TestRealSSHD(t *testing.T) {
	path, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		t.Fatal("the tests need OpenSSH's server: ", err)
	}
	c := start(t, Options{SSHD: path})
	web := c.Instance("web")
	if out, errs, status := openSSH(t, web, "ed25519", web.User(), nil, there, "echo $SSH_CONNECTION; exit 6"); status != 6 || !strings.HasPrefix(out, "127.0.0.1 ") {
		t.Errorf("%d %q %q", status, out, errs)
	}
	client := dial(t, web, web.User()) // checks the host key against the console's
	if !strings.HasPrefix(string(client.ServerVersion()), "SSH-2.0-OpenSSH") {
		t.Errorf("served by %s", client.ServerVersion())
	}
	before := web.HostKeys()[1]
	a := signIn(t, c)
	image := a.list("/image/v2/images?name=debian-12", "images", "id")[0]
	a.must("POST", "/compute/v2.1/servers/"+web.ID()+"/action", `{"rebuild":{"imageRef":"`+image+`"}}`)
	if bytes.Equal(before.Marshal(), web.HostKeys()[1].Marshal()) || !answers(t, web) {
		t.Error("after a rebuild sshd does not show the new host keys")
	}
}
