package demo

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// sshdGrace is how long an sshd may take to end when the cloud does.
const sshdGrace = 2 * time.Second

// writeSSHD puts what a real sshd needs into the instance's home: nothing
// unless the cloud was asked for one.
func (i *Instance) writeSSHD() error {
	if i.cloud.options.SSHD == "" {
		return nil
	}
	dir := filepath.Join(i.home, "sshd")
	errs := []error{os.MkdirAll(dir, 0o700)}
	var config strings.Builder
	for _, k := range i.hostKeys {
		file := filepath.Join(dir, "ssh_host_"+strings.ToLower(kind(k.signer.PublicKey()))+"_key")
		errs = append(errs, os.WriteFile(file, k.private, 0o600))
		fmt.Fprintf(&config, "HostKey %s\n", file)
	}
	keys := ""
	if i.authorized != nil {
		keys = string(ssh.MarshalAuthorizedKey(i.authorized))
	}
	fmt.Fprintf(&config, `AllowUsers %s
AuthorizedKeysFile %s
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
UseDNS no
PrintMotd no
PrintLastLog no
AcceptEnv LANG LC_*
PidFile none
Subsystem sftp internal-sftp
`, i.user, filepath.Join(dir, "authorized_keys"))
	return errors.Join(append(errs,
		os.WriteFile(filepath.Join(dir, "authorized_keys"), []byte(keys), 0o600),
		os.WriteFile(filepath.Join(dir, "sshd_config"), []byte(config.String()), 0o600))...)
}

// runSSHD lets one real sshd serve a connection, as inetd would.
func (i *Instance) runSSHD(conn *net.TCPConn) {
	file, err := conn.File()
	if err != nil {
		return
	}
	defer file.Close()
	cmd := exec.CommandContext(i.cloud.ctx, i.cloud.options.SSHD, "-i", "-f", filepath.Join(i.home, "sshd", "sshd_config"))
	cmd.Stdin, cmd.Stdout = file, file
	// The end of its connection ends it, and lets it end what it has started.
	cmd.Cancel = func() error { return nil }
	cmd.WaitDelay = sshdGrace
	_ = cmd.Run() // its client sees how it ended
}
