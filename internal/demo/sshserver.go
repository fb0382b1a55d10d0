package demo

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	sshVersion   = "SSH-2.0-osssh_demo"
	loginGrace   = 2 * time.Minute // sshd's LoginGraceTime
	maxAuthTries = 6               // sshd's MaxAuthTries
	escapes      = "\x1b]0;owned\x07\x1b[2J\x1b[31mYour account\x1b[0m has \x9b5mexpired\r\n"
)

// login is what a connection is served with: the instance's state at its start.
type login struct {
	instance   *Instance
	fault      SSHFault
	delay      time.Duration
	user       string // who gets a shell
	told       string // who is told to log in as user; beside root
	cirros     bool
	authorized ssh.PublicKey
	hostKeys   []hostKey
}

func (i *Instance) login() login {
	i.cloud.mu.Lock()
	defer i.cloud.mu.Unlock()
	l := login{instance: i, fault: i.fault, delay: i.faultDelay, user: i.user, told: "root", cirros: i.user == "cirros",
		authorized: i.authorized, hostKeys: slices.Clone(i.hostKeys)}
	if l.fault == SSHRootMessage {
		l.user, l.told = "admin", i.user
	}
	return l
}

// serve handles one TCP connection to the instance's SSH port.
func (i *Instance) serve(conn *net.TCPConn) {
	defer conn.Close()
	if !i.track(conn) {
		return
	}
	defer i.untrack(conn)
	l := i.login()
	switch l.fault {
	case SSHSilent:
		_, _ = io.Copy(io.Discard, conn)
	case SSHClose:
	case SSHReset:
		_ = conn.SetLinger(0)
	case SSHCloseInKex:
		_, _ = io.WriteString(conn, sshVersion+"\r\n")
		_, _ = io.ReadAtLeast(conn, make([]byte, 4096), 256) // the client's banner and the start of its KEXINIT
	case SSHBlackHole:
		if segment(conn) > 1300 {
			_, _ = io.WriteString(conn, sshVersion+"\r\n")
			_, _ = io.Copy(io.Discard, conn)
			return
		}
		l.serve(conn)
	case SSHHealthy:
		if i.cloud.options.SSHD != "" {
			i.runSSHD(conn)
			return
		}
		l.serve(conn)
	default: // what a real sshd cannot play
		l.serve(conn)
	}
}

var errDenied = errors.New("permission denied")

func (l *login) config() *ssh.ServerConfig {
	config := &ssh.ServerConfig{
		ServerVersion: sshVersion,
		MaxAuthTries:  maxAuthTries,
		PublicKeyCallback: func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			known := slices.Contains([]string{l.user, l.told, "root"}, meta.User())
			if !known || l.authorized == nil || !bytes.Equal(key.Marshal(), l.authorized.Marshal()) {
				return nil, errDenied
			}
			return nil, nil
		},
	}
	if l.fault == SSHBannerEscape {
		config.BannerCallback = func(ssh.ConnMetadata) string { return escapes }
	}
	if l.fault == SSHOld {
		config.ServerVersion = "SSH-2.0-OpenSSH_6.6.1p1"
		config.PublicKeyAuthAlgorithms = []string{ssh.KeyAlgoRSA, ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256}
	}
	for _, k := range l.hostKeys {
		config.AddHostKey(k.signer)
	}
	return config
}

func (l *login) serve(tcp *net.TCPConn) {
	_ = tcp.SetDeadline(time.Now().Add(loginGrace))
	conn, channels, requests, err := ssh.NewServerConn(tcp, l.config())
	if err != nil {
		return // the client went, or was refused and knows it
	}
	defer conn.Close()
	_ = tcp.SetDeadline(time.Time{})
	if l.fault == SSHHangAfterAuth {
		_ = conn.Wait()
		return
	}
	go ssh.DiscardRequests(requests) // keepalives get an answer by it
	var work sync.WaitGroup
	defer work.Wait()
	for channel := range channels {
		switch channel.ChannelType() {
		case "session":
			work.Go(func() { l.session(conn, tcp, channel) })
		case "direct-tcpip":
			work.Go(func() { l.forward(conn, channel) })
		default:
			_ = channel.Reject(ssh.UnknownChannelType, "unsupported channel type") // the connection's end shows in channels
		}
	}
}
