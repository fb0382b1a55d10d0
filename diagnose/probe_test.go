package diagnose

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/demo"
	"osssh/keystore"
	"osssh/reach"
)

// redirect has the demo's instance web answer on another port of loopback, whose
// host keys no console tells.
func (w *world) redirect(port int) {
	silent := ""
	w.inject(demo.Fault{Instance: "web", Console: &silent, Metadata: map[string]string{"osssh_port": strconv.Itoa(port)}})
}

// publicLine is the public half of the keypair that web was made with, as in
// authorized_keys.
func (w *world) publicLine() string {
	w.t.Helper()
	line, err := os.ReadFile(filepath.Join(w.Home(), ".ssh", "ed25519.pub"))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(line)
}

// listen serves connections on loopback until the test ends, and gives the port.
func listen(t *testing.T, serve func(net.Conn)) int {
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
	return l.Addr().(*net.TCPAddr).Port
}

// sshd is a real one with a host key of its own.
type sshd struct {
	dir  string
	port int
	mu   sync.Mutex
	log  strings.Builder
}

// startSSHD runs one with these lines of configuration; authorized_keys of a
// user is the file keys/USER in its directory.
func startSSHD(t *testing.T, config string, authorized map[string]string) *sshd {
	t.Helper()
	path, err := exec.LookPath("sshd")
	if err != nil {
		path = "/usr/sbin/sshd"
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sshd{dir: publicDir(t), port: l.Addr().(*net.TCPAddr).Port}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(s.dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("host", string(pem.EncodeToMemory(block)))
	if err := os.Chmod(filepath.Join(s.dir, "host"), 0o600); err != nil {
		t.Fatal(err)
	}
	for user, keys := range authorized {
		write("keys/"+user, keys)
	}
	write("banner", "System is booting up.\n")
	write("config", strings.ReplaceAll(config, "DIR", s.dir)+fmt.Sprintf(`
ListenAddress 127.0.0.1:%d
HostKey %s/host
AuthorizedKeysFile %s/keys/%%u
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
LogLevel VERBOSE
PidFile none
`, s.port, s.dir, s.dir))
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // where sshd of Debian confines itself
		t.Fatal(err)
	}
	l.Close()
	cmd := exec.Command(path, "-D", "-e", "-f", filepath.Join(s.dir, "config"))
	cmd.Stderr = s
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for range 200 {
		if strings.Contains(s.said(), "Server listening") {
			return s
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("sshd does not listen: %s", s.said())
	return nil
}

// publicDir is a directory that every user can read: sshd reads authorized_keys
// as the one who logs in.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sshd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (s *sshd) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(b)
}

func (s *sshd) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// only gives the one probe.
func only(t *testing.T, f *Facts) Probe {
	t.Helper()
	if len(f.Probes) != 1 {
		t.Fatalf("probes %+v", f.Probes)
	}
	return f.Probes[0]
}

// probe looks at web, which answers on another port.
func (w *world) probe(port int) Probe {
	w.t.Helper()
	w.redirect(port)
	return only(w.t, w.gather(reach.Request{Name: "web"}, ""))
}

// failure is how a connection to such a server ends.
func failure(t *testing.T, w *world, port int) *connect.Attempt {
	t.Helper()
	p := w.probe(port)
	if p.Failed == nil || len(p.Logins) != 0 {
		t.Fatalf("probe %+v", p)
	}
	return p.Failed
}

// What is no SSH server, or an ill one.
func TestProbeTransport(t *testing.T) {
	t.Parallel()
	serve := func(text string, then func(net.Conn)) func(net.Conn) {
		return func(conn net.Conn) {
			_, _ = io.WriteString(conn, text)
			then(conn)
		}
	}
	hang := func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
	leave := func(net.Conn) {}
	for _, c := range []struct {
		name  string
		serve func(net.Conn)
		stage connect.Stage
		check func(err error) bool
	}{
		{"says nothing", serve("", hang), connect.StageBanner, isTimeout},
		{"closes", serve("", leave), connect.StageBanner, func(err error) bool {
			var banner *connect.BannerError
			return errors.As(err, &banner) && banner.Text == ""
		}},
		{"penalty", serve("Not allowed at this time\r\n", leave), connect.StageBanner, func(err error) bool {
			var banner *connect.BannerError
			return errors.As(err, &banner) && strings.HasPrefix(banner.Text, "Not allowed at this time")
		}},
		{"no SSH", serve("HTTP/1.1 400 Bad Request\r\n\r\n", leave), connect.StageBanner, func(err error) bool {
			var banner *connect.BannerError
			return errors.As(err, &banner) && strings.HasPrefix(banner.Text, "HTTP/1.1")
		}},
		{"stalls", serve("SSH-2.0-stalling\r\n", hang), connect.StageKeyExchange, isTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			began := time.Now()
			failed := failure(t, w, listen(t, c.serve))
			if failed.Stage != c.stage || !c.check(failed.Err) {
				t.Errorf("stage %v, %v", failed.Stage, failed.Err)
			}
			if took := time.Since(began); took > 9*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func isTimeout(err error) bool {
	var timeout *connect.TimeoutError
	return errors.As(err, &timeout)
}

func TestProbeRefused(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	w.redirect(port)
	f := w.gather(reach.Request{Name: "web"}, "")
	p := only(t, f)
	if !p.Answered() || p.Connected() || p.Failed.Stage != connect.StageDial {
		t.Errorf("probe %+v", p)
	}
	if len(f.Control) != 0 || f.Way.Jump != nil || f.Way.JumpErr != nil {
		t.Errorf("control %+v, jump %v", f.Control, f.Way.JumpErr)
	}
}

func TestProbeNoCommonAlgorithm(t *testing.T) {
	w := newWorld(t)
	s := startSSHD(t, "KexAlgorithms diffie-hellman-group14-sha1", nil)
	failed := failure(t, w, s.port)
	var none *ssh.AlgorithmNegotiationError
	if failed.Stage != connect.StageKeyExchange || !errors.As(failed.Err, &none) {
		t.Errorf("stage %v, %v", failed.Stage, failed.Err)
	}
}

func TestProbeForeignHostKey(t *testing.T) {
	w := newWorld(t)
	s := startSSHD(t, "", nil)
	w.inject(demo.Fault{Instance: "web", Metadata: map[string]string{"osssh_port": strconv.Itoa(s.port)}})
	p := w.gather(reach.Request{Name: "web"}, "").Probes[0]
	var refused *reach.HostKeyRefusedError
	if p.Failed == nil || !errors.As(p.Failed.Err, &refused) || !refused.ByConsole || p.Ruling != reach.RefuseByConsole || p.HostKey == nil || len(p.Logins) != 0 {
		t.Errorf("probe %+v", p)
	}
}

const hint = `command="echo 'Please login as the user \"debian\" rather than the user \"root\".';echo;sleep 10;exit 142" `

// Logins to a real sshd.
func TestProbeLogins(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		config     string
		authorized func(w *world) map[string]string
		user       string
		check      func(t *testing.T, logins []LoginProbe)
	}{
		{"let in", "", rootHas(""), "root", func(t *testing.T, logins []LoginProbe) {
			if l := logins[0]; !l.Signed || l.Exit == nil || *l.Exit != 0 || l.Err != nil || len(logins) != 1 {
				t.Errorf("%+v", logins)
			}
		}},
		{"wrong user, root tells", "", rootHas(hint), "nosuchuser", func(t *testing.T, logins []LoginProbe) {
			if len(logins) != 2 || logins[0].Accepted != nil || logins[0].Err == nil || logins[1].User != "root" || logins[1].LoginAs != "debian" {
				t.Errorf("%+v", logins)
			}
		}},
		{"nobody is let in", "", nil, "nosuchuser", func(t *testing.T, logins []LoginProbe) {
			if len(logins) != 2 || logins[1].Accepted != nil || logins[1].Err == nil || !slices.Equal(logins[0].Methods, []string{"publickey"}) {
				t.Errorf("%+v", logins)
			}
		}},
		{"a message before the refusal", "Banner DIR/banner", nil, "root", func(t *testing.T, logins []LoginProbe) {
			if len(logins) != 1 || !strings.Contains(logins[0].Banner, "booting up") {
				t.Errorf("%+v", logins)
			}
		}},
		{"more than a key is wanted", "AuthenticationMethods publickey,keyboard-interactive\nKbdInteractiveAuthentication yes", rootHas(""), "root",
			func(t *testing.T, logins []LoginProbe) {
				if l := logins[0]; l.Accepted == nil || l.Signed || l.Err == nil || !slices.Contains(l.Methods, "keyboard-interactive") || len(logins) != 1 {
					t.Errorf("%+v", logins)
				}
			}},
		{"noise", "ForceCommand echo noise; exit 0", rootHas(""), "root", func(t *testing.T, logins []LoginProbe) {
			if l := logins[0]; l.Output != "noise\n" || l.Exit == nil || *l.Exit != 0 {
				t.Errorf("%+v", logins)
			}
		}},
		{"silence", "ForceCommand sleep 20", rootHas(""), "root", func(t *testing.T, logins []LoginProbe) {
			if l := logins[0]; !l.Silent || !l.Signed || l.Exit != nil {
				t.Errorf("%+v", logins)
			}
		}},
		{"no shell", "", func(w *world) map[string]string { return map[string]string{"nobody": w.publicLine()} }, "nobody",
			func(t *testing.T, logins []LoginProbe) {
				if l := logins[0]; !strings.Contains(l.Output, "account is currently not available") || l.Exit == nil || *l.Exit != 1 {
					t.Errorf("%+v", logins)
				}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			var authorized map[string]string
			if c.authorized != nil {
				authorized = c.authorized(w)
			}
			s := startSSHD(t, c.config, authorized)
			w.redirect(s.port)
			p := only(t, w.gather(reach.Request{Name: "web", User: c.user}, ""))
			if p.Failed != nil || len(p.Logins) == 0 || p.Ruling != reach.Ask {
				t.Fatalf("probe %+v", p)
			}
			c.check(t, p.Logins)
		})
	}
}

func rootHas(options string) func(*world) map[string]string {
	return func(w *world) map[string]string { return map[string]string{"root": options + w.publicLine()} }
}

// Keys whose private half may not or need not be used.
func TestProbeKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		make  func(t *testing.T, w *world, dir string) []string // key files
		check func(l LoginProbe, public ssh.PublicKey) bool
	}{
		{"encrypted", func(t *testing.T, _ *world, dir string) []string {
			return []string{newKeyFile(t, dir, "secret", 0o600)}
		}, func(l LoginProbe, public ssh.PublicKey) bool {
			return l.Accepted != nil && string(l.Accepted.Marshal()) == string(public.Marshal()) && !l.Signed && l.Err == nil
		}},
		{"others may read it", func(t *testing.T, _ *world, dir string) []string {
			return []string{newKeyFile(t, dir, "", 0o644)}
		}, func(l LoginProbe, public ssh.PublicKey) bool {
			var open *keystore.UnprotectedError
			return l.Accepted != nil && !l.Signed && errors.As(l.Err, &open)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			files := c.make(t, w, t.TempDir())
			line, err := os.ReadFile(files[0] + ".pub")
			if err != nil {
				t.Fatal(err)
			}
			public, _, _, _, err := ssh.ParseAuthorizedKey(line)
			if err != nil {
				t.Fatal(err)
			}
			s := startSSHD(t, "", map[string]string{"root": string(line)})
			w.redirect(s.port)
			p := only(t, w.gather(reach.Request{Name: "web", User: "root", Identities: files}, ""))
			if len(p.Logins) == 0 || !c.check(p.Logins[0], public) {
				t.Errorf("probe %+v", p)
			}
		})
	}
}

// newKeyFile has ssh-keygen make a key.
func newKeyFile(t *testing.T, dir, passphrase string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, "key")
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path).CombinedOutput()
	if err == nil {
		err = os.Chmod(path, mode)
	}
	if err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	return path
}

