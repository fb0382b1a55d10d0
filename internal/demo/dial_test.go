package demo

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// dial logs in with x/crypto, past the doors of the cloud.
func dial(t *testing.T, i *Instance, user string) *ssh.Client {
	t.Helper()
	client, err := tryDial(i, user, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func tryDial(i *Instance, user string, banner ssh.BannerCallback) (*ssh.Client, error) {
	file := i.server.keyName
	if file == "generated" {
		file += ".pem"
	}
	private, err := os.ReadFile(filepath.Join(i.cloud.home, ".ssh", file))
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("tcp", i.Address().String(), time.Second)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	keys := i.HostKeys()
	c, channels, requests, err := ssh.NewClientConn(conn, "", &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, BannerCallback: banner,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			for _, k := range keys {
				if bytes.Equal(k.Marshal(), key.Marshal()) {
					return nil
				}
			}
			return errors.New("host key differs")
		},
	})
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return ssh.NewClient(c, channels, requests), nil
}

// answers says whether an instance lets one in from outside.
func answers(t *testing.T, i *Instance) bool {
	t.Helper()
	client, err := tryDial(i, i.User(), nil)
	if err != nil {
		return false
	}
	_ = client.Close()
	return true
}
