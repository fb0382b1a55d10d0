package console

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// FaultID names a kind of fault.
type FaultID string

// What a log can show. The slugs are stable.
const (
	KernelPanic         FaultID = "kernel-panic"
	EmergencyMode       FaultID = "emergency-mode"
	GRUBRescue          FaultID = "grub-rescue"
	NoBootableDevice    FaultID = "no-bootable-device"
	MountFailed         FaultID = "mount-failed"
	FsckNeeded          FaultID = "fsck-needed"
	FilesystemError     FaultID = "filesystem-error"
	NoDHCPLease         FaultID = "no-dhcp-lease"
	NoAddress           FaultID = "no-address" // cloud-init saw interfaces, none with an address
	MetadataUnreachable FaultID = "metadata-unreachable"
	NoDatasource        FaultID = "no-datasource"
	NoAuthorizedKeys    FaultID = "no-authorized-keys"
	SSHCredentials      FaultID = "ssh-credentials-failed"
	SSHDFailed          FaultID = "sshd-failed"
	NoSpace             FaultID = "no-space"
	OutOfMemory         FaultID = "out-of-memory"
)

// Fault is a line that says what went wrong. A later boot stage may have mended
// it: metadata that answers late fails a few times first.
type Fault struct {
	ID     FaultID
	Uptime time.Duration // since the kernel started; 0 where the line tells none
	Line   string
}

// Dead gives the fault after which a boot goes no further by itself.
func (l Log) Dead() (Fault, bool) {
	for _, f := range l.Faults {
		switch f.ID {
		case KernelPanic, EmergencyMode, GRUBRescue, NoBootableDevice:
			return f, true
		}
	}
	return Fault{}, false
}

var faultMarks = []struct {
	id   FaultID
	mark mark
}{
	{KernelPanic, mark{words: []string{"Kernel panic - not syncing"}}},
	{EmergencyMode, mark{words: []string{
		"You are in emergency mode",
		"You are now being dropped into an emergency shell",
		"Give root password for maintenance",
		"Cannot open access to console, the root account is locked",
	}}},
	{GRUBRescue, mark{words: []string{"grub rescue>", "Minimal BASH-like line editing"}}},
	{NoBootableDevice, mark{words: []string{"No bootable device"}}},
	{MountFailed, mark{words: []string{"Dependency failed for Local File Systems"}}},
	{FsckNeeded, mark{words: []string{"UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY"}}},
	{FilesystemError, mark{words: []string{"EXT4-fs error", "metadata I/O error"}}},
	{NoDHCPLease, mark{words: []string{"No DHCPOFFERS received", "No working leases in persistent database", "No lease, failing"}}},
	{MetadataUnreachable, mark{
		[]string{"url_helper.py[WARNING]: Calling '", "Getting data from <class ", "failed to read iid from metadata", "failed 20/20: up "},
		regexp.MustCompile(`Calling '[^']*' failed|Getting data from <class .* failed|failed to read iid|failed 20/20`),
	}},
	{NoDatasource, mark{words: []string{"No instance datasource found!", "Datasource DataSourceNone", "Used fallback datasource"}}},
	{NoAuthorizedKeys, mark{words: []string{
		"no authorized SSH keys fingerprints found for user",
		"No SSH authorized keys provided by Ignition or Afterburn",
	}}},
	{SSHCredentials, mark{words: []string{"Applying SSH credentials failed!"}}},
	{SSHDFailed, mark{[]string{"Failed to start "}, regexp.MustCompile(`Failed to start .*(?:OpenBSD Secure Shell server|OpenSSH )`)}},
	{NoSpace, mark{words: []string{"No space left on device"}}},
	{OutOfMemory, mark{words: []string{"Out of memory: Killed process", "Out of memory: Kill process"}}},
}

// faults gives each kind once, where it came first.
func faults(lines []line) []Fault {
	var out []Fault
	seen := make(map[FaultID]bool)
	add := func(id FaultID, l line) {
		if !seen[id] {
			seen[id] = true
			out = append(out, Fault{id, l.uptime, bounded(l.text)})
		}
	}
	for _, l := range lines {
		for _, m := range faultMarks {
			if !seen[m.id] && m.mark.in(l.text) {
				add(m.id, l)
			}
		}
	}
	if l, ok := unaddressed(lines); ok {
		add(NoAddress, l)
	}
	return out
}

// device is a row of cloud-init's table "Net device info" (cloudinit/netinfo.py).
// Old ones end a device's name with ":".
type device struct {
	address netip.Addr // beyond loopback and link-local; zero: none
}

func (d device) addressed() bool { return d.address.IsValid() }

var deviceRow = regexp.MustCompile(`ci-info: \| *([^ |]{1,64}) *\| *(?:True|False) *\| *([^ |]{1,64}) *\| *[^ |]* *\|`)

func readDevice(text string) (device, bool) {
	if !strings.Contains(text, "ci-info: |") {
		return device{}, false
	}
	m := deviceRow.FindStringSubmatch(text)
	if m == nil || strings.TrimSuffix(m[1], ":") == "lo" {
		return device{}, false
	}
	host, _, _ := strings.Cut(m[2], "/")
	a, err := netip.ParseAddr(host)
	if err != nil || a.IsLinkLocalUnicast() || a.IsLoopback() {
		return device{}, true
	}
	return device{a.Unmap()}, true
}

const maxAddresses = 32

// deviceAddresses gives the addresses of the device table, each once.
func deviceAddresses(lines []line) []netip.Addr {
	var all []netip.Addr
	for _, l := range lines {
		d, ok := readDevice(l.text)
		if ok && d.addressed() && !slices.Contains(all, d.address) && len(all) < maxAddresses {
			all = append(all, d.address)
		}
	}
	return all
}

// unaddressed gives the first row of the device table if none has an address.
func unaddressed(lines []line) (line, bool) {
	var first line
	found := false
	for _, l := range lines {
		d, ok := readDevice(l.text)
		switch {
		case ok && d.addressed():
			return line{}, false
		case ok && !found:
			first, found = l, true
		}
	}
	return first, found
}
