package console

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Boots as three families of images print them; colours as systemd's.
func TestMilestones(t *testing.T) {
	for _, v := range []struct {
		name string
		text string
		want []Stage
	}{
		{"ubuntu", `SeaBIOS (version 1.16.2-debian-1.16.2-1)
Booting from Hard Disk...
GRUB loading.
Welcome to GRUB!
[    0.000000] Linux version 6.8.0-31-generic (buildd@lcy02) #31-Ubuntu
[    1.500000] systemd[1]: Detected virtualization kvm.
[    3.100000] cloud-init[301]: Cloud-init v. 24.1 running 'init-local' at Mon, 01 Jan 2024 10:00:00 +0000. Up 3.10 seconds.
[    5.200000] cloud-init[345]: Cloud-init v. 24.1 running 'init' at Mon, 01 Jan 2024 10:00:02 +0000. Up 5.20 seconds.
[    5.210000] cloud-init[345]: ci-info: |  eth0  | True |         10.0.0.5        | 255.255.255.0 | global | fa:16:3e:00:00:01 |
[` + "\x1b[0;32m  OK  \x1b[0m" + `] Started ` + "\x1b[0;1;39mssh.service\x1b[0m" + ` - OpenBSD Secure Shell server.
ubuntu login: [    7.000000] cloud-init[700]: Cloud-init v. 24.1 running 'modules:config' at Mon, 01 Jan 2024 10:00:04 +0000. Up 7.00 seconds.
[    8.000000] cloud-init[800]: Cloud-init v. 24.1 running 'modules:final' at Mon, 01 Jan 2024 10:00:05 +0000. Up 8.00 seconds.
ci-info: +++++Authorized keys from /home/ubuntu/.ssh/authorized_keys for user ubuntu+++++
-----END SSH HOST KEY KEYS-----
[    9.000000] cloud-init[800]: Cloud-init v. 24.1 finished at Mon, 01 Jan 2024 10:00:06 +0000. Datasource DataSourceOpenStackLocal [net,ver=2].  Up 9.00 seconds
`, []Stage{Firmware, Bootloader, Kernel, Init, CloudInitLocal, CloudInitNetwork, Network, SSHD, CloudInitConfig, LoginPrompt, CloudInitFinal, AuthorizedKeys, HostKeys, Metadata, Finished}},
		{"cirros", `[    0.000000] Linux version 5.15.0-71-generic (buildd@lcy02)
info: initramfs: up at 1.23
Starting syslogd: OK
Starting network: udhcpc: started, v1.29.3
udhcpc: sending discover
udhcpc: lease of 10.1.0.13 obtained, lease time 86400
checking http://169.254.169.254/2009-04-04/instance-id
failed 1/20: up 6.02. request failed
successful after 2/20 tries: up 8.31. iid=i-00000003
Top of dropbear init script
Starting dropbear sshd: OK
-----END SSH HOST KEY KEYS-----
login as 'cirros' user. default password: 'gocubsgo'. use 'sudo' for root.
demo1 login: `, []Stage{Kernel, Init, Network, Metadata, SSHD, HostKeys, LoginPrompt}},
		{"coreos", `BdsDxe: starting Boot0002 "UEFI Misc Device"
[    0.000000] Linux version 6.6.9-200.fc39.x86_64 (mockbuild@x)
[    1.000000] systemd[1]: systemd 254.7-1.fc39 running in system mode
[  OK  ] Started sshd.service - OpenSSH server daemon.
Fedora CoreOS 39.20240104.3.0
Kernel 6.6.9-200.fc39.x86_64 on an x86_64 (ttyS0)

SSH host key: SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA (ED25519)
eth0: 10.0.0.5
Ignition: wrote ssh authorized keys file for user: core
host login: `, []Stage{Firmware, Kernel, Init, SSHD, HostKeys, AuthorizedKeys, LoginPrompt}},
		{"the last boot only", kernelStart + "Starting dropbear sshd: OK\nx login: " + kernelStart, []Stage{Kernel}},
		{"nothing", "", nil},
	} {
		t.Run(v.name, func(t *testing.T) {
			for _, text := range []string{v.text, strip(v.text)} {
				l := Parse(text)
				if got := stagesOf(l); !slices.Equal(got, v.want) {
					t.Errorf("got %q, want %q", got, v.want)
				}
				if len(l.Faults) > 0 {
					t.Errorf("faults %+v", l.Faults)
				}
			}
		})
	}
}

