//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// remember keeps the guest's files and what its console shows.
func (g *guest) remember() (err error) {
	paths, err := filepath.Glob(filepath.Join(g.dir(), "*"))
	if err != nil {
		return err
	}
	g.kept = map[string][]byte{}
	for _, path := range append(paths, g.console()) {
		if filepath.Ext(path) == ".pid" || filepath.Base(path) == "sshd.log" {
			continue
		}
		data, e := os.ReadFile(path)
		g.kept[path], err = data, errors.Join(err, e)
	}
	return err
}

// restore writes back the files that a scenario has changed.
func (g *guest) restore() (err error) {
	for path, was := range g.kept {
		if is, e := os.ReadFile(path); e != nil || !bytes.Equal(is, was) {
			err = errors.Join(err, os.WriteFile(path, was, 0o600))
		}
	}
	return err
}

// heal makes sure that the guest is as it was, after a scenario has been undone.
// Where it does not answer it is rebooted.
func (g *guest) heal(ctx context.Context) error {
	if err := g.restore(); err != nil {
		return err
	}
	if g.answers(ctx) == nil {
		return nil
	}
	return errors.Join(g.reboot(ctx), g.restore(), g.answers(ctx))
}

// reboot starts the guest and its interfaces anew, whatever there is of them.
func (g *guest) reboot(ctx context.Context) error {
	err := g.demo.act(ctx, g.id, "reboot", object{"type": "HARD"})
	return errors.Join(err, g.demo.await(ctx, g.id, "ACTIVE"))
}

// exists says whether the guest runs.
func (g *guest) exists() bool {
	_, err := os.Stat("/run/netns/" + g.namespace())
	return err == nil
}

// sshd is how a guest's SSH server is to run in place of what the boot started.
type sshd struct {
	options []string // of sshd_config, in place of those of the same names
	etc     string   // a directory that it finds as /etc; "": this machine's
}

// serve restarts the guest's SSH server with other settings.
func (s *scene) serve(ctx context.Context, how sshd) error {
	s.undo(s.guest.restart)
	return s.guest.run(ctx, s.t.TempDir(), how)
}

// restart runs the SSH server as the boot did.
func (g *guest) restart(ctx context.Context) error {
	return g.run(ctx, g.dir(), sshd{})
}

func (g *guest) run(ctx context.Context, dir string, how sshd) error {
	if err := g.stop(ctx); err != nil {
		return err
	}
	config := filepath.Join(dir, "sshd_config")
	if err := os.WriteFile(config, g.configured(how.options), 0o644); err != nil {
		return err
	}
	start, flags := `hostname "$1"; exec /usr/sbin/sshd -f "$2" -E "$3"`, []string{"--uts"}
	if how.etc != "" {
		start, flags = `mount --bind "$4" /etc && `+start, append(flags, "--mount")
	}
	args := append([]string{"netns", "exec", g.namespace(), "unshare"}, flags...)
	return ran(ctx, "ip", append(args, "sh", "-c", start, "sh", g.name, config, filepath.Join(dir, "sshd.log"), how.etc)...)
}

