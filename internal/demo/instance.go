package demo

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// hostKey is one host key of an instance.
type hostKey = material

// Instance is the machine of a server: an SSH server on a port of 127.0.0.1.
// What changes it is Cloud.Inject and the APIs.
type Instance struct {
	cloud  *Cloud
	server *server
	door   *door
	home   string

	// Guarded by cloud.mu.
	user       string
	authorized ssh.PublicKey // nil: none
	comment    string        // of the authorized key
	hostKeys   []hostKey
	aside      []hostKey // the disk's own, while a rescue system runs
	log        string    // what the console printed
	phase      doorway   // what the boot has made of the SSH port so far
	boots      int       // counts them: a new one ends what is left of the last
	override   *string   // what the console is to say instead
	fault      SSHFault
	faultDelay time.Duration

	connsMu sync.Mutex
	conns   map[*net.TCPConn]struct{}
	stopped bool
}

// newInstance makes the machine of a server, its ports plugged. It is off.
func (c *Cloud) newInstance(s *server) (*Instance, error) {
	home, err := c.instanceHome(s.id)
	if err != nil {
		return nil, err
	}
	i := &Instance{cloud: c, server: s, home: home, phase: doorDrops, conns: map[*net.TCPConn]struct{}{}}
	if i.door, err = c.newDoor(i.serve); err != nil {
		return nil, err
	}
	s.metadata["osssh_port"] = strconv.Itoa(i.door.addr.Port)
	if c.options.SSHD != "" {
		caller, err := user.Current()
		if err != nil {
			return nil, err
		}
		s.metadata["osssh_user"] = caller.Username
	}
	i.install()
	return i, i.writeHostname()
}

// writeHostname puts a command `hostname` first in the instance's PATH: the
// machine's own would tell the caller's.
func (i *Instance) writeHostname() error {
	bin := filepath.Join(i.home, "bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		return err
	}
	script := "#!/bin/sh\necho '" + i.server.hostname() + "'\n"
	return os.WriteFile(filepath.Join(bin, "hostname"), []byte(script), 0o700)
}

// install does what cloud-init does on a new disk: the image's user gets the keypair.
func (i *Instance) install() {
	c, s := i.cloud, i.server
	i.authorized, i.log = nil, ""
	if k := c.keypair(s.keyName); k != nil {
		i.authorized, i.comment, _, _, _ = ssh.ParseAuthorizedKey([]byte(k.public)) // keep has parsed it
	}
	image := c.image(s.image)
	if s.volume != "" {
		at := slices.IndexFunc(c.volumes, func(v object) bool { return v["id"] == s.volume })
		image = c.volumes[at]["volume_image_metadata"].(object)
	}
	i.user = "debian"
	for _, name := range []string{text(image["os_distro"]), text(image["os_admin_user"]), s.metadata["osssh_user"]} {
		if name != "" {
			i.user = name
		}
	}
}

// boot starts the guest. A fresh disk, which a rescue system has too, makes its
// host keys first; the other one's are put aside.
func (i *Instance) boot(fresh, rescue bool) error {
	switch {
	case i.aside != nil && !rescue:
		i.hostKeys, i.aside, fresh = i.aside, nil, false
	case fresh:
		if rescue {
			i.aside = i.hostKeys
		}
		if err := i.makeHostKeys(); err != nil {
			return err
		}
	}
	stages := i.bootStages(fresh)
	i.boots++
	i.play(i.boots, stages, i.server.lasts("demo_boot")/time.Duration(len(stages)))
	return i.writeSSHD()
}

// play goes through the stages of a boot, one each step.
func (i *Instance) play(boot int, stages []stage, step time.Duration) {
	for n, stage := range stages {
		i.log += stage.text
		i.phase = stage.door
		if rest := stages[n+1:]; step > 0 && len(rest) > 0 {
			i.cloud.after(step, func() {
				if i.boots == boot {
					i.play(boot, rest, step)
					i.cloud.refresh()
				}
			})
			return
		}
	}
}

// halt turns the guest off, wherever its boot is.
func (i *Instance) halt() {
	i.boots++
	i.phase = doorDrops
}

