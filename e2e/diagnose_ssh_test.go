//go:build e2e && linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// What answers at port 22.
func transportScenarios() []scenario {
	return []scenario{
		{id: "T1", what: "the guest's firewall drops", quick: true, among: probable, harm: func(ctx context.Context, s *scene) error { return s.deaf(ctx) }},
		{id: "T2", what: "no sshd", quick: true, among: certain, harm: func(ctx context.Context, s *scene) error {
			s.undo(s.guest.restart)
			return s.guest.stop(ctx)
		}},
		{id: "T3", what: "the guest's firewall rejects", among: probable, harm: func(ctx context.Context, s *scene) error {
			return s.filter(ctx, "-A", "INPUT", "-p", "tcp", "--dport", "22", "-j", "REJECT", "--reject-with", "icmp-host-prohibited")
		}},
		{id: "T4", what: "sshd hangs", quick: true, among: probable, harm: func(ctx context.Context, s *scene) error {
			s.undo(s.guest.restart)
			return s.guest.signal(ctx, syscall.SIGSTOP)
		}},
		{id: "T5", what: "MaxStartups", quick: true, among: probable, harm: func(ctx context.Context, s *scene) error {
			if err := s.serve(ctx, sshd{options: []string{"MaxStartups 1:100:10"}}); err != nil {
				return err
			}
			if err := s.guest.answers(ctx); err != nil {
				return err
			}
			return s.holdLogin(ctx)
		}},
		{id: "T6", what: "a penalty", among: certain, harm: func(ctx context.Context, s *scene) error {
			return s.impostor(ctx, says("Not allowed at this time\r\n"))
		}},
		{id: "T7", what: "a mail server", quick: true, among: certain, harm: func(ctx context.Context, s *scene) error {
			return s.impostor(ctx, says("220 mail.example.org ESMTP\r\n"))
		}},
		{id: "T8", what: "an old key exchange only", quick: true, among: certain, harm: serving("KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group1-sha1")},
		{id: "T8", what: "host keys by SHA-1 only", among: certain, fix: byLogin, harm: serving("HostKeyAlgorithms ssh-rsa")},
	}
}

// holdLogin begins a login and does not go on with it.
func (s *scene) holdLogin(ctx context.Context) error {
	for {
		held, err := greeted(s.guest.address)
		if err == nil {
			s.undo(func(context.Context) error { return held.Close() })
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond): // one before is still counted
		case <-ctx.Done():
			return err
		}
	}
}

// serving restarts sshd with other options.
func serving(options ...string) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		return errors.Join(s.serve(ctx, sshd{options: options}), s.guest.answers(ctx))
	}
}

// withEtc restarts sshd with a changed file in an /etc of its own. A file that is
// not there is "" before.
func withEtc(file string, change func(string) string, options ...string) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		etc, err := s.ownEtc(ctx)
		if err != nil {
			return err
		}
		path := filepath.Join(etc, file)
		was, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.WriteFile(path, []byte(change(string(was))), 0o644); err != nil {
			return err
		}
		return errors.Join(s.serve(ctx, sshd{etc: etc, options: options}), s.guest.answers(ctx))
	}
}

// Whether it is the server that is meant.
func hostKeyScenarios() []scenario {
	return []scenario{
		{id: "H1", what: "rebuilt, and the console tells nothing", among: certain, fix: byRunning, harm: func(ctx context.Context, s *scene) error {
			if err := s.logIn(ctx); err != nil { // it is known from then on
				return err
			}
			if err := s.demo.act(ctx, s.guest.id, "rebuild", object{"imageRef": s.image}); err != nil {
				return err
			}
			if err := s.demo.await(ctx, s.guest.id, "ACTIVE"); err != nil {
				return err
			}
			if err := errors.Join(s.guest.remember(), s.guest.answers(ctx)); err != nil {
				return err
			}
			s.then = s.showConsole
			return s.prints(func(string) string { return "" })
		}},
		{id: "H2", what: "known_hosts has another server's key", among: certain, fix: byRunning, harm: func(ctx context.Context, s *scene) error {
			other, err := os.ReadFile(filepath.Join(state(), "vm", s.guest.beside, "ssh_host_ed25519_key.pub"))
			if err != nil {
				return err
			}
			s.write(".ssh/known_hosts", s.guest.name+" "+string(other), 0o600)
			s.then = s.showConsole
			return s.prints(func(string) string { return "" })
		}},
		{id: "H3", what: "nothing vouches for the key", among: certain, harm: func(_ context.Context, s *scene) error {
			s.ask(s.guest.name, "-o", "StrictHostKeyChecking=yes")
			return s.prints(func(string) string { return "" })
		}},
		{id: "H4", what: "another key than the console shows", quick: true, among: certain, harm: func(ctx context.Context, s *scene) error { return s.serveNewKey(ctx) }},
		{id: "H5", what: "another server has the same key", among: certain, harm: func(_ context.Context, s *scene) error {
			key, err := os.ReadFile(filepath.Join(s.guest.dir(), "ssh_host_ed25519_key.pub"))
			if err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Join(s.home, ".ssh", "osssh"), 0o700); err != nil {
				return err
			}
			s.write(".ssh/osssh/known_hosts", fmt.Sprintf("openstack-%s %s", s.guest.beside, key), 0o600)
			return nil
		}},
	}
}

