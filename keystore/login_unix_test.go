//go:build unix

package keystore

import (
	"net"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// sshd is a real server that takes the keys of one authorized_keys file.
type sshd struct {
	port, user, hostKey string
}

func startSSHD(t *testing.T, authorized []byte) sshd {
	t.Helper()
	path, err := exec.LookPath("sshd")
	if err != nil {
		path = "/usr/sbin/sshd"
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // privilege separation wants it
			t.Fatal(err)
		}
	}
	host := fresh(t)
	hostKey := store(t, "host", as(t, host, Options{Format: OpenSSH}))
	keys := store(t, "authorized_keys", authorized)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	cmd := exec.Command(path, "-D", "-e", "-f", os.DevNull, "-h", hostKey, "-p", port, "-o", "ListenAddress=127.0.0.1",
		"-o", "AuthorizedKeysFile="+keys, "-o", "StrictModes=no", "-o", "UsePAM=no", "-o", "PidFile=none",
		"-o", "MaxStartups=100", "-o", "PasswordAuthentication=no", "-o", "KbdInteractiveAuthentication=no")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	return sshd{port: port, user: me.Username, hostKey: ssh.FingerprintSHA256(host.Public)}
}

// TestLogin: keys of every kind and format that we write log in to a real sshd, by
// ssh and plink. plink has no way to give a PPK's passphrase but a terminal.
func TestLogin(t *testing.T) {
	var authorized []byte
	for _, kind := range keyKinds() {
		authorized = append(authorized, AuthorizedKey(kind.key(t).Public, kind.name)...)
	}
	server := startSSHD(t, authorized)
	for _, kind := range keyKinds() {
		for _, w := range allWritten() {
			if kind.kind != RSA && w.name != "openssh" && w.name != "ppk3" {
				continue // the matrices have these; here one kind is enough
			}
			t.Run(kind.name+"/"+w.name, func(t *testing.T) {
				t.Parallel()
				o := w.options
				o.Comment = kind.name
				path := store(t, "key", kind.marshal(t, o))
				args := []string{"ssh", "-F", "none", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes",
					"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=" + os.DevNull, "-o", "LogLevel=ERROR",
					"-p", server.port, "-l", server.user, "-i", path, "127.0.0.1", "echo in"}
				if o.Format == PPK {
					args = []string{"plink", "-batch", "-noagent", "-hostkey", server.hostKey, "-P", server.port, "-l", server.user,
						"-i", path, "127.0.0.1", "echo in"}
				}
				if out := tool(t, args[0], args[1:]...); !strings.HasSuffix(out, "in\n") { // the shell's own start may print before
					t.Errorf("%q", out)
				}
			})
		}
	}
}