func TestUptime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"[    0.000000] Linux version 6": 0,
		"[   12.345678] x":               12345678 * time.Microsecond,
		"[   12.345678][    T1] x":       12345678 * time.Microsecond,
		"[123456.5] x":                   123456500 * time.Millisecond,
		"Cloud-init v. 1 finished at x. Datasource DataSourceNone.  Up 9.87 seconds": 9870 * time.Millisecond,
		"failed 20/20: up 229.58. request failed":                                    229580 * time.Millisecond,
		"[  OK  ] x":      0,
		"[99999999.0] x":  0,
		"backup 12.5":     0,
		"[    1.2.3.4] x": 0,
	} {
		if got := newLine(text).uptime; got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// Every line of the reference, in the words of its source.
func TestFaults(t *testing.T) {
	for text, want := range map[string]FaultID{
		"[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)": KernelPanic,
		"You are in emergency mode. After logging in, type \"journalctl -xb\"":                     EmergencyMode,
		"You are now being dropped into an emergency shell.":                                       EmergencyMode,
		"Give root password for maintenance":                                                       EmergencyMode,
		"Cannot open access to console, the root account is locked.":                               EmergencyMode,
		"grub rescue> ": GRUBRescue,
		"Minimal BASH-like line editing is supported.":                                              GRUBRescue,
		"No bootable device.":                                                                       NoBootableDevice,
		"[DEPEND] Dependency failed for Local File Systems.":                                        MountFailed,
		"/dev/vda1: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.":                                   FsckNeeded,
		"[  3.0] EXT4-fs error (device vda1): ext4_lookup":                                          FilesystemError,
		"[  3.0] XFS (vda1): metadata I/O error in \"xlog_recover\"":                                FilesystemError,
		"No DHCPOFFERS received.":                                                                   NoDHCPLease,
		"No working leases in persistent database - sleeping.":                                      NoDHCPLease,
		"udhcpc: No lease, failing":                                                                 NoDHCPLease,
		"ci-info: |  eth0  | False |     .     |     .     |   .   | fa:16:3e:00:00:01 |":           NoAddress,
		"ci-info: | eth0: | True |     .     |     .     | fa:16:3e:00:00:01 |":                     NoAddress,
		"ci-info: |  eth0  | True | fe80::f816:3eff:fe00:1/64 |  .  |  link  | fa:16:3e:00:00:01 |": NoAddress,
		"2024-01-01 10:00:00,000 - url_helper.py[WARNING]: Calling 'http://169.254.169.254/2009-04-04/meta-data/instance-id' failed [50/120s]: request": MetadataUnreachable,
		"util.py[WARNING]: Getting data from <class 'cloudinit.sources.DataSourceEc2.DataSourceEc2'> failed":                                            MetadataUnreachable,
		"failed 20/20: up 229.58. request failed":                                       MetadataUnreachable,
		"failed to read iid from metadata. tried 20":                                    MetadataUnreachable,
		"[WARNING]: No instance datasource found! Likely bad things to come!":           NoDatasource,
		"Cloud-init v. 24.1 finished at x. Datasource DataSourceNone.  Up 9.87 seconds": NoDatasource,
		"cc_final_message.py[WARNING]: Used fallback datasource":                        NoDatasource,
		"ci-info: no authorized SSH keys fingerprints found for user debian.":           NoAuthorizedKeys,
		"No SSH authorized keys provided by Ignition or Afterburn":                      NoAuthorizedKeys,
		"util.py[WARNING]: Applying SSH credentials failed!":                            SSHCredentials,
		"[FAILED] Failed to start ssh.service - OpenBSD Secure Shell server.":           SSHDFailed,
		"[\x1b[0;1;31mFAILED\x1b[0m] Failed to start OpenSSH server daemon.":            SSHDFailed,
		"cp: error writing '/x': No space left on device":                               NoSpace,
		"[ 99.0] Out of memory: Killed process 1234 (java) total-vm:1kB":                OutOfMemory,
	} {
		for _, text := range []string{text, strip(text)} {
			l := Parse(kernelStart + text + "\n" + text + "\n")
			if got := faultsOf(l); !slices.Equal(got, []FaultID{want}) {
				t.Errorf("%q: got %q, want %q", text, got, want)
			} else if line := l.Faults[0].Line; !strings.Contains(strings.ReplaceAll(text, "\x1b", ""), line) && !strings.Contains(line, "FAILED") {
				t.Errorf("%q: line %q", text, line)
			}
			if got := faultsOf(Parse(text + "\n" + kernelStart + kernelStart)); len(got) > 0 {
				t.Errorf("%q: %q of the boot before", text, got)
			}
		}
	}
}

func TestNoFault(t *testing.T) {
	for _, text := range []string{
		"failed 1/20: up 6.02. request failed",
		"[FAILED] Failed to start snapd.service - Snap Daemon.",
		"ci-info: |  eth1  | False |     .     |     .     |   .   | fa:16:3e:00:00:02 |\nci-info: |  eth0  | True | 10.0.0.5 | 255.255.255.0 | global | fa:16:3e:00:00:01 |",
		"ci-info: |   lo   | True |            127.0.0.1            |   255.0.0.0   |  host  |         .         |",
		"ci-info: |   0   |   0.0.0.0   |  10.0.0.1  |    0.0.0.0    |    eth0   |   UG  |",
		"Getting data from <class 'x'>",
	} {
		if got := faultsOf(Parse(text)); len(got) > 0 {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// Addresses are compared with those that neutron gave the ports.
func TestDeviceAddresses(t *testing.T) {
	log := Parse(`ci-info: |  eth0  | True |         10.0.0.5        | 255.255.255.0 | global | fa:16:3e:00:00:01 |
ci-info: |  eth0  | True | fe80::f816:3eff:fe00:1/64 |       .       |  link  | fa:16:3e:00:00:01 |
ci-info: |  eth0  | True | 2001:db8::5/64 |       .       |  global  | fa:16:3e:00:00:01 |
ci-info: |  eth1  | False |     .     |     .     |   .    | fa:16:3e:00:00:02 |
ci-info: |   lo   | True |        127.0.0.1        |   255.0.0.0   |  host  |         .         |
ci-info: |  eth0  | True |         10.0.0.5        | 255.255.255.0 | global | fa:16:3e:00:00:01 |
`)
	var got []string
	for _, address := range log.Addresses {
		got = append(got, address.String())
	}
	if want := []string{"10.0.0.5", "2001:db8::5"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