// showConsole prints again what the boot had printed.
func (s *scene) showConsole(context.Context) error {
	return os.WriteFile(s.guest.console(), s.guest.kept[s.guest.console()], 0o644)
}

// serveNewKey restarts sshd with a host key of its own.
func (s *scene) serveNewKey(ctx context.Context) error {
	path := filepath.Join(s.t.TempDir(), "host_key")
	if err := ran(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path); err != nil {
		return err
	}
	return serving("HostKey "+path)(ctx, s)
}

// Users and keys.
func userScenarios() []scenario {
	return []scenario{
		{id: "U1", what: "another user", quick: true, among: certain, fix: byLogin, harm: func(_ context.Context, s *scene) error {
			s.ask(s.guest.name, "-l", "ubuntu")
			return nil
		}},
		{id: "U2", what: "root", quick: true, among: certain, fix: byLogin, harm: func(_ context.Context, s *scene) error {
			s.ask(s.guest.name, "-l", "root")
			return nil
		}},
		{id: "U3", what: "no key here", among: certain, harm: func(_ context.Context, s *scene) error { s.hideKey(); return nil }},
		{id: "U4", what: "another key is named", among: certain, harm: func(ctx context.Context, s *scene) error {
			s.hideKey()
			path := filepath.Join(s.home, "other")
			s.ask(s.guest.name, "-i", path)
			return ran(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path)
		}},
		{id: "U5", what: "made without a keypair", among: probable, harm: func(ctx context.Context, s *scene) error {
			_, err := s.extra(ctx, s.demo, "")
			return err
		}},
		{id: "U6", what: "keypair made anew", among: certain, harm: func(ctx context.Context, s *scene) error {
			keypair := s.guest.name
			if err := s.makeKeypair(ctx, s.demo, keypair, "ed25519"); err != nil {
				return err
			}
			if _, err := s.extra(ctx, s.demo, keypair); err != nil {
				return err
			}
			time.Sleep(time.Second) // times of the API are in seconds
			s.hideKey()
			return errors.Join(remove(ctx, s.demo.compute, "os-keypairs/"+keypair), s.makeKeypair(ctx, s.demo, keypair, "ed25519"))
		}},
		{id: "U7", what: "another user's keypair", among: certain, harm: foreignServer},
		{id: "U8", what: "no key installed", quick: true, among: certain, harm: func(_ context.Context, s *scene) error {
			return errors.Join(s.authorize(whyUser, ""), s.authorize("root", ""), s.prints(func(log string) string {
				return withoutKeys(log, "ci-info: no authorized SSH keys fingerprints found for user "+whyUser+".")
			}))
		}},
		{id: "U9", what: "a key that others may read", among: certain, fix: byRunning, harm: func(_ context.Context, s *scene) error {
			s.write(".ssh/"+whyKey, string(s.private), 0o644)
			return nil
		}},
		{id: "U10", what: "an encrypted key, and nobody to ask", quick: true, among: certain, harm: func(ctx context.Context, s *scene) error {
			s.ask(s.guest.name, "-o", "BatchMode=yes")
			s.undo(func(context.Context) error { s.write(".ssh/"+whyKey, string(s.private), 0o600); return nil })
			return ran(ctx, "ssh-keygen", "-q", "-p", "-N", "secret words", "-f", filepath.Join(s.home, ".ssh", whyKey))
		}},
		{id: "U12", what: "a DSA key", among: certain, harm: func(ctx context.Context, s *scene) error {
			s.hideKey()
			keypair := s.guest.name
			if err := s.makeKeypair(ctx, s.demo, keypair, "dsa"); err != nil {
				return err
			}
			_, err := s.extra(ctx, s.demo, keypair)
			return err
		}},
		{id: "U13", what: "a key file cut short", among: certain, harm: func(_ context.Context, s *scene) error {
			s.write(".ssh/"+whyKey, string(s.private[:len(s.private)/2]), 0o600)
			s.undo(func(context.Context) error { s.write(".ssh/"+whyKey, string(s.private), 0o600); return nil })
			return nil
		}},
		{id: "U14", what: "authorized_keys where others may write", quick: true, among: probable, harm: serving("StrictModes yes")},
		{id: "U15", what: "key and password", among: certain, harm: serving("AuthenticationMethods publickey,password", "PasswordAuthentication yes")},
		{id: "U15", what: "passwords only", among: certain, harm: serving("PubkeyAuthentication no", "PasswordAuthentication yes")},
		{id: "U16", what: "account expired", quick: true, among: certain, harm: withEtc("shadow", func(text string) string {
			return changeUser(text, 7, "1") // the day it ends, since 1970
		}, "UsePAM yes")},
		{id: "U16", what: "password expired", among: certain, harm: withEtc("shadow", func(text string) string {
			return changeUser(text, 2, "0") // the day of the last change
		}, "UsePAM yes")},
	}
}

