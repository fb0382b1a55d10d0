package diagnose

import (
	"net/http"

	"osssh/internal/demo"
)

// kernelLine begins a boot on a console.
const kernelLine = "[    0.000000] Linux version 6.1.0-37-cloud-amd64 (demo)\n"

func guestScenarios() []scenario {
	// stopped is a server whose boot ends with these lines, before it has a network.
	stopped := func(lines string) func(*stage) {
		return func(s *stage) {
			s.console("web", kernelLine+lines)
			s.silence("web")
		}
	}
	// after is one whose boot goes on with them in place of the last stages.
	after := func(fault demo.SSHFault, lines string) func(*stage) {
		return func(s *stage) {
			s.prints("web", "[  OK  ] Started ssh.service", lines)
			s.instance("web", fault)
		}
	}
	return []scenario{
		{cause: "O1", name: "kernel panic", breaks: stopped("[    1.1] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n")},
		{cause: "O1", name: "boot loader", breaks: func(s *stage) {
			s.console("web", "GRUB loading.\nWelcome to GRUB!\n\nerror: no such partition.\nEntering rescue mode...\ngrub rescue> ")
			s.silence("web")
		}},
		{cause: "O1", name: "no bootable device", breaks: func(s *stage) {
			s.console("web", "SeaBIOS (version 1.16.2-debian-1.16.2-1)\nBooting from Hard Disk...\nBoot failed: not a bootable disk\n\nNo bootable device.\n")
			s.silence("web")
		}},
		{cause: "O2", name: "fstab", breaks: stopped("[DEPEND] Dependency failed for Local File Systems.\nYou are in emergency mode. After logging in, type \"journalctl -xb\" to view\n" +
			"Give root password for maintenance\n(or press Control-D to continue): ")},
		{cause: "O2", name: "fsck", breaks: stopped("/dev/vda1: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\n")},
		{cause: "O3", name: "nobody offers", breaks: stopped("[    9.1] dhclient[325]: DHCPDISCOVER on eth0 to 255.255.255.255 port 67\n[   70.1] dhclient[325]: No DHCPOFFERS received.\n" +
			"[   70.2] dhclient[325]: No working leases in persistent database - sleeping.\n")},
		{cause: "O3", name: "no address in cloud-init's table", breaks: stopped("ci-info: | Device |  Up  |  Address  |    Mask   | Scope |     Hw-Address    |\n" +
			"ci-info: |  eth0  | True |     .     |     .     |   .   | fa:16:3e:3c:a1:7e |\n" +
			"ci-info: |   lo   | True | 127.0.0.1 | 255.0.0.0 |  host |         .         |\n")},
		{cause: "O4", name: "no key came", breaks: func(s *stage) {
			s.server("keyless", "debian-12", "", nil)
			s.record("servers/keyless", map[string]any{"key_name": "ed25519"})
			s.console("keyless", kernelLine+
				"[   55.1] cloud-init[301]: 2026-11-23 12:00:00,000 - url_helper.py[WARNING]: Calling 'http://169.254.169.254/2009-04-04/meta-data/instance-id' failed [50/120s]: request error [timed out]\n"+
				"[  125.1] cloud-init[301]: 2026-11-23 12:01:10,000 - DataSourceEc2.py[CRITICAL]: Giving up on md from ['http://169.254.169.254/2009-04-04/meta-data/instance-id'] after 120 seconds\n"+
				"ci-info: no authorized SSH keys fingerprints found for user debian.\n"+
				"[  129.8] cloud-init[512]: Cloud-init v. 22.4.2-1+deb12u4 finished at Mon, 23 Nov 2026 12:02:00 -0000. Datasource DataSourceNone.  Up 129.87 seconds\n\nkeyless login: ")
		}},
		{cause: "O5", name: "sshd fails", breaks: after(demo.SSHRefuse, "[FAILED] Failed to start ssh.service - OpenBSD Secure Shell server.\n"+
			"[    9.8] cloud-init[512]: Cloud-init v. 22.4.2 finished at Mon, 23 Nov 2026 12:00:00 -0000. Datasource DataSourceOpenStackLocal [net,ver=2].  Up 9.87 seconds\n\nweb login: ")},
		{cause: "O6", name: "sshd is not yet started", breaks: after(demo.SSHRefuse, "")},
		{cause: "O6", name: "rebooting slowly", breaks: func(s *stage) {
			s.inject(demo.Fault{Instance: "web", Metadata: map[string]string{"demo_boot": "20s"}})
			s.act("web", `{"reboot":{"type":"SOFT"}}`)
		}, mends: runFix},
		{cause: "O7", name: "a login ends at once", sshd: true, breaks: func(s *stage) {
			s.configure("web", "ForceCommand exit 254")
			s.prints("web", "", "[  812.3] systemd-journald[201]: Failed to write entry: No space left on device\n")
		}},
		{cause: "O7", name: "sshd hangs up", breaks: func(s *stage) {
			s.instance("web", demo.SSHClose)
			s.prints("web", "", "[  812.3] sshd[4711]: error: fork: No space left on device\n")
		}},
		{cause: "O8", name: "no banner", breaks: func(s *stage) {
			s.instance("web", demo.SSHSilent)
			s.prints("web", "", "[ 8123.4] Out of memory: Killed process 611 (sshd) total-vm:15432kB, anon-rss:1204kB\n")
		}},
		{cause: "O9", name: "Talos", breaks: func(s *stage) {
			s.image("debian-12", map[string]any{"os_distro": "talos", "os_admin_user": nil})
			s.console("web", kernelLine+"[    1.2] [talos] task startAllServices (1/1): starting\n")
			s.instance("web", demo.SSHRefuse)
		}},
		{cause: "O10", name: "an empty log", breaks: func(s *stage) {
			s.console("web", "")
			s.silence("web")
		}},
		{cause: "O10", name: "no console at all", breaks: func(s *stage) {
			s.inject(demo.Fault{Service: "nova", Method: http.MethodPost, Path: "/v2.1/servers/*/action", Status: http.StatusNotFound})
			s.silence("web")
		}},
	}
}