func TestProbeTooManyKeys(t *testing.T) {
	w := newWorld(t)
	s := startSSHD(t, "MaxAuthTries 1", nil)
	w.redirect(s.port)
	other := newKeyFile(t, t.TempDir(), "", 0o600)
	p := only(t, w.gather(reach.Request{Name: "web", User: "root", Identities: []string{other}}, ""))
	var disconnect *connect.DisconnectError
	if len(p.Logins) != 1 || !errors.As(p.Logins[0].Err, &disconnect) || !strings.Contains(disconnect.Message, "Too many authentication failures") {
		t.Errorf("probe %+v", p)
	}
}

// A guess is root, who is told whom to log in as.
func TestProbeGuess(t *testing.T) {
	w := newWorld(t)
	w.inject(demo.Fault{Instance: "web", SSH: new(demo.SSHFault)})
	f := w.gather(reach.Request{Name: "web", User: "root"}, "")
	p := only(t, f)
	if len(p.Logins) != 2 || p.Logins[0].LoginAs != "debian" || p.Logins[1].User != "debian" || !p.Logins[1].Signed || *p.Logins[1].Exit != 0 {
		t.Errorf("probe %+v", p)
	}
}

func TestProbeHangAfterAuth(t *testing.T) {
	w := newWorld(t, sshFault("web", demo.SSHHangAfterAuth))
	if l := onlyLogin(t, w.gather(reach.Request{Name: "web"}, "")); !l.Signed || !l.Silent {
		t.Errorf("login %+v", l)
	}
}
