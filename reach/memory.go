package reach

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"osssh/internal/openstack"
	"osssh/resolve"
)

// Memory is where logins are remembered, so that the next one can dial before
// the API has answered. It holds nothing secret, and nothing that is believed
// unchecked: the host key must be the remembered one.
type Memory struct {
	dir   string
	scope string
}

// NewMemory gives the memory below dir for logins with this cloud's
// configuration, nil where that does not say whose login it is. The directory is
// made when something is written.
func NewMemory(dir string, cloud *openstack.Cloud) *Memory {
	identity := cloud.Identity()
	if dir == "" || identity == "" {
		return nil
	}
	return &Memory{dir: filepath.Join(dir, "servers"), scope: identity + "\x00" + cloud.Region}
}

// remembered is one login, by the name that was typed.
type remembered struct {
	ServerID   string
	ServerName string
	Address    netip.AddrPort
	Why        resolve.Why
	Jump       string // id of the server that it was reached through; "": directly
	JumpName   string
	User       string    // "": only users that a request named are known
	PublicKey  string    // of the key that matched, as in authorized_keys
	Confirmed  time.Time // when the API last said that the name means this server
}

func (m *Memory) path(name string) string {
	sum := sha256.Sum256([]byte(m.scope + "\x00" + name))
	return filepath.Join(m.dir, hex.EncodeToString(sum[:16])+".json")
}

// recall gives what is remembered of a name. What cannot be read is forgotten.
func (m *Memory) recall(name string) (remembered, bool) {
	var past remembered
	if m == nil {
		return past, false
	}
	data, err := os.ReadFile(m.path(name))
	if err != nil || json.Unmarshal(data, &past) != nil {
		return remembered{}, false
	}
	return past, past.ServerID != "" && past.Address.IsValid() && past.PublicKey != ""
}

// store remembers a login. The file is written whole or not at all.
func (m *Memory) store(name string, login remembered) error {
	data, err := json.Marshal(login)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(m.dir, "new-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), m.path(name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// forget drops what is remembered of a name.
func (m *Memory) forget(name string) error {
	if err := os.Remove(m.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