// makeHostKeys gives the instance host keys of its own. At first boot the RSA
// key is the cloud's: instances of one snapshot share theirs too, and making
// one for each would take a second of every start.
func (i *Instance) makeHostKeys() error {
	rsa := i.cloud.hostRSA
	var errs [3]error
	if i.hostKeys != nil {
		rsa, errs[0] = newMaterial("rsa", "")
	}
	ecdsa, err := newMaterial("ecdsa", "")
	errs[1] = err
	ed25519, err := newMaterial("ed25519", "")
	errs[2] = err
	i.hostKeys = []hostKey{ecdsa, ed25519, rsa} // in the order of the console
	return errors.Join(errs[:]...)
}

// ID is the server's id.
func (i *Instance) ID() string { return i.server.id }

// User is who may log in.
func (i *Instance) User() string {
	i.cloud.mu.Lock()
	defer i.cloud.mu.Unlock()
	return i.user
}

// Address is where its SSH server listens on this machine, whether or not the
// cloud lets one through from outside.
func (i *Instance) Address() netip.AddrPort {
	return netip.AddrPortFrom(loopback, uint16(i.door.addr.Port))
}

// HostKeys are the keys that its SSH server shows: ECDSA, Ed25519, RSA.
func (i *Instance) HostKeys() []ssh.PublicKey {
	i.cloud.mu.Lock()
	defer i.cloud.mu.Unlock()
	keys := []ssh.PublicKey{}
	for _, k := range i.hostKeys {
		keys = append(keys, k.signer.PublicKey())
	}
	return keys
}

// Console is what its console printed, before nova strips it.
func (i *Instance) Console() string {
	i.cloud.mu.Lock()
	defer i.cloud.mu.Unlock()
	return i.console()
}

func (i *Instance) console() string {
	if i.override != nil {
		return *i.override
	}
	return i.log
}

// doorway is what the world meets at the instance's port.
func (i *Instance) doorway() doorway {
	if i.server.deleted || !i.cloud.outside(i.server, i.door.addr.Port) {
		return doorDrops
	}
	return i.answer()
}

// answer is what the state and the faults make of the instance's SSH port,
// for those whom the security groups let through.
func (i *Instance) answer() doorway {
	switch {
	case i.fault == SSHBacklog, !stateOf(i.server.status).up:
		return doorDrops
	case i.fault == SSHRefuse && i.phase == doorOpen:
		return doorRefuses
	}
	return i.phase
}

// track notes a connection for hangUp; false if the instance is gone.
func (i *Instance) track(conn *net.TCPConn) bool {
	i.connsMu.Lock()
	defer i.connsMu.Unlock()
	if i.stopped {
		return false
	}
	i.conns[conn] = struct{}{}
	i.cloud.work.Add(1)
	return true
}

func (i *Instance) untrack(conn *net.TCPConn) {
	i.connsMu.Lock()
	defer i.connsMu.Unlock()
	delete(i.conns, conn)
	i.cloud.work.Done()
}

// hangUp ends all connections.
func (i *Instance) hangUp() {
	i.connsMu.Lock()
	defer i.connsMu.Unlock()
	for conn := range i.conns {
		_ = conn.CloseRead() // a real sshd holds a copy, which only a shutdown ends
		_ = conn.CloseWrite()
		_ = conn.Close()
	}
}

// stop ends the instance for good.
func (i *Instance) stop() {
	i.connsMu.Lock()
	i.stopped = true
	i.connsMu.Unlock()
	i.door.set(doorRefuses)
	i.hangUp()
}

// pair is a TCP connection of this process with itself: what a jump host gives
// its client's channel, and what the next instance serves.
func pair() (near, far *net.TCPConn, err error) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IP(loopback.AsSlice())})
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if near, err = net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr)); err != nil {
		return nil, nil, err
	}
	for {
		_ = l.SetDeadline(time.Now().Add(time.Second))
		if far, err = l.AcceptTCP(); err != nil {
			return nil, nil, errors.Join(err, near.Close())
		}
		if far.RemoteAddr().String() == near.LocalAddr().String() {
			return near, far, nil
		}
		_ = far.Close() // a stranger came first
	}
}

// bits is the size that ssh-keygen -l tells of a key.
func bits(key ssh.PublicKey) int {
	if key.Type() == ssh.KeyAlgoRSA {
		return rsaBits
	}
	return 256
}