// changeUser sets a field of the user's line in a file such as /etc/passwd.
func changeUser(text string, field int, value string) string {
	var changed strings.Builder
	for line := range strings.Lines(text) {
		if fields := strings.Split(strings.TrimRight(line, "\n"), ":"); fields[0] == whyUser {
			fields[field] = value
			line = strings.Join(fields, ":") + "\n"
		}
		changed.WriteString(line)
	}
	return changed.String()
}

// withoutKeys is what a first boot prints that installs no key.
func withoutKeys(log string, lines ...string) string {
	before, after, _ := strings.Cut(without(log, "Authorized keys from", "| ssh-", "Keytype"), "-----BEGIN SSH HOST KEY KEYS-----")
	return before + strings.Join(lines, "\r\n") + "\r\n-----BEGIN SSH HOST KEY KEYS-----" + after
}

// makeKeypair imports a new key as a keypair, and puts its private half into the
// user's home.
func (s *scene) makeKeypair(ctx context.Context, as *api, name, kind string) error {
	path := filepath.Join(s.home, ".ssh", name)
	_ = os.Remove(path) // of the keypair before
	if err := ran(ctx, "ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path); err != nil {
		return err
	}
	public, err := os.ReadFile(path + ".pub")
	if err != nil {
		return err
	}
	s.undo(func(ctx context.Context) error { return remove(ctx, as.compute, "os-keypairs/"+name) })
	_, err = create(ctx, as.compute, "os-keypairs", "keypair", object{"name": name, "public_key": string(public)})
	return err
}

// extra boots one more server with another keypair, on the provider's network,
// and has osssh asked about it.
func (s *scene) extra(ctx context.Context, as *api, keypair string) (*guest, error) {
	with := object{"networks": []object{{"uuid": s.provider}}, "security_groups": []object{{"name": "ssh-open"}}}
	if keypair != "" {
		with["key_name"] = keypair
	}
	usual := s.guest
	server, err := s.bare(ctx, as, "extra", with)
	if err != nil {
		return nil, err
	}
	if err := s.demo.await(ctx, server, "ACTIVE"); err != nil {
		return nil, err
	}
	g := &guest{demo: s.demo, id: server, name: s.name}
	if g.port, g.address, err = s.portOf(ctx, server); err != nil {
		return nil, err
	}
	s.guest = g
	s.undo(func(context.Context) error { s.guest = usual; return nil })
	return g, errors.Join(g.answers(ctx), g.remember())
}

// foreignServer has another user of the project make a server with a keypair of theirs.
func foreignServer(ctx context.Context, s *scene) error {
	made, err := s.makeUser(ctx, whyPrefix+"user")
	if err != nil {
		return err
	}
	project, err := only(ctx, s.admin.identity, "projects", "demo")
	if err != nil {
		return err
	}
	if err := s.makeMember(ctx, project, id(made)); err != nil {
		return err
	}
	cloud, _ := connectAs(ctx, s.t, "demo")
	other := *cloud
	other.Auth.Username = text(made, "name")
	as, err := newAPI(ctx, &other)
	if err != nil {
		return err
	}
	keypair := s.guest.name
	if err := s.makeKeypair(ctx, as, keypair, "ed25519"); err != nil {
		return err
	}
	if _, err = s.extra(ctx, as, keypair); err != nil {
		return err
	}
	return os.Remove(filepath.Join(s.home, ".ssh", keypair))
}

// dialInside connects from a namespace.
func dialInside(namespace, address string) (net.Conn, error) {
	type outcome struct {
		conn net.Conn
		err  error
	}
	dialled := make(chan outcome)
	go inNamespace(namespace, func(err error) {
		if err != nil {
			dialled <- outcome{nil, err}
			return
		}
		conn, err := net.DialTimeout("tcp4", address, 2*time.Second)
		dialled <- outcome{conn, err}
	})
	o := <-dialled
	return o.conn, o.err
}