// configured is the boot's sshd_config with other options, of which sshd takes
// the first of each name.
func (g *guest) configured(options []string) []byte {
	replaced := map[string]bool{}
	for _, o := range options {
		name, _, _ := strings.Cut(o, " ")
		replaced[name] = true
	}
	lines := append([]string{}, options...)
	for line := range strings.Lines(string(g.kept[filepath.Join(g.dir(), "sshd_config")])) {
		if name, _, _ := strings.Cut(line, " "); !replaced[name] {
			lines = append(lines, strings.TrimRight(line, "\n"))
		}
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

// stop ends the guest's processes, as nothing but its SSH server runs there.
func (g *guest) stop(ctx context.Context) error {
	for range 50 {
		pids, err := g.processes(ctx)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.New("processes of " + g.name + " do not end")
}

func (g *guest) processes(ctx context.Context) (pids []int, err error) {
	out, err := exec.CommandContext(ctx, "ip", "netns", "pids", g.namespace()).Output()
	for _, word := range strings.Fields(string(out)) {
		pid, e := strconv.Atoi(word)
		pids, err = append(pids, pid), errors.Join(err, e)
	}
	return pids, err
}

// signal sends a signal to the guest's SSH server.
func (g *guest) signal(ctx context.Context, signal syscall.Signal) error {
	pids, err := g.processes(ctx)
	for _, pid := range pids {
		err = errors.Join(err, syscall.Kill(pid, signal))
	}
	return err
}

// ownEtc copies this machine's /etc, as a guest's SSH server may see it: without
// a name server, which it does not reach.
func (s *scene) ownEtc(ctx context.Context) (string, error) {
	dir := filepath.Join(s.t.TempDir(), "etc")
	if err := ran(ctx, "cp", "-a", "/etc", dir); err != nil {
		return "", err
	}
	_ = os.Remove(filepath.Join(dir, "resolv.conf")) // it may be a link
	return dir, errors.Join(
		os.WriteFile(filepath.Join(dir, "resolv.conf"), nil, 0o644),
		os.WriteFile(filepath.Join(dir, "hosts"), []byte("127.0.0.1 localhost\n"+laptop.public.String()+" laptop\n"), 0o644))
}

// filter adds a rule to the guest's own firewall.
func (s *scene) filter(ctx context.Context, rule ...string) error {
	s.undo(func(ctx context.Context) error { return inside(ctx, s.guest.namespace(), "iptables", "-F") })
	return inside(ctx, s.guest.namespace(), "iptables", append([]string{"-w"}, rule...)...)
}

// deaf has the guest drop what comes in for SSH.
func (s *scene) deaf(ctx context.Context) error {
	return s.filter(ctx, "-A", "INPUT", "-p", "tcp", "--dport", "22", "-j", "DROP")
}

// prints gives the guest's console another text; what is not said of it the boot
// has printed.
func (s *scene) prints(change func(string) string) error {
	path := s.guest.console()
	was := s.guest.kept[path]
	s.undo(func(context.Context) error { return os.WriteFile(path, was, 0o644) })
	return os.WriteFile(path, []byte(change(string(was))), 0o644)
}

// boots gives the console another boot, which prints these lines.
func boots(lines ...string) func(string) string {
	return func(before string) string {
		first, _, _ := strings.Cut(before, "\n")
		return before + "\r\n" + first + "\n" + strings.Join(lines, "\r\n") + "\r\n"
	}
}

// authorize gives a user of the guest other authorized keys.
func (s *scene) authorize(user, keys string) error {
	path := filepath.Join(s.guest.dir(), "authorized_keys."+user)
	was, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	s.undo(func(context.Context) error {
		if was == nil {
			return os.Remove(path)
		}
		return os.WriteFile(path, was, 0o600)
	})
	return os.WriteFile(path, []byte(keys), 0o644)
}

// inNamespace runs f on a thread of a network namespace, which ends with it; a
// goroutine of its own must run this. Sockets stay where they were made.
func inNamespace(namespace string, f func(error)) {
	runtime.LockOSThread() // and never unlocked
	f(enter(namespace))
}

// listenInside opens a TCP port of a namespace. Each connection is served, then closed.
func listenInside(namespace string, address netip.AddrPort, serve func(net.Conn)) (net.Listener, error) {
	type outcome struct {
		listener net.Listener
		err      error
	}
	opened := make(chan outcome)
	go inNamespace(namespace, func(err error) {
		if err != nil {
			opened <- outcome{nil, err}
			return
		}
		l, err := net.Listen("tcp4", address.String())
		opened <- outcome{l, err}
	})
	o := <-opened
	if o.err != nil {
		return nil, o.err
	}
	go func() {
		for {
			conn, err := o.listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return o.listener, nil
}

// impostor has something else than an SSH server listen on the guest's port 22.
func (s *scene) impostor(ctx context.Context, serve func(net.Conn)) error {
	s.undo(s.guest.restart)
	if err := s.guest.stop(ctx); err != nil {
		return err
	}
	l, err := listenInside(s.guest.namespace(), netip.AddrPortFrom(netip.IPv4Unspecified(), 22), serve)
	if err != nil {
		return err
	}
	s.undo(func(context.Context) error { return l.Close() })
	return nil
}

// says writes a text to who connects.
func says(text string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = conn.Write([]byte(text)) // who has gone does not read it
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		_, _ = conn.Read(make([]byte, 256))
	}
}

// onLaptop runs a command on the laptop, and another one to undo it.
func (s *scene) onLaptop(ctx context.Context, do, undo []string) error {
	s.undo(func(ctx context.Context) error { return inside(ctx, laptopNamespace, undo[0], undo[1:]...) })
	return inside(ctx, laptopNamespace, do[0], do[1:]...)
}

// sweepLaptop takes away what a killed run has left on the laptop.
func sweepLaptop(ctx context.Context) error {
	for n := range whyGuests {
		for inside(ctx, laptopNamespace, "iptables", egressRule("-D", firstGID+uint32(n))...) == nil {
			continue
		}
		_ = inside(ctx, laptopNamespace, "ip", "link", "del", overlapDevice(n)) // there is none, as a rule
	}
	return nil
}

// egressRule is a rule against SSH from processes of one group.
func egressRule(how string, gid uint32) []string {
	return []string{"-w", how, "OUTPUT", "-p", "tcp", "--dport", "22", "-m", "owner", "--gid-owner", fmt.Sprint(gid), "-j", "DROP"}
}

func overlapDevice(n int) string { return fmt.Sprintf("why-overlap%d", n) }
