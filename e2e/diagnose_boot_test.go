//go:build e2e && linux

package e2e

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// What the console tells of the last boot.
func bootScenarios() []scenario {
	return []scenario{
		{id: "O1", what: "kernel panic", quick: true, among: certain, harm: stuckBoot(
			"[    1.123456] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)")},
		{id: "O1", what: "no boot loader", among: certain, harm: stuckBoot("error: no such partition.", "Entering rescue mode...", "grub rescue> ")},
		{id: "O2", what: "emergency mode", among: certain, harm: stuckBoot(
			"[DEPEND] Dependency failed for Local File Systems.",
			"You are in emergency mode. After logging in, type \"journalctl -xb\" to view",
			"Cannot open access to console, the root account is locked.")},
		{id: "O3", what: "no DHCP lease", among: certain, harm: func(ctx context.Context, s *scene) error {
			s.undo(s.guest.readdress)
			return errors.Join(s.guest.ip(ctx, "addr", "flush", "dev", "eth0"), s.prints(boots(
				"[    5.100000] dhclient[310]: No DHCPOFFERS received.",
				"[    5.200000] dhclient[310]: No working leases in persistent database - sleeping.",
				"ci-info: |  eth0  | True |     .     |     .     |   .  | fa:16:3e:00:00:01 |")))
		}},
		{id: "O4", what: "metadata unreachable", quick: true, among: certain, harm: func(_ context.Context, s *scene) error {
			return errors.Join(s.authorize(whyUser, ""), s.authorize("root", ""), s.prints(func(log string) string {
				log = strings.ReplaceAll(log, "DataSourceOpenStackLocal [net,ver=2]", "DataSourceNone")
				return withoutKeys(log,
					"[   10.0] cloud-init[345]: url_helper.py[WARNING]: Calling 'http://169.254.169.254/2009-04-04/meta-data/instance-id' failed [50/120s]: request error [timed out]",
					"[  120.0] cloud-init[345]: url_helper.py[WARNING]: Calling 'http://169.254.169.254/2009-04-04/meta-data/instance-id' failed [120/120s]: request error [timed out]",
					"[  121.0] cloud-init[345]: Used fallback datasource")
			}))
		}},
		{id: "O5", what: "sshd failed", among: certain, harm: func(ctx context.Context, s *scene) error {
			s.undo(s.guest.restart)
			return errors.Join(s.guest.stop(ctx), s.prints(boots(
				"[FAILED] Failed to start ssh.service - OpenBSD Secure Shell server.",
				"See 'systemctl status ssh.service' for details.", s.guest.name+" login: ")))
		}},
		{id: "O6", what: "still booting", among: probable, harm: func(ctx context.Context, s *scene) error {
			if err := s.demo.act(ctx, s.guest.id, "reboot", object{"type": "SOFT"}); err != nil {
				return err
			}
			if err := s.demo.await(ctx, s.guest.id, "ACTIVE"); err != nil {
				return err
			}
			s.undo(s.guest.restart)
			return errors.Join(s.guest.stop(ctx), s.prints(boots("[    4.6] cloud-init[345]: Cloud-init v. 22.4.2 running 'init' at Mon, 23 Nov 2026 17:00:00 +0000. Up 4.66 seconds.")))
		}},
		{id: "O7", what: "disk full", among: certain, harm: func(ctx context.Context, s *scene) error {
			return errors.Join(
				serving(`ForceCommand echo "sh: write error: No space left on device" >&2; exit 1`)(ctx, s),
				s.prints(func(log string) string { return log + "[  999.0] systemd-journald[200]: No space left on device\r\n" }))
		}},
		{id: "O8", what: "out of memory", among: probable, harm: func(ctx context.Context, s *scene) error {
			s.undo(s.guest.restart)
			return errors.Join(s.guest.signal(ctx, syscall.SIGSTOP), s.prints(func(log string) string {
				return log + "[  999.0] Out of memory: Killed process 812 (java) total-vm:4194304kB, anon-rss:1048576kB\r\n"
			}))
		}},
		{id: "O10", what: "silent, and no console", among: probable, harm: func(ctx context.Context, s *scene) error {
			return errors.Join(s.deaf(ctx), s.prints(func(string) string { return "" }))
		}},
	}
}

// stuckBoot has the guest boot to a point where nothing answers.
func stuckBoot(lines ...string) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		return errors.Join(s.deaf(ctx), s.prints(boots(lines...)))
	}
}

// What comes after the login.
func sessionScenarios() []scenario {
	return []scenario{
		{id: "X1", what: "nologin", quick: true, among: certain, harm: withEtc("nologin", func(string) string {
			return "System is booting up. Unprivileged users are not permitted to log in yet. Please come back later. For technical details, see pam_nologin(8).\n"
		})},
		{id: "X2", what: "a shell that lets nobody in", among: certain, harm: withEtc("passwd", func(text string) string {
			return changeUser(text, 6, "/usr/sbin/nologin")
		})},
		{id: "X3", what: "the session hangs", quick: true, among: probable, harm: serving("ForceCommand sleep 20")},
		{id: "X4", what: "sshrc prints", among: probable, harm: withEtc("ssh/sshrc", func(string) string { return "echo Welcome to the machine\n" })},
		{id: "X5", what: "the jump host forwards nothing", among: certain, harm: refusingJump},
		{id: "X6", what: "the shell ends at once", among: probable, harm: withEtc("passwd", func(text string) string {
			return changeUser(text, 6, "/bin/false")
		})},
	}
}

// refusingJump goes to the guest through its neighbour, which lets one in and no further.
func refusingJump(ctx context.Context, s *scene) error {
	ip, err := s.makeFloating(ctx, s.guest.besidePort)
	if err != nil {
		return err
	}
	s.undo(func(ctx context.Context) error { return remove(ctx, s.demo.network, "floatingips/"+id(ip)) })
	jump := &guest{demo: s.demo, id: s.guest.beside, name: s.guest.besideName}
	if jump.address, err = netip.ParseAddr(text(ip, "floating_ip_address")); err != nil {
		return err
	}
	if err := jump.remember(); err != nil {
		return err
	}
	dir := filepath.Join(s.t.TempDir(), "jump")
	s.undo(jump.restart)
	if err := errors.Join(os.Mkdir(dir, 0o755), jump.run(ctx, dir, sshd{options: []string{"AllowTcpForwarding no"}})); err != nil {
		return err
	}
	s.ask(s.guest.name, "--via-instance", jump.name)
	return jump.answers(ctx)
}
