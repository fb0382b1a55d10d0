package connect

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func newSigner(t testing.TB) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func newRSASigner(t testing.TB) ssh.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// listen accepts connections on loopback until the test ends.
func listen(t testing.TB, serve func(net.Conn)) Candidate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return candidateOf(t, l.Addr().String())
}

func candidateOf(t testing.TB, address string) Candidate {
	t.Helper()
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return Candidate{Address: a, Label: "test"}
}

// closedPort is an address at which nobody listens.
func closedPort(t testing.TB) Candidate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return candidateOf(t, l.Addr().String())
}

// silent accepts and says nothing, until the peer goes.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// fake is an in-process SSH server.
type fake struct {
	hostKey ssh.Signer
	config  *ssh.ServerConfig
	wrap    func(net.Conn) net.Conn
	session func(ssh.Channel, <-chan *ssh.Request) // nil: sessions are rejected
}

func newFake(t testing.TB) *fake {
	f := &fake{hostKey: newSigner(t), config: &ssh.ServerConfig{
		PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil },
	}}
	f.config.AddHostKey(f.hostKey)
	return f
}

func (f *fake) serve(conn net.Conn) {
	if f.wrap != nil {
		conn = f.wrap(conn)
	}
	sc, channels, requests, err := ssh.NewServerConn(conn, f.config)
	if err != nil {
		return
	}
	defer sc.Close()
	go func() {
		for r := range requests {
			_ = r.Reply(false, nil)
		}
	}()
	for nc := range channels {
		if f.session == nil {
			_ = nc.Reject(ssh.Prohibited, "no \x1b[31msessions")
			continue
		}
		channel, requests, err := nc.Accept()
		if err != nil {
			return
		}
		go f.session(channel, requests)
	}
}

// configFor trusts every host key and offers one key.
func configFor(t testing.TB) Config {
	signer := newSigner(t)
	return Config{
		User:    "cirros",
		Signers: func(context.Context) ([]ssh.Signer, error) { return []ssh.Signer{signer}, nil },
		HostKey: func(context.Context, Candidate, ssh.PublicKey) error { return nil },
	}
}

// dial logs in or fails the test.
func dial(t testing.TB, cfg Config, candidates ...Candidate) *Client {
	t.Helper()
	client, err := Dial(context.Background(), candidates, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// failedDial wants a *DialError with as many attempts as there are stages.
func failedDial(t testing.TB, err error, stages ...Stage) []Attempt {
	t.Helper()
	var failed *DialError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want a *DialError", err)
	}
	if len(failed.Attempts) != len(stages) {
		t.Fatalf("got %d attempts, want %d: %v", len(failed.Attempts), len(stages), err)
	}
	for i, want := range stages {
		if got := failed.Attempts[i].Stage; got != want {
			t.Errorf("attempt %d ended in %v, want %v: %v", i, got, want, err)
		}
	}
	return failed.Attempts
}

// nothingLeft fails the test if it ends with more goroutines or descriptors
// than it had. Call it after all servers are started.
func nothingLeft(t testing.TB) (check func()) {
	t.Helper()
	count := func() (goroutines, descriptors int) {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil && runtime.GOOS == "linux" {
			t.Fatal(err)
		}
		return runtime.NumGoroutine(), len(entries)
	}
	g0, d0 := count()
	return func() {
		t.Helper()
		var g, d int
		for range 100 {
			if g, d = count(); g <= g0 && d <= d0 {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		stacks := make([]byte, 1<<20)
		t.Errorf("left behind: %d goroutines, %d descriptors\n%s", g-g0, d-d0, stacks[:runtime.Stack(stacks, true)])
	}
}

// sshd is a real OpenSSH server on loopback.
type sshd struct {
	Candidate
	config  Config
	keyFile string
	user    string
}

// startSSHD runs sshd with further lines of configuration.
func startSSHD(t testing.TB, lines ...string) *sshd {
	t.Helper()
	program, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		t.Fatal("openssh-server is needed:", err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	hostKeyFile, hostKey := writeKey(t, dir, "host")
	userKeyFile, userKey := writeKey(t, dir, "user")
	authorized := filepath.Join(dir, "authorized_keys")
	writeFile(t, authorized, ssh.MarshalAuthorizedKey(userKey.PublicKey()))

	address := closedPort(t)
	config := filepath.Join(dir, "sshd_config")
	writeFile(t, config, []byte(strings.Join(append(lines,
		"Port "+fmt.Sprint(address.Address.Port()),
		"ListenAddress 127.0.0.1",
		"HostKey "+hostKeyFile,
		"AuthorizedKeysFile "+authorized,
		"PidFile none", "UsePAM no", "StrictModes no", "UseDNS no", "PermitRootLogin yes",
		"PasswordAuthentication no", "KbdInteractiveAuthentication no", "AcceptEnv OSSSH_*", "PrintMotd no",
	), "\n")+"\n"))

	var log bytes.Buffer
	cmd := exec.Command(program, "-D", "-e", "-f", config)
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("sshd: %s", log.String())
		}
	})
	waitForPort(t, address)
	return &sshd{Candidate: address, keyFile: userKeyFile, user: me.Username, config: Config{
		User:    me.Username,
		Signers: func(context.Context) ([]ssh.Signer, error) { return []ssh.Signer{userKey}, nil },
		HostKey: func(_ context.Context, _ Candidate, key ssh.PublicKey) error {
			if !bytes.Equal(key.Marshal(), hostKey.PublicKey().Marshal()) {
				return errors.New("not the host key")
			}
			return nil
		},
	}}
}

func waitForPort(t testing.TB, c Candidate) {
	t.Helper()
	for range 250 {
		if conn, err := net.Dial("tcp", c.String()); err == nil {
			conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("sshd does not listen")
}

func writeKey(t testing.TB, dir, name string) (string, ssh.Signer) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, name)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, name)
	writeFile(t, file, pem.EncodeToMemory(block))
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return file, signer
}

func writeFile(t testing.TB, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// ssh runs OpenSSH's client against the server: what it does is right.
func (s *sshd) ssh(args ...string) *exec.Cmd {
	return exec.Command("ssh", append([]string{
		"-F", "none", "-o", "IdentityAgent=none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "LogLevel=ERROR", "-i", s.keyFile, "-p", fmt.Sprint(s.Address.Port()), s.user + "@127.0.0.1",
	}, args...)...)
}

// lockedBuffer may be written by one goroutine and read by another.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// eventually waits up to 5 s for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("never came: ", what)
}
